"""What mkdocs asks while it builds the site: pages outside docs/, notebooks, links between all of them, and formulas.

Every page is written for GitHub, where links lead to files of the repository. On the site, a link to a file that is a
page or a picture leads there; a link to another file of the repository leads to the repository at the address that
``setup.py`` has (``url=…``), or, without one, becomes the name of the file.
"""

import html
import posixpath
import re
import warnings
from pathlib import Path
from xml.etree import ElementTree

from mkdocs.structure.files import File
from nbconvert import MarkdownExporter

with warnings.catch_warnings():  # it finds its font by a deprecated function of the standard library
    warnings.simplefilter("ignore", DeprecationWarning)
    import ziamath

ROOT = Path(__file__).parents[1]
OUTSIDE = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/README.md",
    "examples/README.md",
    "results/**/*.md",
    "results/**/*.svg",
)

# Code first, so that a link in it is left alone.
_LINK = re.compile(
    r"^ *(?P<fence>```+|~~~+).*?^ *(?P=fence) *$"
    r"|(?P<picture>!?)\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<path>[^)\s#]*)(?P<anchor>#[^)\s]*)?\)"
    r"|(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)",
    re.M | re.S,
)
_SIZE, _EM = 16, 14  # of a formula, drawn and shown: a little larger than the text around it
ziamath.config.svg2 = False  # letters as paths in place of symbols, whose names would stand several times on a page
_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data):<code>(?P<short>~?)(?P<name>[\w.]+)</code>")
_FORMULA = re.compile(r'<(?P<tag>span|div) class="arithmatex">\\(?P<kind>[(\[])(?P<text>.*?)\\[)\]]</(?P=tag)>', re.S)


def outside() -> list[str]:
    """The files outside docs/ that are on the site, by their path from the root of the repository."""
    found = (path for pattern in OUTSIDE for path in sorted(ROOT.glob(pattern)))
    return [path.relative_to(ROOT).as_posix() for path in found]


def url() -> str | None:
    """The repository's address, if ``setup.py`` has one."""
    given = re.search(r'^\s*url="([^"]+)"', (ROOT / "setup.py").read_text(encoding="utf-8"), re.M)
    return given and given[1].rstrip("/")


# --- Called by mkdocs -------------------------------------------------------------------------------------------------


def on_config(config):
    """Name each experiment's report."""
    groups = {name: pages for group in config.nav for name, pages in group.items()}
    reports = [path for path in outside() if path.startswith("results/") and path.endswith(".md")]
    groups["Results"] += [{_name(path): path} for path in reports if path != "results/README.md"]
    return config


def _name(path):
    """results/table1/report.md is table1, whatever its heading; a page by hand has a name of its own."""
    if path.endswith("/README.md"):
        return (ROOT / path).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return posixpath.dirname(path).rpartition("/")[2]


def on_files(files, config):
    """Add what lies outside docs/."""
    for path in outside():
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    for path, content in notebooks().items():
        files.append(File.generated(config, path, content=content))
    return files


def notebooks() -> dict[str, str | bytes]:
    """The notebooks of examples/ with what they show: path on the site -> a page, or a picture of one."""
    found: dict[str, str | bytes] = {}
    for path in sorted((ROOT / "examples").glob("*.ipynb")):
        text, resources = MarkdownExporter().from_filename(str(path))
        renamed = {name: f"{path.stem}_{name}" for name in resources["outputs"]}
        for name, content in resources["outputs"].items():
            found[f"examples/{renamed[name]}"] = content
            text = text.replace(f"![png]({name})", f"![What the cell draws]({renamed[name]})")
        # A table of pandas brings its own style; without it, it looks as the tables around it.
        text = re.sub(r"<style scoped>.*?</style>", "", text, flags=re.S)
        found[f"examples/{path.stem}.md"] = text.replace('<table border="1" class="dataframe">', "<table>")
    return found


def on_page_markdown(markdown, page, config, files):
    """Rewrite links for the site."""
    return links_rewritten(markdown, page.file.src_uri, {file.src_uri for file in files}, url())


def on_page_content(text, page, config, files):
    """Formulas become pictures, and Sphinx's roles, which docstrings have, names that lead to what they name."""
    return _ROLE.sub(_reference, _FORMULA.sub(_drawn, text))


# --- Links ------------------------------------------------------------------------------------------------------------


def links_rewritten(markdown: str, page: str, pages: set[str], repository: str | None) -> str:
    """A page's text with its links rewritten.

    Args:
        markdown: the text, with links as on GitHub.
        page: its path on the site, such as ``interests.md`` or ``results/README.md``.
        pages: the paths of all pages and pictures of the site.
        repository: the repository's address, or None.

    Returns:
        The text. A link to what does not exist stays, for mkdocs to reject.
    """
    place = page if page in outside() or page.startswith("examples/") else f"docs/{page}"

    def rewritten(match):
        path = match["path"]
        if not path or re.match(r"[a-z]+:", path):  # code, an anchor of this page, another site
            return match[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(place), path))
        target = _page(file, match["anchor"], pages)
        if target is not None:
            there = posixpath.relpath(target, posixpath.dirname(page) or ".")
            return f"{match['picture']}[{match['text']}]({there}{match['anchor'] or ''})"
        if not (ROOT / file).exists() or file == "README.md":
            return match[0]
        if repository is not None:
            kind = "tree" if (ROOT / file).is_dir() else "blob"
            return f"[{match['text']}]({repository}/{kind}/main/{file}{match['anchor'] or ''})"
        text = match["text"].strip("`").rstrip("/")
        return f"`{file}`" if file.endswith(text) else f"{match['text']} (`{file}`)"

    return _LINK.sub(rewritten, markdown)


def _page(file, anchor, pages):
    """The page of the site that a file of the repository is, or None."""
    if file == "README.md" and not anchor:  # its sections are pages of docs/, which a link has to name
        return "index.md"
    if file.startswith("docs/"):
        file = file.removeprefix("docs/")
    elif file.endswith(".ipynb"):
        file = f"{file.removesuffix('.ipynb')}.md"
    elif file not in pages and f"{file}/README.md" in pages:
        file = f"{file}/README.md"
    return file if file in pages else None


# --- Formulas and names -----------------------------------------------------------------------------------------------


def _drawn(match):
    """An SVG with the formula's letters as paths: no script, no fonts, no network. MathML would need a mathematical
    font of the reader's, which phones do not have."""
    text, inline = html.unescape(match["text"]), match["kind"] == "("
    formula = ziamath.Latex(text, size=_SIZE, inline=inline)
    drawing = formula.svgxml()
    for side in ("width", "height"):
        drawing.set(side, f"{float(drawing.get(side)) / _EM:.3f}em")
    drawing.set("role", "img")
    drawing.set("aria-label", text.strip())
    if inline:
        drawing.set("style", f"vertical-align: {formula.getyofst() / _EM:.3f}em")
    shown = ElementTree.tostring(drawing, encoding="unicode").replace('"black"', '"currentColor"')
    return shown if inline else f'<div class="formula">{shown}</div>'


def _reference(match):
    name = match["name"]
    shown = name.rpartition(".")[2] if match["short"] else name
    return f'<autoref optional identifier="{name}"><code>{shown}</code></autoref>'

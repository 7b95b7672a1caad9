"""The documentation site: every page is in its navigation, every link leads somewhere, and it builds without a warning.

Without mkdocs (the extra docs), the navigation is compared with the files, and nothing is built.
"""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGES = {"interests.md", "index.md", "settings.md", "results/README.md", "results/table1/report.md", "CHANGELOG.md"}
PAGES |= {"examples/README.md", "examples/own_table.md"}


class Loader(yaml.SafeLoader):
    """Of mkdocs.yml, whose only object of Python is a function."""


Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)


def named(nav):
    """The pages of a navigation."""
    for entry in nav:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            yield from [value] if isinstance(value, str) else named(value)


@pytest.fixture(scope="module")
def hooks():
    pytest.importorskip("ziamath", reason="needs the extra docs")
    pytest.importorskip("mkdocs", reason="needs the extra docs")
    return runpy.run_path(str(ROOT / "tools" / "site_pages.py"))


@pytest.fixture(scope="module")
def site(hooks, tmp_path_factory):
    """The site as make docs builds it."""
    pytest.importorskip("material", reason="needs the extra docs")
    folder = tmp_path_factory.mktemp("built") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-5_000:]
    return folder


def test_every_page_is_in_the_navigation():
    config = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)
    pages = list(named(config["nav"]))
    assert len(pages) == len(set(pages))
    inside = {page for page in pages if (ROOT / "docs" / page).is_file()}
    notebooks = {f"examples/{path.stem}.md" for path in (ROOT / "examples").glob("*.ipynb")}
    assert notebooks <= set(pages)
    assert [page for page in pages if page not in inside | notebooks and not (ROOT / page).is_file()] == []
    assert inside == {path.name for path in (ROOT / "docs").glob("*.md")}


@pytest.mark.parametrize(
    ("page", "text", "rewritten"),
    [
        ("interests.md", "[all](../results/README.md#a)", "[all](results/README.md#a)"),
        ("interests.md", "[one](settings.md)", "[one](settings.md)"),
        ("results/table1/report.md", "[up](../README.md)", "[up](../README.md)"),
        ("results/README.md", "[sheet](../docs/interests.md)", "[sheet](../interests.md)"),
        ("CHANGELOG.md", "[`x`](docs/settings.md)", "[`x`](settings.md)"),
        ("interests.md", "[home](../README.md)", "[home](index.md)"),
        ("index.md", "[own](../examples/own_table.ipynb)", "[own](examples/own_table.md)"),
        ("examples/README.md", "[own](own_table.ipynb) [a](../docs/index.md)", "[own](own_table.md) [a](../index.md)"),
        ("examples/own_table.md", "[the table](../docs/settings.md)", "[the table](../settings.md)"),
        ("interests.md", "[the file](../setup.py)", "the file (`setup.py`)"),
        ("interests.md", "[`setup.py`](../setup.py)", "`setup.py`"),
        ("interests.md", "[`experiments/`](../experiments)", "`experiments`"),
        ("interests.md", "`[a](../setup.py)` [b](#c) [d](https://example.org)", None),
        ("interests.md", "```\n[a](../setup.py)\n```\n", None),
        ("interests.md", "[gone](../no.md) [a part](../README.md#part)", None),
    ],
)
def test_links_lead_to_pages_or_name_files(hooks, page, text, rewritten):
    assert hooks["links_rewritten"](text, page, PAGES, None) == (rewritten or text)


def test_links_to_other_files_lead_to_the_repository(hooks):
    rewritten = hooks["links_rewritten"]("[a](../setup.py) [b](../experiments)", "x.md", PAGES, "https://example.org/r")
    assert rewritten == (
        "[a](https://example.org/r/blob/main/setup.py) [b](https://example.org/r/tree/main/experiments)"
    )


@pytest.mark.slow
def test_the_site_builds_and_needs_no_network(site):
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    assert len(pages) > 50
    for path, text in pages.items():
        fetched = re.findall(r'<(?:script|img|iframe|source)[^>]* src="(http[^"]*)"', text)
        fetched += re.findall(r'<link[^>]* href="(http[^"]*)"[^>]*rel="(?:stylesheet|preconnect)', text)
        assert not fetched, path


@pytest.mark.slow
def test_formulas_are_drawn_and_docstrings_are_read(site):
    mathematics = (site / "how_it_works.html").read_text(encoding="utf-8")
    assert mathematics.count('aria-label="') > 20 and "arithmatex" not in mathematics
    reference = (site / "api_recommender.html").read_text(encoding="utf-8")
    assert 'id="recbole_iacn.serving.recommender.Recommender.recommend"' in reference
    assert not re.search(r":(?:class|func|meth|mod|attr):<", reference)


@pytest.mark.slow
def test_notebooks_are_pages_with_what_they_show(site):
    page = (site / "examples" / "own_table.html").read_text(encoding="utf-8")
    pictures = re.findall(r'<img alt="What the cell draws" src="([^"]+)"', page)
    assert pictures and all((site / "examples" / name).stat().st_size > 1000 for name in pictures)
    assert "<th>rank</th>" in page and 'class="dataframe"' not in page


def test_the_picture_is_what_its_file_draws(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    for path, content in runpy.run_path(str(ROOT / "tools" / "capsule_network.py"))["drawings"]().items():
        assert path.read_text(encoding="utf-8") == content, "run python tools/capsule_network.py"

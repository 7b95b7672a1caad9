"""What CONTRIBUTING.md, the code of conduct, the templates, docs/versions.md and docs/roadmap.md refer to is there."""

import re
from pathlib import Path

import pytest
import yaml

import recbole_iacn

ROOT = Path(__file__).parents[1]
PAGES = ["CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "SECURITY.md", "docs/versions.md", "docs/roadmap.md", "CHANGELOG.md"]


def anchors(page):
    """Of a page's headings, as GitHub makes them: lower case, without punctuation, spaces as hyphens."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", (ROOT / name).read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        page = (ROOT / name).parent / path if path else ROOT / name
        assert page.exists(), f"{name}: {target}"
        assert not anchor or anchor in anchors(page), f"{name}: {target}"


@pytest.mark.parametrize("name", PAGES)
def test_every_file_and_target_that_is_named_exists(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)\b(?=[ `\n])", "\n".join(re.findall(r"`[^`]+`", text)))) <= made
    for path in re.findall(
        r"`((?:tests|recbole_iacn|tools|docs|model|nn|cli|bridge|benchmarks)/[\w/]+\.(?:py|md))`", text
    ):
        assert (ROOT / path).exists() or (ROOT / "recbole_iacn" / path).exists(), f"{name}: {path}"


def test_what_is_public_is_what_the_face_shows():
    text = (ROOT / "docs" / "versions.md").read_text(encoding="utf-8")
    assert "`recbole_iacn.__all__`" in text
    assert all(hasattr(recbole_iacn, name) for name in recbole_iacn.__all__)


def test_issue_templates_are_read_and_bugs_ask_for_the_doctor():
    folder = ROOT / ".github" / "ISSUE_TEMPLATE"
    heads = {path.stem: path.read_text(encoding="utf-8").split("---\n") for path in folder.glob("*.md")}
    assert set(heads) == {"bug", "question", "feature"}
    for name, (before, head, _) in heads.items():
        assert before == "", name
        assert {"name", "about", "labels"} <= set(yaml.safe_load(head)), name
    assert "recbole-iacn doctor" in heads["bug"][2]
    assert yaml.safe_load((folder / "config.yml").read_text(encoding="utf-8"))["blank_issues_enabled"] is True

"""docs/commands.md is what the parsers say."""

from pathlib import Path

from recbole_iacn.cli.command_reference import document
from recbole_iacn.cli.commands import COMMANDS

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_page_is_the_parsers():
    assert PAGE.read_text(encoding="utf-8") == document(), "run python -m recbole_iacn.cli.command_reference"


def test_every_command_has_a_section_and_every_option_a_row():
    text = document()
    for command in COMMANDS:
        assert f"\n## {command.name}\n" in text
        assert all(f"\n## {command.name} {below.name}\n" in text for below in command.commands)
    for row in ("| `--resume CHECKPOINT` |", "| `--k K` | items per user (default: 10) |"):
        assert row in text
    assert "recbole-iacn recommend BUNDLE --events FILE --out FILE [options]" in text

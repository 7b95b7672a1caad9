"""Generates ``docs/commands.md`` from the parsers: ``python -m recbole_iacn.cli.command_reference`` writes it anew."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from recbole_iacn.cli.commands import parser
from recbole_iacn.cli.train import train_parser

_COMMAND = "python -m recbole_iacn.cli.command_reference"

_INTRODUCTION = f"""# Commands

Generated from the commands' parsers by `{_COMMAND}`; a test compares the two.
`recbole-iacn COMMAND --help` prints the same. `recbole-iacn --import MODULE COMMAND` first imports a module with
[models of your own](extending.md), such as `mine` for `mine.py` in the working folder.

On wrong input a command prints one line, which names the option or the file, and exits with code 2; after Ctrl-C with
130, after SIGTERM with 143. Options cannot be abbreviated.
"""

_TRAIN = """
In addition, `--key=value` gives any of the [settings](settings.md), such as `--epochs=5`.
"""


def document() -> str:
    """The text of ``docs/commands.md``."""
    lines = [_INTRODUCTION]
    for name, one in _with_arguments(parser()):
        lines += _section(name, one)
    return "\n".join(lines)


def _with_arguments(above: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """(words, parser) of every command that people type, in the order of the help."""
    for action in above._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield one.prog, one
                yield from _with_arguments(one)


def _section(name, one):
    """The lines of a command; of one that only has commands below it, its title."""
    if name == "recbole-iacn train":  # its flags are read by a parser of its own
        one = train_parser()
    text = _escaped(one.description or "")
    needed = [_shown(action) for action in _arguments(one) if action.required]
    below = [action for action in one._actions if isinstance(action, argparse._SubParsersAction)]
    lines = [f"## {name.removeprefix('recbole-iacn ')}", "", text[:1].upper() + text[1:], ""]
    if below:
        return [*lines, "One of: " + ", ".join(f"[{word}](#prepare-{word})" for word in below[0].choices) + ".", ""]
    options = " [options]" if any(not action.required for action in _arguments(one)) else ""
    lines += ["```text", " ".join([name, *needed]) + options, "```", ""]
    for group in one._action_groups:
        actions = [action for action in group._group_actions if action in _arguments(one) and action.help]
        if actions:
            heading = "" if group.title in ("positional arguments", "options") else group.title
            lines += _table(one, actions, heading)
    return [*lines, _TRAIN.strip(), ""] if name == "recbole-iacn train" else lines


def _arguments(one):
    left_out = (argparse._HelpAction, argparse._SubParsersAction)
    return [action for action in one._actions if not isinstance(action, left_out)]


def _table(one, actions, heading):
    lines = [f"{heading[0].upper()}{heading[1:]}:", ""] if heading else []
    lines += ["| | |", "|---|---|"]
    for action in actions:
        meaning = one._get_formatter()._expand_help(action)
        needed = "; must be given" if action.required and action.option_strings else ""
        lines.append(f"| `{_shown(action)}` | {_escaped(meaning)}{needed} |")
    return [*lines, ""]


def _shown(action):
    """``--k K``, ``BUNDLE``, ``--overwrite``."""
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    value = action.metavar or choices
    value = f"{value} …" if action.nargs in ("+", "*") else value
    if not action.option_strings:
        return value
    names = ", ".join(sorted(action.option_strings, key=len, reverse=True))
    return names if action.nargs == 0 else f"{names} {value}"


def _escaped(text):
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def main() -> None:
    """Rewrite the page."""
    (Path(__file__).parents[2] / "docs" / "commands.md").write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()

"""A parser of the command line whose errors are one line that can be read, whatever the arguments hold, and whose
commands are imported when they are called."""

import argparse
import importlib
import re
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from recbole_iacn.errors import as_line, nearest

_NEGATIVE = re.compile(r"-\d+$|-\d*\.\d+$")  # to argparse these are values


class Parser(argparse.ArgumentParser):
    """argparse's, whose errors are one line as all others of this package, and not below a list of all options.

    Attributes:
        takes_any (bool): the command reads its options itself. Defaults to False.
    """

    takes_any = False

    def error(self, message: str) -> NoReturn:
        """Print the error and where the options are listed, and exit with code 2."""
        text = as_line(message.removeprefix("argument "))
        self.exit(2, f"error: {text}{'' if text.endswith('?') else '.'} See {self.prog} --help\n")


class CommandParser(Parser):
    """A parser that refuses what it does not know, and before what is missing: a required option may be misspelt.
    argparse leaves that to the parser above it, which knows no option of the command."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse's; there is never anything left."""
        args = sys.argv[1:] if args is None else list(args)
        known = [name for action in self._actions for name in action.option_strings]
        if not {"-h", "--help"}.intersection(args):
            for name in _options(args, before_command=self._subparsers is not None):
                if name not in known:
                    owner = _owner(self, name, args)
                    if owner:
                        owner.error(f"{name}: write it after {owner.prog.split()[-1]}, not before")
                    self.error(f"{name}: there is no such option{_similar(name, known)}")
        given, left = super().parse_known_args(args, namespace)
        if left:
            count = "is one argument" if len(left) == 1 else f"are {len(left)} arguments"
            self.error(f"{left[0]!r}: there {count} too many")
        return given, left


def _owner(parser, name, args):
    """The parser of the first command among arguments, at any depth, that has an option; None without one."""
    for action in parser._actions:
        for command in args if isinstance(action, argparse._SubParsersAction) else ():
            below = action.choices.get(command)
            if below and (below.takes_any or name in below._option_string_actions):
                return below
            found = below and _owner(below, name, args)
            if found:
                return found
    return None


def _options(args, before_command):
    """The names of the options among arguments, as argparse tells them from others, without values: they may be
    secrets."""
    for one in args:
        if one == "--" or (before_command and not one.startswith("-")):
            return
        if len(one) > 1 and one.startswith("-") and " " not in one and not _NEGATIVE.match(one):
            yield one.partition("=")[0] if one.startswith("--") else one[:2]


def _similar(name, known):
    """``. Did you mean --out?``, or nothing; the dashes, which all have in common, are not compared."""
    bare = [one.removeprefix("--") for one in known if one.startswith("--")]
    close = nearest(name.lstrip("-"), bare, count=1).strip("'")
    return f". Did you mean --{close}?" if close else ""


class Command(NamedTuple):
    """One command, before its module is imported.

    Attributes:
        name (str): what people type.
        module (str): the module of this folder that has its arguments; empty if a parser of its own reads them.
        function (str): what adds them to a parser.
        help (str): what it does, in one line.
        commands (tuple of Command): the commands below it.
    """

    name: str
    module: str
    function: str
    help: str
    commands: tuple["Command", ...] = ()


def add_commands(commands: Any, known: Sequence[Command], arguments: list[str] | None) -> None:
    """Add commands to a parser; those that a command line does not name have a line of help and no arguments.

    Args:
        commands (argparse._SubParsersAction): where they are added.
        known (sequence of Command): all of them.
        arguments (list of str, optional): the command line; None for the arguments of all commands.
    """
    for command in known:
        parser = commands.add_parser(
            command.name, help=command.help, description=f"{command.help}.", allow_abbrev=False
        )
        parser.takes_any = not command.module
        if command.module and (arguments is None or command.name in arguments):
            getattr(importlib.import_module(f"recbole_iacn.cli.{command.module}"), command.function)(parser)
        if command.commands:
            add_commands(parser.add_subparsers(title="commands", metavar="COMMAND"), command.commands, arguments)

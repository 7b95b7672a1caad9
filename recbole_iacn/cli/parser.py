"""A parser of the command line whose errors are one line that can be read, whatever the arguments hold, and whose
commands are imported when they are called."""

import argparse
import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from recbole_iacn.errors import as_line, did_you_mean


class Parser(argparse.ArgumentParser):
    """argparse's, whose errors are one line as all others of this package, and not below a list of all options."""

    def error(self, message: str) -> NoReturn:
        """Print the error and where the options are listed, and exit with code 2."""
        text = as_line(message.removeprefix("argument "))
        self.exit(2, f"error: {text}{'' if text.endswith('?') else '.'} See {self.prog} --help\n")


class CommandParser(Parser):
    """A parser that refuses what it does not know. argparse leaves that to the parser above it, which knows no option
    of the command."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse's; there is never anything left."""
        given, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._unknown(unknown))
        return given, unknown

    def _unknown(self, unknown):
        """Name the option, and not its value, which may be a secret."""
        option = next((one for one in unknown if one.startswith("-")), None)
        if option is None:
            return f"{unknown[0]}: there is one argument too many"
        name = option.partition("=")[0]
        known = [one for action in self._actions for one in action.option_strings]
        return f"{name}: there is no such option.{did_you_mean(name, known)}".removesuffix(".")


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
        if command.module and (arguments is None or command.name in arguments):
            getattr(importlib.import_module(f"recbole_iacn.cli.{command.module}"), command.function)(parser)
        if command.commands:
            add_commands(parser.add_subparsers(title="commands", metavar="COMMAND"), command.commands, arguments)

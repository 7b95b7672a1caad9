"""A parser of the command line whose errors are one line that can be read, whatever the arguments hold, and whose
commands are imported when they are called."""

import argparse
import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from recbole_iacn.errors import as_line


class Parser(argparse.ArgumentParser):
    """argparse's, with :func:`~recbole_iacn.errors.as_line` on what it says of a wrong argument."""

    def error(self, message: str) -> NoReturn:
        """Print how the command is used, and the error, and exit with code 2."""
        super().error(as_line(message))


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

"""The command ``recbole-iacn``."""

import sys

from recbole_iacn.system import interrupts, streams


def main(arguments: list[str] | None = None) -> None:
    """Run one command; on wrong input, print one line and exit with code 2, when interrupted with 130 or 143.

    Args:
        arguments (list of str, optional): the command line without the program's name. Defaults to the process' own;
            the process then belongs to the command, and ends within seconds of Ctrl-C or SIGTERM whatever it is doing.
    """
    streams.escape_what_cannot_be_encoded()
    with interrupts.ending_with_a_line(own=arguments is None):
        from recbole_iacn.cli import commands

        commands.main(sys.argv[1:] if arguments is None else arguments)


__all__ = ["main"]

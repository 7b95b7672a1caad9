"""A parser of the command line whose errors are one line that can be read, whatever the arguments hold."""

import argparse
from typing import NoReturn

from recbole_iacn.errors import as_line


class Parser(argparse.ArgumentParser):
    """argparse's, with :func:`~recbole_iacn.errors.as_line` on what it says of a wrong argument."""

    def error(self, message: str) -> NoReturn:
        """Print how the command is used, and the error, and exit with code 2."""
        super().error(as_line(message))

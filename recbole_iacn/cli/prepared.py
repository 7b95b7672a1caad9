"""Arguments that several commands ``recbole-iacn prepare …`` have in common."""

import os
from argparse import ArgumentParser, Namespace

from recbole_iacn.errors import ConfigError


def folder_arguments(parser: ArgumentParser) -> None:
    """Add the name and the place of the dataset that is made."""
    parser.add_argument("--name", help="name of the dataset")
    parser.add_argument("--out", default="dataset", help="folder in which NAME/ is created (default: %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace NAME/ if it exists")


def limit_arguments(parser: ArgumentParser) -> None:
    """Add the database's limits."""
    parser.add_argument(
        "--memory", type=int, default=2048, help="memory limit in MiB, beyond which disk is used (default: 2048)"
    )
    parser.add_argument("--threads", type=int, help="number of threads of the database (default: every core)")


def need(given: Namespace, command: str, *options: str) -> None:
    """Reject a command without an argument that it needs."""
    for option in options:
        if not getattr(given, option):
            raise ConfigError(f"{option}: prepare {command} needs --{option}")


def check_name(name: str) -> None:
    """Reject a dataset's name that is a path."""
    if os.path.basename(name) != name or name.startswith("."):
        raise ConfigError(f"name: {name!r} must be the dataset's name, without a path")

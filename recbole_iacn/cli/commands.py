"""The command ``recbole-iacn``: prepare, train, bundle, recommend, explain, score, serve, report and others.

    recbole-iacn download amazon --year 2014 --category Electronics
    recbole-iacn prepare amazon --year 2014 --name Electronics --reviews … --meta …
    recbole-iacn prepare sequences --name Beauty --sequences Beauty.txt
    recbole-iacn prepare table --name shop --events events.csv --items items.csv
    recbole-iacn prepare rows --dataset Electronics --protocol din_electronics
    recbole-iacn train --model=DIN_IaCN --dataset=Electronics …
    recbole-iacn bundle saved/DIN_IaCN-….pth --out shop-model
    recbole-iacn recommend shop-model --events events.csv --k 10 --out recommendations.parquet
    recbole-iacn explain shop-model --events events.csv --users 17,23 --items items.csv --out page.html
    recbole-iacn score shop-model --rows rows.csv --events events.csv --out scores.parquet
    recbole-iacn experiment experiments/table1.yaml --data_path dataset --jobs 2
    recbole-iacn search experiments/table1.yaml --trials 8
    recbole-iacn report results/table1
    recbole-iacn interests results/table1/bundles/* --data_path dataset
    recbole-iacn diversity BUNDLE --data_path dataset --out curve.md
    recbole-iacn serve BUNDLE --port 8000
    recbole-iacn export BUNDLE --out graph
    recbole-iacn doctor
    recbole-iacn --import mine recommend BUNDLE …
    recbole-iacn --version

Each command imports its own module, and this one imports none of them: help and errors are there at once.
"""

import argparse
import os
import sys
from pathlib import Path

from recbole_iacn.cli import own_modules
from recbole_iacn.cli.parser import Command, CommandParser, add_commands
from recbole_iacn.errors import ConfigError, as_line, did_you_mean
from recbole_iacn.system import disk, interrupts
from recbole_iacn.version import __version__

COMMANDS = (
    Command("train", "", "", "train a model with RecBole's flags, see recbole-iacn train --help"),
    Command("download", "data", "download_parser", "download Amazon's raw files"),
    Command(
        "prepare",
        "data",
        "prepare_parser",
        "convert tables or raw files to atomic files; show a dataset's rows",
        (
            Command(
                "table",
                "prepare_table",
                "table_parser",
                "plain tables: CSV, Parquet or JSON lines of events, items and users",
            ),
            Command("amazon", "prepare_amazon", "amazon_parser", "Amazon's dumps of reviews and metadata"),
            Command(
                "sequences",
                "prepare_sequences",
                "sequences_parser",
                "files with one line per user: the user, then the items",
            ),
            Command(
                "rows", "prepare_rows", "rows_parser", "print the first users' rows in words, e.g. to check for leakage"
            ),
        ),
    ),
    Command("bundle", "bundle", "bundle_parser", "turn a checkpoint into a bundle, which needs no data"),
    Command("recommend", "recommend", "recommend_parser", "the best items for every user of a table"),
    Command("explain", "explain", "explain_parser", "write a page of users' interests, to look at and change"),
    Command("score", "score", "score_parser", "the score of every row of a table"),
    Command("experiment", "experiments", "experiment_parser", "carry out many runs described by one file"),
    Command("search", "experiments", "search_parser", "search hyperparameters, on validation data"),
    Command("report", "experiments", "report_parser", "write an experiment's tables and curves"),
    Command(
        "interests", "interest_sheet", "interests_parser", "do the interests of bundles' models mean anything? measures"
    ),
    Command(
        "diversity",
        "diversity_curve",
        "diversity_parser",
        "what different categories in lists cost, for several lambdas",
    ),
    Command("serve", "serve", "serve_parser", "answer requests over HTTP with a bundle's model"),
    Command("export", "export", "export_parser", "write a bundle's model as an ONNX graph"),
    Command("doctor", "doctor", "doctor_parser", "print versions, devices and patches, for a bug report"),
)


def main(arguments: list[str]) -> None:
    """Run one command; on wrong input, print one line and exit with code 2.

    Args:
        arguments (list of str): the command line without the program's name.
    """
    try:
        with interrupts.undisguised():
            _run(arguments)
            if sys.stdout is not None:  # closed by whoever started the command
                sys.stdout.flush()
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # the reader, such as head, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at exit does not fail
        sys.exit(1)
    except Exception as error:
        if not isinstance(error, OSError) and not disk.refused(error):
            raise
        print(f"error: {as_line(_words(error))}", file=sys.stderr)
        sys.exit(2)


def _words(error):
    """What an error names, and why; an output that leads to a full disk has no name."""
    name = getattr(error, "filename", None)
    if name is not None:
        return f"{name}: {disk.reason(error, name)}"
    return getattr(error, "strerror", None) or disk.reason(error, Path.cwd())


def _run(arguments):
    arguments = own_modules.import_named(arguments)
    if arguments[:1] == ["train"]:
        from recbole_iacn.cli.train import main as train

        train(arguments[1:])
        return
    arguments = with_command(arguments)
    _check_command(arguments)
    given = parser(arguments).parse_args(arguments)
    sys.argv[1:] = []  # these have been read; build would warn about those that are named like settings
    given.run(given)


def _check_command(arguments):
    """argparse lists all commands where one is misspelt, and suggests none."""
    names = [command.name for command in COMMANDS]
    first = arguments[0] if arguments else "-"
    if not first.startswith("-") and first not in names:
        raise ConfigError(f"{first}: there is no such command.{did_you_mean(first, names)} See recbole-iacn --help")


def with_command(arguments: list[str]) -> list[str]:
    """The earlier spelling ``prepare --show-rows …`` as ``prepare rows …``; other arguments as they are.

    Args:
        arguments (list of str): the command line without the program's name.
    """
    if arguments[:1] == ["prepare"] and "--show-rows" in arguments and arguments[1].startswith("-"):
        return ["prepare", "rows", *(one for one in arguments[1:] if one != "--show-rows")]
    return arguments


def parser(arguments: list[str] | None = None) -> argparse.ArgumentParser:
    """The parser of a command line.

    Args:
        arguments (list of str, optional): the command line; only the commands that it names have their arguments, since
            the others' modules need not be imported. Defaults to None: all have them.
    """
    whole = CommandParser(
        prog="recbole-iacn",
        description="Interest-aware click models and multi-interest recommenders on RecBole: data, training, results.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"recbole_iacn {__version__}")
    whole.add_argument(
        own_modules.FLAG, metavar="MODULE", help="import a module with your own models first, such as mine for mine.py"
    )
    add_commands(whole.add_subparsers(title="commands", metavar="COMMAND", required=True), COMMANDS, arguments)
    return whole

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

Each command imports the modules that it needs.
"""

import argparse
import os
import sys
from pathlib import Path

from recbole_iacn.cli import (
    bundle,
    data,
    diversity_curve,
    doctor,
    experiments,
    explain,
    export,
    interest_sheet,
    recommend,
    score,
    serve,
)
from recbole_iacn.cli.parser import Parser
from recbole_iacn.errors import ConfigError, as_line
from recbole_iacn.system import disk, interrupts


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
    if arguments[:1] == ["train"]:
        from recbole_iacn.cli.train import main as train

        train(arguments[1:])
        return
    given = _parser().parse_args(data.with_command(arguments))
    sys.argv[1:] = []  # these have been read; build would warn about those that are named like settings
    given.run(given)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="recbole-iacn",
        description="Interest-aware click models and multi-interest recommenders on RecBole: data, training, results.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    commands.add_parser("train", help="train a model with RecBole's flags, see recbole-iacn train --help")
    data.download_parser(commands.add_parser("download", help="download Amazon's raw files", allow_abbrev=False))
    data.prepare_parser(
        commands.add_parser(
            "prepare", help="convert tables or raw files to atomic files; show a dataset's rows", allow_abbrev=False
        )
    )
    bundle.bundle_parser(
        commands.add_parser("bundle", help="turn a checkpoint into a bundle, which needs no data", allow_abbrev=False)
    )
    recommend.recommend_parser(
        commands.add_parser("recommend", help="the best items for every user of a table", allow_abbrev=False)
    )
    explain.explain_parser(
        commands.add_parser(
            "explain", help="write a page of users' interests, to look at and change", allow_abbrev=False
        )
    )
    score.score_parser(commands.add_parser("score", help="the score of every row of a table", allow_abbrev=False))
    experiments.experiment_parser(
        commands.add_parser("experiment", help="carry out many runs described by one file", allow_abbrev=False)
    )
    experiments.search_parser(
        commands.add_parser("search", help="search hyperparameters, on validation data", allow_abbrev=False)
    )
    experiments.report_parser(
        commands.add_parser("report", help="write an experiment's tables and curves", allow_abbrev=False)
    )
    interest_sheet.interests_parser(
        commands.add_parser(
            "interests", help="do the interests of bundles' models mean anything? measures", allow_abbrev=False
        )
    )
    diversity_curve.diversity_parser(
        commands.add_parser(
            "diversity", help="what different categories in lists cost, for several lambdas", allow_abbrev=False
        )
    )
    serve.serve_parser(
        commands.add_parser("serve", help="answer requests over HTTP with a bundle's model", allow_abbrev=False)
    )
    export.export_parser(
        commands.add_parser("export", help="write a bundle's model as an ONNX graph", allow_abbrev=False)
    )
    doctor.doctor_parser(
        commands.add_parser("doctor", help="print versions, devices and patches, for a bug report", allow_abbrev=False)
    )
    return parser

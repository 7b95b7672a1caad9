"""The command ``recbole-iacn``: download, prepare, train, experiment, search, report, doctor.

    recbole-iacn download amazon --year 2014 --category Electronics
    recbole-iacn prepare amazon --year 2014 --name Electronics --reviews … --meta …
    recbole-iacn prepare sequences --name Beauty --sequences Beauty.txt
    recbole-iacn prepare --show-rows --dataset Electronics --protocol din_electronics
    recbole-iacn train --model=DIN_IaCN --dataset=Electronics …
    recbole-iacn experiment experiments/table1.yaml --data_path dataset --jobs 2
    recbole-iacn search experiments/table1.yaml --trials 8
    recbole-iacn report results/table1
    recbole-iacn doctor

Modules are imported by the command that needs them.
"""

import argparse
import os
import sys

from recbole_iacn.cli import data, doctor, experiments
from recbole_iacn.errors import ConfigError


def main(arguments: list[str] | None = None) -> None:
    """Run one command; ends with exit code 2 and one line on wrong input.

    Args:
        arguments (list of str, optional): the command line without the program's name; by default that of the process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["train"]:
        from recbole_iacn.cli.train import main as train

        train(arguments[1:])
        return
    given = _parser().parse_args(arguments)
    try:
        given.run(given)
        sys.stdout.flush()
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # whoever read, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to flush at the end
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="recbole-iacn",
        description="Interest-aware click models and multi-interest recommenders on RecBole: data, training, results.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    commands.add_parser("train", help="train a model; RecBole's flags, see: recbole-iacn train --help")
    data.download_parser(commands.add_parser("download", help="fetch Amazon's raw files", allow_abbrev=False))
    data.prepare_parser(
        commands.add_parser("prepare", help="raw files to atomic files; or show a data set's rows", allow_abbrev=False)
    )
    experiments.experiment_parser(commands.add_parser("experiment", help="many runs from one file", allow_abbrev=False))
    experiments.search_parser(commands.add_parser("search", help="hyper-parameters, on validation", allow_abbrev=False))
    experiments.report_parser(
        commands.add_parser("report", help="an experiment's tables and curves", allow_abbrev=False)
    )
    doctor.doctor_parser(
        commands.add_parser("doctor", help="versions, devices and patches, for a bug report", allow_abbrev=False)
    )
    return parser

"""The command ``recbole-iacn doctor``, which prints a diagnosis for a bug report."""

import argparse
import sys


def doctor_parser(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn doctor``."""
    parser.set_defaults(run=_doctor)
    parser.add_argument("--patches", action="store_true", help="list all changes in RecBole, with their reasons")


def _doctor(given: argparse.Namespace) -> None:
    from recbole_iacn.bridge.diagnosis import diagnose

    diagnosis = diagnose(given.patches)
    print(diagnosis.text)
    if not diagnosis.runs:
        sys.stdout.flush()
        sys.exit(1)

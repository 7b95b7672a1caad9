"""The command ``recbole-iacn doctor``: what one pastes into a bug report."""

import argparse
import sys


def doctor_parser(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``recbole-iacn doctor``."""
    parser.set_defaults(run=_doctor)
    parser.add_argument("--patches", action="store_true", help="list all that is changed in RecBole, and why")


def _doctor(given: argparse.Namespace) -> None:
    from recbole_iacn.bridge.diagnosis import diagnose

    found = diagnose(given.patches)
    print(found.text)
    if not found.runs:
        sys.stdout.flush()
        sys.exit(1)

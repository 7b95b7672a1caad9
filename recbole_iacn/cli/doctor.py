"""The command ``recbole-iacn doctor``, which prints a diagnosis for a bug report, and examines the models on a GPU."""

import argparse
import sys


def doctor_parser(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn doctor``."""
    parser.set_defaults(run=_doctor)
    parser.add_argument("--patches", action="store_true", help="list all changes in RecBole, with their reasons")
    parser.add_argument(
        "--gpu",
        action="store_true",
        help="train every model on the GPU, and compare it with the CPU (minutes); without a GPU, on a stand-in",
    )
    parser.add_argument("--models", nargs="+", metavar="NAME", help="with --gpu: these only (default: all)")
    parser.add_argument("--json", metavar="FILE", help="with --gpu: write what was found to a file")


def _doctor(given: argparse.Namespace) -> None:
    from recbole_iacn.bridge.diagnosis import diagnose
    from recbole_iacn.errors import ConfigError

    if not given.gpu and (given.models or given.json):
        raise ConfigError(f"{'--models' if given.models else '--json'}: is for --gpu; add that, or leave it out")
    if given.gpu:
        _on_gpu(given)
        return
    diagnosis = diagnose(given.patches)
    print(diagnosis.text)
    if not diagnosis.runs:
        sys.stdout.flush()
        sys.exit(1)


def _on_gpu(given):
    import json

    from recbole_iacn.errors import ConfigError, did_you_mean
    from recbole_iacn.system import disk
    from recbole_iacn.system.atomic_writes import write_text
    from recbole_iacn.testing import on_device

    known = on_device.models()
    for name in given.models or ():
        if name not in known:
            raise ConfigError(f"--models: {name!r} is not examined.{did_you_mean(name, known)}")
    if given.json:
        disk.check(given.json, "name another file")
    found = on_device.examine_all(given.models or known, print)
    if given.json:
        with disk.writing(given.json, "name another file"):
            write_text(given.json, json.dumps(found, indent=1) + "\n")
    if not found["models"] or not all(one["passes"] for one in found["models"]):  # nothing examined is no success
        sys.stdout.flush()
        sys.exit(1)

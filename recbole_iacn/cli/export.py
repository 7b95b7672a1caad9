"""The command ``recbole-iacn export``, which writes a bundle's model as an ONNX graph."""

import argparse


def export_parser(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn export``."""
    parser.set_defaults(run=_export)
    parser.add_argument("bundle", help="folder of a trained model, from train --bundle or Training.save")
    parser.add_argument("--out", required=True, help="folder for the graph, its vocabulary and an example")
    parser.add_argument("--overwrite", action="store_true", help="replace the folder if an earlier export has made it")


def _export(given: argparse.Namespace) -> None:
    from recbole_iacn.serving.onnx.exporting import check_target, export
    from recbole_iacn.serving.recommender import load

    check_target(given.out, given.overwrite)
    export(load(given.bundle), given.out, given.overwrite)
    print(given.out)

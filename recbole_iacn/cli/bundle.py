"""The command ``recbole-iacn bundle``."""

from argparse import ArgumentParser, Namespace

from recbole_iacn.system import interrupts


def bundle_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn bundle``."""
    parser.set_defaults(run=_bundle)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="file that a training has written to saved/")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to make")
    parser.add_argument(
        "--data_path", help="folder that contains the dataset's folder (default: the one of the training)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a bundle that is there already")
    parser.add_argument(
        "--trust", action="store_true", help="open a pickle of RecBole's own trainer, which can run any code"
    )


def _bundle(given: Namespace) -> None:
    from recbole_iacn.bundle.from_checkpoint import bundle_checkpoint

    with interrupts.leaving(given.out):
        made = bundle_checkpoint(given.checkpoint, given.out, given.data_path, given.overwrite, given.trust)
    print(made)

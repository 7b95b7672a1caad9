"""The command ``recbole-iacn serve``: a bundle as a web service."""

import logging
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import fields

from recbole_iacn.serving.service.request_limits import Limits
from recbole_iacn.serving.service.secret import VARIABLE


def serve_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn serve``."""
    parser.set_defaults(run=_serve)
    parser.add_argument("bundle", help="folder of the model that scores; read again on SIGHUP and POST /reload")
    parser.add_argument("--retriever", metavar="BUNDLE", help="a model whose interests find what the first one ranks")
    parser.add_argument(
        "--candidates", type=int, default=500, help="items per history that the retriever finds (default: %(default)s)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address, 0.0.0.0 for all of them (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 for any free one (default: %(default)s)")
    parser.add_argument(
        "--token-file", metavar="FILE", help=f"file with the token that requests must carry (or set {VARIABLE})"
    )
    parser.add_argument("--device", default="cpu", help="of the models, such as cuda:0 (default: %(default)s)")
    parser.add_argument(
        "--threads", type=int, default=1, help="of PyTorch; one batch is answered at a time (default: %(default)s)"
    )
    parser.add_argument(
        "--batch", type=int, default=32, help="waiting histories that are answered together (default: %(default)s)"
    )
    parser.add_argument(
        "--grace", type=float, default=30.0, help="seconds to end what has begun, after a signal (default: %(default)s)"
    )
    files = "RecBole's .item file, CSV, Parquet or JSON lines, plain or gzip"
    parser.add_argument("--items", metavar="FILE", help=f"names and columns of items, for explanations: {files}")
    parser.add_argument("--item-key", metavar="COLUMN", help="column of the item in the table of items")
    parser.add_argument("--title", metavar="COLUMN", help="column of the items' names (default: recognised)")
    parser.add_argument("--picture", metavar="COLUMN", help="column of links to pictures (default: recognised)")
    for field in fields(Limits):
        kind = float if field.name == "seconds" else int
        parser.add_argument(
            f"--max-{field.name}",
            type=kind,
            default=field.default,
            metavar="N",
            help=f"{field.metadata['meaning']} (default: %(default)s)",
        )


def _serve(given: Namespace) -> None:
    from recbole_iacn.serving.service.secret import read_secret
    from recbole_iacn.serving.service.server import serve

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    serve(
        given.bundle,
        given.retriever,
        given.host,
        given.port,
        read_secret(given.token_file),
        Limits(**{field.name: getattr(given, f"max_{field.name}") for field in fields(Limits)}),
        given.device,
        given.threads,
        given.batch,
        given.candidates,
        given.grace,
        given.items,
        given.item_key,
        given.title,
        given.picture,
    )

"""From folders of bundles to what is served."""

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.recommender import load
from recbole_iacn.serving.service.live import Served


def opener(
    bundle: Path,
    retriever: Path | None = None,
    device: str = "cpu",
    candidates: int = 500,
    items: Mapping[str, Any] | None = None,
) -> Callable[[], Served]:
    """A function that opens the bundles and tries them once; each call reads the folders anew.

    Args:
        bundle: the model that scores, and the whole service where there is no other.
        retriever: a second bundle, which finds the candidates that the first one ranks.
        device: of both models.
        candidates: items per history that the retriever finds.
        items: arguments of :meth:`recbole_iacn.serving.recommender.Recommender.item_names`; read anew, too.
    """

    def open_bundles() -> Served:
        recommender: Any = load(bundle, device)
        names = None if items is None else recommender.item_names(**items)
        served = Served(recommender, None, _facts(recommender, bundle), names=names)
        if retriever is not None:
            finder = load(retriever, device)
            of_finder = {f"retriever_{name}": value for name, value in _facts(finder, retriever).items()}
            served = Served(
                recommender, recommender.pipeline(finder, recommender), served.facts | of_finder, candidates, names
            )
        with contextlib.suppress(ConfigError):  # a model that wants columns beside the history tells each client so
            served.best(served.rows([[]], None, None), 1, True, None)
        return served

    return open_bundles


def _facts(recommender: Any, folder: Path) -> dict[str, str]:
    catalogue = recommender.catalogue
    return {
        "model": str(recommender.manifest["model"]),
        "bundle": hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()[:12],
        "items": str(len(catalogue.tokens[catalogue.item]) - 1),
    }

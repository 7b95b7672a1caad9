"""From folders of bundles to what is served."""

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.recommender import load
from recbole_iacn.serving.service.live import Served


def opener(bundle: Path, retriever: Path | None = None, device: str = "cpu") -> Callable[[], Served]:
    """A function that opens the bundles and tries them once; each call reads the folders anew.

    Args:
        bundle: the model that scores, and the whole service where there is no other.
        retriever: a second bundle, which finds the candidates that the first one ranks.
        device: of both models.
    """

    def open_bundles() -> Served:
        recommender = load(bundle, device)
        facts = _facts(recommender, bundle)
        if retriever is None:
            with contextlib.suppress(ConfigError):  # a model that wants columns beside the history tells each client so
                recommender.best(recommender.rows([[]]), 1)
            return Served(recommender, None, facts)
        finder = load(retriever, device)
        pipeline = type(recommender).pipeline(finder, recommender)
        of_finder = {f"retriever_{name}": value for name, value in _facts(finder, retriever).items() if name != "items"}
        return Served(recommender, pipeline, facts | of_finder)

    return open_bundles


def _facts(recommender: Any, folder: Path) -> dict[str, str]:
    catalogue = recommender.catalogue
    return {
        "model": str(recommender.manifest["model"]),
        "bundle": hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()[:12],
        "items": str(len(catalogue.tokens[catalogue.item]) - 1),
    }

"""A map of all items: places in the plane such that items with similar vectors lie close together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.serving.page import MAPS

MOST_BY_TSNE = 5_000  # half a minute on one core; it grows faster than the number of items
_PERPLEXITY = 30.0


@dataclass(frozen=True)
class ItemMap:
    """Places of N items.

    Attributes:
        method: how they were found, in words.
        places: from 0 to 1, float64, shape (N, 2).
    """

    method: str
    places: np.ndarray


def check_method(method: str) -> None:
    """Reject a way to make a map that there is not.

    Args:
        method: its name.

    Raises:
        ConfigError: names those that there are.
    """
    if method not in MAPS:
        raise ConfigError(f"map: must be one of {', '.join(MAPS)}, got {method!r}.{did_you_mean(method, MAPS)}")


def item_map(vectors: np.ndarray, method: str = "auto", seed: int = 0) -> ItemMap | None:
    """Find places for items.

    Vectors are compared by their cosine, as the nearest items of an interest are. t-SNE (van der Maaten and Hinton,
    JMLR 2008) keeps neighbours together, and distances on the map mean nothing else; it starts from the principal
    components, so that the map depends on the seed as little as can be. Principal components keep what varies most.

    Args:
        vectors: of the items, shape (N, D).
        method: ``tsne``, ``pca``, ``none``, or ``auto``: t-SNE for at most 5,000 items, and otherwise PCA.
        seed: of t-SNE. Defaults to 0.

    Returns:
        None for ``none``, and where there are fewer than two items.

    Raises:
        ConfigError: there is no such method.
    """
    check_method(method)
    if method == "none" or len(vectors) < 2:
        return None
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = vectors.astype(np.float64) / np.maximum(lengths, 1e-12)
    components = _components(directions)
    few = len(vectors) <= 3 * _PERPLEXITY + 1
    by_tsne = method == "tsne" or (method == "auto" and len(vectors) <= MOST_BY_TSNE)
    if not by_tsne or few:
        return ItemMap("principal components", _to_unit(components))
    from sklearn.manifold import TSNE

    spread = max(float(components[:, 0].std()), 1e-12)
    start = (components / spread * 1e-4).astype(np.float32)  # the size that its authors start from
    found = TSNE(2, perplexity=_PERPLEXITY, init=start, random_state=seed).fit_transform(directions.astype(np.float32))
    return ItemMap("t-SNE", _to_unit(found.astype(np.float64)))


def _components(directions):
    """The first two principal components, shape (N, 2); their signs are such that the largest weight is positive."""
    centred = directions - directions.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2] * np.sign(axes[np.arange(len(axes[:2])), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    found = centred @ axes.T
    return np.pad(found, ((0, 0), (0, 2 - found.shape[1])))


def _to_unit(places):
    """Into the unit square, with one scale for both axes."""
    low, high = places.min(axis=0), places.max(axis=0)
    side = max(float((high - low).max()), 1e-12)
    return 0.5 + (places - (low + high) / 2) / side

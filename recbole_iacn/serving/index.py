"""An index of item vectors, which finds those with the largest inner products with a query."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from recbole_iacn.errors import ConfigError, did_you_mean

KINDS = ("exact", "hnsw", "ivf")
_EXACT_UP_TO = 50_000  # items; comparing a query with all of them takes less than a millisecond
_LINKS = 32  # neighbours of an item in an HNSW graph
_EF_CONSTRUCTION = 80
_PER_CLUSTER = 64  # vectors that k-means sees for each cluster; with more, building takes longer and finds no more


class VectorIndex:
    """Finds vectors by inner product, with faiss (the extra ``serve``).

    The family's models score an item by its largest inner product with an interest, so that is the measure. Nothing is
    normalised: cosines are found where a model embeds items and users as unit vectors.

    It is not written to a file: the vectors decide it, and building it again takes seconds to a minute
    (``benchmarks/README.md``). A file could be of another model than the one beside it, and faiss trusts what it reads.

    Args:
        vectors: shape (N, D), N at least 1.
        kind: ``exact`` compares a query with all vectors; ``hnsw`` follows a graph of neighbours (Malkov and Yashunin,
            TPAMI '20); ``ivf`` compares it with the vectors of the nearest clusters (Jégou et al., TPAMI '11). By
            default ``exact`` up to 50,000 vectors, ``ivf`` above.
        nprobe: for ``ivf``, how many of the 4 √N clusters are looked into; more are where they hold too few vectors.
            Defaults to 64.
        ef_search: for ``hnsw``, how many of the best are kept during the search; at least as many as are asked for.
            Defaults to 256.

    Attributes:
        kind (str): as above, decided.

    Raises:
        ConfigError: faiss is not installed, there is no such kind, a number is below 1, or the vectors are not an array
            (N, D) of finite numbers.
    """

    def __init__(self, vectors: np.ndarray, kind: str | None = None, nprobe: int = 64, ef_search: int = 256) -> None:
        check_options(kind, nprobe, ef_search)
        self._faiss: Any = _faiss()
        vectors = _checked(vectors)
        self.kind = kind or ("exact" if len(vectors) <= _EXACT_UP_TO else "ivf")
        self._nprobe, self._ef_search = nprobe, ef_search
        self._use_threads()
        self._index = self._built(vectors)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def size(self) -> int:
        """D, the length of a vector."""
        return int(self._index.d)

    def search(self, queries: np.ndarray, count: int, among: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The vectors with the largest inner products, best first.

        Args:
            queries: shape (Q, D).
            count: how many to find for each, C; at most N are found.
            among: positions to search among; by default all.

        Returns:
            Inner products (Q, C), float32, and positions of the vectors (Q, C), int64; -inf and -1 where fewer were
            found.

        Raises:
            ConfigError: the queries are not of shape (Q, D).
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.size:
            raise ConfigError(f"queries: must have shape (Q, {self.size}), got {queries.shape}")
        count = min(count, len(self))
        if not len(queries) or not count:
            return np.empty((len(queries), count), np.float32), np.empty((len(queries), count), np.int64)
        self._use_threads()
        products, positions = self._index.search(queries, count, params=self._parameters(count, among))
        products[positions < 0] = -np.inf
        return products, positions

    def _built(self, vectors):
        faiss, (count, size) = self._faiss, vectors.shape
        if self.kind == "exact":
            index = faiss.IndexFlatIP(size)
        elif self.kind == "hnsw":
            index = faiss.IndexHNSWFlat(size, _LINKS, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction = _EF_CONSTRUCTION
        else:
            clusters = max(1, min(int(4 * count**0.5), count // _PER_CLUSTER))
            self._clusters = faiss.IndexFlatIP(size)  # faiss keeps a pointer to it only
            index = faiss.IndexIVFFlat(self._clusters, size, clusters, faiss.METRIC_INNER_PRODUCT)
            index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, _PER_CLUSTER
            index.train(vectors)
        index.add(vectors)
        return index

    def _parameters(self, count, among):
        """Of one search: several threads may use one index, so nothing is set on it."""
        faiss = self._faiss
        selected = {} if among is None else {"sel": faiss.IDSelectorBatch(np.ascontiguousarray(among, np.int64))}
        if self.kind == "exact":
            return faiss.SearchParameters(**selected)
        share = 1.0 if among is None else max(len(among), 1) / len(self)
        if self.kind == "hnsw":
            enough = min(int(count / share), len(self))
            return faiss.SearchParametersHNSW(efSearch=max(self._ef_search, enough), **selected)
        clusters = self._index.nlist
        enough = -(-int(2 * count / share) * clusters // len(self))  # clusters with twice as many as are asked for
        return faiss.SearchParametersIVF(nprobe=min(max(self._nprobe, enough), clusters), **selected)

    def _use_threads(self):
        """As many threads as PyTorch. OpenMP's number is that of the calling thread, so it is set at each call."""
        self._faiss.omp_set_num_threads(torch.get_num_threads())


def check_options(kind: str | None = None, nprobe: int = 64, ef_search: int = 256) -> None:
    """Reject options of an index, before any vectors are computed.

    Args:
        kind, nprobe, ef_search: as for :class:`VectorIndex`.

    Raises:
        ConfigError: names the option.
    """
    if kind is not None and kind not in KINDS:
        raise ConfigError(f"index: must be one of {', '.join(KINDS)}, got {kind!r}.{did_you_mean(kind, KINDS)}")
    for name, value in (("nprobe", nprobe), ("ef_search", ef_search)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name}: must be an integer of at least 1, got {value!r}")
    _faiss()


def _faiss():
    try:
        import faiss
    except ImportError:
        raise ConfigError("an index needs faiss: pip install 'recbole_iacn[serve]'") from None
    return faiss


def _checked(vectors):
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if vectors.ndim != 2 or not vectors.size:
        raise ConfigError(f"vectors: must have shape (N, D) and at least one row, got {vectors.shape}")
    wrong = int((~np.isfinite(vectors).all(axis=1)).sum())
    if wrong:
        raise ConfigError(f"vectors: {wrong:,} of {len(vectors):,} are not finite; the model has not learned")
    return vectors

"""The model that is served, and its replacement while requests go on."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.explain.asked import Asked
from recbole_iacn.serving.explain.changed_histories import Window
from recbole_iacn.serving.explain.explaining import explain
from recbole_iacn.serving.explain.explanation import Explanation
from recbole_iacn.serving.explain.item_names import ItemNames
from recbole_iacn.serving.explain.item_search import ItemSearch
from recbole_iacn.serving.model_rows import Rows
from recbole_iacn.serving.service.meters import Meters


@dataclass(frozen=True)
class Served:
    """What answers requests.

    Attributes:
        recommender: the bundle's model.
        pipeline: retrieves candidates, which the recommender ranks; None where the recommender scores all items.
        facts: what tells a client which bundle answers: model, bundle (the start of the manifest's SHA-256), …
        candidates: items per history that the pipeline's retriever finds.
        names: of the items; None for what the bundle has, which is read where it is needed.
        since: seconds since the epoch, when it was loaded.
    """

    recommender: Any
    pipeline: Any
    facts: dict[str, str]
    candidates: int = 500
    names: ItemNames | None = None
    since: float = field(default_factory=time.time)

    def check_k(self, k: int, among: Sequence[object] | None) -> None:
        """Raise ConfigError where there cannot be k recommendations."""
        if self.pipeline is not None and k > self.candidates:
            raise ConfigError(f"k: at most {self.candidates}, which the retriever finds (--candidates), got {k}")
        self.recommender.check_k(k, self.most(among))

    def most(self, among: Sequence[object] | None) -> int:
        """How many items there are to choose from."""
        if among is not None:
            return len(set(among))
        return len(self.recommender.items if self.pipeline is None else self.pipeline.index)

    def rows(self, histories: Any, times: Any, users: Any) -> tuple[Rows, ...]:
        """Histories as each model reads them; the one that scores is the last."""
        for name, values in users.items() if isinstance(users, Mapping) else ():
            if any(isinstance(value, list) for value in values):
                self._check_lists(name)
        if self.pipeline is not None:
            return self.pipeline.rows(histories, times, users)
        return (self.recommender.rows(histories, times, users),)

    def _check_lists(self, name: str) -> None:
        models = [self.recommender] if self.pipeline is None else [self.recommender, self.pipeline.retriever]
        kinds = [model.catalogue.columns[name].kind for model in models if name in model.catalogue.columns]
        if set(kinds) - {"token_seq"}:
            raise ConfigError(f"users: {name!r} has one value per history, got a list")

    def best(
        self, rows: tuple[Rows, ...], k: int, exclude_seen: bool, among: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Ids of the k best items of each history, 0 where there are fewer, and their scores, shape (B, k) each."""
        if among is not None and not len(among):  # none of them is known
            return np.zeros((len(rows[-1]), k), dtype=np.int64), np.full((len(rows[-1]), k), -np.inf)
        if self.pipeline is not None:
            found = self.pipeline.best(*rows, k, exclude_seen, among, self.candidates)
        else:
            found = self.recommender.best(*rows, k, exclude_seen, among)
        ids, scores = found
        return ids.cpu().numpy(), scores.cpu().numpy()

    def explained(self, rows: tuple[Rows, ...], of_rows: Sequence[Window], asked: Asked) -> list[Explanation]:
        """Explanations of what :meth:`best` recommends; with a pipeline by the model that ranks, of the candidates of
        each history.

        Args:
            rows: from :meth:`rows`.
            of_rows: what the model that scores reads of each history.
            asked: what to explain.
        """
        *retriever, own = rows
        among = asked.among
        if not retriever or (among is not None and len(among) <= self.candidates):
            return explain(self.recommender, own, of_rows, self.item_names, asked)
        found = self.pipeline.candidates(*rows, self.candidates, asked.exclude_seen, among)
        explanations: list[Explanation] = []
        for place, (window, candidates) in enumerate(zip(of_rows, found)):
            of_row = replace(asked, among=candidates[candidates > 0])
            explanations += explain(self.recommender, own.part(place, place + 1), [window], self.item_names, of_row)
        return explanations

    @cached_property
    def item_names(self) -> ItemNames:
        """Names of the items."""
        return self.names or ItemNames.read(self.recommender.catalogue)

    @cached_property
    def search(self) -> ItemSearch:
        """Finds items by their names."""
        return ItemSearch(self.item_names)


class Live:
    """One reference to what is served. A reload loads beside it and then replaces it: whoever has begun with the old
    one ends with it, and no request meets half of one.

    Args:
        load: opens the bundles, tries them once, and raises ConfigError where they cannot be served.
        meters (Meters): where reloads are counted.
        settle: called after each load.
    """

    def __init__(self, load: Callable[[], Served], meters: Meters, settle: Callable[[], None] | None = None) -> None:
        self._load, self._meters, self._settle = load, meters, settle or (lambda: None)
        self._loading = threading.Lock()
        self.current = load()
        self.failure: str | None = None  # of the last reload
        meters.bundle(self.current.facts)
        self._settle()

    def reload(self) -> Served:
        """Load the bundles again, from the same folders. It takes as long as a start, and the memory of a second model.

        Raises:
            ConfigError: they cannot be served, or another reload goes on; what was served is served still.
        """
        if not self._loading.acquire(blocking=False):
            raise ConfigError("reload: another one is going on; try again when it has ended")
        log = logging.getLogger(__name__)
        try:
            self.current = self._load()
            self.failure = None
            self._meters.bundle(self.current.facts)
            self._meters.reload("done")
            self._settle()
            log.info("reloaded: %s", self.current.facts)
            return self.current
        except Exception as error:
            self.failure = str(error) if isinstance(error, ConfigError) else f"{type(error).__name__}: {error}"
            served = self.current.facts["bundle"]
            self._meters.reload("failed")
            trace = None if isinstance(error, ConfigError) else error
            log.error("reload failed, bundle %s is still served: %s", served, self.failure, exc_info=trace)
            raise ConfigError(f"reload: {self.failure}; bundle {served} is still served") from None
        finally:
            self._loading.release()

"""From what people pass in to explanations."""

from __future__ import annotations

from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.by_id import ById
from recbole_iacn.serving.explain.changed_histories import windows
from recbole_iacn.serving.explain.explaining import Asked, explain
from recbole_iacn.serving.explain.explanation import Explanation
from recbole_iacn.serving.explain.item_names import ItemNames


def explained(
    recommender: ById,
    histories: Any,
    k: int,
    exclude_seen: bool,
    among: Any,
    times: Any,
    users: Any,
    items: Any,
    nearest: int,
    addable: int | None,
) -> list[Explanation]:
    """See :meth:`recbole_iacn.serving.recommender.Recommender.explain`; ``addable`` is None without edits."""
    chosen = recommender.chosen(k, among)
    _check_count("nearest", nearest)
    if addable is not None:
        _check_count("addable", addable)
    given, ids = recommender.queries.read(histories, times, users)
    rows = recommender.queries.of_given(given, ids)
    names = items if isinstance(items, ItemNames) else ItemNames.read(recommender.catalogue, items)
    allowed = None if chosen is None else recommender.known_among(chosen, rows)
    recommender.queries.say(rows)
    asked = Asked(k, exclude_seen, allowed, nearest, addable)
    return explain(recommender, rows, windows(given, ids, recommender.queries.most), names, asked)


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{name}: must be a whole number from 1, got {value!r}")

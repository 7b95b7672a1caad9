"""From the bodies of requests to what is answered."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from recbole.data.interaction import Interaction
from torch import Tensor, nn

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.explain.asked import Asked
from recbole_iacn.serving.explain.changed_histories import windows
from recbole_iacn.serving.interests import interests_of
from recbole_iacn.serving.model_rows import Rows
from recbole_iacn.serving.service import bodies
from recbole_iacn.serving.service.batching import Answer
from recbole_iacn.serving.service.live import Live, Served
from recbole_iacn.serving.service.meters import Meters


class Answers:
    """Answers a batch of bodies. Those that ask for recommendations of one kind are scored together.

    Args:
        live (Live): whose current model answers; one and the same for the whole batch.
        meters (Meters): where unknown tokens are counted.
    """

    def __init__(self, live: Live, meters: Meters) -> None:
        self._live, self._meters = live, meters

    def __call__(self, several: Sequence[bodies.Body]) -> list[Answer]:
        served = self._live.current
        answers: dict[int, Answer] = {}
        groups: dict[Any, list[int]] = {}
        for place, body in enumerate(several):
            groups.setdefault(_kind(body) or place, []).append(place)
        for places in groups.values():
            answers |= zip(places, _together(served, [several[place] for place in places]))
        for answer in answers.values():
            if isinstance(answer, dict):
                self._meters.unknown(answer["unknown"])
        return [answers[place] for place in range(len(several))]


def _kind(body: bodies.Body) -> tuple | None:
    """What bodies that can be answered together have in common; None for one that is answered alone."""
    if type(body) is not bodies.Recommend:
        return None
    columns = tuple(sorted(body.users)) if isinstance(body.users, dict) else body.users is None
    return body.exclude_seen, None if body.among is None else tuple(body.among), columns


def _together(served: Served, several: list[Any]) -> list[Answer]:
    """The answers to bodies of one kind; where one of them fails, the others are answered all the same."""
    answer: Callable[[Served, list[Any]], list[dict[str, Any]]] = _ANSWERS[type(several[0])]
    try:
        return [{**found, "bundle": served.facts["bundle"]} for found in answer(served, several)]
    except Exception as error:
        if len(several) == 1:
            return [error]
    return [answer for body in several for answer in _together(served, [body])]


def _recommend(served: Served, several: list[bodies.Recommend]) -> list[dict[str, Any]]:
    recommender, first = served.recommender, several[0]
    tokens = recommender.catalogue.tokens[recommender.catalogue.item]
    for body in several:
        body.fit_k(served.most(body.among))
    most = max(body.k for body in several)
    served.check_k(most, first.among)
    parts = [served.rows(body.histories, body.times, body.users) for body in several]
    among = None if first.among is None else recommender.ids_of(first.among)
    unknown = [_unknown(rows, among) for rows in parts]
    if among is not None:
        among = np.unique(among[among > 0])
    rows = tuple(joined(of_model) for of_model in zip(*parts))
    ids, scores = served.best(rows, most, first.exclude_seen, among)
    if not np.isfinite(scores[ids > 0]).all():
        raise ConfigError("users: a number among the columns is too large for the model, whose scores are not finite")
    ends = np.cumsum([len(body.histories) for body in several])
    return [
        {
            "recommendations": [
                _listed(tokens, ids[row, : body.k], scores[row, : body.k])
                for row in range(end - len(body.histories), end)
            ],
            "unknown": counts,
        }
        for body, end, counts in zip(several, ends, unknown)
    ]


def _listed(tokens: np.ndarray, ids: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    """One history's recommendations; fewer than k where no more are left."""
    there = ids > 0
    return {"items": tokens[ids[there]].tolist(), "scores": scores[there].tolist()}


def _unknown(rows: tuple[Rows, ...], among: np.ndarray | None) -> dict[str, int]:
    """Tokens that are not known: by column, by the retriever's column, and among the items to choose from."""
    *retriever, own = rows
    counts = dict(own.unknown)
    for other in retriever:
        counts |= {f"retriever_{name}": count for name, count in other.unknown.items()}
    if among is not None:
        counts["among"] = int((among == 0).sum())
    return _above_zero(counts)


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows of several requests as those of one. Histories, and other lists, are padded to the longest.

    Args:
        parts: rows with the same columns.
    """
    if len(parts) == 1:
        return parts[0]
    beside = [part.users for part in parts if part.users is not None]
    return Rows(
        Interaction(_end_to_end([part.interaction.interaction for part in parts])),
        np.concatenate([part.names for part in parts]),
        np.concatenate([part.seen for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        sum((part.unknown for part in parts), Counter()),
        _end_to_end(beside) if beside else None,
    )


def _end_to_end(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    columns = {name: [part[name] for part in parts] for name in parts[0]}
    for values in columns.values():
        if values[0].dim() > 1:
            width = max(len(rows[0]) for rows in values)
            values[:] = [
                nn.functional.pad(rows, (0, width - len(rows[0]))) if rows.dim() == 2 else rows for rows in values
            ]
    return {name: torch.cat(values) for name, values in columns.items()}


def _above_zero(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _score(served: Served, several: list[bodies.Score]) -> list[dict[str, Any]]:
    (body,), recommender = several, served.recommender
    rows = recommender.rows(body.histories, body.times, body.users)
    lists = body.lists()
    there = np.arange(max(map(len, lists))) < np.array([[len(items)] for items in lists])
    flat = recommender.ids_of([item for items in lists for item in items])
    ids = np.zeros(there.shape, dtype=np.int64)
    ids[there] = flat
    if len(ids) == 1:  # one list for all histories
        ids, there = ids.repeat(len(rows), axis=0), there.repeat(len(rows), axis=0)
    scores = recommender.scores_of(rows, torch.from_numpy(ids)).cpu().numpy()
    known = (ids > 0) & np.isfinite(scores)
    return [
        {
            "scores": [
                [float(score) if is_known else None for score, is_known in zip(line[:count], fine[:count])]
                for line, fine, count in zip(scores.tolist(), known, there.sum(axis=1))
            ],
            "unknown": _above_zero({**rows.unknown, "items": int((flat == 0).sum())}),
        }
    ]


def _interests(served: Served, several: list[bodies.Interests]) -> list[dict[str, Any]]:
    (body,) = several
    model = served.recommender if served.pipeline is None else served.pipeline.retriever
    rows = served.rows(body.histories, body.times, body.users)[0]
    found = interests_of(model.model, rows, model.catalogue)
    return [
        {
            "interests": [
                {
                    "items": items.tolist(),
                    "belongs": belongs.tolist(),
                    "couplings": found.couplings[row, : len(items)].tolist(),
                    "shares": found.shares[row].tolist(),
                    "active": found.active[row].tolist(),
                    "vectors": found.vectors[row].tolist(),
                }
                for row, (items, belongs) in enumerate(zip(found.items, found.belongs))
            ],
            "unknown": _above_zero(rows.unknown),
        }
    ]


def _explain(served: Served, several: list[bodies.Explain]) -> list[dict[str, Any]]:
    (body,), recommender = several, served.recommender
    body.fit_k(served.most(body.among))
    served.check_k(body.k, body.among)
    rows = served.rows(body.histories, body.times, body.users)
    given, ids = recommender.queries.read(body.histories, body.times)
    among = None if body.among is None else recommender.ids_of(body.among)
    unknown = _unknown(rows, among)
    if among is not None:
        among = np.unique(among[among > 0])
    asked = Asked(body.k, body.exclude_seen, among, addable=bodies.ADDABLE if body.edits else None)
    found = served.explained(rows, windows(given, ids, recommender.queries.most), asked)
    return [{"explanations": [one.as_dict() for one in found], "unknown": unknown}]


_ANSWERS: dict[type, Any] = {
    bodies.Recommend: _recommend,
    bodies.Score: _score,
    bodies.Interests: _interests,
    bodies.Explain: _explain,
}

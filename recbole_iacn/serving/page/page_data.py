"""What a page contains: items once, by number; what changes do to margins as half floats, and in full where these would
change the order of a list."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recbole_iacn.serving.explain.explanation import Edits, ExplainedInterest, Explanation, Named
from recbole_iacn.serving.page.item_map import ItemMap

_MOST = 60_000.0  # a half float's largest number is 65,504
_DIGITS = 4

Values = dict[str, Sequence[Sequence[str]]]  # a column -> the values of each item


@dataclass
class PageItems:
    """The items of a page by number: those of the map first, in its order, then further ones as they come.

    Attributes:
        tokens, names: of each item.
        pictures: number -> address.
        columns: column -> the values of each item, of those of the map.
    """

    tokens: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    pictures: dict[int, str] = field(default_factory=dict)
    columns: Values = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._numbers = {token: number for number, token in enumerate(self.tokens)}

    def number(self, of: Named) -> int:
        """An item's number; one that is not known yet gets the next."""
        number = self._numbers.setdefault(of.item, len(self.tokens))
        if number == len(self.tokens):
            self.tokens.append(of.item)
            self.names.append(of.name)
        if of.picture:
            self.pictures[number] = of.picture
        return number

    def as_dict(self) -> dict[str, Any]:
        """What the page reads."""
        return {
            "tokens": self.tokens,
            "names": None if self.names == self.tokens else self.names,
            "pictures": self.pictures or None,
            "columns": [_column(name, lists) for name, lists in self.columns.items()],
        }


@dataclass(frozen=True)
class PageModel:
    """One model of a page.

    Attributes:
        name: its class.
        label: what it is called where it stands beside another.
        explanations: one per user, in the order of the users, with edits.
        map: of the page's first items, in their order.
    """

    name: str
    label: str
    explanations: Sequence[Explanation]
    map: ItemMap | None = None


def page_data(
    models: Sequence[PageModel], items: PageItems, k: int, about: Iterable[str] = (), times: str | None = None
) -> dict[str, Any]:
    """What a page contains, as JSON can hold it.

    Args:
        models: one or two, with explanations of the same users.
        items: named items; items of the explanations are added to them.
        k: how many items a list has.
        about: sentences for the page's end.
        times: ``seconds`` where clicks' times are seconds since 1970; otherwise they are shown as numbers.
    """
    users = [[_explanation(one, items, k) for one in of_user] for of_user in zip(*(one.explanations for one in models))]
    return {
        "live": False,
        "k": k,
        "times": times,
        "about": list(about),
        "models": [{"name": one.name, "label": one.label, "map": _map(one.map)} for one in models],
        "users": users,
        "items": items.as_dict(),
    }


def _map(found):
    if found is None:
        return None
    places = np.round(found.places * 65535).astype("<u2")
    return {"method": found.method, "count": len(places), "xy": _base64(places)}


def _column(name, lists):
    numbers: dict[str, int] = {}
    of = [[numbers.setdefault(value, len(numbers)) for value in values] for values in lists]
    return {"name": name, "values": list(numbers), "of": of}


def _explanation(explanation: Explanation, items: PageItems, k: int) -> dict[str, Any]:
    assert explanation.edits is not None
    return {
        "user": explanation.user,
        "older": explanation.older,
        "notes": list(explanation.notes),
        "clicks": [[items.number(click.of), click.time, click.interest] for click in explanation.clicks],
        "couplings": [[rounded(one) for one in click.couplings] for click in explanation.clicks],
        "interests": [_interest(one, items) for one in explanation.interests],
        "edits": _edits(explanation.edits, items, k),
    }


def _interest(interest: ExplainedInterest, items: PageItems) -> dict[str, Any]:
    return {
        "number": interest.number,
        "share": rounded(interest.share),
        "label": interest.label,
        "clicks": list(interest.clicks),
        "face": None if interest.face is None else items.number(interest.face),
        "nearest": [[items.number(near.of), rounded(near.similarity)] for near in interest.nearest],
        "values": [
            {
                "column": one.column,
                "value": one.value,
                "count": one.count,
                "among": one.among,
                "share": rounded(one.share),
                "lift": rounded(one.lift),
                "p": rounded(one.p),
            }
            for one in interest.values
        ],
    }


def _edits(edits: Edits, items: PageItems, k: int) -> dict[str, Any]:
    margins = np.asarray(edits.margins, dtype=np.float32)
    return {
        "items": [items.number(edits.named[token]) for token in edits.items],
        "belongs": list(edits.belongs),
        "margins": _base64(margins.astype("<f4")),
        "probability": edits.probability,
        "addable": [items.number(edits.named[token]) for token in edits.addable],
        **{
            name: packed(np.asarray(rows, dtype=np.float64).reshape(len(rows), len(margins)), margins, k)
            for name in ("without_click", "without_interest", "with_click")
            for rows in [getattr(edits, name)]
        },
    }


def packed(rows: np.ndarray, margins: np.ndarray, k: int) -> dict[str, Any]:
    """Margins after changes, as differences in half floats. A row whose first 2k places would be others by that
    rounding is added as it is, in single precision.

    Args:
        rows: margins after each of R changes, float64, shape (R, C).
        margins: before them, float32, shape (C,).
        k: how many items a list has.
    """
    before = margins.astype(np.float64)
    single = rows.astype(np.float32)
    halves = np.clip(single.astype(np.float64) - before, -_MOST, _MOST).astype("<f2")
    shown = before + halves.astype(np.float64)
    changed = (_first(shown, 2 * k) != _first(single.astype(np.float64), 2 * k)).any(axis=1)
    exact = {int(row): _base64(single[row].astype("<f4")) for row in np.flatnonzero(changed)}
    return {"halves": _base64(halves), "exact": exact}


def _first(rows, count):
    """The places of the largest of each row; of equal ones the first."""
    return np.argsort(-rows, axis=1, kind="stable")[:, :count]


def rounded(value: float) -> float:
    """A number with four significant digits."""
    return float(f"{value:.{_DIGITS}g}")


def _base64(values):
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")

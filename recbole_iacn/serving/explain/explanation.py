"""An explanation: interests, clicks and reasons of one history. It has numbers and words, and knows no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from recbole_iacn.serving.explain.in_words import in_words


@dataclass(frozen=True)
class Named:
    """An item as people see it.

    Attributes:
        item: its token.
        name: its title; the token where the data have no titles.
        picture: the address of a picture; None where the data have none.
    """

    item: str
    name: str
    picture: str | None = None


@dataclass(frozen=True)
class Click:
    """A click that the model reads.

    Attributes:
        of: the item.
        place: its place in the history that the model reads, from 0, oldest first.
        time: when it was, as the data have it; None without times.
        interest: the interest with its largest coupling, from 0; None for a model without interests.
        couplings: how much it belongs to each interest, K numbers that add up to 1.
    """

    of: Named
    place: int
    time: float | None
    interest: int | None
    couplings: tuple[float, ...]


@dataclass(frozen=True)
class Value:
    """A value of an item column that is over-represented among an interest's nearest items.

    Attributes:
        column, value: which.
        count, among: so many of so many nearest items have it.
        share: the share of all items that have it.
        lift: ``(count / among) / share``.
        p: the probability of that count or more among as many items drawn at random without replacement, corrected
            after Benjamini and Hochberg for all values that were looked at.
    """

    column: str
    value: str
    count: int
    among: int
    share: float
    lift: float
    p: float


@dataclass(frozen=True)
class Near:
    """An item near an interest.

    Attributes:
        of: the item.
        similarity: cosine of its vector and the interest's.
    """

    of: Named
    similarity: float


@dataclass(frozen=True)
class ExplainedInterest:
    """One interest of a history.

    Attributes:
        number: from 0.
        share: how much it counts: the mean of its couplings over the history.
        clicks: places of the clicks that belong to it, those that are most coupled first.
        nearest: the items with the most similar vectors.
        values: what is over-represented among these, best first; empty where the data have no columns.
        face: the medoid of ``nearest``: the item with the largest mean similarity to the others.
        label: a few words to call it by: its most over-represented value or values, or else the face's name.
    """

    number: int
    share: float
    clicks: tuple[int, ...]
    nearest: tuple[Near, ...]
    values: tuple[Value, ...]
    face: Named | None
    label: str


@dataclass(frozen=True)
class Reason:
    """A past click that carries a recommendation.

    Attributes:
        place: the click.
        loss: what the item's score loses when the history lacks this click: ``score − score without it``, measured.
    """

    place: int
    loss: float


@dataclass(frozen=True)
class ExplainedItem:
    """One recommended item.

    Attributes:
        of: the item.
        rank: from 1.
        score: as :meth:`Recommender.recommend` gives it.
        interest: the interest with the largest product with it; None for a model without interests.
        reasons: every click with what the score loses without it, the largest loss first; a negative loss is a gain.
        without_interest: what the score loses without all clicks of each interest, K numbers, measured.
        without_history: what it loses with an empty history; None for a model that cannot read one.
    """

    of: Named
    rank: int
    score: float
    interest: int | None
    reasons: tuple[Reason, ...]
    without_interest: tuple[float, ...]
    without_history: float | None


@dataclass(frozen=True)
class Edits:
    """What every single change of the history does to the score of C candidates. All of it is measured, by asking the
    model for the changed history. The candidates contain the best k of the history and of each changed one, so the list
    after any single change is exact. Where a click model has many items, the best k of changed histories are looked for
    among the best of the history and of what it is without an interest, and a note says so. Several changes at once
    are the sum of their effects, an approximation. An item that is added is no longer recommended, nor is one that is
    left out.

    Margins are what effects are added in: the log-odds of a click model's probability, the family's score itself.

    Attributes:
        items: the candidates' tokens, C.
        margins: of the history as it is, C numbers.
        without_click: margin without each click, L lists of C; none where a model cannot read what is left of the only
            click.
        without_interest: margin without the clicks of each interest, K lists of C.
        addable: tokens of items that may be added as the newest click, A.
        with_click: margin with each of them added, A lists of C.
        probability: whether margins are log-odds.
        belongs: the interest with the largest product with each candidate, C numbers; empty without interests.
        named: token -> the item as people see it, of candidates and of items to add.
    """

    items: tuple[str, ...]
    margins: tuple[float, ...]
    without_click: tuple[tuple[float, ...], ...]
    without_interest: tuple[tuple[float, ...], ...]
    addable: tuple[str, ...]
    with_click: tuple[tuple[float, ...], ...]
    probability: bool
    belongs: tuple[int, ...] = ()
    named: Mapping[str, Named] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanation:
    """Interests, clicks and reasons of one history.

    Attributes:
        model: the model's name.
        user: the user's token, or the history's number.
        clicks: those that the model reads, oldest first.
        older: how many older clicks the model does not read.
        interests: those that the user has, the largest share first; empty for an empty history.
        items: recommendations, best first.
        notes: what whoever reads this should know, a sentence each: one interest only, names missing, unknown tokens.
        edits: for a page on which the history can be changed; None unless asked for.
    """

    model: str
    user: str
    clicks: tuple[Click, ...]
    older: int
    interests: tuple[ExplainedInterest, ...]
    items: tuple[ExplainedItem, ...]
    notes: tuple[str, ...] = ()
    edits: Edits | None = field(default=None, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Dicts, lists, text and numbers: what JSON can hold."""
        return asdict(self)

    def __str__(self) -> str:
        return in_words(self)

"""Items whose names contain what somebody types."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from itertools import accumulate

from recbole_iacn.serving.explain.explanation import Named
from recbole_iacn.serving.explain.item_names import ItemNames

LONGEST = 200  # characters of a query
_MOST = 5_000  # places of a query in the names that are looked at


class ItemSearch:
    """Finds items by a part of their names, whatever the case and the accents.

    Args:
        names: of the items.
    """

    def __init__(self, names: ItemNames) -> None:
        self._names = names
        tokens = names.tokens.tolist()[1:]
        folded = [_folded(name) for name in names.names[1:]]
        # One text, which is searched without a step of Python's per item.
        self._text = "\n" + "\n".join(folded) + "\n"
        self._starts = [1, *accumulate((len(name) + 1 for name in folded[:-1]), initial=1)][1:] if folded else []
        self._numbers = {token: number for number, token in enumerate(tokens, start=1)}

    def __call__(self, query: str, count: int = 20) -> list[Named]:
        """Items for a query: the one whose token it is, those whose name begins with it, those with a word that does,
        and then all others; the shorter name first.

        Args:
            query: a part of a name, or a token.
            count: how many at most.
        """
        wanted = _folded(query)
        exact = self._numbers.get(query.strip())
        found = {} if exact is None else {exact: (-1, 0, exact)}
        at = self._text.find(wanted) if wanted else -1
        for _ in range(_MOST):
            if at < 0:
                break
            number = bisect_right(self._starts, at)
            place = at - self._starts[number - 1]
            before = self._text[at - 1]
            kind = 0 if place == 0 else 1 if not before.isalnum() else 2
            rank = (kind, len(self._names.names[number]), number)
            found[number] = min(rank, found.get(number, rank))
            at = self._text.find(wanted, at + 1)
        return [self._names.named(number) for number in sorted(found, key=lambda one: found[one])[:count]]


def _folded(text: str) -> str:
    """Without case, accents, line ends and blanks around it."""
    plain = unicodedata.normalize("NFKD", text)
    kept = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(kept.casefold().split())

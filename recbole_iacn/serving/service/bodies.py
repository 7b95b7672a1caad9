"""What requests hold, checked, and the one line that says what is wrong with one."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field
from typing_extensions import TypeAliasType

from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.serving.explain.item_search import LONGEST
from recbole_iacn.serving.service.request_limits import Limits

ADDABLE = 20  # items that the edits of an explanation can add to a history

# A whole number is the token that prints so: tokens of most datasets are numbers.
Token = str | int
# At the first wrong element the check ends: a body of a megabyte would else give as many errors as it has elements.
_as_text = AfterValidator(lambda values: [str(value) for value in values])
Tokens = TypeAliasType("Tokens", Annotated[list[Token], FailFast(), _as_text])
SomeTokens = TypeAliasType("SomeTokens", Annotated[list[Token], FailFast(), Field(min_length=1), _as_text])
Histories = TypeAliasType("Histories", Annotated[list[Tokens], FailFast(), Field(min_length=1)])
_Number = Annotated[int | float, AfterValidator(lambda value: _for_numpy(value))]
Times = TypeAliasType("Times", Annotated[list[Annotated[list[_Number], FailFast()]], FailFast()])
# A column of numbers takes "3", too, so that a whole number need not say whether it is one or a token.
_Value = Annotated[Token, AfterValidator(str)] | float | Tokens
Columns = TypeAliasType("Columns", dict[str, Annotated[list[_Value], FailFast()]])


class Body(BaseModel):
    """What every request has: histories, and what the model may read beside them.

    Attributes:
        histories: one per row, tokens of items, oldest first; may be empty.
        times: when each click was, as in the data the model learned from; one list per history.
        users: one token per history, or columns by name, each with one value per history: a token, a number, or a list
            of tokens.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    histories: Histories
    times: Times | None = None
    users: Tokens | Columns | None = None

    def check(self, limits: Limits) -> None:
        """Raise ConfigError where lengths differ, or where the request asks for more than it may."""
        limits.check("histories", len(self.histories), "histories")
        limits.check("histories", max(map(len, self.histories)), "history")
        if self.times is not None and list(map(len, self.times)) != list(map(len, self.histories)):
            raise ConfigError("times: must have one list per history, with one number per click")
        columns = self.users if isinstance(self.users, dict) else {"users": self.users or self.histories}
        for name, values in columns.items():
            if len(values) != len(self.histories):
                raise ConfigError(
                    f"{name}: must have one value per history, got {len(values)} of {len(self.histories)}"
                )


class Recommend(Body):
    """The body of ``/recommend``.

    Attributes:
        k: recommendations per history; if it is left out, fewer where there are fewer items to choose from.
        exclude_seen: leave out the items of the history.
        among: the only items to recommend, for all histories.
    """

    k: Annotated[int, Field(ge=1)] = 10
    exclude_seen: bool = True
    among: SomeTokens | None = None

    def check(self, limits: Limits) -> None:
        super().check(limits)
        limits.check("k", self.k, "k")
        limits.check("among", len(self.among or ()), "items")

    def fit_k(self, most: int) -> None:
        """Where the request leaves k out, it is no more than there are items to choose from."""
        if "k" not in self.model_fields_set:
            self.k = min(self.k, most)


class Score(Body):
    """The body of ``/score``.

    Attributes:
        items: items to score, one list for all histories, or one list per history.
    """

    items: SomeTokens | Histories

    def check(self, limits: Limits) -> None:
        super().check(limits)
        lists = self.lists()
        if len(lists) != (1 if lists[0] is self.items else len(self.histories)):
            raise ConfigError(
                f"items: must be one list for all histories or one per history, got {len(lists)} lists for "
                f"{len(self.histories)} histories"
            )
        limits.check("items", max(map(len, lists)), "items")
        limits.check("items times histories", max(map(len, lists)) * len(self.histories), "scores")

    def lists(self) -> list[list[str]]:
        """One list of items for all histories, or one for each."""
        return cast(list[list[str]], self.items if isinstance(self.items[0], list) else [self.items])


class Interests(Body):
    """The body of ``/interests``."""


class Explain(Recommend):
    """The body of ``/explain``.

    Attributes:
        edits: also what every single change of a history does to its list.
    """

    edits: bool = False

    def check_changes(self, limits: Limits, most: int) -> None:
        """Raise ConfigError where the model would be asked about too many changed histories.

        Args:
            limits: what a request may ask for.
            most: clicks of a history that the model reads.
        """
        beside = 2 + (ADDABLE if self.edits else 0)  # the history as it is, an empty one, and those with one more click
        changes = sum(min(len(history), most) + beside for history in self.histories)
        limits.check("histories", changes, "changes")


def item_query(given: Mapping[str, str]) -> tuple[str, int]:
    """What ``GET /items`` asks for: a part of a name, and how many items at most.

    Args:
        given: the keys behind the path, ``query``, which may be empty, and ``count`` (20).

    Raises:
        ConfigError: another key, a query that is missing or too long, or no number of items.
    """
    for name in given:
        if name not in ("query", "count"):
            raise ConfigError(f"{name}: is not a key of this request.{did_you_mean(name, ['query', 'count'])}")
    query, count = given.get("query"), given.get("count", "20")
    if query is None:
        raise ConfigError("query: is missing; send a part of an item's name, as in /items?query=toy")
    if len(query) > LONGEST:
        raise ConfigError(f"query: at most {LONGEST} characters, got {len(query):,}")
    if not re.fullmatch(r"[1-9]\d?|100", count, re.ASCII):
        raise ConfigError(f"count: must be a whole number from 1 to 100, got {_shown(count)}")
    return query, int(count)


def _for_numpy(value: int | float) -> int | float:
    """A number as NumPy can hold it: a whole one of more than 64 bits is a float, which may be infinite."""
    if isinstance(value, float) or -(2**63) <= value < 2**63:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def wording(errors: Sequence[dict[str, Any]], keys: Sequence[str]) -> str:
    """One line for what pydantic found wrong with a body.

    Args:
        errors (list of dict): as pydantic lists them; the deepest is the nearest to the cause.
        keys (list of str): the body's keys, for a suggestion where one is misspelt.
    """
    error = max(errors, key=lambda one: len(_place(one["loc"])))
    kind, place = error["type"], _place(error["loc"])
    if kind == "json_invalid":
        return f"body: is not valid JSON ({error.get('ctx', {}).get('error', 'it ends too early')})"
    if not place:
        return f"body: must be a JSON object with the keys {', '.join(keys)}"
    name = place[0] + "".join(f"[{part}]" for part in place[1:])
    if kind == "missing":
        return f"{name}: is missing"
    if kind == "extra_forbidden":
        return f"{name}: is not a key of this request.{did_you_mean(name, keys)} Keys: {', '.join(keys)}"
    if kind == "greater_than_equal":
        return f"{name}: must be at least {error['ctx']['ge']}, got {_shown(error['input'])}"
    if kind == "too_short":
        return f"{name}: must not be empty"
    return f"{name}: {_expected(errors, error)}, got {_shown(error['input'])}"


def _place(loc: Sequence[Any]) -> list[Any]:
    """Where an error is: keys and positions, without the names of the types that were tried."""
    path = loc[1:] if loc[:1] == ("body",) else loc
    place = list(path[:1])
    for before, part in pairwise(path):
        if isinstance(part, int) or str(before).startswith("dict["):  # a key follows the type of an object
            place.append(part)
    return place


_WORDS = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
}


def _expected(errors: Sequence[dict[str, Any]], nearest: dict[str, Any]) -> str:
    """What may stand where the nearest error is: all types that were tried there."""
    there = [one["type"] for one in errors if _place(one["loc"]) == _place(nearest["loc"])]
    words = dict.fromkeys(_WORDS[kind] for kind in there if kind in _WORDS)
    return f"must be {' or '.join(words)}" if words else nearest["msg"].lower()


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:37] + "..."

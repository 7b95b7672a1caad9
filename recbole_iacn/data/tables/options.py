"""What the user may say about tables, and what of it makes no sense."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from recbole_iacn.data.tables.feature_columns import TYPES
from recbole_iacn.data.tables.time_column import UNITS
from recbole_iacn.errors import ConfigError, did_you_mean

_CONDITION = r"\s*(.+?)\s*(>=|<=|==|=|>|<)\s*(.+?)\s*"


@dataclass(frozen=True)
class Options:
    """How tables are read, and which rows are kept.

    Attributes:
        user, item, time, rating, label (str or None): columns of the events; by default recognised by their usual
            names. ``none`` for rating or label: there is none.
        item_key, user_key (str or None): the column that names the item in the table of items, the user in that of
            users; by default recognised.
        time_unit (str or None): of times that are numbers: ``s``, ``ms``, ``us``, ``ns`` or ``place``; by default found
            by their magnitude.
        time_format (str or None): of times that are text, in the notation of strptime; by default ISO 8601.
        label_from (str or None): a condition that makes the label: ``rating>=4``, ``event=purchase``.
        split (dict of str to str): column -> what separates the parts of its cells: ``{"categories": ">"}``.
        types (dict of str to str): column -> ``token``, ``token_seq``, ``float`` or ``float_seq``.
        columns (tuple of str): the further columns to keep, of all tables; by default all.
        drop (tuple of str): columns to leave out.
        min_rating (float or None): events with a lower rating, or none, are dropped.
        duplicates (str): of several events of one user and item keep the ``first``, the ``last`` or ``all``.
        core (int): minimum number of events per user and per item, applied until nothing changes; 1 keeps all.
        missing_items (str): ``keep`` the events of items that have no row in the table of items, or ``drop`` them.
        max_bad_rows (int): events with a cell that cannot be read are dropped, up to this number; more are an error.
    """

    user: str | None = None
    item: str | None = None
    time: str | None = None
    rating: str | None = None
    label: str | None = None
    item_key: str | None = None
    user_key: str | None = None
    time_unit: str | None = None
    time_format: str | None = None
    label_from: str | None = None
    split: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    min_rating: float | None = None
    duplicates: str = "all"
    core: int = 1
    missing_items: str = "keep"
    max_bad_rows: int = 0

    def __post_init__(self) -> None:
        units = (*UNITS, "place")
        wrong_types = sorted(set(self.types.values()) - set(TYPES))
        for name, valid, meaning in (
            ("time_unit", self.time_unit in (None, *units), f"one of {', '.join(units)}"),
            ("duplicates", self.duplicates in ("first", "last", "all"), "first, last or all"),
            ("min_rating", self.min_rating is None or math.isfinite(self.min_rating), "a finite number"),
            ("core", isinstance(self.core, int) and self.core >= 1, "at least 1"),
            ("missing_items", self.missing_items in ("keep", "drop"), "keep or drop"),
            ("max_bad_rows", isinstance(self.max_bad_rows, int) and self.max_bad_rows >= 0, "at least 0"),
            ("types", not wrong_types, f"COLUMN=TYPE with a TYPE of {', '.join(TYPES)}"),
            ("split", all(self.split.values()), "COLUMN=SEPARATOR, as in categories='>'"),
            (
                "label_from",
                self.label_from is None or self.condition,
                "a condition such as rating>=4 or event=purchase",
            ),
        ):
            if not valid:
                raise ConfigError(f"{_flag(name)}: must be {meaning}, got {getattr(self, name)!r}")
        if self.time_unit and self.time_format:
            raise ConfigError("time-format: is for times that are text, time-unit for numbers; give one of them")
        if self.label_from and self.label:
            raise ConfigError("label-from: makes the label, and --label names its column; give one of them")

    @property
    def condition(self) -> tuple[str, str, str] | None:
        """Of ``label_from``: column, comparison, value."""
        found = re.fullmatch(_CONDITION, self.label_from or "")
        return (found[1], found[2].replace("==", "="), found[3]) if found else None


def make_options(given: Mapping[str, Any]) -> Options:
    """Options from keyword arguments.

    Args:
        given (dict): values by the attributes' names; lists count as tuples.

    Raises:
        ConfigError: an unknown name, or a value without a meaning.
    """
    known = [one.name for one in fields(Options)]
    for name in given:
        if name not in known:
            raise ConfigError(
                f"from_tables: there is no {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}"
            )
    values: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in given.items()}
    return Options(**values)


def _flag(name):
    return name.replace("_", "-")

"""What the user may say about a table of rows that ask for scores, and about the events of their histories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recbole_iacn.data.tables.inputs import Table
from recbole_iacn.data.tables.options import Options, make_options


@dataclass(frozen=True)
class ScoreOptions:
    """What the user may say about the tables.

    Attributes:
        user, item, time, history: columns of the rows; by default recognised by their usual names. ``none`` for time:
            all events of a user are in the history; for history: it comes from the events.
        event_user, event_item, event_time: columns of the events; by default those of the same names as in the rows, or
            recognised.
        user_key: column of the user in the table of users.
        label, label_from, time_unit, time_format, max_bad_rows: of the events, as in
            :class:`~recbole_iacn.data.tables.options.Options`; unit and format also of the rows' times.
    """

    user: str | None = None
    item: str | None = None
    time: str | None = None
    history: str | None = None
    event_user: str | None = None
    event_item: str | None = None
    event_time: str | None = None
    user_key: str | None = None
    label: str | None = None
    label_from: str | None = None
    time_unit: str | None = None
    time_format: str | None = None
    max_bad_rows: int = 0

    def __post_init__(self) -> None:
        """What concerns the rows' times, too, is checked before any table is read."""
        make_options({"time_unit": self.time_unit, "max_bad_rows": self.max_bad_rows, "label_from": self.label_from})

    def of_times(self, source: Table, column: str) -> tuple[str | None, str | None]:
        """Unit and format of a column of times, where they are for cells of its type: two tables may have two types.

        Args:
            source: the table.
            column: its times.
        """
        kind = source.type(column)
        unit = None if kind.startswith(("DATE", "TIMESTAMP")) else self.time_unit
        return unit, self.time_format if kind == "VARCHAR" else None

    def of_events(self, source: Table, in_rows: Mapping[str, str]) -> Options:
        """How events are read.

        Args:
            source: their table.
            in_rows: role -> column, of the rows.
        """
        columns: dict[str, Any] = {}
        for role in ("user", "item", "time"):
            same = in_rows.get(role)
            columns[role] = getattr(self, f"event_{role}") or (same if same in source.names else None)
        unit, form = self.time_unit, self.time_format
        if columns["time"] in source.names:
            unit, form = self.of_times(source, columns["time"])
        labels = {name: getattr(self, name) for name in ("label", "label_from", "max_bad_rows")}
        return make_options({**columns, **labels, "time_unit": unit, "time_format": form})

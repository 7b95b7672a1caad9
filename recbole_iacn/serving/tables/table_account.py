"""What has become of a table's rows, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recbole_iacn.data.catalogue import Catalogue
    from recbole_iacn.serving.tables.event_base import EventAccount

_REASONS = {
    "label_0": "events with label 0",
    "unknown_item": "events of items that the model does not know",
    "bad_time": "events with a time that cannot be read",
    "bad_label": "events with a label that cannot be read",
}


@dataclass
class TableAccount:
    """The account of one table.

    Attributes:
        what: what was written: ``recommendations`` or ``scores``.
        who: what the rows are: ``users`` or ``rows``.
        out: the file.
        rows: how many users or rows were answered.
        written: how many rows the file has.
        events: of each table of events: the columns, and the range of the times, in words.
        counts: what was left out, unknown or empty -> how many.
    """

    what: str
    who: str
    out: str = ""
    rows: int = 0
    written: int = 0
    events: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, reason: str, number: int) -> None:
        """Add to a count; what is 0 is not mentioned."""
        if number:
            self.counts[reason] = self.counts.get(reason, 0) + int(number)

    def take(self, events: EventAccount) -> None:
        """Add what a table of events was."""
        columns = ", ".join(f"{role}: {column}" for role, column in events.roles.items())
        self.events.append(f"{events.title}: {events.rows:,} events ({columns}; times: {events.time.kind})")
        for reason, number in events.dropped.items():
            self.count(_REASONS.get(reason, f"events {reason.replace('_', ' ')}"), number)

    def count_unknown(self, unknown: Mapping[str, int], catalogue: Catalogue) -> None:
        """Add what a batch of rows has of unknown tokens."""
        for name, number in unknown.items():
            if name == catalogue.user:
                self.count(f"{self.who} new to the model" if self.who == "users" else "rows of new users", number)
            else:
                self.count(f"unknown or empty cells of {name}", number)

    def lines(self) -> list[str]:
        """The account: what was written, what was read, and, in one line, what was left out, unknown or empty."""
        lines = [f"{self.out}: {self.written:,} {self.what} for {self.rows:,} {self.who}"]
        if self.what == "scores":
            lines = [f"{self.out}: {self.written:,} scores"]
        lines += [f"  {line}" for line in self.events]
        if self.counts:
            lines.append("  " + "; ".join(f"{number:,} {reason}" for reason, number in self.counts.items()))
        return lines

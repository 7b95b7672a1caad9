"""Parses and counts the lines of a raw file, and adds them to the database in batches."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from recbole_iacn.data.amazon.formats import DUMPS
from recbole_iacn.data.amazon.lines import LineFile
from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:  # the first imports this module
    from recbole_iacn.data.amazon.prepare import Options
    from recbole_iacn.data.amazon.staging import Staging

_ROWS = 100_000  # per batch
_ASIN_LENGTH = 10  # of every item's id; users' are longer
_REPORTED = 10  # bad lines that are quoted


class Records:
    """One raw file on its way into the database.

    Args:
        path (pathlib.Path): the file.
        options (recbole_iacn.data.amazon.prepare.Options): year, minimum rating, maximum number of bad lines.
        progress (bool): show a bar.

    Attributes:
        counts (dict of str to int): lines, blank, bad; of reviews also below_min_rating.
        bad (list of dict): line and reason of the first bad ones.
    """

    def __init__(self, path: Path, options: Options, progress: bool) -> None:
        self.bar = tqdm(
            total=path.stat().st_size, unit="B", unit_scale=True, desc=path.name, disable=None if progress else True
        )
        self.file = LineFile(path, self.bar.update)
        self.options = options
        self.bad: list[dict[str, Any]] = []
        self.counts = {"lines": 0, "blank": 0, "bad": 0}

    def reviews_to(self, staging: Staging) -> Records:
        dump = DUMPS[self.options.year]
        ratings_only = self.file.name.removesuffix(".gz").endswith(".csv")
        self.counts["below_min_rating"] = 0
        least = self.options.min_rating
        parse = dump.rating if ratings_only else dump.review
        for rows in self._parsed(parse, dump.head if ratings_only else b""):
            if ratings_only:
                self._check_order(rows)
            kept = [row for row in rows if row[2] >= least]
            self.counts["below_min_rating"] += len(rows) - len(kept)
            staging.add("reviews", kept)
        return self

    def _check_order(self, rows):
        """2014 and 2018 differ only in the order of two columns."""
        swapped = sum(len(item) != _ASIN_LENGTH == len(user) for user, item, *_ in rows)
        if swapped > len(rows) / 2:
            raise ConfigError(
                f"{self.file.path}, line {rows[0][-1]}: {rows[0][0]!r} looks like an item and {rows[0][1]!r} like a "
                f"user. Is it from another year than {self.options.year}? (2014: user, item, …; 2018: item, user, …)"
            )

    def items_to(self, staging: Staging) -> Records:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's, about backslashes in the literals of 2014
            for rows in self._parsed(DUMPS[self.options.year].item, b""):
                staging.add("items", rows)
        return self

    def _parsed(self, parse, head):
        """Yields lists of parsed lines, each followed by its number."""
        rows = []
        with self.bar:
            for first, lines in self.file.blocks():
                for number, line in enumerate(lines, start=first):
                    if not line:  # at once: an exception for each of millions would take a minute
                        self.counts["blank"] += 1
                        continue
                    try:
                        rows.append((*parse(line), number))
                    except (ValueError, RecursionError) as error:
                        self._not_a_row(number, line, head, error)
                if len(rows) >= _ROWS:
                    yield rows
                    rows = []
                self.counts["lines"] = self.file.line
                self.bar.set_postfix_str(f"{self.file.line:,} lines", refresh=False)
            yield rows

    def _not_a_row(self, number, line, head, error):
        if not line.strip() or (number == 1 and head and line.strip() == head):
            self.counts["blank"] += 1
            return
        self.counts["bad"] += 1
        if len(self.bad) < _REPORTED:
            self.bad.append({"line": number, "reason": str(error)[:200]})
        if self.counts["bad"] > self.options.max_bad_lines:
            raise ConfigError(
                f"{self.file.path}, line {number}: {str(error)[:200]}. This is bad line number {self.counts['bad']}, "
                f"the first is line {self.bad[0]['line']}; more than --max-bad-lines={self.options.max_bad_lines}. "
                f"Is the file from another year than {self.options.year}, or of another kind?"
            )

"""One conversion of tables, step by step: what the columns are, which rows are kept, the files, the account."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recbole_iacn.data.moments import PLACES_END
from recbole_iacn.data.tables.feature_columns import Feature, find_features
from recbole_iacn.data.tables.inputs import Table
from recbole_iacn.data.tables.intake import TableBase
from recbole_iacn.data.tables.options import Options
from recbole_iacn.data.tables.roles import FIELDS, existing, find_key, find_roles
from recbole_iacn.data.tables.time_column import find_time
from recbole_iacn.errors import ConfigError
from recbole_iacn.version import __version__

_LATE = 4_102_444_800  # 2100-01-01


class Conversion:
    """Its steps, in their order: :meth:`read`, :meth:`filter`, :meth:`write`, :meth:`manifest`.

    Args:
        base (TableBase): a fresh database.
        given (dict): ``events``, and perhaps ``items`` and ``users``: a path or a data frame each.
        options (Options): how they are read, and which rows are kept.
    """

    def __init__(self, base: TableBase, given: Mapping[str, Any], options: Options) -> None:
        self.base, self.options = base, options
        self.tables = {what: base.open(what, table) for what, table in given.items()}
        self.rows = {what: base.rows(what) for what in self.tables}
        self.dropped: dict[str, dict[str, int]] = {}
        self.features: dict[str, list[Feature]] = {}
        self.left_out: dict[str, dict[str, str]] = {}
        self.cleaned: dict[str, dict[str, int]] = {what: {} for what in self.tables}
        self.merged: dict[str, int] = {}
        self.keys: dict[str, str] = {}

    # --- What the columns are -----------------------------------------------------------------------------------

    def read(self) -> None:
        """Find out what the columns are."""
        base, events, options = self.base, self.tables["events"], self.options
        if not self.rows["events"]:
            raise ConfigError(f"{events.title}: has no rows")
        roles = {role: getattr(options, role) for role in ("user", "item", "time", "rating", "label")}
        if options.condition:
            existing(events.title, events.names, "label-from", options.condition[0])
            roles["label"] = "none"
        self.roles = find_roles(events.title, events.names, roles)
        if options.min_rating is not None and "rating" not in self.roles:
            raise ConfigError(f"min-rating: {events.title} has no column of ratings; name it: --rating COLUMN")
        for what, role in (("items", "item"), ("users", "user")):
            if what in self.tables:
                table, key = self.tables[what], getattr(options, f"{role}_key")
                self.keys[what] = find_key(table.title, table.names, role, key, self.roles[role])
        self._check_columns()
        for what, columns in self._ids().items():
            for column in columns:
                base.check_ids(self.tables[what], column)
        self.time = find_time(self.base.execute, events, self.roles["time"], options.time_unit, options.time_format)
        for what in self.tables:
            self._find_features(what)
        self._name_fields()
        self._count_cleaned()

    def _used(self, what):
        """Columns with a role of their own."""
        return set(self.roles.values()) if what == "events" else {self.keys[what]}

    def _ids(self):
        """Table -> its columns of ids."""
        return {"events": [self.roles["user"], self.roles["item"]], **{what: [key] for what, key in self.keys.items()}}

    def _check_columns(self):
        used = {column for what in self.tables for column in self._used(what)}
        known = {
            column for what, table in self.tables.items() for column in table.names if column not in self._used(what)
        }
        for flag in ("columns", "drop", "split", "types"):
            for column in getattr(self.options, flag) or ():
                if column in used - known:
                    raise ConfigError(
                        f"{flag}: {column!r} has a role of its own (user, item, time, rating, label, or the key of a "
                        f"table), and {flag} is for the further columns; leave it out"
                    )
                if column not in known:
                    existing("the input, beside those with a role,", sorted(known), flag, column)

    def _find_features(self, what):
        options, table, used = self.options, self.tables[what], self._used(what)
        names = [column for column in table.names if column not in used]
        names = [column for column in names if options.columns is None or column in options.columns]
        names = [column for column in names if column not in options.drop]
        with table.errors():
            found = find_features(self.base.execute, table, names, options.types, options.split)
        self.features[what], self.left_out[what] = found

    def _name_fields(self):
        """A field has one name in all files, which fits into an atomic file's first line."""
        taken = {*FIELDS.values(), "item_length"}
        for what, features in self.features.items():
            in_file: set[str] = set()
            for feature in features:
                plain = "_".join(part for part in _split_name(feature.name) if part) or "column"
                reserved = plain in taken or plain.lower() in FIELDS.values() or plain.endswith(("_list", "_auxiliary"))
                feature.field = f"{what[:-1]}_{plain}" if reserved else plain
                if reserved and feature.field.endswith(("_list", "_auxiliary")):
                    feature.field += "_"
                # DuckDB, which writes the file, has one name for Brand and brand.
                if feature.field in taken or feature.field.lower() in in_file:
                    title = self.tables[what].title
                    raise ConfigError(
                        f"{title}: column {feature.name!r} would be a second {feature.field!r}; --drop it"
                    )
                taken.add(feature.field)
                in_file.add(feature.field.lower())

    def _count_cleaned(self):
        for what, table in self.tables.items():
            for column in self._ids()[what]:
                changed, merged = self.base.merged_ids(table, column)
                self.cleaned[what] |= {column: changed} if changed else {}
                if merged:
                    self.merged[column] = self.merged.get(column, 0) + merged
            for feature in self.features[what]:
                changed = self.base.count_cells(table, feature.cleaned) if feature.cleaned != "false" else 0
                self.cleaned[what] |= {feature.name: changed} if changed else {}
        self.rounded = (
            self.base.count_cells(self.tables["events"], self.time.rounded) if self.time.rounded != "false" else 0
        )

    # --- Which rows are kept ------------------------------------------------------------------------------------

    def filter(self) -> None:
        """Drop rows, and count why."""
        base, options = self.base, self.options
        events = self.tables["events"]
        dropped = base.take_events(events, self.roles, self.time, self.features["events"], options)
        for what, side in (("items", "item"), ("users", "user")):
            if what in self.tables:
                self.dropped[what] = base.take_side(self.tables[what], self.keys[what], side, self.features[what])
        dropped["duplicate"] = base.drop_duplicates(options.duplicates) if options.duplicates != "all" else 0
        dropped["item_without_row"] = base.drop_without_item_row() if options.missing_items == "drop" else 0
        dropped["outside_core"] = base.core(options.core) if options.core > 1 else 0
        self.dropped["events"] = dropped
        self.sizes = base.sizes()
        if not self.sizes["interactions"]:
            gone = ", ".join(f"{count:,} {_words(reason)}" for reason, count in dropped.items() if count)
            raise ConfigError(f"{events.title}: no event is left of {self.rows['events']:,}: {gone}")
        self.without_row = {}
        for what, side in (("items", "item"), ("users", "user")):
            if what in self.tables:
                self.dropped[what]["without_events"] = base.without_events(side)
                self.without_row[what] = base.without_row(side)
                if self.without_row[what] == self.sizes[what]:
                    raise ConfigError(
                        f"{self.tables[what].title}: no {side} of the events has a row here, by {self.keys[what]!r}; "
                        f"name the column of ids by --{side}-key, or leave --{what} out"
                    )
        self.ones = base.labels() if self._has_label() else None
        if self.ones == 0:
            raise ConfigError(
                f"{events.title}: the label of all {self.sizes['interactions']:,} events is 0, so none is a click; say "
                "which are by --label-from, or that there is no label by --label none"
            )

    def _has_label(self):
        return "label" in self.roles or self.options.condition is not None

    def write(self, stem: Path) -> None:
        """Write the atomic files, by the path that is common to their names."""
        self.base.write_events(
            stem.with_name(f"{stem.name}.inter"), "rating" in self.roles, self._has_label(), self.features["events"]
        )
        for what, side in (("items", "item"), ("users", "user")):
            if what in self.tables:
                self.base.write_side(stem.with_name(f"{stem.name}.{side}"), side, self.features[what])

    # --- The account --------------------------------------------------------------------------------------------

    def manifest(self, name: str) -> dict[str, Any]:
        """The account of everything, by the dataset's name."""
        import duckdb

        first, last = self.base.times()
        written = {"events": self.sizes["interactions"]}
        for what, side in (("items", "items"), ("users", "users")):
            if what in self.tables:
                written[what] = self.sizes[side] - self.without_row[what]
        rows = {what: {"rows": self.rows[what], **self.dropped[what], "kept": written[what]} for what in self.tables}
        for what, counts in rows.items():
            accounted = sum(counts.values()) - counts["rows"]
            assert accounted == counts["rows"], f"{what}: {accounted} rows of {counts['rows']} are accounted for"
        roles = {FIELDS[role]: column for role, column in self.roles.items()}
        if self.options.label_from:
            roles["label"] = self.options.label_from
        outside = not self.time.places and (first < PLACES_END * 1_000_000 or last >= _LATE * 1_000_000)
        return {
            "dataset": name,
            **self.sizes,
            "options": {key: list(one) if isinstance(one, tuple) else one for key, one in asdict(self.options).items()},
            "columns": {
                "roles": roles,
                "keys": self.keys,
                **{what: _described(self.features[what], what) for what in self.tables},
                "left_out": {what: reasons for what, reasons in self.left_out.items() if reasons},
            },
            "time": {
                "kind": self.time.kind,
                "range": self.time.range_in_words(first, last),
                "first": first / 1_000_000,
                "last": last / 1_000_000,
                "rounded_to_microseconds": self.rounded,
                "in_1970_or_after_2100": bool(outside),
            },
            "labels": None if self.ones is None else {"1": self.ones, "0": self.sizes["interactions"] - self.ones},
            "rows": rows,
            "without_row": self.without_row,
            "cleaned_cells": {what: counts for what, counts in self.cleaned.items() if counts},
            "ids_merged_by_cleaning": self.merged,
            "inputs": [self._input(table) for table in self.tables.values()],
            "versions": {
                "recbole_iacn": __version__,
                "python": platform.python_version(),
                "duckdb": duckdb.__version__,
            },
        }

    def _input(self, table: Table) -> dict[str, Any]:
        if table.path is None:
            return {"table": table.what, "rows": self.rows[table.what]}
        size = table.path.stat().st_size
        return {
            "table": table.what,
            "file": table.path.name,
            "format": table.kind,
            "bytes": size,
            "sha256": table.sha256(),
            "rows": self.rows[table.what],
        }


def _described(features: Sequence[Feature], what: str) -> dict[str, dict[str, Any]]:
    return {
        one.name: {
            "field": one.header,
            "loaded": one.loaded and what != "events",
            **({"note": one.note} if one.note else {}),
        }
        for one in features
    }


def _split_name(name):
    return "".join(letter if letter.isalnum() or letter in "_-." else " " for letter in name).split()


def _words(reason):
    return reason.replace("_", " ")

"""A table as it comes, a CSV, Parquet or JSON-lines file or a data frame, for DuckDB to read.

A file is recognised by its content. The cells of a CSV file stay text, so that an id keeps its leading zeros; a line
with too few or too many cells, a lone quote and another encoding are errors that name the line.
"""

import contextlib
import csv
import gzip
import hashlib
import itertools
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from recbole_iacn.data.database import INTERRUPTED, failure, file_literal, text
from recbole_iacn.data.database import name as quoted_name
from recbole_iacn.errors import ConfigError
from recbole_iacn.system import disk

_MOST_COLUMNS = 2_000  # each is looked at by queries over all of them: more take minutes
_GZIP, _PARQUET, _ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_AS_TEXT = ("DATE", "TIME", "UUID", "JSON")  # of JSON: what is text in the file, or of several kinds, is text
_NO_HEADER = {  # what Python's reader says of it, and what it means
    "new-line": "lines end with a carriage return alone; save the file with line ends \\n",
    "field la": "a column's name is longer than 128 KiB; this is not a table of CSV",
}
_ENCODING = "is not valid UTF-8; convert it, as with iconv -f LATIN1 -t UTF-8"


class Table:
    """One table of input.

    Attributes:
        what (str): ``events``, ``items`` or ``users``.
        title (str): the file's path, or ``events`` for a data frame, for messages.
        names (list of str): the columns' names; in SQL they are c0, c1, ….
        types (list of str): their types in DuckDB.
        query (str): SQL that reads it.
    """

    def __init__(
        self, what: str, given: Any, execute: Callable[[str], Any], register: Callable[[str, Any], Any]
    ) -> None:
        self.what, self._execute = what, execute
        self.path: Any = Path(given) if isinstance(given, str | Path) else None
        self.title = str(given) if self.path else what
        self.kind, self._delimiter = "frame", ","
        self._opener: Any = open
        if self.path is None:
            self._open_frame(given, register)
        else:
            self._open_file()
        if not self.names:
            raise ConfigError(f"{self.title}: has no columns")

    # --- Kinds of input -----------------------------------------------------------------------------------------

    def _open_frame(self, given, register):
        name = f"given_{self.what}"
        if hasattr(given, "iloc"):
            import pandas as pd

            self.names = [str(column) for column in given.columns]
            given = pd.DataFrame({f"c{k}": given.iloc[:, k] for k in range(len(self.names))}, copy=False)
            self._execute(f"set pandas_analyze_sample = {max(len(given), 1)}")
        else:
            given = given.collect() if hasattr(given, "collect") else given  # Polars' LazyFrame
            if not hasattr(given, "__arrow_c_stream__"):
                raise ConfigError(
                    f"{self.what}: must be a path or a table of pandas, Polars or Arrow, got {type(given)}"
                )
            given = _Stream(given)
        with self.errors():
            register(name, given)
        described = self._describe(f"from {name}")
        if isinstance(given, _Stream):
            self.names = [column for column, _ in described]
        self.types = [kind for _, kind in described]
        self.query = self._renamed([column for column, _ in described], f"from {name}")
        self._check_names()

    def _open_file(self):
        begin = self._first_bytes()
        if begin[:4] == _ZIP:
            raise ConfigError(f"{self.path}: is a zip archive; unpack it first")
        utf16 = "UTF-16" if begin[:2] in _UTF16 else _utf16_without_mark(begin)
        if utf16 and begin[:4] != _PARQUET:
            raise ConfigError(f"{self.path}, line 1: {_ENCODING.replace('LATIN1', utf16)}")
        if begin[:4] == _PARQUET:
            self.kind = "Parquet"
            source = f"from read_parquet({file_literal(self.path)}, hive_partitioning = false)"
        elif begin.lstrip()[:1] in (b"{", b"["):
            self.kind = "JSON"
            source = self._json()
        else:
            self.kind = "CSV"
            return self._csv()
        described = self._describe(source)
        self.names, self.types = [column for column, _ in described], [kind for _, kind in described]
        self.query = self._renamed(self.names, source)
        self._check_names()

    def _first_bytes(self):
        try:
            with open(self.path, "rb") as file:
                packed = file.read(2) == _GZIP
            self._opener = gzip.open if packed else open
            with self._opener(self.path, "rb") as file:
                begin = file.read(4096)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise ConfigError(f"{self.path}: the gzip stream is damaged; copy the file again") from None
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror}") from None
        if not begin.strip():
            raise ConfigError(f"{self.path}: is empty")
        return begin

    def _compression(self):
        return f"compression = '{'gzip' if self._opener is gzip.open else 'none'}'"

    def _json(self):
        common = f"{file_literal(self.path)}, format = 'auto', {self._compression()}, hive_partitioning = false"
        described = self._describe(
            f"from read_json({common}, sample_size = -1, map_inference_threshold = -1, maximum_depth = -1)"
        )
        if [column for column, _ in described] == ["json"]:
            raise ConfigError(f"{self.path}: must hold one JSON object per line")
        self._check_keys(common, [column for column, _ in described])
        kinds = (f"{text(column)}: '{'VARCHAR' if kind.startswith(_AS_TEXT) else kind}'" for column, kind in described)
        return f"from read_json({common}, columns = {{{', '.join(kinds)}}})"

    def _check_keys(self, common, names):
        """DuckDB takes User and user for one key, calls the second one user_1, and then finds no such key."""
        plain = [name.lower() for name in names]
        if not any(re.sub(r"_\d+$", "", name) in plain for name in plain if re.search(r"_\d+$", name)):
            return
        with self.errors():
            found = self._execute(
                f"select distinct unnest(json_keys(json)) from read_json_objects({common})"
            ).fetchall()
        keys = sorted(row[0] for row in found)
        for one, other in itertools.combinations(keys, 2):
            if one.lower() == other.lower():
                raise ConfigError(
                    f"{self.path}: the keys {one!r} and {other!r} differ in case alone; rename one of them"
                )

    def _csv(self):
        try:
            with self._opener(self.path, "rb") as file:
                head = file.readline().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ConfigError(f"{self.path}, line 1: {_ENCODING}") from None
        except (EOFError, OSError, zlib.error):
            raise ConfigError(f"{self.path}, line 1: the gzip stream is damaged; copy the file again") from None
        self._delimiter = max("\t,;|", key=head.count)
        try:
            self.names = [one.strip() for one in next(csv.reader([head], delimiter=self._delimiter))]
        except csv.Error as error:
            raise ConfigError(f"{self.path}, line 1: {_NO_HEADER.get(str(error)[:8], error)}") from None
        self.types = ["VARCHAR"] * len(self.names)
        self._check_names()
        columns = ", ".join(f"c{k}: 'VARCHAR'" for k in range(len(self.names)))
        self.query = (
            f"select * from read_csv({file_literal(self.path)}, auto_detect = false, header = true, "
            f"delim = {text(self._delimiter)}, quote = '\"', escape = '\"', nullstr = '', {self._compression()}, "
            f"columns = {{{columns}}})"
        )

    # --- What all of them share ---------------------------------------------------------------------------------

    def _describe(self, source):
        with self.errors():
            return [row[:2] for row in self._execute(f"describe select * {source}").fetchall()]

    def _renamed(self, names, source):
        """SQL that reads the columns as c0, c1, …; what has no kind of its own here comes as text."""
        as_text = [re.match(r"ENUM|UUID|INTERVAL|TIME\b|TIMETZ", kind) for kind in self.types]
        self.types = ["VARCHAR" if is_text else kind for kind, is_text in zip(self.types, as_text)]
        cells = (f"{quoted_name(name)}::{kind} as c{k}" for k, (name, kind) in enumerate(zip(names, self.types)))
        return f"select {', '.join(cells)} {source}"

    def _check_names(self):
        place = f"{self.title}, line 1" if self.kind == "CSV" else self.title
        if len(self.names) > _MOST_COLUMNS:
            raise ConfigError(
                f"{place}: has {len(self.names):,} columns, and at most {_MOST_COLUMNS:,} are read; leave out of the "
                "file what no model needs"
            )
        twice = (name for name, count in Counter(self.names).items() if name and count > 1)
        for name in twice:
            raise ConfigError(f"{place}: the column {name!r} stands there twice; rename or remove one")

    def column(self, name: str) -> str:
        """A column's name in SQL."""
        return f"c{self.names.index(name)}"

    def type(self, name: str) -> str:
        """A column's type in DuckDB."""
        return self.types[self.names.index(name)]

    def place(self, row: int) -> str:
        """Where a row stands, from 0: ``events.csv, line 7``, or ``events, row 7`` if there is no line for each, or if
        the file is damaged before it."""
        with contextlib.suppress(csv.Error, ValueError, EOFError, OSError, zlib.error):
            if self.kind == "CSV" or self._has_line_per_object():
                for number, line in enumerate(self._lines()):
                    if number == row:
                        return f"{self.title}, line {line}"
        return f"{self.title}, row {row + 1}"

    def _has_line_per_object(self):
        """JSON lines, rather than an array or objects of several lines."""
        if self.kind != "JSON":
            return False
        with self._opener(self.path, "rt", encoding="utf-8-sig") as file:
            first = next((line for line in file if line.strip()), "")
        try:
            return isinstance(json.loads(first), dict)
        except ValueError:
            return False

    def _lines(self) -> Iterator[int]:
        """The line where each row begins."""
        with self._opener(self.path, "rt", encoding="utf-8-sig", newline="" if self.kind == "CSV" else None) as file:
            if self.kind == "JSON":
                lines = ((number, line.strip()) for number, line in enumerate(file, start=1))
                yield from (number for number, line in lines if line)
                return
            reader = csv.reader(file, delimiter=self._delimiter)
            before, header = 0, True
            for cells in reader:
                if cells and not header:
                    yield before + 1
                header, before = header and not cells, reader.line_num

    def sha256(self) -> str | None:
        """SHA-256 of the file; None for a data frame."""
        if self.path is None:
            return None
        digest = hashlib.sha256()
        with open(self.path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def errors(self) -> "_Errors":
        """A context in which DuckDB's errors become one line with file, line and mend."""
        return _Errors(self)


def _utf16_without_mark(begin):
    """UTF-16LE or UTF-16BE where every second byte is zero, as in most text; otherwise None."""
    for first, name in ((0, "UTF-16BE"), (1, "UTF-16LE")):
        if begin[first::2].count(0) > len(begin) // 4 and not begin[1 - first :: 2].count(0):
            return name
    return None


class _Stream:
    """A table of Polars or Arrow by Arrow's C interface alone; DuckDB takes their own classes only with pyarrow."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


class _Errors:
    def __init__(self, table):
        self.table = table

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        import duckdb

        if isinstance(error, RuntimeError) and str(error) == INTERRUPTED:
            raise KeyboardInterrupt from None
        if not isinstance(error, duckdb.Error):
            return
        if disk.refused(error) and str(self.table.path) not in str(error):
            return  # of the database's own files, whose folder the caller names
        explained = _explained(str(error))
        if explained is None and isinstance(error, duckdb.OutOfMemoryException):
            raise failure(error) from None
        raise ConfigError(f"{self.table.title}{explained or f': {str(error).splitlines()[0].strip()}'}") from None


_KNOWN = (
    (r"Expected Number of Columns: (\d+) Found: (\d+)", r": has \2 cells, the first line has \1; mend the line"),
    (r"unterminated quote", ': has a lone quote; a cell with a quote is written as "a ""b"" c"'),
    (r"unicode", f": {_ENCODING}"),
    (r"[Ii]nvalid state", ": lines end in different ways; make them alike, as with dos2unix"),
    (
        r"Data type '(.+?)' not recognized",
        r": a column has the type \1, which DuckDB cannot read; turn it into text, numbers or dates, or leave it out",
    ),
    (r"GZIP|gzip", ": the gzip stream ends early or is damaged; copy the file again"),
    (r"Malformed JSON in file .*?, at byte \d+ in (?:line|record/value) (\d+): ([^.\n]*)", r", line \1: not JSON: \2"),
)


def _explained(message):
    line = re.search(r"CSV Error on Line: (\d+)", message)
    for pattern, words in _KNOWN:
        found = re.search(pattern, message)
        if found:
            return (f", line {line[1]}" if line else "") + found.expand(words)
    return None

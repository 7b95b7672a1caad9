"""The table that a command writes: Parquet or CSV by the file's suffix, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_iacn.data.tables.inputs import Table
from recbole_iacn.errors import ConfigError
from recbole_iacn.system import disk
from recbole_iacn.system.atomic_writes import put_right, replacing

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = (".parquet", ".csv")
NAME_ANOTHER = "name another file (--out)"
_ROWS = 1 << 17  # of a row group of Parquet, which a reader takes as a whole
_SPECIAL = '[",\r\n]'  # what CSV puts between quotation marks


def check_output(
    out: str | Path, overwrite: bool, inputs: Iterable[str | Path] = (), suffixes: Sequence[str] = TABLES
) -> Path:
    """Reject a file that cannot be written, before any work.

    Args:
        out: the file.
        overwrite: replace it if it exists.
        inputs: files that are read, which it must not replace.
        suffixes: what its name may end in. Defaults to ``.parquet`` and ``.csv``.

    Returns:
        The path.

    Raises:
        ConfigError: names the option and the mend.
    """
    path = Path(out)
    if path.suffix.lower() not in suffixes:
        *others, last = suffixes
        names = f"{', '.join(others)} or {last}" if others else last
        raise ConfigError(f"out: {path} must end in {names}, which says what is written")
    if os.path.isdir(path):
        raise ConfigError(f"out: {path} is a folder; name a file in it, such as {path / ('out' + path.suffix)}")
    if not os.path.isdir(path.absolute().parent):
        raise ConfigError(f"out: there is no folder {path.parent}; create it, or name another file")
    put_right(path)
    disk.check(path, NAME_ANOTHER)
    if path.exists() and any(os.path.exists(one) and os.path.samefile(one, path) for one in inputs):
        raise ConfigError(f"out: {path} is also read; name another file")
    if path.exists() and not overwrite:
        raise ConfigError(f"out: {path} exists already; name another file, or replace it with --overwrite")
    return path


class OutputFile:
    """A table being written.

    Args:
        path: the file.
        schema: its columns.
        as_csv: write CSV rather than Parquet.
    """

    def __init__(self, path: Path, schema: pa.Schema, as_csv: bool) -> None:
        import pyarrow as pa

        self._schema, self._as_csv = schema, as_csv
        self._waiting: list[pa.Table] = []
        self._rows = 0
        if as_csv:
            self._file = pa.OSFile(str(path), "wb")
            self._file.write((",".join(_quoted(name) for name in schema.names) + "\n").encode())
        else:
            import pyarrow.parquet as pq

            self._file = pq.ParquetWriter(str(path), schema)

    def write(self, columns: Sequence[Any]) -> None:
        """Append rows.

        Args:
            columns: an Arrow array for each column of the schema, of one length.
        """
        import pyarrow as pa

        part = pa.Table.from_arrays(
            [_cast(one, field.type) for one, field in zip(columns, self._schema)], schema=self._schema
        )
        self._waiting.append(part)
        self._rows += len(part)
        if self._rows >= _ROWS:
            self._flush()

    def _flush(self):
        import pyarrow as pa

        if not self._rows:
            return
        table = pa.concat_tables(self._waiting)
        self._waiting, self._rows = [], 0
        if self._as_csv:
            _append_csv(table, self._file)
        else:
            self._file.write_table(table, row_group_size=_ROWS)

    def close(self, whole: bool) -> None:
        """Write what waits, and close.

        Args:
            whole: False after an error: what waits is not written.
        """
        if whole:
            self._flush()
        self._file.close()


@contextlib.contextmanager
def writing(path: Path, schema: pa.Schema) -> Iterator[OutputFile]:
    """A table that takes the place of ``path`` when the block ends without an error; otherwise nothing is left.

    Args:
        path: from :func:`check_output`.
        schema: the table's columns; CSV holds no lists, see :func:`in_csv`.

    Raises:
        ConfigError: the file cannot be written: the disk is full, or the folder is gone.
    """
    with disk.writing(path, NAME_ANOTHER), replacing(path) as partial:
        file, whole = OutputFile(partial, schema, is_csv(path)), False
        try:
            yield file
            whole = True
        finally:
            file.close(whole)


def is_csv(path: Path) -> bool:
    """Whether a file is written as CSV."""
    return path.suffix.lower() == ".csv"


def in_csv(source: Table, name: str) -> str:
    """SQL for a column as CSV can hold it: a list becomes text with blanks between its values.

    Args:
        source: the table.
        name: its column.

    Raises:
        ConfigError: CSV cannot hold it.
    """
    cell, kind = source.column(name), source.type(name)
    if re.fullmatch(r"VARCHAR|BOOLEAN|DATE|TIMESTAMP.*|U?(TINY|SMALL|BIG)?INT(EGER)?|FLOAT|DOUBLE", kind):
        return cell
    if kind.endswith("[]") and kind.count("[]") == 1:
        return f"array_to_string({cell}, ' ')"
    if re.match(r"DECIMAL|U?HUGEINT", kind):
        return f"{cell}::varchar"
    raise ConfigError(f"{source.title}: the cells of {name!r} are {kind}, which CSV cannot hold; write a .parquet file")


def _cast(array, kind):
    import pyarrow as pa

    array = array if isinstance(array, pa.Array | pa.ChunkedArray) else pa.array(array)
    return array if array.type == kind else array.cast(kind)


def _append_csv(table, file):
    """Quotation marks where a cell needs them, as Python's csv writes it; Arrow's own writer puts them around all text
    or around none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = [_csv_cells(column) for column in table.columns]
    comma, end, nothing = (pa.scalar(text, pa.large_string()) for text in (",", "\n", ""))
    lines = pc.binary_join_element_wise(*cells, comma, null_handling="replace", null_replacement="")
    for chunk in pc.binary_join_element_wise(lines, nothing, end).chunks:
        file.write(chunk.buffers()[2])


def _csv_cells(column):
    import pyarrow as pa
    import pyarrow.compute as pc

    column = column.cast(pa.large_string())
    special = pc.match_substring_regex(column, _SPECIAL)
    if not pc.any(special).as_py():
        return column
    mark, nothing = (pa.scalar(text, pa.large_string()) for text in ('"', ""))
    quoted = pc.binary_join_element_wise(mark, pc.replace_substring(column, '"', '""'), mark, nothing)
    return pc.if_else(special, quoted, column)


def _quoted(name):
    return '"' + name.replace('"', '""') + '"' if any(letter in name for letter in '",\r\n') else name

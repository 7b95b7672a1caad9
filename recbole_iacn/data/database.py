"""A temporary DuckDB file in which interactions are filtered within a limit of memory, whatever their number.

Users and items become numbers: the line where each first appears. All orders follow from lines and times, so the same
input gives the same output.
"""

import contextlib
import re
import shutil
from pathlib import Path
from typing import Any

from typing_extensions import Self

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import disk

# Python, one block of lines and one batch of rows take about this much (MiB) beside DuckDB.
_BESIDE = 350

_OWN_MEANS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}

INTERRUPTED = "Query interrupted"  # DuckDB's name for Ctrl-C


class Database:
    """A temporary database; after :meth:`number_ids` it has the tables clicks (u, i, time, line and others), users
    (user, u) and named (item, i).

    Args:
        folder (pathlib.Path): where its files are written; removed by the caller.
        memory (int): MiB for the whole process; more goes to disk.
        threads (int): for DuckDB.

    Raises:
        ConfigError: DuckDB is missing, or has no memory left. What the disk refuses is an error of DuckDB's, which
            :func:`recbole_iacn.system.disk.writing` understands.
    """

    extra = "amazon"  # of this package, which brings DuckDB
    command = "prepare"  # that needs it, for messages
    beside = _BESIDE  # MiB that the process takes beside DuckDB

    def __init__(self, folder: Path, memory: int, threads: int) -> None:
        try:
            import duckdb
        except ImportError:
            raise ConfigError(f"{self.command} needs DuckDB: pip install 'recbole_iacn[{self.extra}]'") from None
        folder = self._folder = Path(folder).absolute()  # to DuckDB ~ is the user's home
        self._failures = (duckdb.OutOfMemoryException, duckdb.IOException, duckdb.TransactionException)
        # No extension is fetched or loaded because a file or a query seems to need it.
        self._base = duckdb.connect(str(folder / "staging.duckdb"), config=_OWN_MEANS)
        self._do(f"set memory_limit = '{max(memory - self.beside, 200)}MiB'")
        self._do(f"set threads = {threads}")
        self._do(f"set temp_directory = {text(folder / 'spill')}")
        self._do("set preserve_insertion_order = false")
        # Where it is off already nothing is set: in a notebook without ipywidgets DuckDB rejects even that.
        if self._number("select current_setting('enable_progress_bar')"):
            self._do("set enable_progress_bar = false")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the database's files."""
        with contextlib.suppress(*self._failures):  # it writes once more; what fails has failed before
            self._base.close()
        for leftover in self._folder.glob("staging.duckdb*"):
            leftover.unlink()
        shutil.rmtree(self._folder / "spill", ignore_errors=True)

    def _do(self, statement: str) -> Any:
        try:
            return self._base.execute(statement)
        except self._failures as error:
            if disk.refused(error):  # of its files, whose folder the caller names
                raise
            raise failure(error) from None
        except RuntimeError as error:
            if str(error) == INTERRUPTED:
                raise KeyboardInterrupt from None
            raise

    def _number(self, statement: str) -> int:
        return self._do(statement).fetchone()[0]

    def _number_ids(self, table: str, columns: str) -> None:
        """Make clicks, users and named of a table with the columns user, item and line, which is dropped."""
        self._do(f'create table users as select "user", min(line) as u from {table} group by "user"')
        self._do(f"create table named as select item, min(line) as i from {table} group by item")
        self._do(
            f"create table clicks as select u, i, {columns} "
            f'from {table} join users on {table}."user" = users."user" join named on {table}.item = named.item'
        )
        self._do(f"drop table {table}")

    def drop_duplicates(self, keep: str) -> int:
        """Of a user's several rows of an item, keep the ``first`` or ``last`` in time; returns how many go."""
        self._do("create table twice as select u, i from clicks group by u, i having count(*) > 1")
        order = "time, line" if keep == "first" else "time desc, line desc"
        return self._delete(
            "line in (select line from (select line, row_number() over (partition by u, i order by " + order + ") as n "
            "from clicks semi join twice using (u, i)) where n > 1)"
        )

    def core(self, k: int) -> int:
        """Drop users and items with fewer than ``k`` rows until none is left; returns the rows dropped."""
        dropped = 0
        while True:
            self._do(f"create or replace temp table bad_users as select u from clicks group by u having count(*) < {k}")
            self._do(f"create or replace temp table bad_items as select i from clicks group by i having count(*) < {k}")
            if not self._number("select (select count(*) from bad_users) + (select count(*) from bad_items)"):
                return dropped
            dropped += self._delete("u in (from bad_users) or i in (from bad_items)")

    def _delete(self, condition: str) -> int:
        return self._number(f"delete from clicks where {condition}")

    def sizes(self) -> dict[str, int]:
        """dict: users, items and interactions that are left."""
        users, items, clicks = self._do("select count(distinct u), count(distinct i), count(*) from clicks").fetchone()
        return {"users": users, "items": items, "interactions": clicks}

    def _copy(self, query: str, path: Path) -> None:
        self._do(
            f"copy ({query}) to {text(Path(path).absolute())} "
            f"(format csv, delimiter '\t', header true, quote '', escape '', nullstr '')"
        )


def failure(error: Exception) -> ConfigError:
    """The error of a database that has no memory left."""
    what = str(error).splitlines()[0]
    return ConfigError(f"the database failed: {what}. More --memory?")


def file_literal(path: str | Path) -> str:
    """A file to read as a literal of SQL: this file alone, where DuckDB would take ``~`` for the user's home, and
    ``data[1].csv`` for a pattern that names ``data1.csv``."""
    return text(re.sub(r"([*?\[])", r"[\1]", str(Path(path).absolute())))


def text(value: object) -> str:
    """A value as a literal of SQL."""
    return "'" + str(value).replace("'", "''") + "'"


def name(value: str) -> str:
    """A name as an identifier of SQL."""
    return '"' + value.replace('"', '""') + '"'

"""Reviews in a DuckDB file beside the output, filtered there within a limit of memory, whatever their number.

Ids become numbers: the line where a user or an item first appears. All orders follow from lines and times, so the same
input gives the same output.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from recbole_iacn.errors import ConfigError

# Python, one block of lines and one batch of rows take about this much (MiB) beside DuckDB.
_BESIDE = 350


class Staging:
    """A temporary database of reviews and items.

    Args:
        folder (pathlib.Path): where its files are written; removed by the caller.
        memory (int): MiB for the whole process; more goes to disk.
        threads (int): for DuckDB.
    """

    def __init__(self, folder: Path, memory: int, threads: int) -> None:
        try:
            import duckdb
        except ImportError:
            raise ConfigError("prepare needs DuckDB: pip install 'recbole_iacn[amazon]'") from None
        self._failures = (duckdb.OutOfMemoryException, duckdb.IOException)
        self._base = duckdb.connect(str(folder / "staging.duckdb"))
        self._do(f"set memory_limit = '{max(memory - _BESIDE, 200)}MiB'")
        self._do(f"set threads = {threads}")
        self._do(f"set temp_directory = '{_quoted(folder / 'spill')}'")
        self._do("set preserve_insertion_order = false")
        self._do("set enable_progress_bar = false")
        self._do('create table reviews ("user" varchar, item varchar, rating double, time bigint, line bigint)')
        self._do("create table items (item varchar, categories varchar, category varchar, line bigint)")

    def close(self) -> None:
        """Release the database's files."""
        self._base.close()

    def _do(self, statement: str) -> Any:
        try:
            return self._base.execute(statement)
        except self._failures as error:
            what = str(error).splitlines()[0]
            raise ConfigError(f"the database failed: {what}. More --memory, or a disk with more room?") from None

    def _number(self, statement: str) -> int:
        return self._do(statement).fetchone()[0]

    def add(self, table: str, rows: Sequence[tuple]) -> None:
        """Append rows.

        Args:
            table (str): ``reviews`` or ``items``.
            rows (list of tuple): in the order of the table's columns.
        """
        if rows:
            batch = pd.DataFrame({k: pd.Series(column, dtype=_dtype(column[0])) for k, column in enumerate(zip(*rows))})
            self._base.register("batch", batch)
            self._do(f"insert into {table} select * from batch")
            self._base.unregister("batch")

    def number_ids(self) -> None:
        """Replace ids by numbers: from here on a review is user, item, stars, milliseconds and line."""
        self._do('create table users as select "user", min(line) as u from reviews group by "user"')
        self._do("create table named as select item, min(line) as i from reviews group by item")
        self._do(
            "create table clicks as select u, i, rating, time, line "
            'from reviews join users on reviews."user" = users."user" join named on reviews.item = named.item'
        )
        self._do("drop table reviews")

    def drop_duplicates(self, keep: str) -> int:
        """Of a user's several reviews of an item, keep the ``first`` or ``last`` in time; returns how many go."""
        self._do("create table twice as select u, i from clicks group by u, i having count(*) > 1")
        order = "time, line" if keep == "first" else "time desc, line desc"
        return self._delete(
            "line in (select line from (select line, row_number() over (partition by u, i order by " + order + ") as n "
            "from clicks semi join twice using (u, i)) where n > 1)"
        )

    def drop_without_meta(self) -> int:
        """Drop reviews of items that no line of the item file names; returns how many are dropped."""
        return self._delete("i not in (select i from named semi join items using (item))")

    def count_without_meta(self) -> int:
        """Items of the remaining reviews that no line of the item file names."""
        return self._number(
            "select count(*) from (select distinct i from clicks) join named using (i) anti join items using (item)"
        )

    def core(self, k: int) -> int:
        """Drop users and items with fewer than ``k`` reviews until none is left; returns the reviews dropped."""
        dropped = 0
        while True:
            self._do(f"create or replace temp table bad_users as select u from clicks group by u having count(*) < {k}")
            self._do(f"create or replace temp table bad_items as select i from clicks group by i having count(*) < {k}")
            if not self._number("select (select count(*) from bad_users) + (select count(*) from bad_items)"):
                return dropped
            dropped += self._delete("u in (from bad_users) or i in (from bad_items)")

    def _delete(self, condition: str) -> int:
        return self._number(f"delete from clicks where {condition}")

    def counts(self) -> dict[str, int]:
        """dict: users, items, interactions and categories that are left."""
        users, items, clicks = self._do("select count(distinct u), count(distinct i), count(*) from clicks").fetchone()
        categories = self._number(
            "select count(distinct category) from items "
            "where category != '' and item in (select item from named semi join clicks using (i))"
        )
        return {"users": users, "items": items, "interactions": clicks, "categories": categories}

    def write(self, inter: Path, item: Path) -> None:
        """Write the atomic files: reviews by user (in the order of the dump) and time; items in the order of the dump.

        Args:
            inter, item (pathlib.Path): the files.
        """
        self._copy(
            'select "user" as "user_id:token", item as "item_id:token", rating as "rating:float", '
            "case when time % 1000 = 0 then (time // 1000)::varchar else printf('%d.%03d', time // 1000, time % 1000) "
            'end as "timestamp:float" '
            "from clicks join users using (u) join named using (i) order by u, time, line",
            inter,
        )
        self._copy(
            'select item as "item_id:token", coalesce(categories, \'\') as "categories:token_seq", '
            "coalesce(category, '') as \"category:token\" from named semi join clicks using (i) "
            "left join (select item, arg_min(categories, line) as categories, arg_min(category, line) as category "
            "from items group by item) using (item) order by i",
            item,
        )

    def _copy(self, query: str, path: Path) -> None:
        self._do(
            f"copy ({query}) to '{_quoted(path)}' "
            "(format csv, delimiter '\t', header true, quote '', escape '', nullstr '')"
        )


def _dtype(value: Any) -> Any:
    return {str: object, float: "float64", int: "int64"}[type(value)]


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")

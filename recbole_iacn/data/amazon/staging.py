"""Amazon's reviews and items in a DuckDB file beside the output, filtered there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from recbole_iacn.data.database import Database


class Staging(Database):
    """A temporary database of reviews and items.

    Args:
        folder (pathlib.Path): where its files are written; removed by the caller.
        memory (int): MiB for the whole process; more goes to disk.
        threads (int): for DuckDB.
    """

    def __init__(self, folder: Path, memory: int, threads: int) -> None:
        super().__init__(folder, memory, threads)
        self._do('create table reviews ("user" varchar, item varchar, rating double, time bigint, line bigint)')
        self._do("create table items (item varchar, categories varchar, category varchar, line bigint)")

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
        self._number_ids("reviews", "rating, time, line")

    def drop_without_meta(self) -> int:
        """Drop reviews of items that no line of the item file names; returns how many are dropped."""
        return self._delete("i not in (select i from named semi join items using (item))")

    def count_without_meta(self) -> int:
        """Items of the remaining reviews that no line of the item file names."""
        return self._number(
            "select count(*) from (select distinct i from clicks) join named using (i) anti join items using (item)"
        )

    def counts(self) -> dict[str, int]:
        """dict: users, items, interactions and categories that are left."""
        categories = self._number(
            "select count(distinct category) from items "
            "where category != '' and item in (select item from named semi join clicks using (i))"
        )
        return {**self.sizes(), "categories": categories}

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


def _dtype(value: Any) -> Any:
    return {str: object, float: "float64", int: "int64"}[type(value)]

"""A table of input while it is read: what ends the work."""

import signal
import threading
from pathlib import Path

import pytest

pytest.importorskip("duckdb")

from recbole_iacn.data.tables.intake import TableBase


@pytest.mark.timeout(60)
def test_an_interruption_is_one(tmp_path):
    """DuckDB names Ctrl-C otherwise, and the command line would print a traceback."""
    Path("events.csv").write_text("user,item\na,b\n")
    with TableBase(tmp_path, 512, 1) as base:
        table = base.look("events", "events.csv")
        timer = threading.Timer(0.5, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt), table.errors():
            timer.start()
            base._base.execute("select sum(a.range * b.range % 7) from range(10000000) a, range(10000000) b")


def test_columns_are_read_in_part(tmp_path):
    Path("events.csv").write_text("user,item,more\na,b,c\nd,e,f\n")
    with TableBase(tmp_path, 512, 1) as base:
        table = base.look("events", "events.csv")
        assert table.names == ["user", "item", "more"]
        base.load(table, ["more", "user", "more"])
        assert base.execute("from raw_events order by rowid").fetchall() == [("c", "a"), ("f", "d")]
        assert base.execute(f"select {table.column('user')} from raw_events where rowid = 1").fetchone() == ("d",)

"""A table of input while it is read: what ends the work."""

import gzip
import signal
import threading
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("duckdb")

from recbole_iacn.data.tables.intake import TableBase
from recbole_iacn.errors import ConfigError


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


HEAD = b"user,item,time\n"


@pytest.mark.parametrize(
    "content, message",
    [
        (b"user\ritem\ra", "line 1: lines end with a carriage return alone"),
        (b"a" * 200_000 + b",b\n1,2\n", "line 1: a column's name is longer than 128 KiB"),
        (b",".join(b"x%d" % k for k in range(2_001)) + b"\n", "line 1: has 2,001 columns, and at most 2,000 are read"),
        (HEAD[:-1] + b",user\n", "line 1: the column 'user' stands there twice"),
        (gzip.compress(HEAD, mtime=0)[:12] + b"\xff" * 20, "the gzip stream is damaged; copy the file again"),
    ],
)
def test_a_file_that_is_no_table_is_one_line(tmp_path, content, message):
    Path("events.csv").write_bytes(content)
    with TableBase(tmp_path, 512, 1) as base, pytest.raises(ConfigError, match=f"events.csv.*{message}"):
        base.look("events", "events.csv")


def test_a_row_after_a_cell_that_is_too_long_for_python_is_named_by_its_number(tmp_path):
    Path("events.csv").write_bytes(HEAD + b"a,b,1\n" + b"c" * 200_000 + b",d,2\ne,f,3\n")
    with TableBase(tmp_path, 512, 1) as base:
        table = base.look("events", "events.csv")
        assert table.place(0) == "events.csv, line 2" and table.place(2) == "events.csv, row 3"


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
@pytest.mark.parametrize("name", ["e[1]", "e?", "e*", "~/e", "x=1/e"])
def test_a_file_is_read_and_no_other(tmp_path, name, kind):
    """DuckDB takes e[1].csv for a pattern that names e1.csv, ~ for the user's home, and x=1 for a column."""
    for stem, user in ((name, "right"), ("e1", "wrong"), ("ee", "wrong")):
        path = Path(f"{stem}.{kind}")
        path.parent.mkdir(exist_ok=True)
        frame = pd.DataFrame({"user": [user], "item": ["b"]})
        write = {"csv": frame.to_csv, "json": frame.to_json, "parquet": frame.to_parquet}[kind]
        write(path.absolute(), **{"csv": {"index": False}, "json": {"orient": "records", "lines": True}}.get(kind, {}))
    with TableBase(tmp_path, 512, 1) as base:
        table = base.look("events", f"{name}.{kind}")
        assert table.names == ["user", "item"]
        base.load(table, ["user"])
        assert base.execute("from raw_events").fetchall() == [("right",)]

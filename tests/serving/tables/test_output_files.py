"""A result is whole or not there, and CSV is quoted where it must be."""

import datetime as dt
import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.tables import output_files
from recbole_iacn.serving.tables.output_files import check_output, writing

SCHEMA = pa.schema([("a,b", pa.string()), ("n", pa.int32())])
PARTS = [(["x", "y"], [1, 2]), (['say "a"', "two\nlines", "", None, "a,b"], [3, 4, 5, 6, 7]), (["z"], [8])]


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_what_is_written_is_read_again(monkeypatch, name, rows):
    monkeypatch.setattr(output_files, "_ROWS", rows)
    with writing(Path(name), SCHEMA) as file:
        for part in PARTS:
            file.write(part)
    table = pd.read_csv(name, keep_default_na=False) if name.endswith("csv") else pd.read_parquet(name)
    texts = [text for part in PARTS for text in part[0]]
    assert table["n"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    read = ["" if text is None or text != text else text for text in table["a,b"]]
    assert read == ["" if text is None else text for text in texts]
    if name.endswith("parquet"):
        assert pq.ParquetFile(name).metadata.num_row_groups == {1: 8, 3: 4, 1000: 1}[rows]


def test_csv_is_what_python_writes():
    schema = pa.schema([("user", pa.string()), ("score", pa.float32()), ("ok", pa.bool_()), ("day", pa.date32())])
    with writing(Path("out.csv"), schema) as file:
        file.write([["a", None, 'b"'], [0.5, None, 1e-7], [True, False, None], [dt.date(2024, 5, 1), None, None]])
        file.write([["x,y"], [-2.0], [None], [None]])
    lines = ["user,score,ok,day", "a,0.5,true,2024-05-01", ",,false,", '"b""",1e-7,,', '"x,y",-2,,']
    assert Path("out.csv").read_text() == "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_after_an_error_the_old_file_is_there(name, tmp_path):
    Path(name).write_text("old")
    with pytest.raises(RuntimeError, match="half"), writing(Path(name), SCHEMA) as file:
        file.write(PARTS[0])
        raise RuntimeError("half")
    assert Path(name).read_text() == "old" and os.listdir(tmp_path) == [name]


def test_a_full_disk_is_one_line(monkeypatch, tmp_path):
    def full(table, file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output_files, "_append_csv", full)
    with (
        pytest.raises(
            ConfigError,
            match=r"^out.csv: cannot be written \(No space left on device, .* MB are free\)",
        ),
        writing(Path("out.csv"), SCHEMA) as file,
    ):
        file.write(PARTS[0])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "out, overwrite, message",
    [
        ("out.txt", False, "out: out.txt must end in .parquet or .csv"),
        ("folder.csv", False, "out: folder.csv is a folder; name a file in it, such as folder.csv/out.csv"),
        ("nowhere/out.csv", False, "out: there is no folder nowhere; create it, or name another file"),
        ("there.csv", False, "out: there.csv exists already; name another file, or replace it with --overwrite"),
        ("there.csv", True, "out: there.csv is also read; name another file"),
    ],
)
def test_the_place_is_checked_before_any_work(out, overwrite, message):
    Path("folder.csv").mkdir()
    Path("there.csv").write_text("a\n")
    with pytest.raises(ConfigError, match=message):
        check_output(out, overwrite, ["there.csv"] if overwrite else [])
    assert check_output("new.csv", False) == Path("new.csv")
    assert check_output("there.csv", True) == Path("there.csv")

"""The command prepare, as a user types it."""

import gzip
import json
import subprocess
import sys

import pytest

import recbole_iacn
from recbole_iacn import cli
from recbole_iacn.data.rows import AS_THEY_ARE, rows_in_words
from recbole_iacn.errors import ConfigError

DAY = 86_400
MARCH = 15_046 * DAY  # 2011-03-13


@pytest.fixture
def dump(tmp_path):
    """Reviews of five users, each of whom read the same six books in a different order."""
    lines = [
        json.dumps(
            {
                "reviewerID": f"U{user}",
                "asin": f"B{(user + step) % 6}",
                "overall": 5.0,
                "unixReviewTime": DAY * step + MARCH,
            }
        )
        for step in range(5)
        for user in range(5)
    ]
    path = tmp_path / "reviews.json.gz"
    path.write_bytes(gzip.compress("\n".join([*lines, "what?"]).encode()))
    (tmp_path / "meta.json").write_text(
        "".join(f"{{'asin': 'B{book}', 'categories': [['Books', 'C{book}']]}}\n" for book in range(6))
    )
    return tmp_path


@pytest.mark.slow
def test_prepare_converts_and_prints_the_outcome_of_every_line_and_the_rows(dump, capsys):
    pytest.importorskip("duckdb")
    arguments = ["prepare", "amazon", "--year=2014", "--reviews=reviews.json.gz", "--meta=meta.json", "--name=Shop"]
    cli.main([*arguments, "--core=3", "--show-rows", "--users=1", "--protocol=din_electronics"])
    out = capsys.readouterr().out
    assert "dataset/Shop: 5 users, 6 items, 25 interactions, 6 categories" in out
    assert "reviews.json.gz, line 26: " in out and "          25  kept" in out
    assert "din_electronics, histories of 10; rows: 10 train, 5 validate, 5 test" in out
    assert "  train    after B0: clicked B1 on 2011-03-14 00:00:00, not B5 (in the first epoch)" in out
    assert "  validate after B0, B1, B2: clicked B3 on 2011-03-16 00:00:00, not B5" in out
    assert "  test     after B0, B1, B2, B3: clicked B4 on 2011-03-17 00:00:00, not B5" in out
    command = out[out.index("recbole-iacn train") :].split("\n\n")[0].replace("\\\n", " ").splitlines()[0].split()
    assert command[0] == "recbole-iacn"
    # The return value of an entry point becomes the process' exit code.
    assert not cli.main([*command[1:], "--epochs=1", "--mlp_hidden_size=[8]", "--state=ERROR", "--show_progress=False"])


def test_dien_books_has_one_row_per_user(dump, capsys):
    cli.main(["prepare", "amazon", "--year=2014", "--reviews=reviews.json.gz", "--name=Shop", "--core=1"])
    given = {"data_path": "dataset", "protocol": "dien_books", **AS_THEY_ARE}
    made = recbole_iacn.build("DIN_IaCN", "Shop", ["dataset/Shop/Shop.yaml"], given)
    lines = list(rows_in_words((made.train_data, made.valid_data, made.test_data), users=9))
    assert sum(": clicked " in line for line in lines) == sum("\nuser " in line for line in lines) == 5


def test_many_training_rows_are_shortened(capsys):
    cli.main(["prepare", "--show-rows", "--dataset=ml-100k", "--users=1"])
    out = capsys.readouterr().out
    assert out.count("  train    after") == 6 and "  train    … 30 rows more …" in out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["prepare"], "prepare: give a command (table, amazon, sequences or rows)"),
        (["prepare", "amazon", "--reviews=x", "--name=y"], "year: prepare amazon needs --year"),
        (
            ["prepare", "amazon", "--year=2014", "--reviews=x", "--name=a/b"],
            "name: 'a/b' must be the dataset's name",
        ),
        (["prepare", "amazon", "--year=2014", "--reviews=x", "--name=y"], "x: No such file"),
        (["prepare", "amazon", "--year=2014", "--reviews=x", "--name=y", "--core=0"], "core: must be at least 1"),
        (["prepare", "--show-rows"], "dataset: prepare rows needs --dataset"),
        (["prepare", "--show-rows", "--dataset=ml-100k", "--users=0"], "users: must be at least 1"),
        (["prepare", "--show-rows", "--dataset=ml-100k", "--protocol=din"], "protocol: there is no 'din'"),
        (["prepare", "--show-rows", "--dataset=ml-101k"], "Did you mean 'ml-100k'"),
        (["download", "amazon", "--year=2014", "--category=a b"], "category: 'a b' is not a name"),
        (["download", "amazon", "--year=2014", "--category=a", "--kinds", "core"], "there is no 'core' of 2014"),
        (["download", "amazon", "--year=2014", "--category=a", "--sha256=00"], "sha256: is the checksum of one file"),
        (["train", "--model=DIN_IaCM"], "Did you mean 'DIN_IaCN'"),
    ],
)
def test_wrong_input_is_rejected_in_one_line(capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    printed = capsys.readouterr()
    assert stopped.value.code == 2 and message in printed.err and printed.err.count("\n") == 1 and not printed.out


def test_without_the_database_the_extra_is_named(dump, monkeypatch):
    from recbole_iacn.data.amazon.prepare import Options, prepare

    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ConfigError, match=r"pip install 'recbole_iacn\[amazon\]'"):
        prepare("reviews.json.gz", None, "dataset/Shop", Options(2014), progress=False)


@pytest.mark.slow
def test_without_the_fast_readers_the_result_is_the_same(dump):
    code = """
import sys
if sys.argv.pop() == "slow":
    sys.modules["isal"] = sys.modules["orjson"] = None
import recbole_iacn
from recbole_iacn import cli
files = ["--reviews=reviews.json.gz", "--meta=meta.json"]
cli.main(["prepare", "amazon", "--year=2014", *files, "--name=Shop", "--core=1", "--overwrite"])
"""
    contents = []
    for how in ("fast", "slow"):
        subprocess.run([sys.executable, "-c", code, how], check=True, capture_output=True)
        contents.append([(dump / "dataset" / "Shop" / f"Shop.{end}").read_bytes() for end in ("inter", "item")])
    assert contents[0] == contents[1]

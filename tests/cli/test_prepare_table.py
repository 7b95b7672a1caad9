"""The command prepare table, as a user types it."""

import pytest

from recbole_iacn import cli

pytest.importorskip("duckdb")

EVENTS = """customer,sku,time_ms,clicked,tab
a,x,1546398245123,1,home
a,y,1546398246000,0,home
b,x,1546398247000,1,search
,x,1546398247000,1,search
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "events.csv").write_text(EVENTS)
    (tmp_path / "items.csv").write_text("id,path,price\nx,A/B c,2\nz,A,1\n")
    return ["prepare", "table", "--events=events.csv", "--items=items.csv", "--name=shop", "--memory=512"]


def test_the_outcome_is_printed(files, tmp_path, capsys):
    cli.main([*files, "--user=customer", "--split", "path=/", "--types", "tab=token", "price=token"])
    assert capsys.readouterr().out == (
        "dataset/shop: 2 users, 2 items, 3 interactions\n"
        "  user_id: customer, item_id: sku, timestamp: time_ms, label: clicked\n"
        "  time: milliseconds since 1970, 2019-01-02 to 2019-01-02\n"
        "  label: 2 are 1, 1 are 0\n"
        "  events.csv: 4 rows\n"
        "             1  without user\n"
        "             3  kept\n"
        "                tab:token (not loaded)\n"
        "  items.csv: 2 rows\n"
        "             1  without events\n"
        "             1  kept\n"
        "                path:token_seq (split at '/')\n"
        "                price:token\n"
        "  1 items of the events have no row here; their cells are empty\n"
        "  cleaned: 1 cells of path (blanks around, tabs, ends of lines; blanks in a list's tokens)\n"
        "Next: recbole-iacn train --model=DIN_IaCN --dataset=shop\n"
    )
    assert (tmp_path / "dataset/shop/shop.item").read_text() == (
        "item_id:token\tpath:token_seq\tprice:token\nx\tA B_c\t2\ny\t\t\n"
    )


@pytest.mark.parametrize(
    "more, message",
    [
        (["--events=none.csv"], "none.csv: No such file"),
        (["--events="], "events: prepare table needs --events"),
        (["--name="], "name: prepare table needs --name"),
        (["--split", "path"], "split: 'path' must be a column, = and a value"),
        (["--item=product"], "item: events.csv has no column 'product'"),
        (
            ["--out=events.csv"],
            "events.csv/shop: cannot be written (events.csv is a file); name another (--out, --name)",
        ),
    ],
)
def test_wrong_input_is_one_line(files, tmp_path, capsys, more, message):
    with pytest.raises(SystemExit) as stopped:
        cli.main([*files, *more])
    printed = capsys.readouterr()
    assert stopped.value.code == 2 and printed.err.startswith(f"error: {message}") and printed.err.count("\n") == 1
    assert not printed.out and not list(tmp_path.glob("dataset/*"))


@pytest.mark.parametrize("command", ["table", "amazon", "sequences", "rows"])
def test_each_command_has_its_own_help(capsys, command):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["prepare", command, "--help"])
    out = capsys.readouterr().out
    assert stopped.value.code == 0 and f"recbole-iacn prepare {command}" in out
    assert ("--events" in out) == (command == "table") and ("--year" in out) == (command == "amazon")

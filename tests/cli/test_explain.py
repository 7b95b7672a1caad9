"""The command explain, as a user types it."""

from pathlib import Path

import pandas as pd
import pytest

import recbole_iacn
from recbole_iacn import cli

pytest.importorskip("duckdb")


@pytest.fixture(scope="module")
def bundle(settings_of, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "model"
    recbole_iacn.build("MIND", "tiny", config_dict=settings_of()).save(str(folder))
    return str(folder)


@pytest.fixture
def files(data_path):
    """RecBole's own files: the columns' names have types."""
    return [f"--events={data_path}/tiny/tiny.inter", f"--items={data_path}/tiny/tiny.item"]


def test_the_outcome_is_printed(bundle, files, data_path, capsys):
    cli.main(["explain", bundle, *files, "--users=u1,u2", "--out=page.html", "--map=pca", "--heading=Two people"])
    size = len(Path("page.html").read_bytes()) / 1e6
    assert capsys.readouterr().out == (
        f"page.html: 2 users, 40 items, {size:.2f} MB\n"
        "  map: MIND, K = 4: principal components\n"
        f"  {data_path}/tiny/tiny.inter: 540 events (user: user_id, item: item_id, time: timestamp; times: seconds "
        "since 1970)\n"
        "  Items are shown by their tokens: no column of tiny.item is known as their title (--title).\n"
        "  Numbers have four significant digits. What a change does to a score is stored as a half float, of three to "
        "four digits; after any single change the list is in the model's order.\n"
    )
    page = Path("page.html").read_text()
    assert "<h1>Two people</h1>" in page
    assert "no column of tiny.item is known as their title" in page and str(data_path) not in page


def test_the_items_column_is_called_as_in_the_events(bundle, data_path, capsys):
    """A word that no list of usual names has, in both tables."""
    for kind in ("inter", "item"):
        table = pd.read_csv(data_path / "tiny" / f"tiny.{kind}", sep="\t", dtype=str)
        table.columns = [name.partition(":")[0] for name in table]
        table = table.rename(columns={"item_id": "Artikel"})
        table.to_csv(f"{kind}.csv", index=False)
    given = ["--events=inter.csv", "--items=item.csv", "--users=u1", "--map=none", "--item=Artikel"]
    cli.main(["explain", bundle, *given, "--out=page.html"])
    assert Path("page.html").is_file()
    pd.read_csv("item.csv").rename(columns={"Artikel": "Ware"}).to_csv("item.csv", index=False)
    with pytest.raises(SystemExit):
        cli.main(["explain", bundle, *given, "--out=other.html"])
    assert "item.csv: no column, of 'Ware', 'categories', identifies the item; name it: --item-key" in (
        capsys.readouterr().err
    )


def test_a_second_bundle_stands_beside_the_first(bundle, files, capsys):
    cli.main(["explain", bundle, bundle, *files, "--users=u1", "--out=page.html", "--map=none"])
    printed = capsys.readouterr().out
    assert "  map: MIND, K = 4 (1): none\n  map: MIND, K = 4 (2): none\n" in printed  # the folders have one name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--users=u1,u99"], "users: 'u99' has no event in"),
        (["--users=u1", "--map=flat"], "map: must be one of auto, tsne, pca, none, got 'flat'"),
        (["--users=u1", "--out=page.txt"], "out: page.txt must end in .html"),
        (["--users=u1", "--device=abacus"], "device: 'abacus' is not a device"),
        (["--users=u1", "--k=0"], "k: must be a whole number from 1 to 40"),
        (["--users=u1,u2", "--most=1"], "users: 2 are more than the 1 that a page holds"),
        (["--users=u1", "--title=nome"], "title: "),
    ],
)
def test_wrong_input_is_one_line(bundle, files, tmp_path, capsys, changes, message):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["explain", bundle, *files, "--out=page.html", *changes])
    printed = capsys.readouterr()
    assert stopped.value.code == 2 and printed.err.startswith(f"error: {message}") and printed.err.count("\n") == 1
    assert not printed.out and {path.name for path in tmp_path.iterdir()} <= {"saved", "log"}

"""The commands recommend and score, as a user types them; from a CSV file to recommendations, one command each."""

from pathlib import Path

import numpy as np
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
def files():
    Path("events.csv").write_text(
        "user,item,time\na,i1,2019-01-02\nb,i2,2019-01-02\na,i3,2019-01-03\nb,gone,2019-01-01\n"
    )
    Path("rows.csv").write_text("user,item,time\na,i5,2019-01-03\nc,i5,2019-01-03\n")


def test_the_outcome_is_printed(bundle, files, capsys):
    cli.main(["recommend", bundle, "--events=events.csv", "--k=2", "--out=best.csv"])
    assert capsys.readouterr().out == (
        "best.csv: 4 recommendations for 2 users\n"
        "  events.csv: 4 events (user: user, item: item, time: time; times: ISO 8601 (UTC where no zone is given))\n"
        "  1 events of items that the model does not know; 2 users new to the model\n"
    )
    cli.main(["score", bundle, "--rows=rows.csv", "--events=events.csv", "--out=scores.csv"])
    assert capsys.readouterr().out == (
        "scores.csv: 2 scores\n"
        "  rows.csv: 2 rows (user: user, item: item, time: time; times: ISO 8601 (UTC where no zone is given))\n"
        "  events.csv: 4 events (user: user, item: item, time: time; times: ISO 8601 (UTC where no zone is given))\n"
        "  1 events of items that the model does not know; 1 events of other users; 1 rows with an empty history; "
        "2 rows of new users\n"
    )


def test_lists_may_trade_scores_for_categories(bundle, files):
    """Those of Recommender.recommend; the column is the bundle's, or of a table."""
    recommender = recbole_iacn.load(bundle)
    Path("shelves.csv").write_text("sku,shelf\n" + "".join(f"i{n},s{n // 8}\n" for n in range(40)))
    asked = ["recommend", bundle, "--events=events.csv", "--k=4", "--diversity=0.5"]
    cli.main([*asked, "--diversity-by=categories", "--out=own.csv"])
    cli.main([*asked, "--items=shelves.csv", "--item-key=sku", "--out=shelves_out.csv"])
    histories = [["i1", "i3"], ["i2"]]
    shelves = recommender.item_values("shelves.csv", item_key="sku")
    for name, by in (("own", "categories"), ("shelves_out", shelves)):
        wanted = recommender.recommend(histories, k=4, diversity=0.5, diversity_by=by)
        assert pd.read_csv(f"{name}.csv")["item_id"].tolist() == wanted["item_id"].tolist()


@pytest.mark.parametrize(
    "command, message",
    [
        (["recommend", "none", "--events=events.csv", "--out=o.csv"], "none: must be the folder of a bundle, there is"),
        (["recommend", "BUNDLE", "--events=none.csv", "--out=o.csv"], "none.csv: No such file"),
        (
            ["recommend", "BUNDLE", "--events=events.csv", "--out=events.csv"],
            "out: events.csv is also read; name another",
        ),
        (["recommend", "BUNDLE", "--events=events.csv", "--out=o.txt"], "out: o.txt must end in .parquet or .csv"),
        (
            ["recommend", "BUNDLE", "--events=events.csv", "--out=o.csv", "--memory=100"],
            "memory: must be at least 1280",
        ),
        (
            ["recommend", "BUNDLE", "--events=events.csv", "--out=o.csv", "--k=0"],
            "k: must be a whole number from 1 to 40",
        ),
        (["recommend", "BUNDLE", "--events=events.csv", "--out=o.csv", "--device=abacus"], "device: 'abacus'"),
        (
            ["recommend", "BUNDLE", "--events=events.csv", "--out=o.csv", "--diversity=-1"],
            "diversity: must be a finite number, 0 or more",
        ),
        (
            ["recommend", "BUNDLE", "--events=events.csv", "--out=o.csv", "--diversity-by=categories"],
            "diversity_by: is what lists are to differ in, and diversity (--diversity λ) says how much",
        ),
        (
            ["recommend", "BUNDLE", "--events=events.csv", "--out=o.csv", "--diversity=1", "--diversity-by=genre"],
            "diversity_by: the bundle has no column 'genre' of items.",
        ),
        (
            ["recommend", "BUNDLE", "--events=events.csv", "--out=o.csv", "--items=rows.csv"],
            "items: is the table of what lists are to differ in; give diversity (--diversity λ), too",
        ),
        (
            ["score", "BUNDLE", "--rows=rows.csv", "--out=o.csv"],
            "rows.csv: has no column 'item_id_list', and MIND reads",
        ),
    ],
)
def test_wrong_input_is_one_line(bundle, files, tmp_path, capsys, command, message):
    with pytest.raises(SystemExit) as stopped:
        cli.main([bundle if word == "BUNDLE" else word for word in command])
    printed = capsys.readouterr()
    assert stopped.value.code == 2 and printed.err.startswith(f"error: {message}") and printed.err.count("\n") == 1
    assert not printed.out and sorted({path.name for path in tmp_path.iterdir()} - {"saved"}) == [
        "events.csv",
        "rows.csv",
    ]


@pytest.mark.slow
def test_from_a_csv_file_to_recommendations_for_people_who_were_not_in_it(capsys):
    """In an empty folder, each step by one command."""
    rng = np.random.default_rng(0)
    taste, kind = rng.integers(0, 3, 60), np.arange(30) % 3
    clicks = [(f"u{user}", rng.choice(np.flatnonzero(kind == taste[user]), 7, replace=False)) for user in range(60)]
    rows = [(user, f"p{item}", 1_600_000_000 + 60 * step) for user, some in clicks for step, item in enumerate(some)]
    pd.DataFrame(rows, columns=["customer", "product", "time"]).to_csv("shop.csv", index=False)
    cli.main(["prepare", "table", "--name=shop", "--events=shop.csv", "--memory=512"])
    settings = ["--epochs=12", "--embedding_size=16", "--show_progress=False", "--learning_rate=0.01"]
    cli.main(["train", "--model=MIND", "--dataset=shop", "--bundle=model", *settings])
    new = pd.DataFrame(
        {"customer": ["eve", "eve", "bob", "bob"], "product": ["p0", "p3", "p1", "p4"], "time": [1, 2, 1, 2]}
    )
    new.to_csv("new.csv", index=False)
    capsys.readouterr()
    cli.main(["recommend", "model", "--events=new.csv", "--k=5", "--out=best.csv"])
    printed = capsys.readouterr().out
    assert printed.startswith("best.csv: 10 recommendations for 2 users\n") and "2 users new to the model" in printed
    best = pd.read_csv("best.csv")
    assert (
        best.columns.tolist() == ["user_id", "item_id", "score", "rank"]
        and best["rank"].tolist() == [1, 2, 3, 4, 5] * 2
    )
    kinds = best["item_id"].str[1:].astype(int) % 3
    assert (kinds[best["user_id"] == "eve"] == 0).sum() >= 4 and (kinds[best["user_id"] == "bob"] == 1).sum() >= 4
    assert sorted(path.name for path in Path().iterdir() if path.name.startswith(".")) == []

"""Rows of a bundle's own test, and of a table of events, against pandas."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import reverse_rows

from recbole_iacn.data.tables.options import Options
from recbole_iacn.errors import ConfigError
from recbole_iacn.interests import test_rows
from recbole_iacn.serving.recommender import load


@pytest.fixture(scope="module")
def clicks(data_path):
    table = pd.read_csv(data_path / "tiny" / "tiny.inter", sep="\t")
    table.columns = [name.partition(":")[0] for name in table]
    return table.sort_values("timestamp", kind="stable").groupby("user_id")["item_id"].apply(list)


def tokens(recommender, ids):
    return recommender.catalogue.tokens["item_id"][ids].tolist()


def assert_last_of_each_user(recommender, test, clicks):
    ends = np.cumsum(test.rows.lengths)
    for row, user in enumerate(test.rows.names):
        *before, last = clicks[user]
        assert tokens(recommender, test.targets[row]) == last
        assert tokens(recommender, test.history[row][test.history[row] > 0]) == before[-6:]
        assert tokens(recommender, test.rows.seen[ends[row] - test.rows.lengths[row] : ends[row]]) == before


@pytest.mark.parametrize("model", ["MIND", "DIN_IaCN"])
def test_rows_are_the_test_of_the_settings(bundles, data_path, clicks, model):
    recommender = load(bundles[model])
    test = test_rows.of_settings(recommender, data_path, 0)
    assert sorted(test.rows.names) == sorted(clicks.index) and test.notes == ()
    assert_last_of_each_user(recommender, test, clicks)
    some = test_rows.of_settings(recommender, data_path, 7)
    assert len(some) == 7 and some.rows.names[[0, -1]].tolist() == test.rows.names[[0, -1]].tolist()


def test_rows_of_events(bundles, data_path, clicks, tmp_path):
    pytest.importorskip("duckdb")
    table = pd.DataFrame([(u, i, t) for u, row in clicks.items() for t, i in enumerate(row)], columns=["u", "i", "t"])
    more = pd.DataFrame([("lone", "i1", 0), ("u0", "gone", 99)], columns=["u", "i", "t"])
    pd.concat([more, table.sample(frac=1, random_state=0)]).to_csv("events.csv", index=False)
    recommender = load(bundles["MIND"])
    options = Options(user="u", item="i", time="t", time_unit="place")
    test = test_rows.of_events(recommender, "events.csv", options, 0)
    assert sorted(test.rows.names) == sorted(clicks.index)
    assert_last_of_each_user(recommender, test, clicks)
    assert test.notes[-1] == (
        "1 events of items that the model does not know; 1 users with fewer than two clicks, who are left out"
    )
    pd.DataFrame([("a", "i1", 0), ("b", "i2", 0)], columns=["u", "i", "t"]).to_csv("few.csv", index=False)
    with pytest.raises(ConfigError, match=r"few.csv: no user has two clicks on items that the model knows"):
        test_rows.of_events(recommender, "few.csv", options)


def test_other_data_are_rejected(bundles, data_path, tmp_path):
    """Rows in another order number the items otherwise: every figure would be of other items."""
    shutil.copytree(data_path, tmp_path / "other")
    reverse_rows(tmp_path / "other" / "tiny" / "tiny.inter")
    recommender = load(bundles["MIND"])
    with pytest.raises(
        ConfigError, match=r"^data_path: .*tiny numbers \w+ otherwise than the data that the bundle was"
    ):
        test_rows.of_settings(recommender, tmp_path / "other")
    with pytest.raises(ConfigError, match=r"^data_path: there is no folder nowhere.tiny; name the one that contains"):
        test_rows.of_settings(recommender, Path("nowhere"))


def test_rows_that_are_not_clicks_are_left_out(settings, tmp_path):
    import recbole_iacn

    folder = tmp_path / "labelled"
    folder.mkdir()
    lines = ["user_id:token\titem_id:token\ttimestamp:float\tlabel:float"]
    lines += [f"u{u}\ti{(u + t) % 9}\t{t}\t{int((t + u) % 3 != 0)}" for u in range(12) for t in range(10)]
    (folder / "labelled.inter").write_text("\n".join(lines) + "\n")
    changes = {
        "data_path": str(tmp_path),
        "load_col": {"inter": ["user_id", "item_id", "timestamp", "label"]},
        "protocol": "impressions_by_time",
    }
    training = recbole_iacn.build("DIN_IaCN", "labelled", config_dict=settings(**changes))
    training.save("model")
    whole = training.test_data._dataset
    clicked = int((whole.inter_feat["label"] > 0).sum())
    test = test_rows.of_settings(load("model"), tmp_path, 0)
    assert 0 < clicked == len(test) < len(whole)
    assert test.notes == (f"{len(whole) - clicked:,} test rows that are not clicks are left out",)


def test_spread():
    assert test_rows.spread(5, 0).tolist() == test_rows.spread(5, 9).tolist() == [0, 1, 2, 3, 4]
    assert test_rows.spread(101, 5).tolist() == [0, 25, 50, 75, 100]

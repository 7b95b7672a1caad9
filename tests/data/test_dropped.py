"""The filters' counts are those of pandas, in one line."""

import logging

import numpy as np
import pandas as pd
import pytest

import recbole_iacn
from recbole_iacn.errors import ConfigError

MODELS = {
    "DIN_IaCN": {},
    "SASRec": {"loss_type": "BPR", "metrics": ["Hit"], "valid_metric": "Hit@5", "topk": [5], "mlp_hidden_size": ...},
    "BPR": {"metrics": ["Hit"], "valid_metric": "Hit@5", "topk": [5], "mlp_hidden_size": ...},
}


def write(folder):
    """Clicks with doubled pairs, empty cells, users and items without a line; as a table."""
    random = np.random.default_rng(4)
    folder.mkdir()
    table = pd.DataFrame(
        {
            "user_id": [f"u{user}" for user in random.integers(0, 20, size=300)],
            "item_id": [f"i{item}" for item in random.integers(0, 25, size=300)],
            "timestamp": 1_600_000_000 + random.permutation(300),
        }
    )
    table.loc[random.choice(300, 7, replace=False), "user_id"] = ""
    table.loc[random.choice(300, 5, replace=False), "item_id"] = ""
    head = ["user_id:token", "item_id:token", "timestamp:float"]
    table.to_csv(folder / "shop.inter", sep="\t", index=False, header=head)
    items = "".join(f"i{item}\t{'ab'[item % 2]}\n" for item in range(20))
    (folder / "shop.item").write_text("item_id:token\tkind:token\n" + items)
    (folder / "shop.user").write_text("user_id:token\tage:token\n" + "".join(f"u{user}\t1\n" for user in range(17)))
    return table


LOAD = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "kind"], "user": ["user_id", "age"]}


@pytest.mark.parametrize("model", MODELS)
def test_each_filters_rows_are_counted(tmp_path, settings, model, caplog):
    table = write(tmp_path / "shop")
    here = table[(table.user_id != "") & (table.item_id != "")]
    once = here.sort_values("timestamp").drop_duplicates(["user_id", "item_id"])
    late = once[once.timestamp >= 1_600_000_050]
    of_users = late[late.user_id.isin([f"u{user}" for user in range(17)])]
    # Only kind a stays among the items, the even ones.
    left = of_users[of_users.item_id.isin([f"i{item}" for item in range(0, 20, 2)])]
    often = left[left.groupby("user_id").user_id.transform("size") >= 6]
    assert 0 < len(often) < len(left) < len(of_users) < len(late) < len(once) < len(here) < len(table)
    intervals = {"timestamp": "[1600000050,inf)", "kind": ["a"]}
    changes = {
        **MODELS[model],
        "data_path": str(tmp_path),
        "load_col": LOAD,
        "rm_dup_inter": "first",
        "val_interval": intervals,
        "filter_inter_by_user_or_item": True,
        "user_inter_num_interval": "[6,inf)",
    }
    with caplog.at_level(logging.WARNING):
        training = recbole_iacn.build(model, "shop", config_dict=settings(**changes))
    (said,) = [record.message for record in caplog.records if "interactions are dropped" in record.message]
    assert said == (
        f"shop: {300 - len(often)} of 300 interactions are dropped, {len(often)} remain: "
        f"{300 - len(here)} without a user or an item, {len(here) - len(once)} by rm_dup_inter (first), "
        f"(and 10 lines of .item by val_interval), {len(once) - len(late)} by val_interval ({intervals}), "
        f"{len(late) - len(of_users)} of users without a line in .user (filter_inter_by_user_or_item), "
        f"{len(of_users) - len(left)} of items without a line in .item (filter_inter_by_user_or_item), "
        f"{len(left) - len(often)} by user_inter_num_interval ([6,inf))"
    )
    if model == "BPR":
        assert len(training.dataset.inter_feat) == len(often)


def test_nothing_is_said_where_nothing_is_dropped(build, caplog):
    with caplog.at_level(logging.INFO):
        build("DIN_IaCN")
    assert not [record for record in caplog.records if "dropped" in record.message]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"val_interval": {"timestamp": "[0,5]"}}, r"288 by val_interval \(\{'timestamp': '\[0,5\]'\}\)"),
        ({"val_interval": {"kind": ["c"]}}, r"\(and 20 lines of \.item by val_interval\), \d+ of users without a line"),
        ({"item_inter_num_interval": "[99,inf)"}, r"by item_inter_num_interval \(\[99,inf\)\)"),
    ],
)
def test_that_nothing_is_left_is_one_line(tmp_path, settings, model, changes, message):
    write(tmp_path / "shop")
    given = {"data_path": str(tmp_path), "load_col": LOAD, "filter_inter_by_user_or_item": True, **changes}
    with pytest.raises(ConfigError, match="dataset: shop has no rows left: 300 interactions are dropped, .*" + message):
        recbole_iacn.build(model, "shop", config_dict=settings(**MODELS[model], **given))


@pytest.mark.parametrize("model", ["DIN_IaCN", "SASRec"])
def test_that_no_user_has_a_history_is_one_line(tmp_path, settings, model):
    folder = tmp_path / "shop"
    folder.mkdir()
    rows = "".join(f"u{row}\ti{row % 5}\t{row}\n" for row in range(30))
    (folder / "shop.inter").write_text("user_id:token\titem_id:token\ttimestamp:float\n" + rows)
    given = {"data_path": str(tmp_path), "load_col": None, **MODELS[model]}
    with pytest.raises(ConfigError, match="shop: no user has two interactions, so no row has a history"):
        recbole_iacn.build(model, "shop", config_dict=settings(**given))

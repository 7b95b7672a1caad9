"""What each kind of model reads of the loaded columns: said in one line before training."""

import pytest
from helpers import BACKBONES, SHORT_RANKING, write_atomic
from recbole.model.context_aware_recommender.widedeep import WideDeep

import recbole_iacn
from recbole_iacn import ConfigError, interest_aware
from recbole_iacn.building import configure

JOIN = "; user_fields: True lets columns of users and interactions join"
CTR = {"protocol": "leave_one_out_ctr", "metrics": ["AUC"], "valid_metric": "AUC"}
RANKING = {key: value for key, value in SHORT_RANKING.items() if key != "load_col"}
STOCK_RANKING = {
    **RANKING,
    "protocol": "leave_one_out_sampled",
    "metrics": ["NDCG"],
    "valid_metric": "NDCG@5",
    "loss_type": "BPR",
    "train_neg_sample_args": {"distribution": "uniform", "sample_num": 1},
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Interactions with a tab and a dwell time; items with categories and a price; users with an age and an income."""
    folder = write_atomic(tmp_path_factory.mktemp("shop"), "shop")
    for source, head, of in (
        ("inter", "tab:token\tdwell:float", lambda i: f"t{i % 3}\t{i % 9}"),
        ("item", "price:float", lambda i: f"{i / 40}"),
        ("user", "income:float", lambda i: f"{i / 60}"),
    ):
        path = folder / "shop" / f"shop.{source}"
        first, *lines = path.read_text().splitlines()
        path.write_text("\n".join([f"{first}\t{head}", *(f"{line}\t{of(i)}" for i, line in enumerate(lines))]) + "\n")
    columns = {
        "inter": ["user_id", "item_id", "timestamp", "rating", "tab", "dwell"],
        "item": ["item_id", "categories", "price"],
        "user": ["user_id", "age", "income"],
    }
    return {"data_path": str(folder), "load_col": columns}


class Own(WideDeep):
    """Whose code may read any column."""


OF_IDS = "does not read tab, dwell (inter), categories, price (item), age, income (user)"
CASES = [
    ("DIN_IaCN", {}, f"DIN_IaCN does not read tab, dwell (inter), age, income (user){JOIN}"),
    ("DIN_IaCN", {"iacn_mode": "off", "user_fields": True}, None),
    ("DIEN_IaCN", {}, f"DIEN_IaCN does not read tab, dwell (inter){JOIN}"),
    ("DIEN_IaCN", {"user_fields": True}, None),
    (
        "DIN_IaCN",
        {"iacn_user_profile": ["age"]},
        "DIN_IaCN does not read tab, dwell (inter), income (user), and reads age (iacn_user_profile) in the auxiliary "
        f"task alone, not for its scores{JOIN}",
    ),
    ("DIN_IaCN", {"iacn_user_profile": ["age"], "user_fields": True}, None),
    (
        "DIN_IaCN",
        {"numerical_features": ["income"], "user_fields": True},
        "DIN_IaCN does not read price (item)",
    ),
    ("DIN", CTR, "DIN does not read tab, dwell (inter), age, income (user)"),
    ("DIEN", CTR, "DIEN does not read tab, dwell (inter)"),
    ("WideDeep_IaCN", {"iacn_user_profile": ["age"]}, "WideDeep_IaCN does not read dwell (inter)"),
    ("WideDeep", CTR, "WideDeep does not read dwell (inter)"),
    ("DSSM_IaCN", {}, "DSSM_IaCN does not read tab, dwell (inter)"),
    ("FFM_IaCN", {"val_interval": {"dwell": "[0,inf)"}}, None),
    ("MIND", RANKING, f"MIND {OF_IDS}"),
    ("TiSASRec", RANKING, f"TiSASRec {OF_IDS}"),
    ("GRU4Rec", STOCK_RANKING, f"GRU4Rec {OF_IDS}"),
    (
        "GRU4RecF",
        {**STOCK_RANKING, "selected_features": ["categories"]},
        "GRU4RecF does not read tab, dwell (inter), price (item), age, income (user)",
    ),
    (interest_aware(Own), {}, None),
]


@pytest.mark.parametrize(
    ("model", "changes", "line"), CASES, ids=[f"{getattr(m, '__name__', m)}-{i}" for i, (m, *_) in enumerate(CASES)]
)
def test_one_line_says_what_is_not_read(build, shop, caplog, model, changes, line):
    caplog.set_level("WARNING")
    build(model, "shop", **{**shop, **changes})
    said = [record.getMessage() for record in caplog.records if record.name.endswith("columns_read")]
    assert said == ([line] if line else [])


@pytest.mark.parametrize("name", [*(f"{name}_IaCN" for name in BACKBONES), *BACKBONES])
def test_nothing_is_said_where_every_column_is_read(build, caplog, name):
    caplog.set_level("WARNING")
    load = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]}
    build(name, load_col=load, **CTR)
    assert not [record for record in caplog.records if record.name.endswith("columns_read")]


class Vectors(WideDeep):
    """A model of the user's that reads pre-trained vectors."""

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.vectors = dataset.get_preload_weight("age")


@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep", "MIND", "SASRec"])
def test_preload_weight_is_rejected_where_nothing_reads_it(settings, shop, model):
    message = rf"^preload_weight: {model} reads no pre-trained vectors \(RecBole's KSR and GRU4RecKG do\); leave"
    given = settings(**shop, preload_weight={"age": "income"}, **({} if "IaCN" in model else {"mlp_hidden_size": ...}))
    given.update(CTR if model == "WideDeep" else STOCK_RANKING if model == "SASRec" else {})
    given = {key: value for key, value in given.items() if value is not ...}
    with pytest.raises(ConfigError, match=message):
        recbole_iacn.build(model, "shop", config_dict=given)


def test_preload_weight_is_accepted_where_a_class_of_the_users_reads_it(settings, shop):
    """KSR and GRU4RecKG: tests/checks/test_recbole_models.py."""
    given = settings(**shop, preload_weight={"age": "income"})
    config = configure(interest_aware(Vectors), "shop", config_dict=given)
    assert config["numerical_features"] == ["price"]  # the vectors are not a feature

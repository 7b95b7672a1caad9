"""What decides the test is known for every setting, so that a new one cannot be forgotten."""

from recbole_iacn.checks.same_test import DECIDE, evaluation_of
from recbole_iacn.data.protocol import PROTOCOLS, Protocol, add_protocol
from recbole_iacn.settings import general, recbole_data, recbole_run

# Settings that leave the test rows and the candidates as they are.
FREE = {
    "train_share",
    *("history_rows", "shown_negatives", "history_dataset", "last_state_only", "log_tensorboard", "trust"),
    *("loss", "rows", "train_negatives", "train_negatives_from", "logq_correction", "softmax_temperature"),
    *("hard_negatives", "item_dropout_prob", "ema_decay", "positions_from"),
    *(
        "metrics",
        "topk",
        "valid_metric",
        "valid_metric_bigger",
        "eval_batch_size",
        "metric_decimal_place",
        "tail_ratio",
    ),
    *("RATING_FIELD", "NEG_PREFIX", "ITEM_LIST_LENGTH_FIELD", "LIST_SUFFIX", "POSITION_FIELD", "MAX_ITEM_LIST_LENGTH"),
    *("HEAD_ENTITY_ID_FIELD", "TAIL_ENTITY_ID_FIELD", "RELATION_ID_FIELD", "ENTITY_ID_FIELD", "kg_reverse_r"),
    *("seq_len", "seq_separator", "numerical_features", "normalize_field", "normalize_all", "discretization"),
    *("unused_col", "additional_feat_suffix", "preload_weight", "entity_kg_num_interval", "relation_kg_num_interval"),
    *("alias_of_user_id", "alias_of_item_id", "alias_of_entity_id", "alias_of_relation_id", "user_fields"),
}


def test_every_setting_of_data_and_evaluation_decides_the_test_or_does_not():
    groups = (general.General, recbole_data.Data, recbole_run.Evaluation)
    known = {key for group in groups for key in group.model_fields}
    assert known - set(DECIDE) - FREE == set()
    assert set(DECIDE) - known == set() and not set(DECIDE) & FREE


def test_a_default_and_its_value_are_one_test(build):
    ranked = {"model": "MIND", "load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": ...}
    ranked.update(topk=[5], valid_metric="NDCG@5", user_inter_num_interval="[3,inf)")
    own = evaluation_of(build(**ranked)[0])
    assert own == evaluation_of(build(**ranked, eval_negatives=1000, negative_items="catalogue")[0])
    assert own != evaluation_of(build(**ranked, eval_negatives=999)[0])


def test_loaded_labels_and_item_files_decide_the_test(build):
    """An item that only the item's file has is a candidate."""
    inter = ["user_id", "item_id", "timestamp"]

    def loaded(**load_col):
        return evaluation_of(build("GRU4Rec", load_col=load_col, mlp_hidden_size=..., loss_type="BPR")[0])["load_col"]

    assert loaded(inter=inter) == {"item": False, "user": False, "label": False}
    assert loaded(inter=inter, item=["item_id"]) == {"item": True, "user": False, "label": False}


def test_where_shares_of_rows_are_left_out_a_history_decides_the_test(build):
    """Rows without an earlier one are rows of models without a history alone; of each user's last rows they are not."""
    inter = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": [8]}
    add_protocol("shares", Protocol.scored({"RS": [0.8, 0.1, 0.1]}))
    try:
        shares = [evaluation_of(build(model, protocol="shares", **inter)[0]) for model in ("DIN", "WideDeep")]
    finally:
        PROTOCOLS.pop("shares")
    assert shares[0] != shares[1]
    last = [evaluation_of(build(model, protocol="leave_one_out_ctr", **inter)[0]) for model in ("DIN", "WideDeep")]
    assert last[0] == last[1]


def test_how_rows_are_grouped_decides_the_test(build):
    """In whatever way no group is written."""
    inter = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": [8], "protocol": None}

    def grouped(by):
        evaluation = {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "group_by": by, "mode": "uni1"}
        return evaluation_of(build("DIN", eval_args=evaluation, train_neg_sample_args={"sample_num": 1}, **inter)[0])

    assert grouped(None) == grouped("none") != grouped("user")

"""Negatives, loaders and order in time under a protocol, for our models and RecBole's."""

import pytest
from helpers import file_rows, own_sets, token_rows

from recbole_iacn.data.protocol import protocol_settings
from recbole_iacn.errors import ConfigError

PROTOCOL = {"protocol": "leave_one_out_ctr"}


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIN", "SASRec", "WideDeep"])
def test_negatives_never_are_the_users_own_items(build, model):
    changes = {"train_neg_sample_args": ..., **PROTOCOL}
    if model == "SASRec":
        changes.update(loss_type="BPR")
    _, train, valid, test, _ = build(model, **changes)
    own = own_sets(train._dataset)
    for loader in (train, valid, test) if model != "SASRec" else (valid, test):
        for user, item, label in token_rows(loader):
            assert (item in own[user]) == bool(label)


def test_evaluation_negatives_stay_and_are_the_same_for_every_model(build):
    _, _, valid, test, _ = build()
    _, _, _, stock, _ = build("DIN", **PROTOCOL)
    _, _, _, other_seed, _ = build(seed=8)
    first = token_rows(test)
    assert token_rows(test) == first
    assert sorted(token_rows(stock)) == sorted(first)
    assert sorted(token_rows(other_seed)) != sorted(first)
    negatives = [item for _, item, label in first if not label]
    assert negatives != [item for _, item, label in token_rows(valid) if not label]


def test_the_last_item_is_for_the_test_and_the_one_before_for_validation(build):
    _, _, valid, test, _ = build()
    last = {}
    for user, item, time, _ in file_rows(test._dataset):
        last.setdefault(user, []).append((int(time), item))
    for loader, place in ((valid, -2), (test, -1)):
        for user, item, label in token_rows(loader):
            if label:
                assert item == sorted(last[user])[place][1]


def test_order_is_that_of_the_file_and_not_of_rounded_times(build, tmp_path):
    """Unix times a second apart are equal in float32; the file lists them backwards."""
    folder = tmp_path / "seconds"
    folder.mkdir()
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user in range(30):
        lines += [f"u{user}\ti{(user + step) % 20}\t{1_400_000_000 + step}" for step in reversed(range(6))]
    (folder / "seconds.inter").write_text("\n".join(lines) + "\n")
    load = {"inter": ["user_id", "item_id", "timestamp"]}
    for model in ("DIN_IaCN", "DIN"):
        _, _, _, test, _ = build(model, "seconds", data_path=str(tmp_path), load_col=load, **PROTOCOL)
        for user, item, label in token_rows(test):
            if label:
                assert item == f"i{(int(user[1:]) + 5) % 20}"


def test_without_a_protocol_recbole_keeps_its_own_loaders(build):
    from recbole.data.dataloader import NegSampleEvalDataLoader, TrainDataLoader

    _, train, valid, _, _ = build("DIN", eval_args={"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "uni1"})
    assert type(train) is TrainDataLoader and type(valid) is NegSampleEvalDataLoader


def test_din_electronics_is_leave_one_out_with_ten_items(build):
    config, train, *_ = build("DIN", protocol="din_electronics", MAX_ITEM_LIST_LENGTH=...)
    _, same, *_ = build("DIN", protocol="leave_one_out_ctr", MAX_ITEM_LIST_LENGTH=10)
    assert config["MAX_ITEM_LIST_LENGTH"] == 10
    assert token_rows(train) == token_rows(same)


@pytest.mark.parametrize("model", ["DIN", "DIN_IaCN", "WideDeep_IaCN"])
def test_dien_books_takes_each_users_last_item_and_splits_by_users(build, model):
    _, *loaders, _ = build(model, protocol="dien_books", MAX_ITEM_LIST_LENGTH=...)
    own, last = own_sets(loaders[0]._dataset), {}
    for user, item, time, _ in file_rows(loaders[0]._dataset):
        last[user] = max(last.get(user, (0, "")), (int(time), item))
    found = [token_rows(loader) for loader in loaders]
    users = [{user for user, _, _ in part} for part in found]
    assert [len(part) for part in users] == [49, 5, 6] and len(set.union(*users)) == 60
    for user, item, label in (row for part in found for row in part):
        assert item == last[user][1] if label else item not in own[user]
    # another seed splits otherwise; the same one does not
    again, other = (build(model, protocol="dien_books", MAX_ITEM_LIST_LENGTH=..., seed=seed)[3] for seed in (7, 8))
    assert token_rows(again) == found[2] and {user for user, _, _ in token_rows(other)} != users[2]


def test_dien_books_draws_negatives_by_popularity(build, tmp_path):
    """One item that half of the users have: the other half gets it as a negative about as often as its share says."""
    folder = tmp_path / "popular"
    folder.mkdir()
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user in range(400):
        items = ["hit" if user % 2 else f"x{user}", f"y{user}", f"z{user}"]
        lines += [f"u{user}\t{item}\t{step}" for step, item in enumerate(items)]
    (folder / "popular.inter").write_text("\n".join(lines) + "\n")
    load = {"inter": ["user_id", "item_id", "timestamp"]}
    changes = {"data_path": str(tmp_path), "load_col": load, "protocol": "dien_books", "MAX_ITEM_LIST_LENGTH": ...}
    _, train, *_ = build("DIN", "popular", **changes)
    drawn = [item for _ in range(20) for user, item, label in token_rows(train) if not label and int(user[1:]) % 2 == 0]
    # 200 of 1,200 clicks are on the hit; of the other clicks three are the user's own and are drawn again.
    assert abs(drawn.count("hit") / len(drawn) - 200 / 1197) < 0.03


@pytest.mark.parametrize("protocol", ["leave_one_out_ctr", "din_electronics", "dien_books", "leave_one_out_sampled"])
def test_click_and_retrieval_models_have_one_test(build, protocol):
    """The same rows, in the same order, with the same histories and negatives."""
    length = {"leave_one_out_ctr": {}, "leave_one_out_sampled": {"eval_negatives": 20}}
    found = []
    for model in ("DIN_IaCN", "DIN", "WideDeep_IaCN", "MIND", "SASRec", "Popularity", "ItemNeighbours"):
        changes = length.get(protocol, {"MAX_ITEM_LIST_LENGTH": ...})
        _, _, valid, test, _ = build(model, protocol=protocol, mlp_hidden_size=..., **changes)
        parts = []
        for loader in (valid, test):
            batch = loader._dataset[range(len(loader._dataset))]
            parts += [batch[name] for name in ("user_id", "item_id", "item_id_list", "item_length")]
            parts.append(loader.candidates if protocol == "leave_one_out_sampled" else loader.negatives)
        found.append(parts)
    for others in found[1:]:
        assert all(one.equal(other) for one, other in zip(found[0], others))


def test_a_model_without_a_history_cannot_follow_dien_books(build):
    with pytest.raises(ConfigError, match="WideDeep_IaCN with iacn_mode: off is WideDeep with a history"):
        build("WideDeep", protocol="dien_books", MAX_ITEM_LIST_LENGTH=...)


@pytest.mark.parametrize(
    "model, changes, message",
    [
        ("DIN", {"test_negatives_file": "x"}, "test_negatives_file: only a protocol draws fixed negatives"),
        ("DIN_IaCN", {"valid_negatives_file": "absent"}, "valid_negatives_file: absent: No such file"),
        ("DIN", {"history_dataset": "maybe"}, "history_dataset: must be True or False, got 'maybe'"),
        ("DIN_IaCN", {"history_dataset": False}, "history_dataset: DIN_IaCN always reads histories as windows"),
        ("WideDeep", {"history_dataset": True}, "history_dataset: WideDeep reads no histories"),
    ],
)
def test_wrong_data_settings_are_rejected_before_any_data_are_read(build, monkeypatch, model, changes, message):
    from recbole.data.dataset import Dataset

    monkeypatch.setattr(Dataset, "_load_data", lambda *args: pytest.fail("data were read"))
    with pytest.raises(ConfigError, match=message):
        build(model, **changes)


@pytest.mark.parametrize("users, protocol", [(1, "dien_books"), (2, "dien_books"), (0, "leave_one_out_ctr")])
def test_too_few_histories_are_an_error(build, tmp_path, users, protocol):
    """So many users have three interactions, five have one; RecBole splits three rows, not fewer."""
    folder = tmp_path / "few"
    folder.mkdir()
    lines = [f"u{user}\ti{step}\t{step}" for user in range(users) for step in range(3)]
    lines += [f"v{user}\ti{user}\t1" for user in range(5)]
    (folder / "few.inter").write_text("\n".join(["user_id:token\titem_id:token\ttimestamp:float", *lines]) + "\n")
    load = {"inter": ["user_id", "item_id", "timestamp"]}
    changes = {"data_path": str(tmp_path), "load_col": load, "protocol": protocol, "MAX_ITEM_LIST_LENGTH": ...}
    with pytest.raises(ConfigError, match="too few" if users else "no user has two interactions"):
        build("DIN", "few", **changes)


def test_a_protocol_fills_in_settings_and_rejects_contradictions():
    assert protocol_settings(None, {"eval_args": {}}) == {}
    settings = protocol_settings("leave_one_out_ctr", {"eval_args": {"order": "TO"}})
    assert settings["eval_args"]["mode"] == {"valid": "uni1", "test": "uni1"}
    with pytest.raises(ConfigError, match="eval_args: protocol 'leave_one_out_ctr' fixes it"):
        protocol_settings("leave_one_out_ctr", {"eval_args": {"order": "RO"}})
    with pytest.raises(ConfigError, match="Did you mean 'leave_one_out_ctr'"):
        protocol_settings("leave_one_out_crt", {})


@pytest.mark.parametrize(
    ("given", "agrees"),
    [
        ({}, True),
        ({"order": "TO", "group_by": "user"}, True),
        ({"order": "TO", "group_by": None}, False),
        ({"order": "RO", "group_by": "user"}, False),
        ({"order": "TO", "mode": {"valid": "uni1", "test": "uni1"}}, True),
        ({"order": "TO", "mode": {"valid": "uni1", "test": "uni100"}}, False),
        ({"order": "TO", "mode": "full"}, False),
        ({"order": "TO", "split": {"LS": "valid_and_test"}}, True),
        ({"order": "TO", "split": {"LS": "valid_only"}}, False),
    ],
)
def test_one_contradiction_is_enough_whatever_else_agrees(given, agrees):
    if agrees:
        assert protocol_settings("leave_one_out_ctr", {"eval_args": given})["eval_args"]["order"] == "TO"
        return
    with pytest.raises(ConfigError, match="eval_args: protocol 'leave_one_out_ctr' fixes it to"):
        protocol_settings("leave_one_out_ctr", {"eval_args": given})

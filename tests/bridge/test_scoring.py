"""RecBole's metrics of items, and scores of all items for given users, which must be theirs."""

import numpy as np
import pytest
import torch
from helpers import file_rows, give_other_weights

import recbole_iacn
from recbole_iacn.errors import ConfigError

CLICKS = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": ..., "topk": [3, 5]}
FULL = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"}
SASREC = {"eval_args": FULL, "loss_type": "BPR", "hidden_size": 8, "inner_size": 8, "n_heads": 1}
SASREC |= {"metrics": ["Hit"], "valid_metric": "Hit@3"}
DRAWN = {"distribution": "uniform", "sample_num": 1}
OF_ITEMS = ["ItemCoverage", "AveragePopularity", "GiniIndex", "ShannonEntropy", "TailPercentage"]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["BPR", "MIND"])
def test_metrics_of_items_by_numpy(settings, model):
    """The model scores item 7 highest, then 8, 9 and so on, for every user."""
    stock = {"eval_args": FULL} if model == "BPR" else {"protocol": "leave_one_out_full"}
    given = settings(**CLICKS, **stock, epochs=1, metrics=["Hit", *OF_ITEMS], valid_metric="Hit@3")
    made = recbole_iacn.build(model, "tiny", config_dict=given)
    scores = -((torch.arange(41) - 7) % 41).float()
    made.model.full_sort_predict = lambda rows: scores.repeat(len(rows), 1)
    made.fit(saved=False, verbose=False)
    masked = made.config["MODEL_TYPE"].name == "GENERAL"  # it leaves out a user's past items; the others do not
    for _ in range(2):  # what was counted is there for the next evaluation, too
        found = made.test()
        if not masked:
            assert found["itemcoverage@3"] == pytest.approx(3 / 41, abs=6e-5)
            assert found["shannonentropy@5"] == pytest.approx(np.log(5) / 5, abs=6e-5)  # RecBole divides by the items
        assert 0 < found["itemcoverage@5"] < 1 and found["averagepopularity@5"] > 0


def few(folder, extra=()):
    """Users a to f with five clicks; g and h with two, which only train a sequential model; and k with one."""
    (folder / "few").mkdir()
    lines = [f"{user}\ti{(n + step) % 12}\t{step}" for n, user in enumerate("abcdef") for step in range(5)]
    lines += [f"{user}\ti{step}\t{step}" for user in "gh" for step in range(2)] + ["k\ti3\t0"]
    text = "\n".join(["user_id:token\titem_id:token\ttimestamp:float", *lines])
    (folder / "few" / "few.inter").write_text(text + "\n")
    return {"data_path": str(folder), **CLICKS}


RECOMMENDER = (
    "to recommend by histories of your own, save a bundle: training.save(DIR), and then "
    "recbole_iacn.load(DIR).recommend(histories)"
)


def own_settings(model):
    ours = {"mlp_hidden_size": [8], "topk": ...}
    return {"SASRec": SASREC, "DIN": {**ours, "protocol": "leave_one_out_ctr", "metrics": ["AUC"]}}.get(
        model, ours if "IaCN" in model else {}
    )


def clicks_in_file(data):
    """User -> items from the oldest to the newest, by the lines of the file."""
    lines = sorted((row for row in file_rows(data)), key=lambda row: float(row[2]))
    return {user: [row[1] for row in lines if row[0] == user] for user in {row[0] for row in lines}}


def scored(network, data, users, histories, **more):
    """Scores of all items after these histories, tokens of any number, of which the model reads the newest."""
    from recbole.data.interaction import Interaction

    length = data.max_item_list_len
    kept = [history[-length:] for history in histories]
    ids = [[*data.token2id("item_id", kept_one), *[0] * (length - len(kept_one))] for kept_one in kept]
    rows = {
        "user_id": torch.tensor(data.token2id("user_id", users)),
        "item_id_list": torch.tensor(np.array(ids)),
        "item_length": torch.tensor([len(one) for one in kept]),
        **more,
    }
    rows, items = data.join(Interaction(rows)), data.get_item_feature()
    with torch.no_grad():
        try:
            return network.eval().full_sort_predict(rows).view(len(users), -1)
        except NotImplementedError:  # RecBole's DIN: item by item
            columns = []
            for item in range(data.item_num):
                rows.update(items[np.full(len(users), item)])
                columns.append(network.predict(rows))
            return torch.stack(columns, dim=1)


@pytest.mark.parametrize("longest", [3, 8])
@pytest.mark.parametrize("model", ["MIND", "DIN_IaCN", "WideDeep_IaCN", "SASRec", "DIN", "DIEN_IaCN"])
def test_scores_are_of_the_users_that_were_asked_for_after_their_newest_click(build, tmp_path, model, longest):
    """In the order of the question; users without a test row are named, not answered with the rows of others."""
    from recbole.utils.case_study import full_sort_scores, full_sort_topk

    given = {**few(tmp_path), **own_settings(model), "MAX_ITEM_LIST_LENGTH": longest}
    _, _, _, test, network = build(model, "few", **given)
    give_other_weights(network)
    data = test.dataset
    asked, clicks = ["e", "b", "e"], clicks_in_file(data)
    wanted = scored(network, data, asked, [clicks[user] for user in asked])
    found = full_sort_scores(data.token2id("user_id", asked), network, test)
    assert found[:, 1:].allclose(wanted[:, 1:], atol=1e-6) and (found[:, 0] == -np.inf).all()
    assert not found[:, 1:].allclose(scored(network, data, asked, [clicks[user][:-1] for user in asked])[:, 1:])
    best = wanted[:, 1:].argsort(dim=1, descending=True)[:, :3] + 1
    assert (full_sort_topk(data.token2id("user_id", asked), network, test, k=3)[1] == best).all()
    asked = data.token2id("user_id", ["g", "b", "h"])
    for call in (full_sort_scores, lambda *given: full_sort_topk(*given, k=3)):
        with pytest.raises(ConfigError) as error:
            call(asked, network, test)
        assert str(error.value) == (
            "full_sort_scores: the loader has no row for 2 of the users: 'g', 'h'; leave them out, or, " + RECOMMENDER
        )


@pytest.mark.parametrize("model", ["MIND", "DIN_IaCN"])
def test_a_bundle_gives_the_same_for_the_whole_history(settings, tmp_path, model):
    from recbole.utils.case_study import full_sort_scores

    given = settings(**{**few(tmp_path), **own_settings(model)})
    training = recbole_iacn.build(model, "few", config_dict=given)
    give_other_weights(training.model)
    training.save(str(tmp_path / "bundle"))
    data, clicks = training.dataset, clicks_in_file(training.dataset)
    asked = ["f", "a"]
    items = data.field2id_token["item_id"][1:].tolist()
    wanted = recbole_iacn.load(tmp_path / "bundle").score([clicks[user] for user in asked], items, users=asked)
    found = full_sort_scores(data.token2id("user_id", asked), training.model, training.test_data)
    assert np.allclose(found[:, 1:].numpy(), wanted, atol=1e-6)


@pytest.mark.parametrize("model", ["MIND", "SASRec"])
def test_of_several_rows_the_newest_counts(build, tmp_path, model):
    """The training rows of a user end before the two clicks that validate and test."""
    from recbole.utils.case_study import full_sort_scores

    _, train, _, _, network = build(model, "few", **{**few(tmp_path), **own_settings(model)})
    give_other_weights(network)
    clicks = clicks_in_file(train.dataset)
    wanted = scored(network, train.dataset, ["c", "a"], [clicks["c"][:3], clicks["a"][:3]])
    found = full_sort_scores(train.dataset.token2id("user_id", ["c", "a"]), network, train)
    assert found[:, 1:].allclose(wanted[:, 1:], atol=1e-6)


def test_times_of_the_newest_click_are_read(build, tmp_path):
    from recbole.utils.case_study import full_sort_scores

    _, _, _, test, network = build("TiSASRec", "few", **few(tmp_path))
    give_other_weights(network)
    elapsed = torch.tensor([[0, 1, 2, 3, 4, 0]])
    clicks = clicks_in_file(test.dataset)
    wanted = scored(network, test.dataset, ["b"], [clicks["b"]], elapsed_list=elapsed)
    found = full_sort_scores(test.dataset.token2id("user_id", ["b"]), network, test)
    assert found[:, 1:].allclose(wanted[:, 1:], atol=1e-6)


def shown(folder):
    """What was shown, with labels; of the user a two clicks at the newest time, of b the newest row is no click."""
    (folder / "shown").mkdir()
    rows = [("a", "i1", 1, 1), ("a", "i2", 2, 0), ("a", "i3", 9, 1), ("a", "i4", 9, 0), ("a", "i5", 9, 1)]
    rows += [("b", "i6", 2, 1), ("b", "i7", 3, 1), ("b", "i2", 9, 0), ("c", "i2", 8, 0), ("c", "i1", 9, 0)]
    rows += [(user, f"i{n}", n, n % 2) for user in "defg" for n in range(1, 9)]
    lines = ["user_id:token\titem_id:token\ttimestamp:float\tlabel:float"]
    lines += ["\t".join(map(str, row)) for row in rows]
    (folder / "shown" / "shown.inter").write_text("\n".join(lines) + "\n")
    columns = {"load_col": {"inter": ["user_id", "item_id", "timestamp", "label"]}}
    return {"data_path": str(folder), **columns, "protocol": "impressions_by_time", "time_shares": [0.6, 0.2, 0.2]}


@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep_IaCN", "DIN"])
@pytest.mark.parametrize("rows", ["clicks", "all"])
def test_with_labels_histories_hold_what_they_hold_in_training(build, tmp_path, model, rows):
    """All clicks at the newest time, but no row that was shown only; a user who clicked nothing has an empty one."""
    from recbole.utils.case_study import full_sort_scores

    given = {**shown(tmp_path), "mlp_hidden_size": [8], "history_rows": rows, "metrics": ["AUC"]}
    _, _, _, test, network = build(model, "shown", **given)
    give_other_weights(network)
    data, histories = test.dataset, [["i6", "i7"], ["i1", "i3", "i5"], []]
    if rows == "all":
        histories = [["i6", "i7", "i2"], ["i1", "i2", "i3", "i4", "i5"], ["i2", "i1"]]
    wanted = scored(network, data, ["b", "a", "c"], histories)
    found = full_sort_scores(data.token2id("user_id", ["b", "a", "c"]), network, test)
    assert found[:, 1:].allclose(wanted[:, 1:], atol=1e-6)


@pytest.mark.parametrize(
    ("model", "more", "newest"),
    [("MIND", [], "i5"), ("SASRec", [], "i5"), ("SASRec", ["timestamp"], "i7"), ("DIN_IaCN", ["label"], "i7")],
)
def test_a_benchmarks_histories_get_their_targets(build, tmp_path, model, more, newest):
    """Files with histories as lists, whose longest has two entries. A row with the label 0 is no click; without times
    the last line is the newest."""
    from recbole.utils.case_study import full_sort_scores

    (tmp_path / "split").mkdir()
    head = "user_id:token\titem_id:token\titem_id_list:token_seq\tlabel:float\ttimestamp:float"
    train = [f"{user}\ti{n}\ti{n + 1}\t1\t1" for user in "abc" for n in range(1, 8)]
    test = ["a\ti7\ti1 i2\t1\t4", "a\ti5\ti1 i2\t0\t3", "b\ti4\ti3\t1\t2", "c\ti4\t\t0\t2"]
    for part, lines in (("train", train), ("valid", test), ("test", test)):
        (tmp_path / "split" / f"split.{part}.inter").write_text("\n".join([head, *lines]) + "\n")
    by_label = model == "DIN_IaCN"
    columns = ["user_id", "item_id", "item_id_list", *more]
    given = {"data_path": str(tmp_path), "benchmark_filename": ["train", "valid", "test"], "protocol": None}
    given |= {**own_settings(model), "load_col": {"inter": columns}, "mlp_hidden_size": [8] if by_label else ...}
    ranked = {"eval_args": {"mode": "full", "order": "TO"}, "metrics": ["Hit"], "valid_metric": "Hit@3", "topk": [3]}
    by_value = {"eval_args": {"mode": "labeled", "order": "TO"}, "metrics": ["AUC"], "valid_metric": "AUC"}
    _, _, _, test, network = build(model, "split", **{**given, **(by_value if by_label else ranked)})
    give_other_weights(network)
    clicked = [[] if by_label else ["i4"], ["i1", "i2", newest], ["i3", "i4"]]
    wanted = scored(network, test.dataset, ["c", "a", "b"], clicked)
    found = full_sort_scores(test.dataset.token2id("user_id", ["c", "a", "b"]), network, test)
    assert found[:, 1:].allclose(wanted[:, 1:], atol=1e-6)


def test_general_models_answer_as_in_recbole(build, tmp_path):
    """Users without a test row, too, which end in a traceback there: without all of their items."""
    from recbole.utils import case_study

    _, _, _, test, network = build("BPR", "few", **few(tmp_path), eval_args=FULL, metrics=["Hit"], valid_metric="Hit@3")
    data = test.dataset
    asked = data.token2id("user_id", ["e", "b", "e"])
    stock = case_study.full_sort_scores.__wrapped__(asked, network, test)
    assert torch.equal(case_study.full_sort_scores(asked, network, test), stock)
    (found,) = case_study.full_sort_scores(data.token2id("user_id", ["k"]), network, test)
    assert set(data.id2token("item_id", np.flatnonzero(found.isinf().numpy()))) == {"[PAD]", "i3"}
    vectors = network.user_embedding.weight[data.token2id("user_id", "k")] @ network.item_embedding.weight.T
    assert torch.equal(found[~found.isinf()], vectors[~found.isinf()])


def test_a_loader_without_rows_is_named(build, tmp_path):
    from recbole.utils.case_study import full_sort_topk

    given = {"protocol": None, "eval_args": {**FULL, "split": {"LS": "test_only"}}, "metrics": ["Hit"]}
    _, _, valid, _, network = build("MIND", "few", **few(tmp_path), **given, valid_metric="Hit@3")
    with pytest.raises(ConfigError) as error:
        full_sort_topk(np.array([1]), network, valid, k=3)
    assert str(error.value) == "full_sort_scores: the loader has no rows, and so no histories; " + RECOMMENDER


@pytest.mark.parametrize(
    "users, k, message",
    [
        (
            ["a"],
            3,
            "full_sort_scores: users must be a list of internal ids from 1 to 9; dataset.token2id('user_id', …)",
        ),
        ([0], 3, "full_sort_scores: users must be a list of internal ids from 1 to 9; "),
        ([10], 3, "full_sort_scores: users must be a list of internal ids from 1 to 9; "),
        ([], 3, "full_sort_scores: there are no users; "),
        ([1], 0, "full_sort_topk: k must be from 1 to 10, the number of items, got 0"),
        ([1], True, "full_sort_topk: k must be from 1 to 10, the number of items, got True"),
        ([1], 11, "full_sort_topk: k must be from 1 to 10, the number of items, got 11"),
    ],
)
def test_wrong_questions_are_named(build, tmp_path, users, k, message):
    from recbole.utils.case_study import full_sort_topk

    _, _, _, test, network = build("MIND", "few", **few(tmp_path))
    with pytest.raises(ConfigError) as error:
        full_sort_topk(users, network, test, k)
    assert str(error.value).startswith(message)


def test_what_cannot_rank_is_named(build):
    """A loader of single items; and a model that reads a column which only a row has."""
    from recbole.utils.case_study import full_sort_scores

    _, _, _, test, network = build("WideDeep", protocol="leave_one_out_ctr", metrics=["AUC"], valid_metric="AUC")
    with pytest.raises(ConfigError) as error:
        full_sort_scores(np.array([1]), network, test)
    assert str(error.value) == (
        "full_sort_scores: a ProtocolEvalDataLoader holds single items to score, not a user's past ones; set protocol: "
        "null and eval_args.mode: full for a loader that does; or, " + RECOMMENDER
    )
    full = {"eval_args": FULL, "metrics": ["Hit"], "valid_metric": "Hit@5", "topk": [5], "train_neg_sample_args": DRAWN}
    _, _, _, test, network = build("WideDeep", **full)
    assert full_sort_scores(np.array([2, 1]), network, test).shape == (2, 41)
    columns = {"inter": ["user_id", "item_id", "timestamp", "rating"], "item": ["item_id"]}
    _, _, _, test, network = build("WideDeep", **full, load_col=columns, numerical_features=["rating"])
    with pytest.raises(ConfigError) as error:
        full_sort_scores(np.array([2, 1]), network, test)
    assert str(error.value) == "full_sort_scores: WideDeep reads rating, which only a row has; " + RECOMMENDER

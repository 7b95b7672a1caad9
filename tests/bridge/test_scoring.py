"""RecBole's metrics of items, and scores of all items for given users, which must be theirs."""

import numpy as np
import pytest
import torch

import recbole_iacn
from recbole_iacn.errors import ConfigError

CLICKS = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": ..., "topk": [3, 5]}
FULL = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"}
SASREC = {"eval_args": FULL, "loss_type": "BPR", "hidden_size": 8, "inner_size": 8, "n_heads": 1}
SASREC |= {"metrics": ["Hit"], "valid_metric": "Hit@3"}
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
    """Users a to f with five clicks, g and h with two: in RecBole's split by leaving out they only train."""
    (folder / "few").mkdir()
    lines = [f"{user}\ti{(n + step) % 12}\t{step}" for n, user in enumerate("abcdef") for step in range(5)]
    lines += [f"{user}\ti{step}\t{step}" for user in "gh" for step in range(2)]
    text = "\n".join(["user_id:token\titem_id:token\ttimestamp:float", *lines])
    (folder / "few" / "few.inter").write_text(text + "\n")
    return {"data_path": str(folder), **CLICKS}


@pytest.mark.parametrize("model", ["MIND", "DIN_IaCN", "WideDeep_IaCN", "SASRec"])
def test_scores_are_of_the_users_that_were_asked_for(build, tmp_path, model):
    """In the order of the question; users without a test row are named, not answered with the rows of others."""
    from recbole.utils.case_study import full_sort_scores, full_sort_topk

    own = {"mlp_hidden_size": [8], "topk": ...} if "IaCN" in model else SASREC if model == "SASRec" else {}
    _, _, _, test, network = build(model, "few", **{**few(tmp_path), **own})
    data = test.dataset
    asked = data.token2id("user_id", ["e", "b", "e"])
    rows = [int((data.inter_feat["user_id"] == user).nonzero()[0, 0]) for user in asked]
    with torch.no_grad():
        wanted = network.eval().full_sort_predict(data[rows]).view(3, -1)
    assert full_sort_scores(asked, network, test)[:, 1:].allclose(wanted[:, 1:], atol=1e-6)
    asked = data.token2id("user_id", ["g", "b", "h"])
    for call in (full_sort_scores, lambda *given: full_sort_topk(*given, k=3)):
        with pytest.raises(ConfigError) as error:
            call(asked, network, test)
        assert str(error.value) == (
            "full_sort_scores: the loader has no row for 2 of the users: 'g', 'h'. Each user needs one, whose history "
            "is scored; leave these users out"
        )


def test_a_user_with_several_rows_is_named(build, tmp_path):
    from recbole.utils.case_study import full_sort_topk

    _, train, _, _, network = build("MIND", "few", **few(tmp_path))
    with pytest.raises(ConfigError, match=r"the loader has several rows for 1 of the users: 'a'\. Each user needs one"):
        full_sort_topk(train.dataset.token2id("user_id", ["a"]), network, train, k=3)


def test_a_loader_of_single_items_is_named(build):
    from recbole.utils.case_study import full_sort_scores

    _, _, _, test, network = build("WideDeep", protocol="leave_one_out_ctr", metrics=["AUC"], valid_metric="AUC")
    with pytest.raises(ConfigError, match="full_sort_scores: a ProtocolEvalDataLoader holds single items to score"):
        full_sort_scores(np.array([1]), network, test)

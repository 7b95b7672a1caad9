"""The curve of accuracy and diversity, against the trainer's own figures and lists that recommend gives."""

from itertools import combinations

import numpy as np
import pytest
import torch
from helpers import give_other_weights, write_atomic

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.interests import trade_off
from recbole_iacn.interests.trade_off import trade_off_of

FULL = {
    "protocol": "leave_one_out_full",
    "metrics": ["Hit", "NDCG"],
    "topk": [3, 8],
    "valid_metric": "NDCG@3",
    "metric_decimal_place": 12,
    "mlp_hidden_size": ...,
}


@pytest.fixture
def trained(settings, tmp_path):
    """A training with random weights, its bundle, and the values of the column of categories."""

    def make(model="MIND", folder="bundle", ties=False, **changes):
        training = recbole_iacn.build(model, "tiny", config_dict=settings(**{**FULL, **changes}))
        give_other_weights(training.model)
        if ties:  # each item has another one's vector
            with torch.no_grad():
                training.model.item_embedding.weight[1::2] = training.model.item_embedding.weight[2::2].clone()
        recommender = recbole_iacn.load(training.save(str(tmp_path / folder)))
        return training, recommender, recommender.diversity(0).values

    return make


def g(one, other):
    return 1 - len(one & other) / len(one | other) if one and other else 0.0


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ("MIND", {"mask_history": True}),
        ("MIND", {"mask_history": True, "ties": True}),
        ("ComiRec", {"negative_items": "clicked"}),
        ("YouTubeDNN", {"ties": True}),
        ("TiMiRec", {"mask_history": True, "stages": "two"}),
    ],
)
def test_without_a_weight_the_figures_are_the_trainers_own(trained, data_path, model, changes):
    training, recommender, values = trained(model, **changes)
    wanted = training.trainer.evaluate(training.test_data, load_best_model=False)
    curve = trade_off_of(recommender, data_path, values, (3, 8), (0, 0.5), progress=False)
    assert curve.rows == len(training.test_data._dataset) == 60
    assert [(point.weight, point.k) for point in curve.points] == [(0, 3), (0, 8), (0.5, 3), (0.5, 8)]
    for point in curve.points[:2]:
        assert point.recall == pytest.approx(wanted[f"hit@{point.k}"], abs=1e-9) and 0 < point.recall < 1
        assert point.ndcg == pytest.approx(wanted[f"ndcg@{point.k}"], abs=1e-9)


@pytest.mark.parametrize("model", ["ComiRec", "YouTubeDNN"])
def test_items_that_nobody_clicked_are_left_out_as_the_run_does(settings, tmp_path, model):
    write_atomic(tmp_path, "few", users=6)
    changes = {**FULL, "data_path": str(tmp_path), "negative_items": "clicked", "topk": [3, 20]}
    training = recbole_iacn.build(model, "few", config_dict=settings(**changes))
    give_other_weights(training.model)
    (batch,) = training.test_data
    scores = training.model.full_sort_predict(batch[0])
    assert (scores[:, training.test_data.never] > scores.gather(1, batch[3].unsqueeze(1))).any()
    wanted = training.trainer.evaluate(training.test_data, load_best_model=False)
    recommender = recbole_iacn.load(training.save(str(tmp_path / "bundle")))
    curve = trade_off_of(recommender, tmp_path, recommender.diversity(0).values, (20,), (0,), progress=False)
    assert curve.points[0].ndcg == pytest.approx(wanted["ndcg@20"], abs=1e-9) and curve.points[0].ndcg > 0


def test_with_a_weight_the_lists_are_those_of_recommend(trained, data_path):
    """Recall, NDCG and diversity by hand from the tables; the data repeat no click, so the history is masked."""
    training, recommender, values = trained("ComiRec", mask_history=True)
    data = training.test_data._dataset
    rows = data[np.arange(len(data))]
    names = data.field2id_token["item_id"]
    clicks = data.field2id_token["user_id"][rows["user_id"].numpy()].tolist()
    lines = [line.split("\t") for line in (data_path / "tiny" / "tiny.inter").read_text().splitlines()[1:]]
    before = {}
    for user, item, *_ in lines:
        before.setdefault(user, []).append(item)
    histories = [before[user][:-1] for user in clicks]
    targets = names[rows["item_id"].numpy()].tolist()
    assert targets == [before[user][-1] for user in clicks]
    sets = {f"i{n}": set() if n % 11 == 0 else {f"c{n % 4}", "all"} for n in range(40)}
    weight = 0.4
    curve = trade_off_of(recommender, data_path, values, (8,), (weight,), progress=False)
    found = recommender.recommend(histories, k=8, diversity=weight)
    lists = [found[found["user_id"] == row]["item_id"].tolist() for row in range(60)]
    assert all(len(some) == 8 for some in lists)
    places = [some.index(target) if target in some else None for some, target in zip(lists, targets)]
    (point,) = curve.points
    assert point.recall == pytest.approx(np.mean([place is not None for place in places]))
    assert point.ndcg == pytest.approx(np.mean([0 if place is None else 1 / np.log2(place + 2) for place in places]))
    pairs = [[g(sets[one], sets[other]) for one, other in combinations(some, 2)] for some in lists]
    assert point.diversity == pytest.approx(np.mean(pairs))


def test_default_weights_follow_the_scores(trained, data_path):
    """From 0 to 64 of the mean steps from place to place, over which the lists become ever more diverse."""
    _, recommender, values = trained("YouTubeDNN", mask_history=True)
    first = trade_off_of(recommender, data_path, values, (3, 8), progress=False)
    weights = sorted({point.weight for point in first.points})
    assert weights[0] == 0 and len(weights) == 8 and weights[-1] == pytest.approx(64 * weights[2], rel=0.05)
    diversity = [point.diversity for point in first.points if point.k == 8]
    assert diversity == sorted(diversity) and diversity[-1] > diversity[0] + 0.05
    assert "of the list of 8 to the next" in first.notes[1] and first.notes[2].startswith("4 items have no categories")
    assert (
        first.notes[0]
        == "Lists are of all items, without those that the user clicked before, as in the run's own test."
    )


def test_a_run_among_drawn_candidates_is_measured_among_all(trained, data_path):
    _, recommender, values = trained(protocol="leave_one_out_sampled", eval_negatives=20)
    curve = trade_off_of(recommender, data_path, values, (3,), (0,), progress=False)
    assert curve.notes[0].startswith("The run's own test (leave_one_out_sampled) ranks among drawn candidates; here")
    training, _, _ = trained("MIND", "full", mask_history=True)
    wanted = training.trainer.evaluate(training.test_data, load_best_model=False)
    assert curve.points[0].recall == pytest.approx(wanted["hit@3"], abs=1e-9)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"ks": (0,)}, "^k: must be a whole number from 1 to 40"),
        ({"ks": (3, 3)}, r"^k: must be one or several different numbers, got \[3, 3\]$"),
        ({"weights": ()}, r"^lambdas: must be one or several different numbers, got \[\]$"),
        ({"weights": (0.1, -1)}, "^lambdas: must be a finite number, 0 or more .* got -1$"),
    ],
)
def test_wrong_options_are_rejected_before_the_data_are_read(trained, asked, message):
    _, recommender, values = trained()
    with pytest.raises(ConfigError, match=message):
        trade_off_of(recommender, "nowhere", values, **{"ks": (3,), **asked})


def test_what_cannot_be_measured_is_rejected(trained, settings, tmp_path, data_path):
    training = recbole_iacn.build("DIN_IaCN", "tiny", config_dict=settings(protocol="leave_one_out_ctr"))
    recommender = recbole_iacn.load(training.save(str(tmp_path / "click")))
    values = recommender.diversity(0).values
    with pytest.raises(ConfigError, match=r"^protocol: leave_one_out_ctr of the run ranks no items, so there is no li"):
        trade_off_of(recommender, data_path, values, (3,))
    _, recommender, values = trained()
    missing = r"^data_path: there is no folder nowhere/tiny; name the one that contains tiny/$"
    with pytest.raises(ConfigError, match=missing):
        trade_off_of(recommender, "nowhere", values, (3,))


def test_lists_are_no_longer_than_half_of_the_items_unless_it_is_asked_for(trained, data_path):
    _, recommender, values = trained(mask_history=True)
    curve = trade_off_of(recommender, data_path, values, weights=(0,), progress=False)
    assert [point.k for point in curve.points] == [20]  # of 40 items
    assert curve.notes[1] == "Lists are of 20 items, since 20 and 50, as in the paper, would be most of the 40 (set k)."
    asked = trade_off_of(recommender, data_path, values, (39,), (0,), progress=False)
    assert asked.notes == (curve.notes[0], *curve.notes[2:])


@pytest.mark.parametrize(("items", "ks"), [(1, [1]), (30, [15]), (99, [20, 49]), (100, [20, 50]), (12101, [20, 50])])
def test_the_papers_lists_need_as_many_items(items, ks):
    found, notes = trade_off._default_ks(items)
    assert found == ks and bool(notes) == (items < 100)

"""The sheet: means and intervals against SciPy, the same users on every side, and the truth on planted interests."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

import recbole_iacn
from recbole_iacn.data.synthetic import PlantedInterests
from recbole_iacn.interests import sheet
from recbole_iacn.interests.agreement import adjusted_mutual_information
from recbole_iacn.interests.item_categories import categories_of
from recbole_iacn.interests.measure_table import MEASURES, NAMES
from recbole_iacn.interests.test_rows import of_settings
from recbole_iacn.serving.recommender import load


def taken(path, data_path, rows=20, k=4, **options):
    recommender = load(path)
    test = of_settings(recommender, data_path, rows)
    return sheet.sheet_of(recommender, test, categories_of(recommender.catalogue), k, **options)


@pytest.fixture(scope="module")
def of_din(bundles, data_path):
    return taken(bundles["DIN_IaCN"], data_path)


def test_every_measure_has_a_line(of_din):
    assert [line.name for line in of_din.lines] == list(NAMES)
    controls = {"chance", "k_means", "k_means_id", "k_means_own"}
    for line, measure in zip(of_din.lines, MEASURES):
        assert set(line.controls) == controls - set(measure.without)
        assert line.users + line.undefined == 20 and np.isfinite(line.model.mean)


def test_a_line_is_the_measure_of_the_divisions(of_din, bundles):
    """Means over the users for whom it is defined on all sides, here taken once more."""
    categories = categories_of(load(bundles["DIN_IaCN"]).catalogue)
    values = {
        name: adjusted_mutual_information(one.grouping.belongs, categories.main.of(one.grouping.history))
        for name, one in of_din.divisions.items()
    }
    defined = np.logical_and.reduce([~np.isnan(of) for of in values.values()])
    line = next(line for line in of_din.lines if line.name == "ami")
    assert line.users == defined.sum()
    assert line.model.mean == pytest.approx(values.pop("model")[defined].mean())
    for name, of in values.items():
        assert line.controls[name].mean == pytest.approx(of[defined].mean())


def test_the_same_users_on_every_side():
    """Users 2 and 3 lack a figure on one side; the others differ by 1, 0 and 5: mean 2, SD sqrt(7), SE sqrt(7 / 3)."""
    nan = np.nan
    values = {"model": np.array([1, 2, 9, nan, 6]), "chance": np.array([0, 2, nan, 9, 1])}
    line = sheet.line_of(("a", "A", ""), values)
    assert (line.users, line.undefined, line.model.mean) == (3, 2, 3)
    control = line.controls["chance"]
    assert control.mean == 1 and control.difference == 2
    reach = 4.302653 * np.sqrt(7 / 3)  # Student's t, 2 degrees of freedom, .975
    assert (control.low, control.high) == pytest.approx((2 - reach, 2 + reach), rel=1e-6)
    interval = stats.ttest_rel([1, 2, 6], [0, 2, 1]).confidence_interval(0.95)
    assert (control.low, control.high) == pytest.approx(tuple(interval))
    assert "model" in values  # which is read, not taken apart
    assert sheet.line_of(("a", "A", ""), {"model": np.array([nan]), "chance": np.array([1.0])}) is None
    alone = sheet.line_of(("a", "A", ""), {"model": np.array([1.0]), "chance": np.array([0.0])})
    assert (
        alone.controls["chance"].difference == 1 and np.isnan([alone.model.error, alone.controls["chance"].low]).all()
    )


def test_one_interest_divides_nothing(bundles, data_path):
    of = taken(bundles["YouTubeDNN"], data_path)
    assert of.interests == 1
    whole = [one.name for one in MEASURES if not one.divides]
    assert [line.name for line in of.lines] == whole and len(whole) == 5
    assert any(note.startswith("YouTubeDNN has one interest, which divides nothing: ami, purity") for note in of.notes)


def test_without_categories_their_measures_are_left_out(bundles, data_path):
    recommender = load(bundles["MIND"])
    of = sheet.sheet_of(recommender, of_settings(recommender, data_path, 9), None, 4)
    assert [line.name for line in of.lines] == [one.name for one in MEASURES if not one.categories]
    (note,) = [note for note in of.notes if "--items" in note]
    assert note.startswith("The bundle has no column of items with categories, so ami, purity, homogeneity")


def test_some_measures_and_another_seed(bundles, data_path):
    few = taken(bundles["MIND"], data_path, names=("purity", "cosine"))
    assert [line.name for line in few.lines] == ["purity", "cosine"]
    again = taken(bundles["MIND"], data_path, names=("purity", "cosine"))
    assert few == again
    other = taken(bundles["MIND"], data_path, names=("purity",), seed=1)
    assert other.lines[0].model == few.lines[0].model
    assert other.lines[0].controls["chance"] != few.lines[0].controls["chance"]


def test_faithfulness_is_of_the_first_item(bundles, data_path):
    """The margin that the model's first item loses without the clicks of its interest, asked by tokens."""
    recommender = load(bundles["MIND"])
    test = of_settings(recommender, data_path, 20)
    of = sheet.sheet_of(recommender, test, None, 4, names=("deletion",))
    own, tokens, losses = of.divisions["model"], recommender.catalogue.tokens["item_id"], []
    firsts = own.lists[:, 0]
    groups = own.grouping.of_items(firsts[:, None])[:, 0]
    for clicks, belongs, first, group in zip(test.history, own.grouping.belongs, firsts, groups):
        stay = tokens[clicks[(belongs != group) & (clicks > 0)]].tolist()
        whole = tokens[clicks[clicks > 0]].tolist()
        if 0 < len(stay) < len(whole):
            item = tokens[[first]].tolist()
            losses.append(recommender.score([whole], item)[0, 0] - recommender.score([stay], item)[0, 0])
    defined = of.lines[0]
    assert defined.users <= len(losses) <= 20
    if defined.users == len(losses):
        assert defined.model.mean == pytest.approx(np.mean(losses), abs=1e-5)


# --- Planted interests ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_planted_interests_are_seen_and_only_after_training(settings, tmp_path):
    """Users with 2 of 5 clusters, which are the categories; one click in twenty at random. Trained, MIND's interests
    agree with the clusters (measured: AMI .87), far above chance (.01); not trained, they do not (.00)."""
    PlantedInterests(users=300, clusters=5, items_per_cluster=16, events=12, noise=0.05).write(
        tmp_path, categories=True
    )
    changes = {
        "data_path": str(tmp_path),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]},
        **{"epochs": 12, "learning_rate": 0.01, "embedding_size": 16, "train_batch_size": 256, "eval_negatives": 50},
        **{"MAX_ITEM_LIST_LENGTH": 12, "stopping_step": 20, "metrics": ["NDCG"], "valid_metric": "NDCG@10"},
    }
    training = recbole_iacn.build("MIND", "planted", config_dict=settings(**changes))
    before = taken(training.save("before"), tmp_path, 0, 10, names=("ami", "purity", "neighbour_purity"))
    training.fit(verbose=False)
    after = taken(training.save("after"), tmp_path, 0, 10, names=("ami", "purity", "neighbour_purity"))
    (ami, purity, near), (ami_before, *_) = after.lines, before.lines
    assert ami.controls["chance"].low > 0.3 and abs(ami.controls["chance"].mean) < 0.05
    assert purity.controls["chance"].low > 0.1
    assert (
        near.model.mean > 0.45
    )  # of 20 near items at most the 10 or 11 that the user has not clicked are of a cluster
    assert abs(ami_before.model.mean) < 0.15 < ami.model.mean - ami_before.model.mean


def test_sheets_of_one_kind_differ_in_their_seed(bundles, data_path):
    kinds = [taken(bundles[name], data_path, 5, names=("cosine",)) for name in ("MIND", "MIND again", "DIN_IaCN")]
    assert kinds[0].kind == kinds[1].kind != kinds[2].kind
    assert [one.seed for one in kinds] == [7, 8, 7]
    assert dataclasses.replace(kinds[0], divisions={}) == kinds[0]

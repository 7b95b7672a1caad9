"""What a model is asked: the same as people ask it by tokens."""

import numpy as np
import pytest
import torch

from recbole_iacn.interests import model_answers
from recbole_iacn.interests.test_rows import of_settings
from recbole_iacn.serving.recommender import load


@pytest.fixture(scope="module", params=["MIND", "DIN_IaCN"])
def asked(bundles, data_path, request):
    recommender = load(bundles[request.param])
    return recommender, of_settings(recommender, data_path, 9)


def words(recommender, test, keep=None):
    keep = np.ones_like(test.history, dtype=bool) if keep is None else keep
    tokens = recommender.catalogue.tokens["item_id"]
    return [tokens[row[some & (row > 0)]].tolist() for row, some in zip(test.history, keep)]


def test_grouping_is_what_interests_returns(asked):
    recommender, test = asked
    found, by_tokens = model_answers.grouping_of(recommender, test), recommender.interests(words(recommender, test))
    width = by_tokens.couplings.shape[1]
    assert np.allclose(found.couplings[:, :width], by_tokens.couplings, atol=1e-6)
    assert (found.active == by_tokens.active).all() and np.allclose(found.vectors, by_tokens.vectors, atol=1e-6)
    assert np.allclose(found.item_vectors[1:], recommender.item_vectors()[1], atol=1e-6)
    assert not found.item_vectors[0].any()


def test_lists_are_those_of_recommend(asked):
    recommender, test = asked
    tokens = recommender.catalogue.tokens["item_id"]
    whole = np.split(tokens[test.rows.seen], np.cumsum(test.rows.lengths)[:-1])
    best = recommender.recommend([row.tolist() for row in whole], 4)["item_id"].to_numpy().reshape(-1, 4)
    assert (tokens[model_answers.lists_of(recommender, test, 4)] == best).all()


def test_margins_without_clicks_are_those_of_the_shorter_history(asked):
    """Log-odds of a click model's probability, the family's score itself."""
    recommender, test = asked
    keep = np.random.default_rng(0).random(test.history.shape) < 0.5
    keep[0] = False
    items = np.arange(1, len(test) + 1)
    by_tokens = [
        recommender.score([row], recommender.catalogue.tokens["item_id"][[item]].tolist())[0, 0]
        for row, item in zip(words(recommender, test, keep), items)
    ]
    if recommender.config["model"] == "DIN_IaCN":
        by_tokens = np.log(by_tokens) - np.log1p(-np.array(by_tokens))
    assert np.allclose(model_answers.margins(recommender, test, items, keep), by_tokens, atol=1e-4)
    whole = model_answers.margins(recommender, test, items)
    assert np.allclose(whole, model_answers.margins(recommender, test, items, test.history >= 0))
    assert (np.abs(whole - by_tokens) > 1e-3).any()


def test_older_times_start_from_the_first_click_that_stays(settings, data_path):
    """TiSASRec reads the time between clicks."""
    import recbole_iacn

    recbole_iacn.build("TiSASRec", "tiny", config_dict=settings(hidden_size=8, inner_size=8)).save("timed")
    recommender = load("timed")
    test = of_settings(recommender, data_path, 3)
    keep = np.ones_like(test.history, dtype=bool)
    keep[:, :2] = False
    elapsed = test.rows.interaction["elapsed_list"]
    changed = model_answers.with_clicks(recommender, test, keep).interaction
    expected = (elapsed[:, 2:] - elapsed[:, 2:3]) * (changed["item_id_list"][:, :4] > 0)
    assert torch.equal(changed["elapsed_list"][:, :4], expected) and expected.any()
    assert changed["item_length"].tolist() == [int(keep[0, : (row > 0).sum()].sum()) for row in test.history]


def test_plain_embeddings(bundles):
    """The family's item table; a click model's own columns end to end, the item's own vector, and E_auxiliary."""
    recommender = load(bundles["MIND"])
    (found,) = model_answers.plain_embeddings(recommender).values()
    assert np.array_equal(found.vectors, recommender.model.item_embedding.weight) and found.what == "the item table"
    recommender = load(bundles["DIN_IaCN"])
    found = model_answers.plain_embeddings(recommender)
    layer = recommender.model.embedding_layer
    own = layer.item_field("item_id", torch.arange(recommender.model.n_items)).numpy()
    feature = layer.item_field("categories", torch.arange(recommender.model.n_items)).numpy()
    assert np.array_equal(found["k_means_id"].vectors, own)
    assert np.array_equal(found["k_means"].vectors, np.hstack([own, feature]))
    assert np.allclose(found["k_means_own"].vectors[1:], recommender.item_vectors()[1])
    assert not found["k_means_own"].vectors[0].any()
    assert found["k_means"].what == "E_original of item_id, categories"

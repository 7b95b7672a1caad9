"""The divergence of target and first recommendation: by hand, and as the experiments' of a model."""

import numpy as np
import pytest

from recbole_iacn.experiments.divergence import interest_divergence
from recbole_iacn.interests.grouping import Grouping
from recbole_iacn.interests.interest_gap import interest_gap
from recbole_iacn.serving.interests import vectors_of_items


def grouping(active):
    """Items 1 and 2 point along groups 0 and 1, item 3 between them."""
    count = len(active)
    items = np.array([[0, 0], [2, 0], [0, 3], [1, 1]], float)
    return Grouping(
        np.ones((count, 1), int),
        np.ones((count, 1, 2)),
        np.array(active),
        np.tile(np.eye(2), (count, 1, 1)),
        items,
    )


def test_by_hand():
    """T = 1: cosines (1, 0) and (0, 1) make p = (.7311, .2689) and q = (.2689, .7311), middle (.5, .5). The divergence
    is log 2 - H(p) = .6931 - .5822 = .1109. The same item: 0. One group: 0. None, or no item: not defined."""
    both, one, none = [True, True], [True, False], [False, False]
    p = np.exp(1) / (1 + np.exp(1))
    wanted = np.log(2) + p * np.log(p) + (1 - p) * np.log(1 - p)
    groups = grouping([both, both, one, none, both])
    found = interest_gap(groups, np.array([1, 3, 1, 1, 1]), np.array([2, 3, 2, 2, 0]), temperature=1)
    np.testing.assert_allclose(found, [wanted, 0, 0, np.nan, np.nan], atol=1e-12)
    assert wanted == pytest.approx(0.1109, abs=1e-4)
    colder = interest_gap(groups, np.array([1] * 5), np.array([2] * 5))  # at .1 nearly log 2
    assert 0.69 < colder[0] < np.log(2)


@pytest.mark.parametrize("model", ["MIND", "DIN_IaCN"])
def test_a_models_own_grouping_has_its_own_divergence(build, model):
    columns = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]}
    *_, test, network = build(model, load_col=columns)
    network.eval()
    rows = test._dataset
    part = rows[np.arange(len(rows))]
    wanted = interest_divergence(network, rows, rows=len(rows)).numpy()
    vectors, active, _ = network.interests_and_items(part)
    items = np.concatenate([np.zeros((1, vectors.shape[2]), np.float32), vectors_of_items(network).detach().numpy()])
    history = part[network.ITEM_SEQ].numpy()
    own = Grouping(history, network.couplings(part).detach().numpy(), active.numpy(), vectors.detach().numpy(), items)
    scores = network.full_sort_predict(part).view(len(history), -1).detach().numpy()
    scores[:, 0] = -np.inf
    found = interest_gap(own, part[network.POS_ITEM_ID].numpy(), scores.argmax(axis=1))
    assert len(found) > 10 and wanted.max() > 1e-4
    np.testing.assert_allclose(found, wanted, atol=1e-6)

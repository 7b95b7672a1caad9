"""Rows of new tokens: the mean over their features' values of the known rows' means, by hand."""

from types import SimpleNamespace

import numpy as np
import torch
from recbole.data.interaction import Interaction
from recbole.utils import FeatureType

from recbole_iacn.training.peers import Means


def dataset():
    """Items 1 to 3 are known, 4 to 7 are new."""
    items = Interaction(
        {
            "item_id": torch.arange(8),
            "brand": torch.tensor([0, 1, 1, 2, 1, 2, 3, 0]),
            "tags": torch.tensor([[0, 0], [1, 0], [2, 0], [1, 2], [2, 2], [4, 0], [4, 0], [0, 0]]),
            "price": torch.arange(8.0),
            "item_id_auxiliary": torch.arange(8),
        }
    )
    kinds = {"item_id": "TOKEN", "brand": "TOKEN", "tags": "TOKEN_SEQ", "price": "FLOAT", "item_id_auxiliary": "TOKEN"}
    kinds["user_id"] = "TOKEN"
    counts = {"item_id": 8, "brand": 4, "tags": 5, "item_id_auxiliary": 8, "colour": 3, "user_id": 3}
    return SimpleNamespace(
        iid_field="item_id",
        uid_field="user_id",
        auxiliary_fields={"item_id_auxiliary"},
        field2type={name: FeatureType[kind] for name, kind in kinds.items()},
        num=counts.__getitem__,
        get_item_feature=lambda: items,
        get_user_feature=lambda: Interaction({"user_id": torch.arange(3)}),
    )


def test_the_mean_of_the_means_of_each_value():
    table = torch.tensor([[9.0], [1.0], [2.0], [6.0], [0.0], [0.0], [0.0], [0.0]])
    for field in ("item_id", "item_id_auxiliary"):
        means = Means(dataset(), field, np.array([1, 2, 3]), np.array([4, 5, 6, 7]))
        brand_1, brand_2, tag_2 = (1 + 2) / 2, 6, (2 + 6) / 2
        # 4: brand 1 and, once, tag 2. 5: brand 2; nobody known has tag 4. 6: a brand and a tag of nobody. 7: nothing.
        expected = [(brand_1 + tag_2) / 2, brand_2, 3, 3]
        assert means.of(table).flatten().tolist() == expected and means.alone == 2


def test_without_features_the_mean_of_all():
    means = Means(dataset(), "colour", np.array([1]), np.array([2]))
    assert means.of(torch.tensor([[0.0, 0.0], [1.0, 5.0], [0.0, 0.0]])).tolist() == [[1.0, 5.0]] and means.alone == 0
    means = Means(dataset(), "user_id", np.array([1]), np.array([2]))
    assert means.of(torch.tensor([0.0, 4.0, 0.0])).tolist() == [4.0] and means.alone == 0


def test_rows_of_any_shape():
    table = torch.arange(8 * 6, dtype=torch.float64).reshape(8, 2, 3)
    means = Means(dataset(), "item_id", np.array([1, 2, 3]), np.array([5]))
    assert torch.equal(means.of(table), table[3:4])

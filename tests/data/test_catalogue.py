"""What a model knows of its data without interactions: enough to build it, and a digest of the numbering."""

import numpy as np
import pytest
import torch
from recbole.utils import get_model

from recbole_iacn.data.catalogue import Catalogue

MODELS = ["DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN", "FFM_IaCN", "MIND", "TiSASRec", "DIN"]


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_built_without_the_data(build, model):
    more = {} if model in ("MIND", "TiSASRec", "DIN") else {"iacn_mode": "full"}
    config, train, _, test, trained = build(model, **more)
    other = get_model(model)(config, Catalogue.of(train._dataset).dataset(config))
    other.load_state_dict(trained.state_dict())
    rows = test._dataset[list(range(20))]
    trained.eval(), other.eval()
    with torch.no_grad():
        assert torch.equal(trained.predict(rows), other.predict(rows))


def test_a_catalogue_of_its_own_dataset_is_the_same(build):
    config, train, *_ = build("DIN_IaCN")
    catalogue = Catalogue.of(train._dataset)
    again = Catalogue.of(catalogue.dataset(config))
    assert again.columns == catalogue.columns
    assert again.digests() == catalogue.digests()
    assert "item_id_auxiliary" in catalogue.tokens and "item_id_auxiliary" not in catalogue.digests()


def test_ids_of_tokens(build):
    catalogue = Catalogue.of(build("MIND")[1]._dataset)
    tokens = catalogue.tokens["item_id"]
    np.testing.assert_array_equal(catalogue.ids("item_id", [tokens[3], "nobody", "[PAD]", tokens[1]]), [3, 0, 0, 1])
    np.testing.assert_array_equal(catalogue.ids("item_id", tokens[[[2, 1], [1, 4]]]), [[2, 1], [1, 4]])


def test_the_digest_follows_the_order_of_tokens(build):
    catalogue = Catalogue.of(build("MIND")[1]._dataset)
    swapped = dict(catalogue.tokens)
    swapped["item_id"] = swapped["item_id"][[0, 2, 1, *range(3, len(swapped["item_id"]))]]
    joined = dict(catalogue.tokens, item_id=np.array(["[PAD]", "ab", "c"]))
    other = dict(catalogue.tokens, item_id=np.array(["[PAD]", "a", "bc"]))
    digests = [
        Catalogue(catalogue.user, catalogue.item, catalogue.columns, tokens, catalogue.items, catalogue.users).digest()
        for tokens in (catalogue.tokens, swapped, joined, other)
    ]
    assert len(set(digests)) == 4


def test_scales_of_columns_that_are_scaled(build):
    _, train, *_ = build("DIN_IaCN", normalize_all=True)
    assert Catalogue.of(train._dataset).columns["timestamp"].scale is not None
    _, train, *_ = build("DIN_IaCN")
    assert Catalogue.of(train._dataset).columns["timestamp"].scale is None

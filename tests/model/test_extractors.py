"""Extractors of one's own."""

import pytest
import torch
from helpers import SHORT_RANKING

import recbole_iacn
from recbole_iacn import ConfigError, names


class Mean(torch.nn.Module):
    def __init__(self, embedding_size, num_interests, max_length):
        super().__init__()
        self.sizes = embedding_size, num_interests, max_length

    def forward(self, behaviors, mask):
        mean = (behaviors * mask.unsqueeze(2)).sum(dim=1, keepdim=True) / mask.sum(dim=1).clamp_min(1)[:, None, None]
        return mean, mask.new_ones(len(mask), 1)


class TwoArguments(torch.nn.Module):
    def __init__(self, embedding_size, num_interests):
        super().__init__()


@pytest.fixture(autouse=True)
def extractors():
    before = dict(names.extractors)
    yield names.extractors
    names.extractors.clear()
    names.extractors.update(before)


def test_it_is_made_of_the_models_sizes_and_asked(build):
    recbole_iacn.add_extractor("average", Mean)
    *_, test, model = build("ComiRec", extractor="average", mlp_hidden_size=..., topk=[5], num_interests=3)
    assert model.extractor.sizes == (8, 3, 6)
    *_, test, model = build("WideDeep_IaCN", iacn_extractor="average", iacn_interests=2)
    assert model.tasks["iacn"].network.extractor.sizes == (8, 2, 6)
    rows = test._dataset[torch.arange(4)]
    interests, active, embed = model.interests_and_items(rows)
    history = rows["item_id_list"]
    real = (history != 0).unsqueeze(2)
    wanted = (embed(history) * real).sum(dim=1) / real.sum(dim=1)
    assert active.shape == (4, 1) and torch.allclose(interests[:, 0], wanted, atol=1e-6)
    assert torch.equal(model.couplings(rows), real.float())  # all clicks belong to the one interest


@pytest.mark.parametrize(
    ("name", "extractor", "message"),
    [
        ("average", Mean(1, 1, 1), "is not a subclass of torch.nn.Module"),
        ("average", dict, "is not a subclass of torch.nn.Module"),
        ("two", TwoArguments, r"TwoArguments(embedding_size, num_interests, max_length) must make one"),
        ("sa", Mean, "add_extractor: the name 'sa' is taken by recbole_iacn; choose another"),
        ("mean", Mean, "add_extractor: the name 'mean' is taken by recbole_iacn; choose another"),
        ("my mean", Mean, "the name must be an identifier, such as my_own, got 'my mean'"),
    ],
)
def test_what_cannot_be_added_is_one_line(extractors, name, extractor, message):
    before = dict(extractors)
    with pytest.raises(ConfigError) as told:
        recbole_iacn.add_extractor(name, extractor)
    assert message in str(told.value) and "\n" not in str(told.value) and dict(extractors) == before


def test_routing_diversity_names_an_extractor_that_does_not_tell_what_its_interests_read(build):
    class Mute(torch.nn.Module):
        def __init__(self, embedding_size, num_interests, max_length):
            super().__init__()

        def forward(self, behaviors, mask):
            return behaviors[:, :2], mask[:, :2]

    recbole_iacn.add_extractor("mute", Mute)
    given = {**SHORT_RANKING, "extractor": "mute", "num_interests": 2}
    line = "interest_diversity: routing needs to know which clicks an interest reads, and Mute does not tell"
    with pytest.raises(ConfigError, match=line):
        build("ComiRec", **given, interest_diversity="routing")
    *_, model = build("ComiRec", **given, interest_diversity="cosine")
    assert model.loss_names == ("main", "diversity")

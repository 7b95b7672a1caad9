"""Re4 in the family: its losses beside the main one, what they do in training, and what its options reject."""

import pytest
import torch
from helpers import SHORT_RANKING

from recbole_iacn.errors import ConfigError
from recbole_iacn.nn.backward_flows import reattend_loss, recontrast_loss, representatives

FLOWS = ("recontrast", "reattend", "reconstruct")
OFF = {f"{name}_weight": 0 for name in FLOWS}


@pytest.fixture
def network(build):
    def make(name="Re4", **changes):
        _, train, _, _, model = build(name, **{**SHORT_RANKING, **changes})
        torch.manual_seed(0)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        return model, next(iter(train))

    return make


def losses_of(model, batch):
    torch.manual_seed(1)  # the negatives of the batch
    found = model.calculate_loss(batch)
    return dict(zip(model.loss_names, found if isinstance(found, tuple) else (found,)))


def test_the_flows_are_further_losses_with_their_weights(network):
    model, batch = network(recontrast_weight=0.5, reattend_weight=2.0, reconstruct_weight=3.0)
    found, mask = losses_of(model, batch), batch["item_id_list"] != 0
    assert tuple(found) == ("main", *FLOWS)
    with torch.no_grad():
        behaviors = model.embed(batch["item_id_list"])
        interests, active, attention = model.extractor(behaviors, mask, return_attention=True)
        represents = representatives(attention, active, mask)
        expected = {
            "recontrast": 0.5 * recontrast_loss(interests, active, behaviors, mask, represents, 0.02),
            "reattend": 2 * reattend_loss(interests, active, behaviors, mask, attention),
            "reconstruct": 3 * model.reconstruction.loss(interests, behaviors, mask, represents),
        }
    for name in FLOWS:
        assert found[name].item() == pytest.approx(float(expected[name]), rel=1e-4) and float(expected[name]) > 0


def test_without_weights_it_is_comirec(network):
    """The same weights, losses and scores; each flow alone leaves the main loss as it is."""
    plain, batch = network("ComiRec")
    main = losses_of(plain, batch)["main"]
    model, _ = network(**OFF)
    assert model.loss_names == ("main",) and torch.equal(losses_of(model, batch)["main"], main)
    for name in FLOWS:
        one, _ = network(**{**OFF, f"{name}_weight": 0.5})
        assert one.loss_names == ("main", name) and torch.equal(losses_of(one, batch)["main"], main)
        assert torch.equal(one.full_sort_predict(batch), plain.full_sort_predict(batch))


def test_the_reconstruction_starts_as_small_as_the_rest(build):
    *_, model = build("Re4", **SHORT_RANKING)
    for weight in (model.reconstruction.spread.weight, model.extractor.hidden.weight, model.item_embedding.weight):
        assert float(weight.detach().std()) == pytest.approx(0.01, rel=0.3)


def test_the_temperature_divides_the_cosines(network):
    found = [losses_of(*network(recontrast_temperature=value))["recontrast"].item() for value in (0.02, 0.5)]
    assert found[0] > found[1]


@pytest.mark.parametrize("name", FLOWS)
def test_steps_with_a_flow_lower_it(network, name):
    reached = []
    for weight in (1e-9, 1.0):
        model, batch = network(**{**OFF, f"{name}_weight": weight, "recontrast_temperature": 0.5})
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(20):
            optimizer.zero_grad()
            sum(losses_of(model, batch).values()).backward()
            optimizer.step()
        reached.append(losses_of(model, batch)[name].item() / weight)
    assert reached[1] < reached[0]


def test_a_penalty_stands_before_the_flows(network):
    model, batch = network(interest_diversity="cosine")
    assert tuple(losses_of(model, batch)) == ("main", "diversity", *FLOWS)


def test_every_extractor_that_tells_what_it_reads_will_do(network):
    model, batch = network(extractor="dr", interest_rounding="ceil")
    assert tuple(losses_of(model, batch)) == ("main", *FLOWS)
    sum(losses_of(model, batch).values()).backward()
    assert all(torch.isfinite(one.grad).all() for one in model.parameters() if one.grad is not None)


def test_an_extractor_that_does_not_tell_is_rejected(build, monkeypatch):
    from recbole_iacn.names import extractors

    class Mean(torch.nn.Module):
        def __init__(self, embedding_size, num_interests, max_length):
            super().__init__()

        def forward(self, behaviors, mask):
            return behaviors.mean(dim=1, keepdim=True), mask.any(dim=1, keepdim=True)

    monkeypatch.setitem(extractors, "mean_of_all", Mean)
    message = (
        "^extractor: Re4 needs to know which clicks an interest reads, and Mean does not tell; .* set extractor to sa"
    )
    with pytest.raises(ConfigError, match=message):
        build("Re4", **SHORT_RANKING, extractor="mean_of_all")

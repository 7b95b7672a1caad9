"""The log's effective number of interests: right, and without influence on the training."""

import logging
import re

import numpy as np
import pytest
import torch
from helpers import SHORT_RANKING, give_other_weights

from recbole_iacn.training import effective_interests
from recbole_iacn.training.effective_interests import InterestLog, Spread


@pytest.fixture
def made(build):
    def make(name, **changes):
        given = changes if name.endswith("IaCN") else {**SHORT_RANKING, **changes}
        _, train, _, _, model = build(name, **given)
        give_other_weights(model)
        return model.eval(), train._dataset

    return make


def spread_oracle(model, rows):
    """By hand, a row at a time: (effective number, own number, cosine) of each row with a history."""
    with torch.no_grad():
        vectors, active, _ = model.interests_and_items(rows)
        couplings = model.couplings(rows).numpy()
    for history, vector, own, coupling in zip(rows["item_id_list"].numpy(), vectors.numpy(), active.numpy(), couplings):
        clicks = np.flatnonzero(history)
        if len(clicks):
            share = coupling[clicks].mean(axis=0)
            share = share[share > 0]
            units = [one / np.linalg.norm(one) for one in vector[own]]
            pairs = [units[i] @ units[j] for i in range(len(units)) for j in range(i)]
            yield np.exp(-(share * np.log(share)).sum()), own.sum(), np.mean(pairs) if pairs else None


@pytest.mark.parametrize("name", ["MIND", "ComiRec", "DIN_IaCN"])
def test_the_spread_is_the_mean_over_training_rows(made, name):
    model, data = made(name)
    effective, own, cosine = zip(*spread_oracle(model, data[np.arange(len(data))]))
    spread = InterestLog(model).of(data)
    assert spread.effective == pytest.approx(np.mean(effective), rel=1e-5) and 1 < spread.effective < spread.own
    assert spread.own == pytest.approx(np.mean(own)) and (spread.own < 4) == (name != "ComiRec")
    assert spread.cosine == pytest.approx(np.mean([one for one in cosine if one is not None]), abs=1e-5)


def test_a_sample_is_spread_evenly_and_always_the_same(made, monkeypatch):
    model, data = made("ComiRec")
    monkeypatch.setattr(effective_interests, "_ROWS", 5)
    chosen = [round(place * (len(data) - 1) / 4 - 0.5 + 1e-9) for place in range(5)]
    expected = np.mean([one for one, *_ in spread_oracle(model, data[np.array(chosen)])])
    log = InterestLog(model)
    assert [log.of(data).effective for _ in range(2)] == pytest.approx([expected] * 2, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "changes"), [("ComiRecPlus", {"dropout_prob": 0.3}), ("DIN_IaCN", {"dropout_prob": 0.3})]
)
def test_a_training_is_the_same_without_it(train, place, monkeypatch, name, changes):
    """Bit by bit: losses, weights and the random state after it."""

    def run():
        training = train(name, epochs=2, **({} if name == "DIN_IaCN" else SHORT_RANKING), **changes)
        logged = training.trainer.epoch_interests
        state = [value.clone() for value in training.model.state_dict().values()]
        return logged, training.trainer.epoch_losses, [*state, torch.random.get_rng_state()]

    logged, losses, state = run()
    monkeypatch.setattr(InterestLog, "of", lambda self, dataset: None)
    nothing, same_losses, same_state = run()
    assert all(isinstance(one, Spread) for one in logged) and len(logged) == 2 and nothing == [None, None]
    assert losses == same_losses and all(map(torch.equal, state, same_state))


def test_the_model_stays_in_training_mode(made):
    model, data = made("ComiRec")
    model.train()
    InterestLog(model).of(data)
    assert model.training


@pytest.mark.parametrize(
    ("name", "changes"), [("YouTubeDNN", {}), ("ComiRec", {"num_interests": 1}), ("DIN_IaCN", {"iacn_mode": "width"})]
)
def test_a_model_without_several_interests_has_no_spread(made, name, changes):
    model, data = made(name, **changes)
    assert InterestLog(model).of(data) is None


def test_an_extractor_that_does_not_tell_whose_a_click_is_is_named_once(made, caplog):
    model, data = made("ComiRec")
    silent = model.extractor

    class Silent(torch.nn.Module):
        def forward(self, behaviors, mask):
            return silent(behaviors, mask)

    model.extractor = Silent()
    log = InterestLog(model)
    assert log.of(data) is None and log.of(data) is None
    [record] = caplog.records
    assert record.getMessage().startswith("The log leaves out the effective number of interests: extractor: Silent")


@pytest.mark.parametrize(
    ("spread", "line"),
    [
        (Spread(2.714, 3.4, 0.83), "2.71 of 3.40, cosine .83"),
        (Spread(2.0, 4.0, -0.05), "2.00 of 4.00, cosine -.05"),
        (Spread(3.5, 4.0, 0.999), "3.50 of 4.00, cosine 1.00"),
        (Spread(1.0, 1.0, None), "1.00 of 1.00"),
    ],
)
def test_the_words_of_the_log(spread, line):
    assert str(spread) == line


def test_the_line_of_an_epoch_and_tensorboard(train, place, caplog, monkeypatch):
    training = train("ComiRec", fitted=False, **SHORT_RANKING)
    written = {}
    monkeypatch.setattr(
        training.trainer.tensorboard, "add_scalar", lambda name, value, epoch: written.update({name: value})
    )
    with caplog.at_level(logging.INFO):
        training.fit()
    [spread] = training.trainer.epoch_interests
    line = re.compile(rf"interests(\033\[0m)?: {re.escape(str(spread))}\]")  # a log file's handler takes colours out
    assert any(line.search(one.getMessage()) for one in caplog.records)
    assert written["Interests/effective"] == spread.effective and written["Interests/cosine"] == spread.cosine


def test_both_stages_are_logged(train, place):
    training = train("TiMiRec", **SHORT_RANKING)
    assert len(training.trainer.epoch_interests) == 2 and all(training.trainer.epoch_interests)

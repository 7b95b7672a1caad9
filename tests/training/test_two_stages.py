"""Two stages: the best extractor is carried over, and a stage can be resumed."""

import pytest
import torch

from recbole_iacn.errors import ConfigError
from recbole_iacn.model.retrieval.timirec import EXTRACTOR, EXTRACTOR_AGAIN, PREDICTOR


def test_two_stages_carry_the_best_extractor_over(train_ranking, monkeypatch):
    """The second stage starts from the weights of ``…-extractor.pth``, with a fresh optimizer."""
    from recbole_iacn.training.two_stages import TiMiRecTrainer

    begun = []
    start = TiMiRecTrainer._start_second_stage

    def spy(trainer):
        start(trainer)
        state = {name: value.clone() for name, value in trainer.model.state_dict().items()}
        begun.append((state, len(trainer.optimizer.state), trainer._files()[0]))

    monkeypatch.setattr(TiMiRecTrainer, "_start_second_stage", spy)
    model, trainer, _, seen = train_ranking(epochs=3)
    assert [stage for stage, *_ in seen] == [EXTRACTOR] * 3 + [PREDICTOR] * 3 and int(model.stage) == PREDICTOR
    [(state, optimizer_state, first)] = begun
    saved = torch.load(first, weights_only=True)
    assert (
        optimizer_state == 0 and int(saved["state_dict"].pop("stage")) == EXTRACTOR and int(state["stage"]) == PREDICTOR
    )
    assert all(torch.equal(value, state[name]) for name, value in saved["state_dict"].items())
    assert saved["epoch"] == max(range(3), key=lambda epoch: seen[epoch][2])
    assert [set(one) for one in trainer.epoch_losses] == [{"main"}] * 3 + [{"main", "distillation"}] * 3


@pytest.mark.parametrize(
    ("stages", "wanted"), [("joint", [PREDICTOR] * 2), ("extractor_twice", [0, 0, EXTRACTOR_AGAIN, EXTRACTOR_AGAIN])]
)
def test_the_papers_variants_are_settings(train_ranking, stages, wanted):
    model, _, _, seen = train_ranking(epochs=2, stages=stages)
    assert [stage for stage, *_ in seen] == wanted and model.predicts == (stages == "joint")


@pytest.mark.parametrize("stage", [EXTRACTOR, PREDICTOR])
def test_a_resumed_stage_ends_like_an_uninterrupted_one(train_ranking, stage):
    """From the best epoch's file, as RecBole resumes."""
    _, whole, result, seen = train_ranking(epochs=4)
    file = train_ranking(epochs=2)[1]._files()[0] if stage == EXTRACTOR else whole.saved_model_file
    epoch = torch.load(file, weights_only=True)["epoch"]
    _, resumed, again, later = train_ranking(epochs=4, resume=file)
    assert again == result and resumed.saved_model_file == resumed._files()[1]
    assert later == [one for one in seen if one[:2] > (stage, epoch)]
    assert resumed.best_valid_result == whole.best_valid_result


@pytest.mark.parametrize(
    ("of", "stage", "stages", "message"),
    [
        ("two", EXTRACTOR, "joint", ".*-extractor.pth: was trained with two or extractor_twice, not with joint"),
        ("two", PREDICTOR, "extractor_twice", "was trained with two or joint, not with extractor_twice"),
        ("extractor_twice", EXTRACTOR_AGAIN, "two", "was trained with extractor_twice, not with two"),
    ],
)
def test_a_stage_that_is_not_asked_for_is_not_resumed(train_ranking, of, stage, stages, message):
    _, trainer, _, _ = train_ranking(epochs=1, stages=of)
    file = trainer._files()[0] if stage == EXTRACTOR else trainer.saved_model_file
    with pytest.raises(ConfigError, match=message):
        train_ranking(epochs=2, stages=stages, resume=file)

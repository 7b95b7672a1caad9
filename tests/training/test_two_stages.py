"""Two stages: the second starts from the best extractor, and each can be resumed."""

import math
from pathlib import Path

import pytest
import torch
from helpers import SHORT_RANKING

from recbole_iacn.errors import ConfigError
from recbole_iacn.model.retrieval.timirec import EXTRACTOR, EXTRACTOR_AGAIN, PREDICTOR
from recbole_iacn.training.two_stages import TiMiRecTrainer

pytestmark = pytest.mark.slow


def test_two_stages_carry_the_best_extractor_over(train_ranking, monkeypatch):
    """The second stage starts from the weights in ``…-extractor.pth``, with a new optimizer."""
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
    assert saved["epoch"] == max(range(3), key=lambda epoch: (seen[epoch][2], epoch))
    assert [set(one) for one in trainer.epoch_losses] == [{"main"}] * 3 + [{"main", "distillation"}] * 3


@pytest.mark.parametrize(
    ("stages", "expected"), [("joint", [PREDICTOR] * 2), ("extractor_twice", [0, 0, EXTRACTOR_AGAIN, EXTRACTOR_AGAIN])]
)
def test_the_papers_variants_are_settings(train_ranking, stages, expected):
    model, _, _, seen = train_ranking(epochs=2, stages=stages)
    assert [stage for stage, *_ in seen] == expected and model.predicts == (stages == "joint")


@pytest.mark.parametrize("stage", [EXTRACTOR, PREDICTOR])
def test_a_resumed_stage_ends_like_an_uninterrupted_one(train_ranking, stage):
    """It resumes from the best epoch's file, as RecBole does."""
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
        ("two", EXTRACTOR, "joint", ".*-extractor.pth was trained with two or extractor_twice, not with joint"),
        ("two", PREDICTOR, "extractor_twice", "was trained with two or joint, not with extractor_twice"),
        ("extractor_twice", EXTRACTOR_AGAIN, "two", "was trained with extractor_twice, not with two"),
    ],
)
def test_resuming_a_stage_that_the_setting_lacks_is_rejected(train_ranking, of, stage, stages, message):
    _, trainer, _, _ = train_ranking(epochs=1, stages=of)
    file = trainer._files()[0] if stage == EXTRACTOR else trainer.saved_model_file
    with pytest.raises(ConfigError, match=message):
        train_ranking(epochs=2, stages=stages, resume=file)


def test_each_stage_has_its_own_patience(train_ranking, monkeypatch):
    """Epochs 1 and 2 of the first stage exhaust a patience of one step. The first epoch of the second stage has no
    score; it must use up one step of that stage's own patience, because the best epoch comes after it."""
    script = iter([0.5, 0.4, 0.4, *(math.nan, 0.2, 0.1, 0.1)])

    def measured(trainer, valid_data, show_progress=False):
        score = next(script)
        trainer._measured = score, {"ndcg@5": score}
        return trainer._measured

    monkeypatch.setattr(TiMiRecTrainer, "_valid_epoch", measured)
    _, trainer, _, seen = train_ranking(epochs=9, stopping_step=1)
    assert [(stage, epoch) for stage, epoch, _ in seen] == [(EXTRACTOR, n) for n in range(3)] + [
        (PREDICTOR, n) for n in range(4)
    ]
    assert trainer.best_valid_score == 0.2 and next(script, None) is None


def test_the_second_stage_draws_other_negatives_in_another_order(train_ranking, monkeypatch):
    from recbole_iacn.model.retrieval.timirec import TiMiRec

    drawn, loss = {EXTRACTOR: [], PREDICTOR: []}, TiMiRec.calculate_loss

    def spy(model, rows):
        drawn[int(model.stage)] += list(zip(*(rows[name].tolist() for name in ("user_id", "item_id", "neg_item_id"))))
        return loss(model, rows)

    monkeypatch.setattr(TiMiRec, "calculate_loss", spy)
    train_ranking(epochs=1, loss="bpr")
    first, second = drawn[EXTRACTOR], drawn[PREDICTOR]
    assert [row[:2] for row in first] != [row[:2] for row in second]
    assert sorted(row[:2] for row in first) == sorted(row[:2] for row in second)
    same = sum(one == other for one, other in zip(sorted(first), sorted(second)))
    assert same < 0.2 * len(first)  # by chance 1 of about 30 items


def two_stages(build, **changes):
    config, training, valid, _, model = build("TiMiRec", **{**SHORT_RANKING, **changes})
    return TiMiRecTrainer(config, model), training, valid


def test_the_first_stages_best_state_is_saved_even_with_saved_false(build):
    """The second stage starts from that file; only the second stage's own file is not written."""
    trainer, training, valid = two_stages(build, epochs=1)
    trainer.fit(training, valid, verbose=False, saved=False)
    first, second = map(Path, trainer._files())
    assert first.is_file() and not second.exists() and int(trainer.model.stage) == PREDICTOR


def test_a_second_stage_without_a_score_does_not_report_the_firsts(build, monkeypatch):
    trainer, training, valid = two_stages(build, epochs=1)
    script = iter([0.5, math.nan])

    def measured(trainer, valid_data, show_progress=False):
        score = next(script)
        trainer._measured = score, {"ndcg@5": score}
        return trainer._measured

    monkeypatch.setattr(TiMiRecTrainer, "_valid_epoch", measured)
    assert trainer.fit(training, valid, verbose=False) == (-math.inf, None)


def test_a_resumed_first_stage_writes_to_the_files_of_before(build, tmp_path):
    """The first stage continues in ``x-extractor.pth``, and the second writes ``x.pth`` beside it."""
    trainer, training, valid = two_stages(build, epochs=1)
    trainer.fit(training, valid, verbose=False)
    file = tmp_path / "x-extractor.pth"
    Path(trainer._files()[0]).rename(file)
    resumed, training, valid = two_stages(build, epochs=2)
    resumed.resume_checkpoint(str(file))
    resumed.fit(training, valid, verbose=False)
    assert resumed.saved_model_file == str(tmp_path / "x.pth")
    assert {path.name for path in tmp_path.glob("*.pth")} == {"x-extractor.pth", "x.pth"}

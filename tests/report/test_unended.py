"""A report names runs that their limit of epochs has ended while they improved."""

import pytest

from recbole_iacn.report.unended import unended

_START = "Best in the last epoch, so that longer trainings (epochs) may reach more: "


def run(*scores, best=..., **changes):
    epochs = [{"valid": score} for score in scores]
    best = max(scores) if best is ... else best
    about = {"dataset": "Beauty", "model": "MIND", "mode": "", "column": "", "sweep": {}}
    return {**about, "epochs": epochs, "best": best, **changes}


def test_only_runs_whose_last_epoch_is_the_best_are_named():
    results = [run(0.1, 0.3), run(0.1, 0.2), run(0.2, 0.1), run(0.3, 0.2, model="ComiRec")]
    assert unended(results) == [f"{_START}MIND on Beauty (2 of 3)."]
    assert unended(results[2:]) == []


def test_columns_are_listed_and_swept_values_are_models_apart():
    results = [run(0.1, 0.3, column=name) for name in ("off", "K4", "off")]
    results += [run(0.3, 0.1, column="K4"), run(0.1, 0.3, sweep={"iacn_delta": 0.5}, mode="full", model="DIN")]
    results += [run(0.3, 0.1, sweep={"iacn_delta": 0.1}, mode="full", model="DIN")]
    said = "MIND on Beauty (3 of 4: off, K4); DIN on Beauty, iacn_delta 0.5 (1 of 1: full)."
    assert unended(results) == [_START + said]


@pytest.mark.parametrize(("scores", "named"), [((0.5, 0.4), 1), ((0.4, 0.5), 0)])
def test_the_best_is_what_the_run_took_as_such(scores, named):
    """Of a loss it is the lowest; and of two stages it is the second's, whose scores may be below the first's."""
    assert len(unended([run(*scores, best=0.4)])) == named


def test_earlier_versions_recorded_no_best_and_one_epoch_does_not_rise():
    assert len(unended([run(0.1, 0.2, best=None)])) == 1 and unended([run(0.2, 0.1, best=None)]) == []
    assert unended([run(0.1, model="Popularity"), run(0.1)]) == []

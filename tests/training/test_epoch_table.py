"""The table of epochs, of this package's trainer and of RecBole's."""

from types import SimpleNamespace

import pytest

import recbole_iacn
from recbole_iacn.training.epoch_table import EpochTable


def trainer(bigger=True, step=1, start=0):
    best = (-1 if bigger else 1) * float("inf")
    return SimpleNamespace(
        **{"valid_metric": "AUC", "valid_metric_bigger": bigger, "best_valid_score": best, "eval_step": step},
        start_epoch=start,
        model=SimpleNamespace(loss_names=("main", "iacn")),
        config={"loss_decimal_place": 2, "metric_decimal_place": 3},
        _generate_train_loss_output=lambda *given: "a line",
        _valid_epoch=lambda data, show_progress=False: (data, {"auc": data}),
    )


def played(one, scores, validates=True):
    """A training with these scores, None for an epoch without a validation."""
    lines = []
    table = EpochTable(one, validates, lines.append)
    for epoch, score in enumerate(scores, one.start_epoch):
        assert one._generate_train_loss_output(epoch, 10.0, 12.0, (0.5, 7.0)) == "a line"
        if score is not None:
            assert one._valid_epoch(score, show_progress=True) == (score, {"auc": score})
            better = score >= one.best_valid_score if one.valid_metric_bigger else score <= one.best_valid_score
            one.best_valid_score = score if better else one.best_valid_score
    table.end()
    return table, [line.split() for line in lines]


def test_a_row_per_epoch_and_the_best_so_far_is_marked():
    table, rows = played(trainer(), [0.6, 0.5, 0.6, 0.7])
    assert rows[0] == ["epoch", "main", "loss", "iacn", "loss", "valid", "auc", "seconds"]
    assert rows[1] == ["1", "0.50", "7.00", "0.600", "2.0", "best", "so", "far"]
    assert [row[5:] for row in rows[1:]] == [["best", "so", "far"], [], ["best", "so", "far"], ["best", "so", "far"]]
    assert (table.best, table.last) == (4, 4)


def test_the_smaller_is_better_where_it_is():
    assert played(trainer(bigger=False), [0.5, 0.6, 0.4, 0.45])[0].best == 3


def test_epochs_between_validations_and_without_any_have_rows():
    table, rows = played(trainer(step=2), [None, 0.6, None])
    assert [row[0] for row in rows] == ["epoch", "1", "2", "3"] and table.best == 2
    assert rows[1] == ["1", "0.50", "7.00", "2.0"] and rows[2][3] == "0.600"
    table, rows = played(trainer(), [None, None], validates=False)
    assert "valid" not in rows[0] and len(rows) == 3 and table.best == 2


def test_a_training_that_goes_on_keeps_the_best_of_its_checkpoint():
    one = trainer(start=3)
    one.best_valid_score = 0.8
    table, rows = played(one, [0.7])
    assert rows[1][0] == "4" and "best" not in rows[1] and (table.best, table.last) == (3, 4)


def test_another_stage_has_a_head_of_its_own_and_begins_again():
    lines, one = [], trainer()
    table = EpochTable(one, True, lines.append)
    for score, names in ((0.9, ("main",)), (0.5, ("main",))):
        one.model.loss_names, one.best_valid_score = names, -1.0
        one._generate_train_loss_output(0, 0.0, 1.0, (0.5,))
        one._valid_epoch(score)
    assert [line.split()[0] for line in lines] == ["epoch", "1", "epoch", "1"] and table.best == 1


@pytest.mark.parametrize(
    ("losses", "heads"), [(3.0, ["train loss, sum"]), ((1.0, 2.0), ["train loss 1, sum", "train loss 2, sum"])]
)
def test_a_trainer_of_recboles_adds_up_its_losses_and_the_head_says_so(losses, heads):
    lines, one = [], trainer()
    del one.model.loss_names
    EpochTable(one, False, lines.append)
    one._generate_train_loss_output(0, 0.0, 1.0, losses)
    assert [part.strip() for part in lines[0].split("  ") if part.strip()] == ["epoch", *heads, "seconds"]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["DIN_IaCN", "DIN", "Popularity"])
def test_trainers_are_watched_as_they_are(settings, model):
    given = settings(epochs=3, stopping_step=9)
    if model == "DIN":
        given |= {"protocol": "leave_one_out_ctr", "metrics": ["AUC"], "valid_metric": "AUC"}
    if model == "Popularity":
        given = {key: given[key] for key in ("data_path", "load_col", "epochs", "state") if key in given}
    lines, training = [], recbole_iacn.build(model, "tiny", config_dict=given)
    table = EpochTable(training.trainer, True, lines.append)
    best, _ = training.fit(verbose=False, show_progress=False)
    table.end()
    rows = [line.split() for line in lines]
    assert table.last == len(rows) - 1 == (1 if model == "Popularity" else 3)
    # What the table calls the best is what RecBole has kept.
    marked = [row for row in rows if row[-1] == "far"][-1]
    assert int(marked[0]) == table.best and float(marked[-5]) == pytest.approx(best, abs=1e-4)
    plain = recbole_iacn.build(model, "tiny", config_dict=given)
    assert plain.fit(verbose=False, show_progress=False)[0] == best

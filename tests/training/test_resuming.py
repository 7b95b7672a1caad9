"""A resumed training ends as an uninterrupted one, and a finished one says so."""

import logging
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from helpers import SHORT_RANKING

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.training import resuming

_BY_TIME = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user"}
_RANKED = {"load_col": SHORT_RANKING["load_col"], "mlp_hidden_size": ..., "metrics": ["MRR"], "valid_metric": "MRR@10"}
_ALONE = {**_RANKED, "train_neg_sample_args": None, "learning_rate": 0.01}
_DRAWN = {"metrics": ["AUC"], "valid_metric": "AUC", "eval_args": {**_BY_TIME, "mode": "uni1"}}
OF_MODEL = {
    "WideDeep_IaCN": {"learning_rate": 0.01},
    "TiMiRec": SHORT_RANKING,
    "DIN": {"learning_rate": 0.01, **_DRAWN},
    "SASRec": {**_ALONE, "hidden_size": 8, "inner_size": 8, "n_heads": 1, "n_layers": 1},
    "BPR": {**_RANKED, "eval_args": {**_BY_TIME, "mode": "uni10"}},
    "MultiVAE": {**_ALONE, "total_anneal_steps": 10, "anneal_cap": 0.9},
}


class Interruption(Exception):
    pass


def interrupt(epoch):
    """A callback that ends a training after an epoch, as a power cut would."""

    def stop(number, _):
        if number == epoch:
            raise Interruption

    return stop


@pytest.mark.slow
@pytest.mark.parametrize("decay", [None, 0.9])
@pytest.mark.parametrize("name", ["WideDeep_IaCN", "TiMiRec", "DIN", "SASRec", "BPR", "MultiVAE"])
def test_an_interrupted_training_ends_as_it_would_have(settings, name, decay):
    """RecBole's own models, too: its DIN keeps its embeddings, MultiVAE the count of its steps. With an average of the
    weights a checkpoint has both."""
    given = settings(epochs=4, stopping_step=9, ema_decay=decay, **OF_MODEL[name])
    whole = recbole_iacn.build(name, "tiny", config_dict={**given, "checkpoint_dir": "whole"})
    best, tested = whole.fit(verbose=False), whole.test()  # drawn negatives are the next random numbers
    part = recbole_iacn.build(name, "tiny", config_dict={**given, "checkpoint_dir": "part"})
    with pytest.raises(Interruption):
        part.fit(verbose=False, callback_fn=interrupt(2))
    on = recbole_iacn.build(name, "tiny", config_dict={**given, "checkpoint_dir": "on"})
    assert on.resume(part.trainer.saved_model_file)
    assert on.fit(verbose=False) == best and on.test() == tested
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, on.model.state_dict()[key]), key


@pytest.mark.slow
@pytest.mark.parametrize("name", ["DIN_IaCN", "DIN"])
@pytest.mark.parametrize("before, after", [(0.9, None), (None, 0.9)])
def test_an_average_is_set_as_it_was(settings, name, before, after):
    given = settings(epochs=2, stopping_step=9)
    part = recbole_iacn.build(name, "tiny", config_dict={**given, "ema_decay": before})
    with pytest.raises(Interruption):
        part.fit(verbose=False, callback_fn=interrupt(0))
    on = recbole_iacn.build(name, "tiny", config_dict={**given, "ema_decay": after})
    with pytest.raises(ConfigError, match="ema_decay: this training began with"):
        on.resume(part.trainer.saved_model_file)
        on.fit(verbose=False)


@pytest.mark.slow
def test_the_command_resumes(settings, capsys):
    from recbole_iacn.cli.train import main

    given = settings(epochs=3, stopping_step=9, learning_rate=0.01)
    whole = recbole_iacn.run("DIN_IaCN", "tiny", config_dict={**given, "checkpoint_dir": "whole"})
    part = recbole_iacn.build("DIN_IaCN", "tiny", config_dict=given)
    with pytest.raises(Interruption):
        part.fit(verbose=False, callback_fn=interrupt(0))
    import yaml

    with open("mine.yaml", "w") as file:
        yaml.safe_dump(given, file)
    flags = ["--model=DIN_IaCN", "--dataset=tiny", "--config_files=mine.yaml"]
    on = main([*flags, f"--resume={part.trainer.saved_model_file}"])
    assert on["test_result"] == whole["test_result"] and on["checkpoint"] == part.trainer.saved_model_file
    with pytest.raises(SystemExit):
        main([*flags, "--resume=none.pth"])
    assert capsys.readouterr().err == "error: none.pth: there is no such file; name a checkpoint (.pth)\n"
    with pytest.raises(SystemExit):
        main([*flags, f"--resume={on['checkpoint']}", f"--from={on['checkpoint']}"])
    assert "error: resume, start_from (--resume, --from): one goes on with the same data" in capsys.readouterr().err


@pytest.mark.slow
def test_a_finished_training_says_so_and_is_not_touched(settings, caplog):
    given = settings(epochs=2, learning_rate=0.01)
    first = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given)
    best = first.fit(verbose=False)
    before = Path(first.checkpoint).read_bytes()
    again = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given)
    caplog.clear()
    assert not again.resume(first.checkpoint)
    said = [message for message in caplog.messages if "finished" in message]
    assert len(said) == 1 and "this training is finished: it has trained 2 of 2 epochs, the best epoch is" in said[0]
    assert again.fit(verbose=False) == best and again.test() == first.test()
    assert Path(first.checkpoint).read_bytes() == before
    more = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict={**given, "epochs": 3})
    assert more.resume(first.checkpoint)


@pytest.mark.slow
def test_a_training_that_stopped_early_says_so(settings, caplog):
    given = settings(epochs=30, stopping_step=1, learning_rate=0.5)
    first = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given)
    first.fit(verbose=False)
    trained = len(first.trainer.train_loss_dict)
    assert trained < 30
    caplog.clear()
    assert not recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given).resume(first.checkpoint)
    assert any(f"it stopped early after epoch {trained}, the best epoch is" in line for line in caplog.messages)
    longer = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict={**given, "stopping_step": 9})
    assert longer.resume(first.checkpoint)


@pytest.mark.slow
def test_other_settings_are_said(settings, caplog):
    given = settings(epochs=1)
    first = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given)
    first.fit(verbose=False)
    other = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict={**given, "epochs": 2, "learning_rate": 0.5})
    caplog.clear()
    assert other.resume(first.checkpoint)
    said = [message for message in caplog.messages if "other settings" in message]
    assert len(said) == 1 and said[0].endswith("uninterrupted training: learning_rate (0.001 there, 0.5 here)")
    same = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict={**given, "epochs": 2, "checkpoint_dir": "x"})
    caplog.clear()
    same.resume(first.checkpoint)
    assert not [message for message in caplog.messages if "other settings" in message]


@pytest.mark.slow
@pytest.mark.parametrize("sparse_rows", [None, 1])
def test_a_changed_learning_rate_counts(settings, sparse_rows):
    given = settings(epochs=1, sparse_embedding_rows=sparse_rows)
    first = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given)
    first.fit(verbose=False)
    other = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict={**given, "epochs": 2, "learning_rate": 0.5})
    assert other.resume(first.checkpoint)
    for part in getattr(other.trainer.optimizer, "parts", {"": other.trainer.optimizer}).values():
        assert {group["lr"] for group in part.param_groups} == {0.5} and part.state_dict()["state"]
    before = [weight.detach().clone() for weight in other.model.parameters()]
    other.trainer._train_epoch(other.train_data, 1)  # a step of Adam is about as long as the rate
    assert max((weight - old).abs().max() for weight, old in zip(other.model.parameters(), before)) > 0.1


@pytest.mark.slow
def test_a_changed_weight_decay_counts(settings):
    given = settings(epochs=1, sparse_embedding_rows=None)
    first = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given)
    first.fit(verbose=False)
    other = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict={**given, "epochs": 2, "weight_decay": 0.25})
    assert other.resume(first.checkpoint)
    assert {group["weight_decay"] for group in other.trainer.optimizer.param_groups} == {0.25}


@pytest.mark.slow
def test_another_kind_of_optimizer_is_rejected(settings):
    given = settings(epochs=1, sparse_embedding_rows=None)
    first = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given)
    first.fit(verbose=False)
    other = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict={**given, "epochs": 2, "learner": "sgd"})
    with pytest.raises(
        ConfigError, match=r"^learner: .*\.pth was trained by adam, and here it is sgd; set learner to ad"
    ):
        other.resume(first.checkpoint)
    same = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict={**given, "epochs": 2, "learner": "Adam"})
    assert same.resume(first.checkpoint)


@pytest.mark.slow
def test_scores_of_another_kind_are_not_compared(settings):
    """An AUC of .6 would beat every LogLoss, and a hit among ten every one among all."""
    given = settings(epochs=1, metrics=["AUC", "LogLoss"], valid_metric="AUC")
    first = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given)
    first.fit(verbose=False)
    other = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict={**given, "epochs": 2, "valid_metric": "LogLoss"})
    line = r"^valid_metric: the best epoch of .*\.pth was found by auc, and here it is logloss, .*; set it to auc, or "
    with pytest.raises(ConfigError, match=line):
        other.resume(first.checkpoint)
    same = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict={**given, "epochs": 2, "valid_metric": "auc"})
    assert same.resume(first.checkpoint)


@pytest.mark.parametrize(
    ("setting", "there", "here"),
    [
        ("valid_metric", {"valid_metric": "MRR@10"}, {"valid_metric": "MRR@5"}),
        ("protocol", {"protocol": "ranking"}, {"protocol": "ranking_sampled"}),
        ("eval_negatives", {}, {"eval_negatives": 20}),
        ("eval_args.mode", {"eval_args": {"mode": {"valid": "full"}}}, {"eval_args": {"mode": {"valid": "uni10"}}}),
    ],
)
def test_what_decides_the_kind_of_a_score(setting, there, here):
    with pytest.raises(ConfigError, match=f"^{setting}: the best epoch of x.pth was found by "):
        resuming._check_comparable(there, here, "x.pth")
    resuming._check_comparable(there, there, "x.pth")


def test_the_mode_of_the_test_alone_may_change():
    modes = [{"eval_args": {"mode": {"valid": "full", "test": test}}} for test in ("full", "uni10")]
    resuming._check_comparable(*modes, "x.pth")


@pytest.mark.slow
def test_what_cannot_be_resumed_is_rejected(settings, tmp_path):
    given = settings(epochs=1)
    first = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given)
    first.fit(verbose=False)
    path = shutil.copy(first.checkpoint, "kept.pth")
    with pytest.raises(ConfigError, match=r"kept\.pth: is a WideDeep_IaCN, and this is a DIN_IaCN"):
        recbole_iacn.build("DIN_IaCN", "tiny", config_dict=given).resume(path)
    with pytest.raises(ConfigError, match=r"kept\.pth: is a WideDeep_IaCN, and this is a DIN_IaCN"):
        recbole_iacn.run("DIN_IaCN", "tiny", config_dict=given, resume=path)
    narrow = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict={**given, "embedding_size": 4})
    with pytest.raises(ConfigError, match=r"^kept\.pth: its weights do not fit \(size mismatch"):
        narrow.resume(path)
    state = torch.load(path, weights_only=True)
    torch.save({"state_dict": state["state_dict"], "config": state["config"]}, "weights.pth")
    with pytest.raises(ConfigError, match=r"weights\.pth: has no state of an optimizer"):
        recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given).resume("weights.pth")
    first.save("bundle")
    with pytest.raises(ConfigError, match=r"^bundle: is a folder; name a checkpoint .* --from bundle"):
        recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given).resume("bundle")


@pytest.mark.slow
def test_a_trainer_that_stores_half_of_its_state(settings, caplog):
    """RecVAE has two optimizers, of which RecBole's trainer stores one."""
    given = {**settings(epochs=1, **_ALONE), "latent_dimension": 8, "hidden_dimension": 8}
    given = {key: value for key, value in given.items() if value is not ...}
    first = recbole_iacn.build("RecVAE", "tiny", config_dict=given)
    first.fit(verbose=False)
    again = recbole_iacn.build("RecVAE", "tiny", config_dict={**given, "epochs": 2})
    with pytest.raises(ConfigError, match=r"\.pth: its optimizer's state is not that of this RecVAE \(.*start from it"):
        again.resume(first.checkpoint)
    said = [message for message in caplog.messages if "not exactly as if uninterrupted" in message]
    assert len(said) == 1 and "RecBole's RecVAETrainer keeps more than its checkpoints hold, so RecVAE" in said[0]


@pytest.mark.slow
def test_a_checkpoint_without_random_numbers_says_so(settings, caplog):
    """As RecBole writes it without this package, or an earlier version of it did."""
    given = {key: value for key, value in settings(epochs=1).items() if key != "mlp_hidden_size"}
    given["load_col"] = SHORT_RANKING["load_col"]
    first = recbole_iacn.build("BPR", "tiny", config_dict=given)
    first.fit(verbose=False)
    state = torch.load(first.checkpoint, weights_only=False)
    torch.save({key: value for key, value in state.items() if key not in ("random", "rows")}, "old.pth")
    again = recbole_iacn.build("BPR", "tiny", config_dict={**given, "epochs": 2})
    with caplog.at_level(logging.WARNING):
        assert again.resume("old.pth")
    assert any("old.pth: it records no random numbers" in message for message in caplog.messages)
    assert any("old.pth: records no digest of its rows" in message for message in caplog.messages)
    again.fit(verbose=False)


@pytest.mark.slow
def test_a_second_fit_is_rejected_and_the_mend_works(settings, caplog):
    """It would go on from the best epoch's weights with the last one's optimizer."""
    given = settings(epochs=1)
    first = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given)
    first.fit(verbose=False)
    message = rf"^fit: this training has been trained; build another one, and resume\('{first.checkpoint}'\) there"
    with pytest.raises(ConfigError, match=message):
        first.fit(verbose=False)
    other = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict={**given, "epochs": 2})
    assert other.resume(first.checkpoint) and other.fit(verbose=False)
    caplog.clear()
    first.trainer.fit(first.train_data, first.valid_data, verbose=False)  # RecBole's own way
    assert any("this trainer has trained already; it goes on with its present" in line for line in caplog.messages)


@pytest.mark.slow
def test_what_save_checkpoint_writes_cannot_be_resumed(settings):
    """Its weights may be any; the optimizer and the epoch were the last one's."""
    first = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=settings(epochs=1))
    first.fit(verbose=False)
    path = first.save_checkpoint("kept.pth")
    other = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=settings(epochs=2))
    message = (
        r"^kept\.pth: has no state of an optimizer, so it cannot be resumed; start from it .* or resume the checkpo"
    )
    for resume in (other.resume, other.trainer.resume_checkpoint):
        with pytest.raises(ConfigError, match=message):
            resume(path)
    assert recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=settings(epochs=1), start_from=path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["WideDeep_IaCN", "TiMiRec"])
def test_a_training_that_is_running_is_not_resumed(settings, name):
    """Both would write to the same file; of TiMiRec, to those of both stages."""
    import threading

    given = settings(epochs=1, **OF_MODEL[name])
    running = recbole_iacn.build(name, "tiny", config_dict=given)
    other = recbole_iacn.build(name, "tiny", config_dict={**given, "epochs": 2})
    said = []

    def resume():
        for path in Path("saved").glob("*.pth"):
            with pytest.raises(ConfigError) as refused:
                other.resume(str(path))
            said.append(str(refused.value))

    def after_epoch(epoch, score):
        thread = threading.Thread(target=resume)
        thread.start()
        thread.join()

    running.fit(verbose=False, callback_fn=after_epoch)
    assert said and all(re.search(r"\.pth: a training \(process \d+ .* is at work there; wait until", x) for x in said)
    assert other.resume(running.checkpoint)


@pytest.mark.parametrize("cur_step, goes_on", [(3, True), (4, False)])
def test_a_training_stops_early_only_beyond_the_stopping_step(cur_step, goes_on):
    """As RecBole does: it stops when more epochs than stopping_step have brought nothing."""

    trainer = SimpleNamespace(stopping_step=3, start_epoch=2, epochs=9)
    state = {"epoch": 1, resuming.ENDED: {"epochs": 6, "cur_step": cur_step}}
    assert resuming._goes_on(trainer, state, "a.pth") == goes_on


def test_both_stages_are_held_together(tmp_path):
    with resuming.alone(str(tmp_path / "TiMiRec-extractor.pth")):
        line = f"^{re.escape(str(tmp_path / 'TiMiRec.pth'))}: a training .* is at work there"
        with ThreadPoolExecutor(1) as other, pytest.raises(ConfigError, match=line):
            other.submit(lambda: resuming.alone(str(tmp_path / "TiMiRec.pth")).__enter__()).result()

"""Training: named losses, metrics, seeds, and resuming without a difference."""

import logging
import re
from pathlib import Path

import pytest
import torch

import recbole_iacn


@pytest.mark.slow
def test_metrics_equal_scikit_learn(trained):
    from sklearn.metrics import log_loss, roc_auc_score

    _, (_, _, test), model, trainer = trained()
    result = trainer.evaluate(test, load_best_model=False)
    model.eval()
    batches = [batch for batch, *_ in test]
    scores = torch.cat([model.predict(batch) for batch in batches]).detach().numpy()
    labels = torch.cat([batch["label"] for batch in batches]).numpy()
    assert result["auc"] == pytest.approx(roc_auc_score(labels, scores), abs=6e-5)
    assert result["logloss"] == pytest.approx(log_loss(labels, scores), abs=6e-5)


@pytest.mark.slow
def test_two_evaluations_of_one_model_agree(trained):
    _, (_, _, test), _, trainer = trained()
    assert trainer.evaluate(test) == trainer.evaluate(test)


@pytest.mark.slow
def test_both_losses_are_logged_by_name(build, caplog):
    from recbole.utils import get_trainer

    config, train, valid, _, model = build()
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    with caplog.at_level(logging.INFO):
        trainer.fit(train, valid, saved=False)
    line = next(record.getMessage() for record in caplog.records if "epoch 0 training" in record.getMessage())
    assert "main loss" in line and "iacn loss" in line


def test_progress_bar_shows_when_asked(build, capfd):
    from recbole.utils import get_trainer

    config, train, valid, _, model = build(epochs=1)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    trainer.fit(train, valid, saved=False, verbose=False, show_progress=True)
    shown = capfd.readouterr().err
    assert "Train" in shown and "Evaluate" in shown


@pytest.mark.slow
def test_valid_metric_may_be_gauc(trained):
    _, _, _, trainer = trained(valid_metric="GAUC")
    assert trainer.best_valid_score == trainer.best_valid_result["gauc"]


@pytest.mark.parametrize(("metrics", "names"), [(["GAUC"], {"gauc"}), (["Hit", "NDCG"], {"hit@5", "ndcg@5"})])
def test_ranking_metrics_stay_recboles(trained, metrics, names):
    changes = {"protocol": "leave_one_out_full", "metrics": metrics, "topk": [5], "valid_metric": sorted(names)[0]}
    _, (_, valid, _), _, trainer = trained(epochs=1, **changes)
    assert set(trainer.evaluate(valid)) == names


@pytest.mark.slow
def test_the_same_seed_gives_the_same_losses_and_another_seed_others(trained):
    runs = [trained(seed=seed, iacn_negatives=4)[3] for seed in (7, 7, 8)]
    losses = [list(run.train_loss_dict.values()) for run in runs]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN", "KD_DAGFM_IaCN"])
@pytest.mark.parametrize(("mode", "target"), [("off", "label"), ("full", "label"), ("full", "distilled")])
def test_resumed_equals_uninterrupted(trained, model, mode, target):
    options = {
        "model": model,
        "iacn_mode": mode,
        "iacn_target": target,
        "iacn_negatives": 4,
        "dropout_prob": 0.2,
        "learning_rate": 0.01,
        "stopping_step": 99,
    }
    _, _, straight, through = trained(epochs=4, **options)
    _, _, _, half = trained(epochs=2, **options)
    half._save_checkpoint(1, verbose=False)
    _, _, resumed, rest = trained(resume=half.saved_model_file, epochs=4, **options)
    assert rest.start_epoch == 2
    for name, weight in straight.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name
    assert rest.best_valid_score == through.best_valid_score and rest.best_valid_result == through.best_valid_result


@pytest.mark.slow
def test_embeddings_are_trained_after_resuming(trained):
    """Stock DIN substitutes an embedding layer whose parameters the optimizer does not have."""
    _, _, _, half = trained(epochs=1)
    half._save_checkpoint(0, verbose=False)
    before = torch.load(half.saved_model_file, weights_only=True)["state_dict"]
    _, _, model, _ = trained(resume=half.saved_model_file, epochs=2)
    name = "embedding_layer.token_embedding_table.item.embedding.weight"
    assert not torch.equal(before[name], model.state_dict()[name])


@pytest.mark.slow
def test_a_run_writes_only_the_documented_files(settings):
    recbole_iacn.run("DIN_IaCN", "tiny", config_dict=settings())
    assert sorted(path.name for path in Path(".").iterdir()) == ["log", "saved"]
    recbole_iacn.run("DIN_IaCN", "tiny", config_dict=settings(log_tensorboard=True))
    assert Path("log_tensorboard").is_dir()


@pytest.mark.parametrize("learner", ["adam", "sgd", "adagrad", "rmsprop"])
def test_the_optimizer_takes_recboles_steps(build, learner):
    from recbole.trainer import Trainer

    from recbole_iacn.training.trainer import IaCNTrainer

    ended = []
    for trainer_class in (Trainer, IaCNTrainer):
        config, *_, model = build(learner=learner, learning_rate=0.01, weight_decay=0.001)
        optimizer = trainer_class(config, model).optimizer
        torch.manual_seed(0)
        for _ in range(3):
            for parameter in model.parameters():
                parameter.grad = torch.randn_like(parameter)
            optimizer.step()
        ended.append(model.state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.01 and optimizer.param_groups[0]["weight_decay"] == 0.001
    for name, value in ended[0].items():
        assert torch.allclose(value.float(), ended[1][name].float(), atol=1e-6), name


@pytest.mark.parametrize("scaled", [False, True])
def test_clipped_steps_are_no_longer_than_asked(build, scaled):
    """One step of plain gradient descent with rate 1 moves the weights by the norm to which the gradient is clipped;
    the same holds if the loss is scaled up, against underflow, at first by 65,536."""
    from recbole_iacn.training.trainer import IaCNTrainer

    changes = {"learner": "sgd", "learning_rate": 1.0, "train_batch_size": 4096}
    config, train, *_, model = build(clip_grad_norm={"max_norm": 0.01}, **changes)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    assert len(train) == 1
    trainer = IaCNTrainer(config, model)
    trainer.enable_scaler = scaled  # RecBole's setting is for GPUs alone
    trainer._train_epoch(train, 0)
    moved = sum((now - then).square().sum() for now, then in zip(model.parameters(), before)).sqrt().item()
    assert moved == pytest.approx(0.01, rel=1e-3)


def test_clipping_disables_sparse_gradients(build):
    """Their norm cannot be computed."""
    *_, model = build(clip_grad_norm={"max_norm": 0.01}, sparse_embedding_rows=0)
    *_, lazy = build(sparse_embedding_rows=0)
    sparse = [[part.sparse for part in one.modules() if isinstance(part, torch.nn.Embedding)] for one in (model, lazy)]
    assert not any(sparse[0]) and any(sparse[1])


def test_an_epochs_losses_are_means_over_its_batches(build, monkeypatch):
    """They are means whatever the number of batches: here 1,440 rows (60 users, 6 clicks, each with a negative) in
    batches of 100."""
    from recbole_iacn.training.trainer import IaCNTrainer

    config, train, *_, model = build(train_batch_size=100)
    seen, calculate = [], model.calculate_loss

    def spy(rows):
        seen.append(calculate(rows))
        return seen[-1]

    monkeypatch.setattr(model, "calculate_loss", spy)
    trainer = IaCNTrainer(config, model)
    means = trainer._train_epoch(train, 0)
    assert len(seen) > 5
    expected = [sum(losses[part].item() for losses in seen) / len(seen) for part in range(2)]
    assert means == pytest.approx(expected, rel=1e-6)
    assert trainer.epoch_losses == [dict(zip(("main", "iacn"), means))]


@pytest.mark.parametrize(("places", "text"), [(2, "main loss: 0.12, iacn loss: 3.99"), (..., "main loss: 0.1235")])
def test_losses_are_logged_to_as_many_places_as_asked(build, places, text):
    from recbole_iacn.training.trainer import IaCNTrainer

    config, *_, model = build(loss_decimal_place=places)
    line = IaCNTrainer(config, model)._generate_train_loss_output(0, 0.0, 1.0, (0.123456, 3.987654))
    assert text in re.sub(r"\x1b\[[0-9;]*m", "", line)

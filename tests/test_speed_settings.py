"""Workers, pinned memory, mixed precision, torch.compile: they change the speed, not the results."""

import itertools

import pytest
import torch

from recbole_iacn.errors import ConfigError

MODELS = ["DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN"]


@pytest.fixture
def run(build):
    """(losses of each epoch, test result) of a short training."""
    from recbole_iacn.training.trainer import IaCNTrainer

    def train(model, **changes):
        config, train_data, valid, test, network = build(model, epochs=2, dropout_prob=0.0, **changes)
        freeze_idle_biases(network)
        trainer = IaCNTrainer(config, network)
        trainer.fit(train_data, valid, verbose=False)
        return list(trainer.train_loss_dict.values()), trainer.evaluate(test)

    return train


def freeze_idle_biases(network):
    """Batch normalisation cancels the bias of the layer before it: that bias's gradient is rounding error alone, which
    Adam scales to full steps, so that two runs with the same arithmetic would diverge."""
    for parts in network.modules():
        layers = list(parts) if isinstance(parts, torch.nn.Sequential) else []
        for layer, following in itertools.pairwise(layers):
            if isinstance(layer, torch.nn.Linear) and isinstance(following, torch.nn.BatchNorm1d):
                layer.bias.requires_grad_(False)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_workers_change_nothing(run, model):
    assert run(model, worker=2) == run(model)


@pytest.mark.slow
def test_pinned_memory_changes_nothing(run, recwarn):
    """Without a GPU, PyTorch warns that it does not pin memory, and does not; training works nevertheless."""
    assert run("DIN_IaCN", pin_memory=True) == run("DIN_IaCN")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep_IaCN", "MIND", "ESASRec"])
def test_data_on_the_device_change_nothing(run, model):
    """To the last value, for rows with negatives beside them, and of whole histories."""
    more = {} if model.endswith("_IaCN") else {"topk": [5], "valid_metric": "NDCG@5", "eval_negatives": 9}
    if model == "MIND":
        more["loss"] = "bpr"
    assert run(model, data_on_device=True, **more) == run(model, **more)


@pytest.mark.parametrize(
    ("more", "message"),
    [({"pin_memory": True}, "pin_memory"), ({"worker": 2}, "worker: 0"), ({"protocol": None}, "set protocol")],
)
def test_data_on_the_device_are_neither_pinned_nor_sent(build, more, message):
    with pytest.raises(ConfigError, match=f"data_on_device: .*{message}"):
        build(data_on_device=True, **more)


def test_batches_have_the_method_pin_memory(build, monkeypatch):
    """PyTorch's loaders pin every object with this method. Pinning itself needs a GPU and is replaced by a copy."""
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor + 0)
    *_, test, _ = build()
    rows = next(iter(test))[0]
    pinned = rows.pin_memory()
    assert type(pinned) is type(rows) and pinned is not rows and len(pinned) == len(rows)
    for name in rows.interaction:
        assert torch.equal(pinned[name], rows[name]) and pinned[name] is not rows[name]


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_bfloat16_gives_nearly_the_same(run, model):
    losses, result = run(model, enable_amp=True)
    exact_losses, exact = run(model)
    assert losses != exact_losses
    assert losses == pytest.approx(exact_losses, rel=0.02)
    for name, value in exact.items():
        assert result[name] == pytest.approx(value, abs=0.02), name


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_compiled_gives_the_same(run, model):
    """The backend traces forward and backward pass, but generates no code, which would take half a minute. Sums in
    another order may swap two rows: one pair in 3,600 of an AUC, one user in 60 of a GAUC."""
    losses, result = run(model, torch_compile="aot_eager")
    exact_losses, exact = run(model)
    assert losses == pytest.approx(exact_losses, abs=1e-5)
    assert result["logloss"] == pytest.approx(exact["logloss"], abs=1e-4)
    assert result["auc"] == pytest.approx(exact["auc"], abs=2e-3)


def test_compiling_reaches_the_dense_layers(build):
    """Each of these layers is compiled, and the weights keep their names."""
    from recbole_iacn.training.trainer import IaCNTrainer

    config, *_, model = build("DIN_IaCN", torch_compile="eager")
    names = list(model.state_dict())
    IaCNTrainer(config, model)
    parts = [model.dnn_mlp_layers, model.tasks["iacn"].network.extractor]
    assert all(part._compiled_call_impl is not None for part in parts)
    assert "_scores" in vars(model.attention) and list(model.state_dict()) == names


def test_an_unknown_backend_is_named(build):
    with pytest.raises(ConfigError, match=r"torch_compile: there is no backend 'inducter'.*'inductor'"):
        build(torch_compile="inducter")


@pytest.mark.parametrize("setting", [True, False])
def test_tf32_is_off_by_default(build, setting):
    from recbole_iacn.training.trainer import IaCNTrainer

    config, *_, model = build(tf32=setting)
    IaCNTrainer(config, model)
    assert torch.backends.cuda.matmul.allow_tf32 == torch.backends.cudnn.allow_tf32 == setting


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("amp_dtype", "bf16", "bfloat16 or float16"),
        ("pin_memory", "yes", "True, False, or ~"),
        ("tf32", 1, "True or False"),
        ("data_on_device", "yes", "True or False"),
        ("torch_compile", 3, "name of a backend"),
        ("sparse_embedding_rows", -1, "an integer >= 0"),
    ],
)
def test_wrong_values_are_rejected(build, key, value, message):
    with pytest.raises(ConfigError, match=f"{key}: must be .*{message}"):
        build(**{key: value})


@pytest.mark.parametrize("model", ["DCNV2_IaCN", "KD_DAGFM_IaCN", "WideDeep_IaCN"])
def test_loss_of_probabilities_is_the_same_under_autocast(build, caplog, model):
    """Of logits (WideDeep), it is another one, so that the comparison can fail."""
    _, train, _, _, made = build(model, enable_amp=True, iacn_mode="width")
    rows, losses, made = next(iter(train)), [], made.eval()
    for half in (False, True):
        with torch.autocast("cpu", torch.bfloat16, half):
            losses.append(made.calculate_loss(rows))
    of_probabilities = model != "WideDeep_IaCN"
    assert bool(losses[0] == losses[1]) == of_probabilities
    assert ("enable_amp: " in caplog.text) == of_probabilities

"""Small atomic data of known structure, and a way to build RecBole's objects from it."""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: tiny products only lose by threads

import numpy as np
import pytest
import yaml

import recbole_iacn  # noqa: F401  (makes RecBole run and know our models)


def write_atomic(folder, name="tiny", users=60, items=40, clusters=4, events=9, seed=0):
    """Users who click within two of a few item clusters; empty cells among categories and ages."""
    rng = np.random.default_rng(seed)
    target = folder / name
    target.mkdir(parents=True)
    cluster = np.arange(items) % clusters
    lines = ["user_id:token\titem_id:token\ttimestamp:float\trating:float"]
    for user in range(users):
        liked = rng.choice(clusters, size=2, replace=False)
        choices = np.flatnonzero(np.isin(cluster, liked))
        count = min(events, len(choices) - 1)
        for step, item in enumerate(rng.permutation(choices)[:count]):
            lines.append(f"u{user}\ti{item}\t{1_400_000_000 + 100 * step + user}\t{1 + step % 5}")
    (target / f"{name}.inter").write_text("\n".join(lines) + "\n")
    rows = ["item_id:token\tcategories:token_seq"]
    rows += [f"i{item}\t{'' if item % 11 == 0 else f'c{cluster[item]} all'}" for item in range(items)]
    (target / f"{name}.item").write_text("\n".join(rows) + "\n")
    rows = ["user_id:token\tage:token"] + [f"u{user}\t{'' if user % 7 == 0 else user % 3}" for user in range(users)]
    (target / f"{name}.user").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="session")
def data_path(tmp_path_factory):
    return write_atomic(tmp_path_factory.mktemp("data"))


@pytest.fixture(autouse=True)
def clean_run(tmp_path, monkeypatch):
    """Runs write below tmp_path, and RecBole, which reads sys.argv, does not read pytest's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["test"])


@pytest.fixture(scope="session")
def settings_of(data_path):
    """Settings for a run of seconds; call with changes."""

    def build(**changes):
        base = {
            "data_path": str(data_path),
            "load_col": {
                "inter": ["user_id", "item_id", "timestamp"],
                "item": ["item_id", "categories"],
                "user": ["user_id", "age"],
            },
            "embedding_size": 8,
            "mlp_hidden_size": [16, 8],
            "MAX_ITEM_LIST_LENGTH": 6,
            "train_batch_size": 64,
            "eval_batch_size": 64,
            "epochs": 2,
            "show_progress": False,
            "state": "ERROR",
            "seed": 7,
        }
        base.update(changes)
        return {key: value for key, value in base.items() if value is not ...}

    return build


@pytest.fixture
def settings(settings_of):
    return settings_of


@pytest.fixture
def build(settings):
    """(config, train, valid, test, model) for a model name, as RecBole's own functions make them."""

    def make(model="DIN_IaCN", dataset="tiny", **changes):
        from recbole.config import Config
        from recbole.data import create_dataset, data_preparation
        from recbole.utils import get_model, init_seed

        config = Config(model=model, dataset=dataset, config_dict=settings(**changes))
        init_seed(config["seed"], True)
        loaders = data_preparation(config, create_dataset(config))
        init_seed(config["seed"], True)
        network = get_model(config["model"])(config, loaders[0]._dataset)
        return (config, *loaders, network)

    return make


def give_same_weights(ours, stock):
    """One seed has given both the same start; now random weights of a size that every part feels."""
    import torch

    for name, weight in stock.state_dict().items():
        assert torch.equal(weight, ours.state_dict()[name]), name
    give_other_weights(stock)
    ours.load_state_dict(stock.state_dict())


def give_other_weights(model):
    """Random ones, far from those of the start."""
    import torch

    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)


def assert_computes_the_same(ours, stock, batch, tolerance):
    """Equal losses, gradients and scores."""
    import torch

    loss, stock_loss = ours.calculate_loss(batch), stock.calculate_loss(batch)
    assert torch.allclose(loss, stock_loss, atol=tolerance)
    loss.backward()
    stock_loss.backward()
    gradients = dict(stock.named_parameters())
    for name, parameter in ours.named_parameters():
        if gradients[name].grad is not None:
            assert torch.allclose(parameter.grad, gradients[name].grad, atol=tolerance), name
    stock.eval(), ours.eval()
    assert torch.allclose(ours.predict(batch), stock.predict(batch), atol=tolerance)


@pytest.fixture
def file(tmp_path):
    """Writes an experiment's file, two runs of WideDeep unless changed; ``...`` leaves a key out."""
    base = {"datasets": ["tiny"], "models": ["WideDeep"], "seeds": [1, 2]}

    def write(name="trial.yaml", **changes):
        content = {key: value for key, value in {**base, **changes}.items() if value is not ...}
        (tmp_path / name).write_text(yaml.safe_dump(content))
        return tmp_path / name

    return write

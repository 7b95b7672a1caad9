"""Fixtures that train a model."""

import shutil

import pytest

import recbole_iacn


@pytest.fixture
def trained(build):
    """Build and fit; returns (config, loaders, model, trainer)."""

    def fit(resume=None, model="DIN_IaCN", **changes):
        from recbole.utils import get_trainer

        config, train, valid, test, network = build(model, **changes)
        trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, network)
        if resume:
            trainer.resume_checkpoint(resume)
        trainer.fit(train, valid, verbose=False)
        return config, (train, valid, test), network, trainer

    return fit


@pytest.fixture
def place(data_path, tmp_path):
    """A copy of the data that a test may change."""
    shutil.copytree(data_path, tmp_path / "data")
    return tmp_path / "data" / "tiny"


@pytest.fixture
def train(settings):
    """Build a training on the copy; fit it unless told otherwise."""

    def make(name="DIN_IaCN", fitted=True, start_from=None, new_rows=None, **changes):
        given = settings(**{"data_path": "data", "epochs": 1, **changes})
        training = recbole_iacn.build(name, "tiny", config_dict=given, start_from=start_from, new_rows=new_rows)
        if fitted:
            training.fit(verbose=False)
        return training

    return make

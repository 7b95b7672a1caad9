"""A fixture that trains a model."""

import pytest


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

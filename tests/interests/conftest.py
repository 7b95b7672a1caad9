"""Bundles of models with interests, on the tiny dataset; their weights are random ones that scores feel."""

import pytest
from helpers import give_other_weights

import recbole_iacn

MODELS = {"MIND": {}, "DIN_IaCN": {"iacn_item_features": ["categories"]}, "YouTubeDNN": {}}


@pytest.fixture(scope="session")
def bundles(settings_of, tmp_path_factory):
    """Paths by the model's name, not trained; ``MIND again`` differs in its seed."""
    folder, found = tmp_path_factory.mktemp("bundles"), {}
    for name, changes in (*MODELS.items(), ("MIND again", {"seed": 8})):
        training = recbole_iacn.build(name.split()[0], "tiny", config_dict=settings_of(**changes))
        if name != "MIND again":
            give_other_weights(training.model)
        found[name] = training.save(str(folder / name))
    return found

"""Whether a model can become a bundle, found out before it is trained."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from recbole_iacn.bundle import same_scores
from recbole_iacn.bundle.folder import Bundle, plain_settings, state_of
from recbole_iacn.data.catalogue import Catalogue

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset


def check_model(config: Config, dataset: Dataset, model: nn.Module) -> None:
    """Reject a model that cannot be a bundle, such as one that is made of interactions.

    Args:
        config: the settings of the run.
        dataset: the data that the model was built with.
        model: not trained yet; it is left as it is, and so are the generators of random numbers.

    Raises:
        ConfigError: says why.
    """
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            catalogue = Catalogue.of(dataset).to("cpu")
            bundle = Bundle(Path("bundle"), {}, plain_settings(config), catalogue, state_of(model))
            same_scores.compare(bundle.untried, dataset, model)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])

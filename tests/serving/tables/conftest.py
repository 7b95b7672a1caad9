"""A model with large random weights, and tables of events in any order."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import give_other_weights

import recbole_iacn
from recbole_iacn.serving.recommender import load

pytest.importorskip("duckdb")


@pytest.fixture
def recommender(settings, tmp_path_factory):
    """A model that gives every history and item another score; call with a model's name and settings."""

    def make(model="MIND", **changes):
        training = recbole_iacn.build(model, "tiny", config_dict=settings(**changes))
        give_other_weights(training.model)
        folder = tmp_path_factory.mktemp("bundle") / "model"
        training.save(str(folder))
        return load(folder)

    return make


@pytest.fixture(scope="session")
def events():
    """Clicks of users old and new, of items old and new, some at one time, in no order."""
    rng = np.random.default_rng(3)
    users = rng.choice(["u1", "u2", "u30", "new", "other", "late"], 90)
    items = rng.choice([*(f"i{item}" for item in range(40)), "gone"], 90)
    table = pd.DataFrame({"user_id": users, "item_id": items, "timestamp": 1_500_000_000 + rng.integers(0, 40, 90)})
    only = pd.DataFrame({"user_id": ["empty"], "item_id": ["gone"], "timestamp": [1_500_000_000]})
    return pd.concat([table, only], ignore_index=True)


@pytest.fixture(scope="session")
def sorted_histories():
    """User -> items in the order of their times, by pandas; users in the order of their first rows."""

    def sort(events):
        ordered = events.sort_values("timestamp", kind="stable")
        return {
            user: ordered[ordered["user_id"] == user]["item_id"].tolist()
            for user in events["user_id"].drop_duplicates()
        }

    return sort


@pytest.fixture(autouse=True)
def deterministic():
    torch.manual_seed(0)

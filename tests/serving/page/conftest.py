"""Models with large random weights, and files of events and items with titles."""

import numpy as np
import pandas as pd
import pytest
from helpers import give_other_weights
from made_explanations import NASTY

import recbole_iacn
from recbole_iacn.serving.recommender import load

pytest.importorskip("duckdb")


@pytest.fixture(scope="session")
def of_model(settings_of, tmp_path_factory):
    """The recommender of a model's name and settings, made once."""
    made = {}

    def get(name, **changes):
        key = name, *changes.items()
        if key not in made:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(tmp_path_factory.mktemp("run"))
                training = recbole_iacn.build(name, "tiny", config_dict=settings_of(**changes))
                give_other_weights(training.model)
                folder = tmp_path_factory.mktemp("of") / "bundle"
                training.save(str(folder))
            made[key] = load(folder)
        return made[key]

    return get


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """A folder with events.csv, items.csv and users.csv; of 8 users, one of whom clicked one unknown item alone."""
    folder = tmp_path_factory.mktemp("shop")
    rng = np.random.default_rng(5)
    rows = [(f"u{user}", f"i{item}") for user in range(7) for item in rng.permutation(40)[: 4 + user]]
    events = pd.DataFrame(rows, columns=["user", "item"]).assign(time=lambda of: 1_600_000_000 + 1000 * of.index)
    lost = pd.DataFrame([("lost", "nowhere", 1_600_000_000)], columns=["user", "item", "time"])
    shuffled = pd.concat([events, lost]).sample(frac=1, random_state=0)
    shuffled.to_csv(folder / "events.csv", index=False)
    titles = [NASTY if item == 3 else f"Thing {item}" for item in range(40)]
    kinds = [f"kind {item % 4}" for item in range(40)]
    items = pd.DataFrame({"item_id": [f"i{item}" for item in range(40)], "title": titles, "sort": kinds})
    items.to_csv(folder / "items.csv", index=False)
    (folder / "users.csv").write_text("user_id,age\nu2,1\nu1,2\n")
    return folder


@pytest.fixture(scope="session")
def clicks(shop):
    """User -> (items, times), by pandas."""
    events = pd.read_csv(shop / "events.csv").sort_values("time")
    return {user: (of["item"].tolist(), of["time"].tolist()) for user, of in events.groupby("user")}

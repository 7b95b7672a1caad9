"""A thousand settings, plain and hostile: each is accepted and trains, or is one line before the data are read."""

import os
import random

import pytest
from settings_fuzz import draw, enter, is_one_line, settings_of, train, value_for, within

from recbole_iacn import ConfigError

NUMBER = int(os.environ.get("SETTINGS", 1000))  # more by hand, as of tests/settings_fuzz.py
SEED = 7
TRAINED = 16  # of those that are accepted; all of them by hand


@pytest.fixture
def quiet(monkeypatch):
    """RecBole's Config chooses the GPUs that the process sees, and its log speaks."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("logging.Logger.isEnabledFor", lambda *_: False)


@pytest.mark.slow
def test_each_setting_is_accepted_or_is_one_line(quiet, data_path, monkeypatch):
    def no_data(*_):
        raise AssertionError("the data are read before the settings are checked")

    accepted, wrong = [], []
    with monkeypatch.context() as patch:
        patch.setattr("recbole.data.dataset.Dataset.__init__", no_data)
        for model, key, value in draw(NUMBER, SEED):
            try:
                with within(20):
                    enter(model, {**settings_of(model), "data_path": str(data_path), key: value_for(value)})
                accepted.append((model, key, value))
            except ConfigError as error:
                if not is_one_line(error):
                    wrong.append((model, key, value, error))
            except Exception as error:
                wrong.append((model, key, value, error))
    assert not wrong, f"{len(wrong)} of {NUMBER}; the first: {wrong[:5]}"
    assert NUMBER / 5 < len(accepted) < NUMBER * 4 / 5
    for model, key, value in random.Random(SEED).sample(accepted, TRAINED):
        if key == "torch_compile":
            continue  # half a minute, and tested elsewhere
        changed = {} if key == "epochs" else {key: value_for(value)}
        with within(60):
            try:
                result = train(enter(model, {**settings_of(model), "data_path": str(data_path), **changed}))
            except ConfigError as error:  # what only the data can tell: a share of the users that leaves none
                assert is_one_line(error) and str(error).startswith(f"{key}: "), (model, key, value, error)
                continue
        assert result and all(0 <= score < 100 for score in result.values()), (model, key, value)

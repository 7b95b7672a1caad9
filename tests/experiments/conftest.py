"""A fixture with a short experiment."""

import pytest


@pytest.fixture
def small(file, settings, data_path):
    """An experiment's file with four short runs."""
    own = settings(epochs=2, data_path=..., show_progress=..., state=..., seed=...)
    return file(data_path=str(data_path), modes=["off", "full"], settings=own, divergence=5)

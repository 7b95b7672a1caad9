"""Experiments of seconds."""

import pytest


@pytest.fixture
def small(file, settings, data_path):
    """A file of four short runs."""
    own = settings(epochs=2, data_path=..., show_progress=..., state=..., seed=...)
    return file(data_path=str(data_path), modes=["off", "full"], settings=own, divergence=5)

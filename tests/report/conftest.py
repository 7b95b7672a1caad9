"""Made-up results of runs, and a folder with them."""

import pytest
from made_runs import result, store


@pytest.fixture
def results():
    """Results in which DIN gains .01, .02, .03 over off and nothing over width, and DIEN has one seed."""
    results = []
    for seed, gain in ((1, 0.01), (2, 0.02), (3, 0.03)):
        results += [
            result(mode="off", seed=seed, auc=0.7),
            result(mode="width", seed=seed, auc=0.7 + gain),
            result(mode="full", seed=seed, auc=0.7 + gain),
        ]
    return [*results, result("DIEN", "off", auc=0.6), result("DIEN", "full", auc=0.65)]


@pytest.fixture
def folder(tmp_path, results):
    for one in results:
        store(tmp_path / "table", {**one, "settings": {"embedding_size": 16, "iacn_mode": one["mode"]}})
    return tmp_path / "table"

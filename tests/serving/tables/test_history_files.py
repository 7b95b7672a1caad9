"""Histories on disk are the slices that they stand for."""

import numpy as np

from recbole_iacn.serving.tables.history_files import HistoryFiles


def test_batches_of_histories_are_slices(tmp_path):
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 9, 50)
    stops = np.cumsum(lengths)
    starts = stops - lengths
    items = rng.integers(1, 1000, stops[-1])
    micros = np.concatenate([np.sort(rng.integers(0, 6, length)) for length in lengths]) * 1_500_000_000_000_001
    parts = [(items[begin : begin + 7], micros[begin : begin + 7]) for begin in range(0, len(items), 7)]
    files = HistoryFiles.write(tmp_path, parts)
    asked = rng.permutation(50)[:20]
    ids, times = files.gather(starts[asked], stops[asked])
    assert ids.tolist() == [one for row in asked for one in items[starts[row] : stops[row]]]
    assert times.tolist() == [one / 1e6 for row in asked for one in micros[starts[row] : stops[row]]]
    moments = rng.integers(-1, 8, 50) * 1_500_000_000_000_001
    before = files.before(starts, stops, moments)
    for row in range(50):
        assert before[row] - starts[row] == (micros[starts[row] : stops[row]] < moments[row]).sum()


def test_no_event_at_all(tmp_path):
    files = HistoryFiles.write(tmp_path, [])
    nowhere = np.zeros(3, dtype=np.int64)
    assert files.before(nowhere, nowhere, nowhere).tolist() == [0, 0, 0]
    assert [len(one) for one in files.gather(nowhere, nowhere)] == [0, 0]

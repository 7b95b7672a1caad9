"""Gathered windows against a plain loop."""

import numpy as np
import torch


def test_gathered_windows_equal_a_plain_loop():
    from recbole_iacn.data.windows import Windows

    rng = np.random.default_rng(0)
    values = torch.from_numpy(rng.integers(1, 100, size=50))
    stop = torch.from_numpy(rng.integers(1, 51, size=20)) + 1
    length = torch.minimum(torch.from_numpy(rng.integers(0, 7, size=20)), stop - 1)
    windows = Windows({"list": Windows.over(values)}, stop, length, 6)
    index = torch.tensor([19, 3, 3, 0])
    for row, found in zip(index.tolist(), windows.gather(index)["list"].tolist()):
        history = values.tolist()[int(stop[row] - length[row]) - 1 : int(stop[row]) - 1]
        assert found == history + [0] * (6 - len(history))

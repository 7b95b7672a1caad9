"""What RecBole's own trainers need to go on exactly: the random numbers' state, and what their models count.

This package's trainer seeds every epoch by (seed, epoch). RecBole's draws on from wherever the generators are, so its
checkpoints must have their state.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn


def taken(loaders: Sequence[Any]) -> dict[str, Any]:
    """The state of all generators that a training draws from, of plain values and tensors.

    Args:
        loaders: those of the training, each with its own generator.
    """
    version, numbers, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": {"version": version, "numbers": list(numbers), "gauss": gauss},
        "numpy": {
            "kind": str(kind),
            "keys": torch.from_numpy(np.asarray(keys).astype(np.int64)),
            "position": int(position),
            "has_gauss": int(has_gauss),
            "cached": float(cached),
        },
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "loaders": [loader.generator.get_state() for loader in loaders if loader.generator is not None],
    }


def put_back(state: Mapping[str, Any], loaders: Sequence[Any]) -> None:
    """Let the generators go on from a state.

    Args:
        state: as :func:`taken` has returned it.
        loaders: as many as then.
    """
    there = state["python"]
    random.setstate((there["version"], tuple(there["numbers"]), there["gauss"]))
    there = state["numpy"]
    keys = there["keys"].numpy().astype(np.uint32)
    np.random.set_state((there["kind"], keys, there["position"], there["has_gauss"], there["cached"]))
    torch.set_rng_state(state["torch"].cpu())
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([one.cpu() for one in state["cuda"]])
    with_own = [loader for loader in loaders if loader.generator is not None]
    for loader, own in zip(with_own, state["loaders"]):
        loader.generator.set_state(own.cpu())


def counters(model: nn.Module) -> dict[str, Any]:
    """The plain numbers among a model's attributes: some count there, such as MultiVAE its steps.

    Args:
        model: of RecBole's.
    """
    kinds = (int, float)
    return {name: value for name, value in vars(model).items() if name != "training" and isinstance(value, kinds)}

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

from recbole_iacn.errors import ConfigError

ENTRY = "random"  # in a checkpoint


def recorded(trainer: Any) -> dict[str, Any]:
    """The entry of a trainer's checkpoints, of plain values and tensors.

    Args:
        trainer (recbole.trainer.Trainer): its attribute ``loaders`` has the loaders of the training, each with its own
            generator, and ``counted`` what :func:`counters` was at its start.
    """
    version, numbers, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()
    before, now = getattr(trainer, "counted", {}), counters(trainer.model)
    state = {
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
        "loaders": [generator.get_state() for generator in _generators(getattr(trainer, "loaders", ()))],
        "counters": {name: value for name, value in now.items() if before.get(name) != value},
    }
    return {ENTRY: state}


def put_back(state: Mapping[str, Any], model: nn.Module, loaders: Sequence[Any], path: str = "checkpoint") -> None:
    """Let the generators and a model's counters go on from a state.

    Args:
        state: the entry of a checkpoint.
        model: of the class that was trained then.
        loaders: as many as then.
        path: the checkpoint, for the message.

    Raises:
        ConfigError: the entry is damaged.
    """
    try:
        there = state["python"]
        random.setstate((there["version"], tuple(there["numbers"]), there["gauss"]))
        there = state["numpy"]
        keys = there["keys"].numpy().astype(np.uint32)
        np.random.set_state((there["kind"], keys, there["position"], there["has_gauss"], there["cached"]))
        torch.set_rng_state(state["torch"].cpu())
        if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([one.cpu() for one in state["cuda"]])
        for generator, own in zip(_generators(loaders), state["loaders"]):
            generator.set_state(own.cpu())
        known = counters(model)
        vars(model).update({n: v for n, v in state["counters"].items() if n in known and isinstance(v, int | float)})
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError) as error:
        raise ConfigError(f"{path}: is damaged, its record of random numbers does not fit together") from error


def _generators(loaders):
    return [loader.generator for loader in loaders if getattr(loader, "generator", None) is not None]


def counters(model: nn.Module) -> dict[str, Any]:
    """The plain numbers among a model's attributes: some count there, such as MultiVAE its steps.

    Args:
        model: of RecBole's.
    """
    kinds = (int, float, bool)
    return {name: value for name, value in vars(model).items() if name != "training" and type(value) in kinds}

"""A bundle's model must repeat the scores of the model that it was made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from recbole_iacn.errors import ConfigError

_TRIED = 64  # rows whose scores are compared


def compare(restored: Callable[[], Any], dataset: Any, model: Any) -> None:
    """Reject a model that keeps something outside its state, which the bundle would lack without a word.

    Args:
        restored: makes the model of the bundle, on the CPU.
        dataset: the data that the model was built with.
        model: the model.

    Raises:
        ConfigError: the bundle's model cannot be built, or does not score, or scores otherwise.
    """
    rows = dataset[list(range(min(_TRIED, len(dataset.inter_feat))))]
    if len(rows) == 0:
        return
    was_training = model.training
    device = next((value.device for value in model.state_dict().values()), torch.device("cpu"))
    with torch.no_grad():
        before = model.eval().predict(rows.to(device)).cpu()
        model.train(was_training)
        try:
            after = restored().predict(rows.to("cpu"))
        except ConfigError:
            raise
        except Exception as error:  # whatever a model meets where it looks for interactions
            first = f"{type(error).__name__}: {error}".splitlines()[0]
            raise ConfigError(
                f"{type(model).__name__}: cannot be a bundle, which has no interactions: without them it cannot be "
                f"built, or does not score ({first:.80})"
            ) from None
    apart = float((before - after).abs().max())
    if not apart <= 1e-4 * max(1.0, float(before.abs().max())):
        raise ConfigError(
            f"{type(model).__name__}: a bundle's scores would differ by {apart:.2g}, since the model keeps something "
            "outside its state_dict; make it a buffer or a parameter"
        )

"""The setting ``positions_from``: from which end of a history RecBole's SASRec counts its positions.

RecBole pads histories at their end and gives position 0 to the oldest click, so that the newest one has another
position in a short history than in a long one. SASRec's authors pad in front: there the newest click always has the
same.
"""

import torch

from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.nn.lookup import look_up

_MARK = "positions_from_newest"


def patch_positions(module):
    """Let SASRec count its positions from the newest click, if ``positions_from`` says so.

    A model that does has a buffer of that name: RecBole alone, or a model that counts from the other end, fails to load
    its weights, which mean something else there.

    Args:
        module: the module of RecBole with ``SASRec``.
    """

    @wrap(module.SASRec, "__init__")
    def init(original, model, config, dataset):
        original(model, config, dataset)
        if config["positions_from"] == "newest":
            model.register_buffer(_MARK, torch.tensor(True))


def are_from_newest(model):
    """Whether a model of RecBole counts its positions from the newest click."""
    return hasattr(model, _MARK)


def embedded_positions(model, lengths, size):
    """The embedded positions of SASRec's histories.

    Args:
        model (recbole.model.sequential_recommender.SASRec): the model whose table is used.
        lengths (torch.LongTensor): numbers of real places, shape (B,).
        size (int): L.

    Returns:
        torch.Tensor: shape (L, D) from the oldest click, and (B, L, D) from the newest, whose position is 0; any of the
        table's at padding.
    """
    if not are_from_newest(model):
        return model.position_embedding.weight[:size]
    ages = lengths.unsqueeze(1) - 1 - torch.arange(size, device=lengths.device)
    return look_up(ages.clamp_min(0), model.position_embedding)

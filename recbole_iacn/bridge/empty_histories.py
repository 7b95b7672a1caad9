"""RecBole's DIEN takes rows with an empty history, which a log of impressions has; its DIN takes them as it is."""

import torch

from recbole_iacn.bridge.wrapping import wrap


def patch_empty_histories(module):
    """Let DIEN's two recurrences run over the rows with a history; all states of the others are zeros, as in DIEN_IaCN.

    Args:
        module: ``recbole.model.sequential_recommender.dien``.
    """

    @wrap(module.InterestExtractorNetwork, "forward")
    def extract(original, network, keys, keys_length, neg_keys=None):
        rows, part = _with_a_history(keys_length, keys, keys_length, neg_keys)
        states = keys.new_zeros(*keys.shape[:2], network.gru.hidden_size)
        if not len(rows):
            return states, states.new_zeros(())
        found, loss = original(network, *part)
        if not (keys_length > 1).any():  # no item follows another: the mean of nothing
            loss = states.new_zeros(())
        return states.to(found.dtype).index_copy(0, rows, found), loss

    @wrap(module.InterestEvolvingLayer, "forward")
    def evolve(original, layer, queries, keys, keys_length):
        rows, part = _with_a_history(keys_length, queries, keys, keys_length)
        states = keys.new_zeros(len(keys), layer.dynamic_rnn.hidden_size)
        if not len(rows):
            return states
        found = original(layer, *part)
        return states.to(found.dtype).index_copy(0, rows, found)


def _with_a_history(lengths, *values):
    """The numbers of the rows with a history, and these rows of some tensors: the tensors themselves if all have."""
    rows = torch.nonzero(lengths > 0).squeeze(1)
    if len(rows) == len(lengths):
        return rows, values
    return rows, [None if one is None else one[rows] for one in values]

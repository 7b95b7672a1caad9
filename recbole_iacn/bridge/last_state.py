"""The setting ``last_state_only``: RecBole's GRU4Rec and SASRec compute only what their last state depends on.

RecBole computes the states of all positions, padding included, and uses one of them. The results here are equal up to
the order of additions; with dropout, their distribution is the same.
"""

import torch
from torch import nn

from recbole_iacn.bridge.positions import are_from_newest, embedded_positions
from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.checks.evaluation import LAST_STATE_MODELS
from recbole_iacn.nn.lookup import look_up
from recbole_iacn.nn.recurrence import TimeMajor, recur


def patch_last_state(module):
    """Let a model compute only what its last state depends on, if ``last_state_only`` is set.

    Args:
        module: the module of RecBole with one of ``LAST_STATE_MODELS``.
    """
    name = next(name for name in LAST_STATE_MODELS if hasattr(module, name))
    model_class = getattr(module, name)

    @wrap(model_class, "__init__")
    def init(original, model, config, dataset):
        original(model, config, dataset)
        model.last_state_only = bool(config["last_state_only"])

    @wrap(model_class, "forward")
    def forward(original, model, history, length):
        if not (model.last_state_only or are_from_newest(model)):
            return original(model, history, length)
        return _FORWARD[name](model, history, length)


def gru4rec(model, history, length):
    """GRU4Rec's ``forward``, with the recurrence at real positions only and the linear layer at the last ones only.

    Args:
        model (recbole.model.sequential_recommender.GRU4Rec): the model whose layers are used.
        history (torch.LongTensor): items, oldest first, padded at the end, shape (B, L).
        length (torch.LongTensor): numbers of real positions, shape (B,).

    Returns:
        torch.Tensor: the last state, shape (B, D); of an empty history that of a GRU which has read nothing.
    """
    positions = TimeMajor(length, history.shape[1])
    states = gru_states(model, look_up(positions.of(history), model.item_embedding), positions.sizes)
    return model.dense(positions.final(states))


def gru_states(model, behaviors, sizes):
    """The states of GRU4Rec's recurrences at all real positions, in order of time.

    Args:
        model (recbole.model.sequential_recommender.GRU4Rec): the model whose layers are used.
        behaviors (torch.Tensor): embedded items in order of time, shape (positions, D).
        sizes (list of int): see :class:`recbole_iacn.nn.recurrence.TimeMajor`.

    Returns:
        torch.Tensor: shape (positions, H).
    """
    states = model.emb_dropout(behaviors)
    for of_input, of_state in model.gru_layers.all_weights:
        x = nn.functional.linear(states, of_input)
        states = recur(x, sizes, of_state, of_state.new_zeros(len(of_state)), 1.0, -1.0)
    return states


def sasrec(model, history, length):
    """SASRec's ``forward``, with only the last position as a query of the last block and as input of its feed-forward
    layers.

    Args:
        model (recbole.model.sequential_recommender.SASRec): the model whose layers are used.
        history, length: as in :func:`gru4rec`.

    Returns:
        torch.Tensor: the last state, shape (B, D).
    """
    positions = embedded_positions(model, length, history.shape[1])
    hidden = model.dropout(model.LayerNorm(look_up(history, model.item_embedding) + positions))
    *lower, top = model.trm_encoder.layer
    seen = model.get_attention_mask(history) if lower else None
    for block in lower:
        hidden = block(hidden, seen)
    last = hidden[torch.arange(len(hidden), device=hidden.device), length - 1]
    return top.feed_forward(_attend(top.multi_head_attention, last, hidden, history != 0))


def _attend(attention, last, hidden, real):
    """RecBole's MultiHeadAttention for one query per row, (B, D), which attends to all real positions."""
    heads = (attention.num_attention_heads, attention.attention_head_size)
    query = attention.query(last).view(len(last), *heads, 1)
    key, value = (part(hidden).unflatten(2, heads).transpose(1, 2) for part in (attention.key, attention.value))
    products = (key @ query).squeeze(3) / attention.sqrt_attention_head_size
    weights = attention.attn_dropout(products.masked_fill(~real.unsqueeze(1), -torch.inf).softmax(dim=2))
    mixed = (weights.unsqueeze(2) @ value).flatten(1)
    return attention.LayerNorm(attention.out_dropout(attention.dense(mixed)) + last)


_FORWARD = {"GRU4Rec": gru4rec, "SASRec": sasrec}

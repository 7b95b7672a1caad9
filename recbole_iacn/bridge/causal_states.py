"""The setting ``loss``: RecBole's GRU4Rec and SASRec learn to rank as the multi-interest family does, from a row per
click or from whole histories (``rows: histories``), with their own layers, which skip padding.
"""

import torch

from recbole_iacn.bridge.last_state import gru_states
from recbole_iacn.bridge.positions import embedded_positions
from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.data.whole_rows import CAUSAL_MODELS
from recbole_iacn.nn.recurrence import TimeMajor
from recbole_iacn.nn.transformer import RealPositions, attention_weights, split_heads


def patch_loss(module):
    """Let a model learn by the setting ``loss``, if there is one.

    Args:
        module: the module of RecBole with one of ``CAUSAL_MODELS``.
    """
    name = next(name for name in CAUSAL_MODELS if hasattr(module, name))
    model_class = getattr(module, name)

    @wrap(model_class, "__init__")
    def init(original, model, config, dataset):
        original(model, config, dataset)
        model.ranking_loss = None
        if config["loss"]:
            from recbole_iacn.model.retrieval.ranking_loss import RankingLoss

            model.ranking_loss = RankingLoss(config, dataset)
            model.whole_rows = getattr(dataset, "whole_rows", False)

    @wrap(model_class, "calculate_loss")
    def calculate_loss(original, model, interaction):
        loss = model.ranking_loss
        if loss is None:
            return original(model, interaction)
        history, clicked = interaction[model.ITEM_SEQ], interaction[model.POS_ITEM_ID]
        drawn = interaction[model.NEG_ITEM_ID] if loss.name == "bpr" else None
        lengths = (history != 0).sum(dim=1)
        if not model.whole_rows:
            if not loss.drops:
                users = model.forward(history, interaction[model.ITEM_SEQ_LEN])
                return loss.of_rows(model.item_embedding, clicked, drawn, users)
            return loss.of_rows_with(
                model.item_embedding,
                history,
                clicked,
                drawn,
                lambda behaviors: last_of(_STATES[name](model, behaviors, lengths), lengths),
            )
        return loss.of_histories(
            model.item_embedding,
            history,
            clicked,
            drawn,
            lambda behaviors: _STATES[name](model, behaviors, lengths),
        )


def last_of(states, lengths):
    """The state after each history, (B, L, D) to (B, D)."""
    return states[torch.arange(len(states), device=states.device), (lengths - 1).clamp_min(0)]


def gru4rec_states(model, behaviors, lengths):
    """GRU4Rec's output after each place of a history.

    Args:
        model (recbole.model.sequential_recommender.GRU4Rec): the model whose layers are used.
        behaviors (torch.Tensor): embedded items, oldest first, padded at the end, shape (B, L, D).
        lengths (torch.LongTensor): numbers of real places, shape (B,).

    Returns:
        torch.Tensor: shape (B, L, D), zero at padding.
    """
    positions = TimeMajor(lengths, behaviors.shape[1])
    return positions.pad(model.dense(gru_states(model, positions.pack(behaviors), positions.sizes)))


def sasrec_states(model, behaviors, lengths):
    """SASRec's output after each place of a history; its linear layers see real places only.

    Args:
        model (recbole.model.sequential_recommender.SASRec): the model whose layers are used.
        behaviors, lengths: as in :func:`gru4rec_states`.

    Returns:
        torch.Tensor: shape (B, L, D), zero at padding.
    """
    place = torch.arange(behaviors.shape[1], device=behaviors.device)
    mask = place < lengths.unsqueeze(1)
    real = RealPositions(mask)
    positions = embedded_positions(model, lengths, behaviors.shape[1]).expand_as(behaviors)
    hidden = model.dropout(model.LayerNorm(real.pack(behaviors) + real.pack(positions)))
    seen = mask[:, None, None, :] & torch.ones(len(place), len(place), dtype=torch.bool, device=place.device).tril()
    for block in model.trm_encoder.layer:
        hidden = block.feed_forward(_attend(block.multi_head_attention, hidden, real, seen))
    return real.pad(hidden)


def _attend(attention, hidden, real, seen):
    """RecBole's MultiHeadAttention, from real places (P, D) to the same, (P, D)."""
    projected = torch.cat([part(hidden) for part in (attention.query, attention.key, attention.value)], dim=1)
    heads = attention.num_attention_heads
    query, key, value = (split_heads(part, heads) for part in real.pad(projected).chunk(3, dim=2))
    weights = attention_weights(query @ key.transpose(2, 3) / attention.sqrt_attention_head_size, seen)
    mixed = real.pack((attention.attn_dropout(weights) @ value).transpose(1, 2).flatten(2))
    return attention.LayerNorm(attention.out_dropout(attention.dense(mixed)) + hidden)


_STATES = {"GRU4Rec": gru4rec_states, "SASRec": sasrec_states}

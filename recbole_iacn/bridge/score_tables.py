"""Patches of RecBole's evaluation by ranking: as few tables of (rows, items) as there can be, each within a budget, and
among what a protocol's loader supplies.
"""

from __future__ import annotations

import torch
from torch import Tensor

from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.data.score_blocks import rows_at_once

_TIMES = 32  # as many items as candidates: from there on looking candidates up is faster than any product of all items


def patch_batches(module):
    """Let a batch of evaluation have no more rows than a budget of scores allows, whatever ``eval_batch_size`` is.

    Args:
        module: ``recbole.data.dataloader.general_dataloader``.
    """

    @wrap(module.FullSortEvalDataLoader, "_init_batch_size_and_step")
    def of_all_items(original, loader):
        original(loader)
        _at_most(loader, rows_at_once(loader._dataset.item_num, loader.config["device"]))

    @wrap(module.NegSampleEvalDataLoader, "_init_batch_size_and_step")
    def of_candidates(original, loader):
        from recbole.utils import EvaluatorType

        original(loader)
        if loader.config["eval_type"] == EvaluatorType.RANKING:  # its trainer makes rows of all items of the candidates
            _at_most(loader, rows_at_once(loader._dataset.item_num, loader.config["device"]))


def _at_most(loader, rows):
    if loader.step > rows:
        loader.set_batch_size(loader._batch_size // loader.step * rows)
        loader.step = rows


def patch_collector(module):
    """Let the collector take what metrics need from the scores alone; RecBole makes three to ten tables of their size.

    What batches leave is appended to buffers that double: RecBole copies all earlier batches with each new one.

    Args:
        module: ``recbole.evaluator.collector``.
    """
    from recbole_iacn.training.collected import hits, mean_ranks

    @wrap(module.Collector, "eval_batch_collect")
    def eval_batch_collect(original, collector, scores_tensor, interaction, positive_u, positive_i):
        scores, need, struct = scores_tensor, collector.register.need, collector.data_struct
        if need("rec.items") or need("rec.topk"):
            best = torch.topk(scores, max(collector.topk), dim=-1).indices
            if need("rec.items"):
                struct.update_tensor("rec.items", best)
            if need("rec.topk"):
                struct.update_tensor("rec.topk", hits(best, positive_u, positive_i))
        if need("rec.meanrank"):
            ranks = mean_ranks(scores, positive_u, positive_i, collector._average_rank)
            struct.update_tensor("rec.meanrank", ranks)
        if need("rec.score"):
            struct.update_tensor("rec.score", scores)
        if need("data.label"):
            collector.label_field = collector.config["LABEL_FIELD"]
            struct.update_tensor("data.label", interaction[collector.label_field].to(collector.device))

    @wrap(module.DataStruct, "update_tensor")
    def update_tensor(original, struct, name, value):
        held, buffer = struct._data_dict.get(name), struct.__dict__.setdefault("_buffers", {}).get(name)
        if not isinstance(held, Tensor) or held.dtype != value.dtype or held.shape[1:] != value.shape[1:]:
            struct._buffers.pop(name, None)
            return original(struct, name, value)
        end = len(held) + len(value)
        if buffer is None or buffer.data_ptr() != held.data_ptr() or len(buffer) < end:
            buffer = struct._buffers[name] = held.new_empty(2 * end, *held.shape[1:])
            buffer[: len(held)] = held
        buffer[len(held) : end] = value.detach()
        struct._data_dict[name] = buffer[:end]

    @wrap(module.Collector, "get_data_struct")
    def get_data_struct(original, collector):
        held = collector.data_struct
        for name in held.__dict__.pop("_buffers", {}):
            if name in held:
                held[name] = held[name].clone()  # RecBole copies what lies behind a tensor, the free rest included
        return original(collector)


def patch_full_sort(module):
    """Let a full sort rank the clicked item by our rule, among what one of our loaders supplies.

    A model whose score of an item takes long, a click model, then scores the candidates alone. For one without a full
    sort of its own, such as RecBole's DIN, pairs are scored in parts of ``eval_batch_size``; RecBole first makes the
    pairs of all rows of a batch and all items.

    Args:
        module: ``recbole.trainer.trainer``.
    """

    @wrap(module.Trainer, "_full_sort_batch_eval")
    def full_sort_batch_eval(original, trainer, batch):
        from recbole_iacn.data.ranking import AllItems, Candidates

        rows, among, positive_u, positive_i = batch
        if isinstance(among, Candidates):
            scores = _candidate_scores(trainer, rows, among.items, positive_i)
            if scores is not None:
                return rows, *among.ranked_alone(scores[:, -1], scores[:, :-1])
        left_out = among.left_out if isinstance(among, Candidates | AllItems) else among
        scores = _scores_of_pairs(trainer, rows)
        if scores is None:
            rows, scores, positive_u, positive_i = original(trainer, (rows, left_out, positive_u, positive_i))
        elif left_out is not None:
            scores[left_out] = -float("inf")
        if isinstance(among, Candidates):
            return rows, *among.ranked(scores, positive_u, positive_i)
        if isinstance(among, AllItems):
            return rows, *among.ranked(scores, positive_u, positive_i, _longest_list(trainer))
        return rows, scores, positive_u, positive_i


def _longest_list(trainer):
    """How many of the first places are read; None if a metric may read all scores."""
    return None if trainer.eval_collector.register.need("rec.score") else max(trainer.eval_collector.topk)


def _has_full_sort(model):
    from recbole.model.abstract_recommender import AbstractRecommender

    return type(model).full_sort_predict is not AbstractRecommender.full_sort_predict


def _candidate_scores(trainer, rows, drawn, clicked):
    """Scores of each row's candidates and, last, of its clicked item, (B, N + 1); None if scoring all items at once is
    as fast, which depends on how many there are, or all that the model can do."""
    model = trainer.model
    all_at_once = getattr(model, "full_sort_is_fast", False) and trainer.tot_item_num <= _TIMES * (drawn.shape[1] + 1)
    by_candidate = hasattr(model, "candidate_scores") and not all_at_once
    has_full_sort = _has_full_sort(model)
    if has_full_sort and not by_candidate:
        return None
    items = torch.cat([drawn, clicked.unsqueeze(1)], dim=1).to(trainer.device)
    rows = rows.to(trainer.device)
    if has_full_sort:
        return model.candidate_scores(rows, items).float()
    return _pairs(trainer, rows, items)


def _scores_of_pairs(trainer, rows):
    """Scores of all items (B, items), -inf for the padding, by a model that scores pairs alone; None for another."""
    if _has_full_sort(trainer.model):
        return None
    rows, items = rows.to(trainer.device), torch.arange(1, trainer.tot_item_num, device=trainer.device)
    scores = torch.empty(len(rows), trainer.tot_item_num, device=trainer.device)
    scores[:, 0] = -torch.inf
    scores[:, 1:] = _pairs(trainer, rows, items.expand(len(rows), -1))
    return scores


def _pairs(trainer, rows, items):
    from recbole_iacn.model.click.full_sort import score_pairs

    return score_pairs(trainer.model.predict, rows, items, trainer.item_tensor, trainer.test_batch_size).float()

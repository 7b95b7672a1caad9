"""AUC within users, reported together with RecBole's value metrics.

In RecBole GAUC is a ranking metric, which cannot be combined with AUC and LogLoss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from recbole.evaluator import Collector, Evaluator, register
from recbole.evaluator.base_metric import AbstractMetric
from torch import Tensor

from recbole_iacn import parallel
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import Named

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.interaction import Interaction
    from recbole.evaluator.collector import DataStruct


def grouped_auc(scores: np.ndarray, labels: np.ndarray, users: np.ndarray) -> float:
    """AUC within each user, averaged over users and weighted by their numbers of positives.

    Ties count one half. Users without a positive or without a negative have no AUC and are excluded.
    Source: Zhou et al. (DIN), KDD '18, equation 7, weighted as RecBole weights it.

    Args:
        scores (numpy.ndarray): shape (rows,).
        labels (numpy.ndarray): 1 for a click, 0 otherwise, shape (rows,).
        users (numpy.ndarray): user of each row, shape (rows,).

    Returns:
        float: in [0, 1]; nan if no user has both classes.
    """
    order = np.lexsort((scores, users))
    scores, labels, users = scores[order], labels[order] > 0, users[order]
    position = np.arange(len(scores))
    new_user = np.r_[True, users[1:] != users[:-1]]
    user = np.cumsum(new_user) - 1
    tie = np.cumsum(new_user | np.r_[True, scores[1:] != scores[:-1]]) - 1
    rank = (np.bincount(tie, position) / np.bincount(tie))[tie] - position[new_user][user] + 1
    positives = np.bincount(user, labels)
    negatives = np.bincount(user, ~labels)
    above = np.bincount(user, rank * labels) - positives * (positives + 1) / 2
    both = (positives > 0) & (negatives > 0)
    if not both.any():
        return float("nan")
    return float((above[both] / negatives[both]).sum() / positives[both].sum())


class GroupedAUC:
    """:func:`grouped_auc` as a RecBole metric."""

    def __init__(self, config: Config) -> None:
        self.decimal_place = config["metric_decimal_place"]

    def calculate_metric(self, collected: DataStruct) -> dict[str, float]:
        scores, labels, users = (collected.get(name).numpy() for name in ("rec.score", "data.label", "data.user"))
        return {"gauc": round(grouped_auc(scores, labels, users), self.decimal_place)}


class SharedCollector(Collector):
    """RecBole's collector, extended to gather the rows of all processes."""

    def get_data_struct(self) -> DataStruct:
        collected = super().get_data_struct()
        for name, rows in collected._data_dict.items():
            if name.startswith("rec.") or name in ("data.label", "data.user"):
                collected[name] = torch.cat(parallel.gather(rows.to(self.device))).cpu()
        return collected


class UserCollector(SharedCollector):
    """A collector that also records the user of every scored row."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        # RecBole's GAUC needs ranks over all items; this one needs users instead.
        setattr(self.register, "rec.meanrank", False)
        self.user_field = config["USER_ID_FIELD"]

    def eval_batch_collect(
        self, scores_tensor: Tensor, interaction: Interaction, positive_u: Tensor, positive_i: Tensor
    ) -> None:
        super().eval_batch_collect(scores_tensor, interaction, positive_u, positive_i)
        self.data_struct.update_tensor("data.user", interaction[self.user_field])

    def get_data_struct(self) -> DataStruct:
        collected = super().get_data_struct()
        del self.data_struct["data.user"]
        return collected


def value_evaluation(config: Config) -> tuple[UserCollector, Evaluator]:
    """Collector and evaluator for AUC, GAUC and LogLoss together.

    Args:
        config (recbole.config.Config): settings with value metrics, with or without GAUC.

    Returns:
        tuple: (UserCollector, Evaluator).
    """
    evaluator = Evaluator(config)
    if "gauc" in evaluator.metrics:
        evaluator.metric_class["gauc"] = GroupedAUC(config)
    return UserCollector(config), evaluator


def add_metric(metric: type[AbstractMetric]) -> type[AbstractMetric]:
    """Register a custom metric, so that ``metrics`` and ``valid_metric`` may name it, in this process, for every model.

    Args:
        metric: a class like RecBole's metrics: derived from ``recbole.evaluator.base_metric``, with ``metric_type``,
            ``metric_need`` (what it is calculated from), ``smaller`` and ``calculate_metric``. The class's name is the
            metric's name.

    Returns:
        The class itself, so that the function can be used as a decorator.

    Raises:
        ConfigError: the class is not a RecBole metric, or its name is taken.
    """
    if not isinstance(metric, type) or not issubclass(metric, AbstractMetric):
        raise ConfigError(f"add_metric: {metric!r} is not a subclass of recbole.evaluator.base_metric.AbstractMetric")
    for attribute in ("metric_type", "metric_need"):
        if not hasattr(metric, attribute):
            raise ConfigError(f"add_metric: {metric.__name__} has no {attribute}; see RecBole's metrics for examples")
    _METRICS.add(metric.__name__.lower(), metric)
    register.metrics_dict.update(_METRICS)
    register.metric_information[metric.__name__.lower()] = metric.metric_need
    register.metric_types[metric.__name__.lower()] = metric.metric_type
    name = metric.__name__.lower()
    register.smaller_metrics[:] = [held for held in register.smaller_metrics if held != name]  # it may be defined again
    if metric.smaller:
        register.smaller_metrics.append(name)
    return metric


_METRICS = Named("add_metric", register.metrics_dict)

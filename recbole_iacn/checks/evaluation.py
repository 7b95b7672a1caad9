"""Checks of metrics and evaluation negatives: settings that must fit together."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from recbole_iacn.data.protocol import NEGATIVES, PROTOCOLS
from recbole_iacn.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from recbole.config import Config

_TIME_SHARES = [0.8, 0.1, 0.1]  # the default, which every run has
LAST_STATE_MODELS = ("GRU4Rec", "SASRec")  # models of RecBole that last_state_only is for
# setting -> its values, and the models of RecBole that it is for
_OF_STATES: dict[str, tuple[tuple[bool | str, ...], tuple[str, ...]]] = {
    "last_state_only": ((True, False), LAST_STATE_MODELS),
    "positions_from": (("oldest", "newest"), ("SASRec",)),
}


def check_metrics(config: Mapping[str, Any]) -> None:
    """Reject an unknown metric, and a ``valid_metric`` that is not measured, which RecBole finds only after an epoch.

    Args:
        config (Mapping): final settings.

    Raises:
        ConfigError: names the metric and the nearest known one.
    """
    from recbole.evaluator import metric_types
    from recbole.utils import EvaluatorType

    metrics = names_of(config["metrics"])
    for name in metrics:
        if name.lower() not in metric_types:
            raise ConfigError(f"metrics: there is no {name!r}.{did_you_mean(name, metric_types)}")
    best, _, k = config["valid_metric"].partition("@")
    if best.lower() not in [name.lower() for name in metrics]:
        raise ConfigError(f"valid_metric: {best!r} is not among metrics ({', '.join(metrics)})")
    has_k = metric_types[best.lower()] == EvaluatorType.RANKING and best.lower() != "gauc"
    topk = [str(k) for k in _topk(config)]
    if has_k and k not in topk:
        wanted = ", ".join(f"{best}@{k}" for k in topk)
        raise ConfigError(f"valid_metric: {config['valid_metric']!r} is not measured; topk gives {wanted}")
    if k and not has_k:
        raise ConfigError(f"valid_metric: {best} takes no cutoff, got {config['valid_metric']!r}")


def misfits(metrics: str | list[str], protocol: str | None, probabilities: bool = True) -> list[str]:
    """Those metrics that a protocol cannot measure: of scores where it ranks, of ranks where it scores rows.

    Args:
        metrics (str or list of str): known metrics.
        protocol (str or None): its name; without one there are none. GAUC fits every protocol.
        probabilities (bool): whether scores are probabilities; otherwise LogLoss is none of the metrics that can be
            measured. Defaults to True.
    """
    from recbole.evaluator import metric_types
    from recbole.utils import EvaluatorType

    if not protocol:
        return []
    other = EvaluatorType.VALUE if PROTOCOLS[protocol].ranks_items else EvaluatorType.RANKING
    names = {name: name.lower() for name in names_of(metrics)}
    return [
        name
        for name, lower in names.items()
        if (lower != "gauc" and metric_types[lower] == other) or (lower == "logloss" and not probabilities)
    ]


def check_fit(config: Mapping[str, Any]) -> None:
    """Reject metrics that the protocol cannot measure: the rank of a click beside one negative is hardly a rank.

    Args:
        config (Mapping): final settings.

    Raises:
        ConfigError: names the metric and the ways out.
    """
    protocol = config.get("protocol")
    wrong = misfits(config["metrics"], protocol)
    if not wrong:
        return
    if PROTOCOLS[protocol].ranks_items:
        why, other = "ranks items", "leave_one_out_ctr"
    else:
        why, other = "scores rows", "leave_one_out_sampled"
    raise ConfigError(
        f"metrics: protocol {protocol!r} {why}, which {wrong[0]} does not measure; leave metrics and valid_metric out, "
        f"or set protocol {other}"
    )


def gives_probabilities(model_class: type, config: Mapping[str, Any]) -> bool:
    """Whether a model's scores are probabilities of a click, as click models' are.

    Those of retrieval models order items, whatever their size. A class of one's own says so by its attribute
    ``gives_probabilities``.

    Args:
        model_class (type): the model.
        config (Mapping): its settings.
    """
    from recbole.utils import InputType, ModelType

    said = getattr(model_class, "gives_probabilities", None)
    if said is not None:
        return bool(said)
    names = {base.__name__ for base in model_class.__mro__}
    if hasattr(model_class, "backbone") or names & {"DIN", "DIEN"}:
        return True
    pairs = getattr(model_class, "input_type", None) == InputType.PAIRWISE
    stock = any(base.__module__.startswith("recbole.model.sequential_recommender") for base in model_class.__mro__)
    counts = getattr(model_class, "type", None) == ModelType.TRADITIONAL
    return not (stock or counts or pairs or config.get("loss_type") == "BPR")


def check_probabilities(config: Mapping[str, Any], model_class: type) -> None:
    """Reject LogLoss for a model whose scores are not probabilities: RecBole would clip them and print a figure.

    Args:
        config (Mapping): final settings.
        model_class (type): the model.

    Raises:
        ConfigError: names the metric and the mend.
    """
    names = names_of(config["metrics"])
    if "logloss" in [name.lower() for name in names] and not gives_probabilities(model_class, config):
        others = [name for name in names if name.lower() != "logloss"] or ["AUC"]
        best = f" and valid_metric: {others[0]}" if config["valid_metric"].lower() == "logloss" else ""
        raise ConfigError(
            f"metrics: LogLoss is of probabilities, and the scores of {model_class.__name__} only order items; set "
            f"metrics: [{', '.join(others)}]{best}"
        )


def check_candidates(config: Mapping[str, Any]) -> None:
    """Reject what a ranking among fixed candidates cannot measure, and its settings without such a ranking.

    Args:
        config (Mapping): final settings.

    Raises:
        ConfigError: names the metric or key.
    """
    protocol = PROTOCOLS.get(config.get("protocol") or "")
    sampled, ranks = (bool(protocol and getattr(protocol, name)) for name in ("sampled", "ranks_items"))
    if config.get("eval_negatives") is not None and not sampled:
        raise ConfigError("eval_negatives: is for protocol leave_one_out_sampled; set that, or leave it out")
    if config.get("mask_history") and (sampled or not ranks):
        raise ConfigError("mask_history: is for protocol leave_one_out_full; set that, or leave it out")
    if config.get("mask_history") and protocol and protocol.settings["eval_args"]["split"] != {"LS": "valid_and_test"}:
        raise ConfigError(
            f"mask_history: counts back from a user's last item, and protocol {config['protocol']!r} splits otherwise; "
            "leave it out"
        )
    if config.get("time_shares", _TIME_SHARES) != _TIME_SHARES and not (protocol and protocol.labelled):
        raise ConfigError("time_shares: is for protocol impressions_by_time; set that, or leave it out")
    if not sampled:
        return
    from recbole.evaluator.register import metric_information

    for name in config["metrics"]:
        if "rec.items" in metric_information[name.lower()]:
            raise ConfigError(f"metrics: {name} is computed over all items; set protocol leave_one_out_full")
    ranked = (config.get("eval_negatives") or NEGATIVES) + 1
    most = max(_topk(config))
    if most > ranked:
        raise ConfigError(f"topk: {most} is more than the {ranked} items that are ranked (eval_negatives)")


def check_training_negatives(config: Mapping[str, Any], model_class: type | None = None) -> None:
    """Reject training negatives that a protocol's loader does not draw, and its settings where nothing is drawn.

    Args:
        config (Mapping): final settings, ``train_neg_sample_args`` as RecBole completes them.
        model_class (type, optional): the model.

    Raises:
        ConfigError: names the key.
    """
    asked = config["train_neg_sample_args"]
    _check_drawn(config, asked["distribution"] != "none")
    if asked["distribution"] == "none" and _learns_from_pairs(config, model_class):
        raise ConfigError(
            f"train_neg_sample_args: {config['model']} learns from pairs; set distribution and sample_num"
            + (", or loss_type to CE" if config.get("loss_type") == "BPR" else "")
        )
    if not config.get("protocol") or asked["distribution"] == "none":
        return
    if asked.get("dynamic"):
        raise ConfigError("train_neg_sample_args: dynamic: a protocol draws before it trains; leave it out")
    if asked["distribution"] == "popularity" and asked.get("alpha", 1) != 1:
        raise ConfigError(
            f"train_neg_sample_args: alpha: a protocol draws in proportion to popularity, got {asked['alpha']!r}; "
            "leave it out"
        )


def _learns_from_pairs(config, model_class):
    """Whether a model reads a negative in every step. Several that RecBole calls pairwise, such as MultiVAE, read none;
    a benchmark's files may have them."""
    from recbole.utils import InputType

    if config["MODEL_INPUT_TYPE"] != InputType.PAIRWISE or config.get("benchmark_filename") is not None:
        return False
    if config.get("loss") not in (None, "bpr"):  # of the family
        return False
    if config.get("loss_type") == "CE" and not config.get("protocol"):  # SINE has both losses
        return False
    if config.get("protocol") or model_class is None:
        return True
    bases = [base for base in inspect.getmro(model_class) if base.__module__ != "recbole.model.abstract_recommender"]
    return any("NEG_ITEM_ID" in source_of(base) for base in bases)


def source_of(model_class: type) -> str:
    """The source of a class; empty where there is none, as at a prompt."""
    try:
        return inspect.getsource(model_class)
    except (OSError, TypeError):
        return ""


def _check_drawn(config, draws_for_training):
    """Reject the settings of a protocol's negatives where there are none: with labels, or without a protocol."""
    protocol = PROTOCOLS.get(config.get("protocol") or "")
    for key, default in (("negative_items", "catalogue"), ("shown_negatives", None)):
        given = config.get(key) or default
        if given == default:
            continue
        if protocol is None:
            raise ConfigError(f"{key}: is for the negatives of a protocol; set protocol, or leave it out")
        if "labeled" in str(protocol.settings.get("eval_args", {}).get("mode")):
            raise ConfigError(f"{key}: protocol {config['protocol']!r} has labels and draws no negatives; leave it out")
    if config.get("shown_negatives") and config.get("loss") not in (None, "bpr"):
        raise ConfigError(f"shown_negatives: a batch shares the negatives of loss {config['loss']}; set loss: bpr")
    if config.get("shown_negatives") and not draws_for_training:
        raise ConfigError(
            "shown_negatives: train_neg_sample_args draws no negatives for the training; leave one of the two out"
        )


def check_states(config: Config) -> None:
    """Reject the settings of RecBole's models with states for models that they have no effect on.

    Args:
        config (recbole.config.Config): final settings.

    Raises:
        ConfigError: says how to fix it.
    """
    for key, (values, models) in _OF_STATES.items():
        asked = config[key]
        if asked is not None and asked not in values:
            raise ConfigError(f"{key}: must be {' or '.join(map(str, values))}, got {asked!r}")
        if asked not in (None, False) and config["model"] not in models:
            raise ConfigError(f"{key}: is for {' and '.join(models)}, not for {config['model']}; leave it out")


def names_of(metrics: str | list[str]) -> list[str]:
    """The setting ``metrics`` as a list."""
    return [metrics] if isinstance(metrics, str) else metrics


def _topk(config):
    return config["topk"] if isinstance(config["topk"], list) else [config["topk"]]

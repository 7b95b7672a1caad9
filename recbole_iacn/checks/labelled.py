"""Checks of labels against the evaluation: are rows scored by their labels, or clicks against drawn negatives?"""

from collections.abc import Mapping
from typing import Any

from recbole_iacn.data.labels import learns_from_clicks, scores_labels
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import is_ours


def check_labels(config: Any, columns: Mapping[str, str]) -> None:
    """Reject labels that are missing, or that do not fit the evaluation or the training.

    Args:
        config (recbole.config.Config): final settings.
        columns (dict of str to str): the loaded columns of interactions, name to type.

    Raises:
        ConfigError: names the setting and the mend.
    """
    label, protocol = config["LABEL_FIELD"], config["protocol"]
    labelled = label in columns or bool(config["threshold"])
    if label in columns and columns[label] != "float":
        raise ConfigError(f"LABEL_FIELD: {label!r} must be of type float, and is of type {columns[label]}")
    by_label = scores_labels(config)
    if not labelled:
        _check_unlabelled(config, by_label)
        return
    if not (protocol or config["history_dataset"] or is_ours(config["model"])):
        # RecBole's own dataset, which knows no clicks
        if config["history_rows"]:
            raise ConfigError(
                f"history_rows: without a protocol RecBole's {config['model']} has its own histories, of every row; "
                "set a protocol, or leave it out"
            )
        return
    modes = config["eval_args"]["mode"]
    if not by_label and "labeled" in (modes.values() if isinstance(modes, dict) else [modes]):
        raise ConfigError("eval_args.mode: labeled must be the mode of validation and test, or of neither")
    if learns_from_clicks(config):
        return
    drawn = _draws(config)
    if by_label and drawn:
        raise ConfigError(
            f"train_neg_sample_args: rows are trained on by their {label}, and none may be drawn beside them; "
            "leave it out"
        )
    if not by_label and not drawn:
        raise ConfigError(
            f"train_neg_sample_args: the test is on clicks alone, and {config['model']} learns from the {label} of "
            "rows. Set protocol: impressions_by_time, which tests on labels, or leave_one_out_ctr, which draws others"
        )


def _check_unlabelled(config, by_label):
    label, model = config["LABEL_FIELD"], config["model"]
    if by_label:
        where = f"protocol {config['protocol']!r}" if config["protocol"] else "eval_args.mode: labeled"
        raise ConfigError(
            f"{label}: {where} scores rows by their labels, and no column {label!r} is loaded. Add it to "
            "load_col.inter, or set threshold, such as {rating: 4}; without labels, set protocol: leave_one_out_ctr"
        )
    if config["history_rows"]:
        raise ConfigError(f"history_rows: the data have no labels ({label!r}), so every row is a click; leave it out")
    if _learns_from_labels(config) and not _draws(config):
        raise ConfigError(
            f"{label}: no such column is loaded and no negatives are drawn, so every row would be a click for {model}. "
            "Load it (load_col.inter), or set threshold, train_neg_sample_args or a protocol."
        )


def _learns_from_labels(config):
    from recbole.utils import InputType

    return getattr(config.model_class, "input_type", None) == InputType.POINTWISE


def _draws(config):
    negatives = config["train_neg_sample_args"] or {"distribution": None}
    return negatives["distribution"] not in (None, "None", "none")

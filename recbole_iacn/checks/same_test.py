"""Whether models meet the same test: the same test rows, and the same candidates for each.

Only then may one table compare them. What a model learns from, and how, may differ.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from recbole_iacn.data.protocol import NEGATIVES, is_labelled, is_sampled
from recbole_iacn.settings.general import General
from recbole_iacn.settings.group import defaults

if TYPE_CHECKING:
    from recbole.config import Config

# Of the settings for every model and of RecBole's for data and evaluation, those that decide the test.
DECIDE = (
    "protocol",
    "eval_args",
    "eval_negatives",
    "mask_history",
    "negative_items",
    "valid_negatives_file",
    "test_negatives_file",
    "time_shares",
    "repeatable",
    "field_separator",
    "encoding",
    "USER_ID_FIELD",
    "ITEM_ID_FIELD",
    "TIME_FIELD",
    "LABEL_FIELD",
    "threshold",
    "rm_dup_inter",
    "val_interval",
    "filter_inter_by_user_or_item",
    "user_inter_num_interval",
    "item_inter_num_interval",
    "user_share",
    "benchmark_filename",
    "load_col",
    "unload_col",
)


# Those of them that an experiment may sweep: every share is a test of its own, and no table compares two of them.
TESTS_OF_THEIR_OWN = ("user_share",)


def evaluation_of(config: Config) -> dict[str, Any]:
    """What decides the test rows and the candidates of a run, apart from its seed and its dataset.

    Args:
        config (recbole.config.Config): final settings.

    Returns:
        dict: setting to value, a default in place of None; of ``load_col`` and ``unload_col`` only what decides which
        rows and items there are. Two runs on one dataset with equal dicts and seeds meet the same test.
    """
    ours = defaults(General)  # which are not in a config
    values = {key: ours.get(key) if config[key] is None else config[key] for key in DECIDE}
    if is_sampled(config):
        values["eval_negatives"] = config["eval_negatives"] or NEGATIVES
    values["mask_history"] = bool(config["mask_history"])
    grouped = config["eval_args"]["group_by"]
    values["eval_args"] = {**config["eval_args"], "group_by": None if grouped in ("none", "None") else grouped}
    for key in ("valid_negatives_file", "test_negatives_file"):
        values[key] = os.path.abspath(config[key]) if config[key] else None
    values["load_col"] = _loaded(config)
    del values["unload_col"]
    if not config["protocol"] or not (is_labelled(config) or "LS" in config["eval_args"]["split"]):
        # RecBole tests its sequential models on each click, among all items; others once per user, without what the
        # user clicked before. And of a protocol that splits by shares, only models with a history leave out the rows
        # that have none.
        values["MODEL_TYPE"] = "sequential" if config["MODEL_TYPE"].name == "SEQUENTIAL" else "not sequential"
    return values


def _loaded(config):
    """Which parts of the data decide rows and items: whether labels are loaded, and whose own files."""
    load, unload = config["load_col"], config["unload_col"] or {}

    def has(source, column=None):
        columns = "*" if load is None else load.get(source)
        if columns is None or column is None:
            return columns is not None
        return column not in unload.get(source, ()) and (columns == "*" or column in columns)

    files = {source: has(source) for source in ("item", "user")}
    return {**files, config["LABEL_FIELD"]: has("inter", config["LABEL_FIELD"])}

"""Count the interactions that RecBole's filters drop, and say it once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from recbole.data.dataset import Dataset

_FILTERS = {
    "_remove_duplication": ("rm_dup_inter",),
    "_filter_by_field_value": ("val_interval",),
    "_filter_inter_by_user_or_item": ("filter_inter_by_user_or_item",),
    "_filter_by_inter_num": ("user_inter_num_interval", "item_inter_num_interval"),
}
_WITHOUT_ID = "_filter_nan_user_or_item"


def filter_counted(dataset: Dataset, filter_data: Callable[[], None]) -> None:
    """Run RecBole's filters; say in one line how many interactions each has dropped.

    Args:
        dataset: a dataset that has just been read.
        filter_data: its ``_data_filtering``.

    Raises:
        ConfigError: no interaction is left, or no line of the item or user file; the message has the counts.
    """
    if dataset.uid_field not in dataset.inter_feat or dataset.iid_field not in dataset.inter_feat:
        filter_data()
        return
    before, reasons = len(dataset.inter_feat), dict[str, int]()
    counted: dict[str, Any] = {_WITHOUT_ID: lambda: _drop_without_id(dataset)}
    counted |= {name: getattr(dataset, name) for name in _FILTERS}
    try:
        for name, step in counted.items():
            setattr(dataset, name, _counting(dataset, name, step, reasons))
        filter_data()
    except ValueError as error:
        if "feat is empty" not in str(error):
            raise
        raise ConfigError(_nothing_left(dataset, before, reasons)) from None
    finally:
        for name in counted:
            dataset.__dict__.pop(name, None)
    if reasons:
        left = len(dataset.inter_feat)
        dataset.logger.warning(
            f"{dataset.dataset_name}: {before - left} of {before} interactions are dropped, {left} remain: "
            f"{_in_words(reasons)}"
        )


def check_histories(dataset: Dataset) -> None:
    """Reject data in which no user has two interactions.

    Args:
        dataset: a dataset whose interactions are tensors.

    Raises:
        ConfigError: names the column of users.
    """
    users = dataset.inter_feat[dataset.uid_field]
    if len(users.unique()) == len(users):
        raise ConfigError(
            f"{dataset.dataset_name}: no user has two interactions, so no row has a history. Is "
            f"{dataset.uid_field!r} the column of users, and have filters left any (user_inter_num_interval)?"
        )


def _counting(dataset, name, step, reasons):
    def run():
        users = dataset.inter_feat[dataset.uid_field]
        tables = {one: _size(dataset, one) for one in ("user", "item")}
        step()
        lost = len(users) - len(dataset.inter_feat)
        if name in ("_filter_by_field_value", _WITHOUT_ID):
            why = "by val_interval" if name == "_filter_by_field_value" else "that name none"
            for one, size in tables.items():
                if size != _size(dataset, one):
                    reasons[f"(and {size - _size(dataset, one)} lines of .{one} {why})"] = 0
        if not lost:
            return
        if name == _WITHOUT_ID:
            reasons["without a user or an item"] = lost
        elif name == "_filter_inter_by_user_or_item":
            known = dataset.user_feat is None or users.isin(dataset.user_feat[dataset.uid_field])
            of_users = 0 if known is True else int((~known).sum())
            for one, count in (("user", of_users), ("item", lost - of_users)):
                if count:
                    reasons[f"of {one}s without a line in .{one} (filter_inter_by_user_or_item)"] = count
        else:
            reasons[f"by {_by(dataset.config, _FILTERS[name])}"] = lost

    return run


def _by(config, keys):
    acting = [key for key in keys if config[key] not in (None, "[0,inf)")]
    return " and ".join(f"{key} ({config[key]})" for key in acting)


def _drop_without_id(dataset):
    """As in RecBole, which takes labels of rows for their places once a file has a doubled user or item."""
    for name, field in (("user", dataset.uid_field), ("item", dataset.iid_field)):
        for table in (getattr(dataset, f"{name}_feat"), dataset.inter_feat):
            if table is not None and table[field].isna().any():
                table.drop(table.index[table[field].isna()], inplace=True)


def _size(dataset, name):
    table = getattr(dataset, f"{name}_feat", None)
    return 0 if table is None else len(table)


def _in_words(reasons):
    return ", ".join(f"{count} {reason}" if count else reason for reason, count in reasons.items())


def _nothing_left(dataset, before, reasons):
    left = len(dataset.inter_feat)
    if left:
        empty = next(
            one for one in ("user", "item") if getattr(dataset, f"{one}_feat") is not None and not _size(dataset, one)
        )
        return f"dataset: no line of {dataset.dataset_name}.{empty} is left after the filters ({_in_words(reasons)})"
    return f"dataset: {dataset.dataset_name} has no rows left: {before} interactions are dropped, {_in_words(reasons)}"

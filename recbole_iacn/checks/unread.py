"""Columns that are loaded and that the model does not read: not an error, but said once."""

from collections.abc import Collection, Mapping
from typing import Any


def columns_in_use(config: Any) -> set[str]:
    """The columns that settings use for something else than features: ids, times, labels, filters.

    Args:
        config (Mapping): final settings.

    Returns:
        set of str: names, loaded or not.
    """
    fields = ("USER_ID_FIELD", "ITEM_ID_FIELD", "TIME_FIELD", "RATING_FIELD", "LABEL_FIELD", "ITEM_LIST_LENGTH_FIELD")
    names = {config[key] for key in fields}
    for key in ("threshold", "val_interval", "alias_of_user_id", "alias_of_item_id"):
        names |= {*(config[key] or ())}
    vectors = config["preload_weight"] or {}
    return names | {*vectors, *vectors.values(), *(name for of in (config["unused_col"] or {}).values() for name in of)}


def unread(
    model: str,
    loaded: Mapping[str, Collection[str]],
    read: Collection[str],
    profile: Collection[str] = (),
    joins: bool = False,
) -> str | None:
    """What to say of the columns that a model does not read.

    Args:
        model (str): its name.
        loaded (Mapping): table (inter, item, user) to its columns.
        read (collection of str): the columns that the model reads, or that settings use otherwise.
        profile (collection of str): those that the auxiliary task reads (``iacn_user_profile``).
        joins (bool): whether ``user_fields`` could let columns of users and of the interactions join.

    Returns:
        str or None: one line; None if every column is read.
    """
    parts, could_join = [], False
    for table, columns in loaded.items():
        names = [name for name in columns if name not in read and name not in profile]
        if names:
            parts.append(f"{', '.join(names)} ({table})")
            could_join |= table != "item"
    alone = [name for columns in loaded.values() for name in columns if name in profile and name not in read]
    said = []
    if parts:
        said.append(f"does not read {', '.join(parts)}")
    if alone:
        said.append(f"reads {', '.join(alone)} (iacn_user_profile) in the auxiliary task alone, not for its scores")
    if not said:
        return None
    mend = "; user_fields: True lets columns of users and interactions join" if joins and (could_join or alone) else ""
    return f"{model} {', and '.join(said)}{mend}"

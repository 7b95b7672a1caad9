"""Which columns of the tables are features, where the settings do not name them."""

from collections.abc import Mapping
from typing import Any

FLOATS = ("float", "float_seq")


def float_features(files: Mapping[str, Mapping[str, str]], config: Any) -> list[str]:
    """The loaded float columns of the item and the user table that no setting uses for something else.

    Times, ratings and labels are not features, nor are columns of the interactions, which may be known only after the
    click; nor the vectors of ``preload_weight``.

    Args:
        files (Mapping): table (``item``, ``user``) to its loaded columns, each a name and its type in the atomic file.
        config (Mapping): final settings.

    Returns:
        list of str: names, those of items first, in the order of the files.
    """
    used = {config[key] for key in ("TIME_FIELD", "RATING_FIELD", "LABEL_FIELD")}
    used |= {*(config["threshold"] or ()), *(config["preload_weight"] or {}).values()}
    columns = {**files.get("item", {}), **files.get("user", {})}
    return [name for name, kind in columns.items() if kind in FLOATS and name not in used]


def context_features(columns: Mapping[str, str], config: Any) -> list[str]:
    """The columns of the interactions that describe the row itself: tokens, lists of them, and numbers.

    Not its user, item, time, rating, label or history. A list of numbers only where ``numerical_features`` names it.

    Args:
        columns (Mapping): loaded column to its type in the atomic file.
        config (Mapping): final settings.

    Returns:
        list of str: names, in the order given.
    """
    fields = ("USER_ID_FIELD", "ITEM_ID_FIELD", "TIME_FIELD", "RATING_FIELD", "LABEL_FIELD", "ITEM_LIST_LENGTH_FIELD")
    used = {*(config[key] for key in fields), *(config["threshold"] or ())}
    used |= {*(config["preload_weight"] or {}).values(), *(config["unused_col"] or {}).get("inter", ())}
    read = {"token", "token_seq", "float"}
    return [
        name
        for name, kind in columns.items()
        if (kind in read or name in config["numerical_features"])
        and name not in used
        and not name.endswith(config["LIST_SUFFIX"])
    ]

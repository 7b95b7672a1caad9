"""Evaluation negatives from a file of the user's, so that a published test can be reproduced exactly; and a notice
where evaluation negatives are too easy."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recbole_iacn import parallel
from recbole_iacn.data.sampling import OwnItems
from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from recbole.data.dataset import Dataset

_MOST_UNCLICKED = 0.2  # of an evaluation's negatives


def notice_unclicked(dataset: Dataset, clicked: np.ndarray, negatives: np.ndarray, phase: str) -> None:
    """Say, once per dataset, that many of an evaluation's negatives are items that nobody clicked.

    A model tells them from clicked items without knowing the user, as their embeddings stay as they were.

    Args:
        dataset (recbole.data.dataset.Dataset): the dataset that RecBole built the splits from.
        clicked (numpy.ndarray): the items that anybody clicked.
        negatives (numpy.ndarray): the items that clicked ones are compared with, any shape.
        phase (str): ``valid`` or ``test``.
    """
    if len(clicked) == dataset.item_num - 1 or hasattr(dataset, "unclicked_noticed"):
        return
    unclicked = np.ones(dataset.item_num, dtype=bool)
    unclicked[clicked] = False
    share = unclicked[negatives].mean()
    if share <= _MOST_UNCLICKED:
        return
    dataset.unclicked_noticed = True
    given = dataset.config[f"{phase}_negatives_file"]
    mend = f"they are those of {given}" if given else "negative_items: clicked leaves them out"
    if parallel.rank() == 0:
        logging.getLogger(__name__).warning(
            "negative_items: %.0f %% of the negatives of %s are items that nobody clicked, which a model tells from "
            "clicked ones without knowing the user; %s",
            *(100 * share, {"valid": "the validation", "test": "the test"}[phase], mend),
        )


def read_negatives(path: str, dataset: Dataset, own_items: OwnItems, users: np.ndarray, count: int) -> np.ndarray:
    """Negatives of each evaluated row, from a file of lines ``user <tab> item item …``.

    The first line names the columns as atomic files do: ``user_id:token <tab> item_id_list:token_seq``.

    Args:
        path (str): the file.
        dataset (recbole.data.dataset.Dataset): provides the tokens.
        own_items (OwnItems): items that may not be negatives.
        users (numpy.ndarray): internal user id of each row, shape (rows,).
        count (int): negatives per row.

    Returns:
        numpy.ndarray: internal item ids, int64, shape (rows, count).

    Raises:
        ConfigError: names file and line: an unknown token, too few or too many items, one of the user's own, a user who
            is evaluated but absent.
    """
    table: dict[int, np.ndarray] = {}
    for number, user, items in _rows(path, dataset.uid_field, dataset.iid_field + dataset.config["LIST_SUFFIX"]):
        try:
            user, items = _numbered(user, items, dataset, own_items, count)
        except ValueError as error:
            raise ConfigError(f"{path}, line {number}: {error}") from None
        table[user] = items
    absent = [user for user in np.unique(users).tolist() if user not in table]
    if absent:
        name = dataset.field2id_token[dataset.uid_field][absent[0]]
        raise ConfigError(f"{path}: no line for {len(absent)} evaluated user(s), {str(name)!r} among them")
    return np.array([table[user] for user in users.tolist()])


def check_format(path: str, config: Mapping[str, Any]) -> None:
    """Reject a file of negatives that is not one, or is damaged, as far as that shows without the data.

    Args:
        path (str): the file.
        config (Mapping): final settings.

    Raises:
        ConfigError: names file and line.
    """
    first = None
    for number, user, items in _rows(path, config["USER_ID_FIELD"], config["ITEM_ID_FIELD"] + config["LIST_SUFFIX"]):
        first = first or (user, len(items))
        if len(items) != first[1]:
            raise ConfigError(
                f"{path}, line {number}: {len(items)} items, and {first[1]} for user {first[0]!r}; each positive needs "
                "as many negatives as every other"
            )
    if first is None:
        raise ConfigError(f"{path}: has a header and no rows")


def _rows(path, user_field, items_field):
    """(line, user, items), as the file has them."""
    lines = _lines(path)
    head = f"{user_field}:token\t{items_field}:token_seq"
    if not lines or lines[0] != head:
        raise ConfigError(f"{path}, line 1: must be {head!r}")
    seen = set()
    for number, text in enumerate(lines[1:], start=2):
        user, *lists = text.split("\t")
        if len(lists) > 1:
            raise ConfigError(
                f"{path}, line {number}: {1 + len(lists)} cells, but there are a user and a list of items, separated "
                "by one tab"
            )
        if user in seen:
            raise ConfigError(f"{path}, line {number}: user {user!r} has a line already; give each user one")
        seen.add(user)
        yield number, user, [item for item in (lists or [""])[0].split(" ") if item]


def _lines(path):
    """The lines of a file as atomic files have them: only \\n and \\r\\n end a line."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; it should hold the evaluation negatives") from None
    except UnicodeDecodeError as error:
        number = 1 + error.object[: error.start].count(b"\n")
        raise ConfigError(f"{path}, line {number}: is not valid UTF-8; save the file in UTF-8") from None
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if not lines[-1] else lines


def _numbered(user, items, dataset, own_items, count):
    users_known, items_known = dataset.field2token_id[dataset.uid_field], dataset.field2token_id[dataset.iid_field]
    unknown = [user] if user not in users_known else [item for item in items if item not in items_known]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not in the data")
    if len(items) != count:
        raise ValueError(f"{len(items)} items, but each positive needs {count}")
    numbers = np.array([items_known[item] for item in items])
    own = own_items.contains(np.full(count, users_known[user]), numbers)
    if own.any():
        raise ValueError(f"{items[own.argmax()]!r} is one of the own items of {user!r}")
    return users_known[user], numbers

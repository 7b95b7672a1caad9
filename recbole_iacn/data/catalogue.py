"""What a model knows of its data but the interactions: which columns there are, their tokens, and the tables of items
and users. A bundle contains it, and a model can be built from it where the data are not."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from recbole.utils import FeatureSource, FeatureType
from torch import Tensor

from recbole_iacn.data.dataset import AUXILIARY_SUFFIX, InterestAwareDataset
from recbole_iacn.data.windows import IndexedInteraction

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset

TOKENS = ("token", "token_seq")


@dataclass(frozen=True)
class Column:
    """A column of the data.

    Attributes:
        kind: RecBole's type of it: ``token``, ``token_seq``, ``float`` or ``float_seq``.
        source: the table that has it: ``inter``, ``item``, ``user``, ``item_id`` or ``user_id``.
        length: entries of the longest list; 1 for a column without lists.
        buckets: what RecBole counts for a float column among the features; None for other columns.
        hidden: whether RecBole has added it (histories), so that no model embeds it as a column of its own.
        scale: smallest and largest value of a column of interactions that was scaled to [0, 1]; None if it was not.
    """

    kind: str
    source: str
    length: int = 1
    buckets: int | None = None
    hidden: bool = False
    scale: tuple[float, float] | None = None


@dataclass(frozen=True)
class Catalogue:
    """All that a model's constructor reads of a dataset, without a single interaction.

    Attributes:
        user, item: the names of the columns of users and items.
        columns: every column, in RecBole's order.
        tokens: for each column of tokens its tokens, in the order of their ids; id 0 is ``[PAD]``.
        items, users: the tables of all items and users by id, name to tensor of shape (items, …) or (users, …); id 0 is
            padding. ``users`` is empty where the data have no table of users.
        max_history: L, how many of the newest clicks a model reads; None for a model without histories.
    """

    user: str
    item: str
    columns: Mapping[str, Column]
    tokens: Mapping[str, np.ndarray]
    items: Mapping[str, Tensor]
    users: Mapping[str, Tensor]
    max_history: int | None = None
    _numbers: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, dataset: Dataset) -> Catalogue:
        """What there is to know of a dataset.

        Args:
            dataset: with or without interactions.
        """
        hidden: frozenset[str] = getattr(dataset, "hidden_fields", frozenset())
        columns = {
            str(name): Column(
                kind.value,
                _value(dataset.field2source[name]),
                _longest(dataset.field2seqlen[name]),
                _whole(dataset.field2bucketnum.get(name)),
                name in hidden,
                getattr(dataset, "scales", {}).get(name),
            )
            for name, kind in dataset.field2type.items()
        }
        users = dataset.user_feat
        return cls(
            user=dataset.uid_field,
            item=dataset.iid_field,
            columns=columns,
            tokens={
                name: np.asarray(dataset.field2id_token[name], dtype=str)
                for name, column in columns.items()
                if column.kind in TOKENS and name in dataset.field2id_token
            },
            items=dict(dataset.get_item_feature().interaction),
            users={} if users is None else dict(users.interaction),
            max_history=getattr(dataset, "max_item_list_len", None),
        )

    def dataset(self, config: Config) -> Any:
        """A dataset of RecBole without rows, from which a model can be built as from the original one.

        Args:
            config: the settings that the model is built with.

        Returns:
            WithoutRows: it has columns, tokens and the tables of items and users; ``inter_feat`` is empty.
        """
        return WithoutRows(config, self)

    def count(self, name: str) -> int:
        """Number of a column's tokens, with padding."""
        return len(self.tokens[name])

    def ids(self, name: str, tokens: Any) -> np.ndarray:
        """The ids of a column's tokens.

        Args:
            name: the column.
            tokens: array or sequence of str, any shape.

        Returns:
            numpy.ndarray: int64, of the same shape; 0 for what is not among the column's tokens.
        """
        if name not in self._numbers:
            self._numbers[name] = {token: number for number, token in enumerate(self.tokens[name].tolist()) if number}
        numbers = self._numbers[name]
        if isinstance(tokens, list):
            return np.fromiter((numbers.get(token, 0) for token in tokens), np.int64, len(tokens))
        tokens = np.asarray(tokens)
        flat = np.fromiter((numbers.get(token, 0) for token in tokens.ravel().tolist()), np.int64, tokens.size)
        return flat.reshape(tokens.shape)

    def own_tokens(self) -> dict[str, np.ndarray]:
        """Tokens of the columns that are not another's alias or history."""
        hidden = {name for name, column in self.columns.items() if column.hidden}
        return {n: t for n, t in self.tokens.items() if not n.endswith(AUXILIARY_SUFFIX) and n not in hidden}

    def digests(self) -> dict[str, str]:
        """A digest of each column's tokens, in their order: equal where the same ids mean the same tokens."""
        return {name: digest_of(tokens) for name, tokens in self.own_tokens().items()}

    def digest(self) -> str:
        """One digest of all columns' tokens."""
        lines = (f"{name} {digest}\n" for name, digest in sorted(self.digests().items()))
        return hashlib.blake2b("".join(lines).encode(), digest_size=16).hexdigest()

    def to(self, device: torch.device | str) -> Catalogue:
        """The same with the tables of items and users on a device."""
        items = {name: values.to(device) for name, values in self.items.items()}
        users = {name: values.to(device) for name, values in self.users.items()}
        return replace(self, items=items, users=users)


class WithoutRows(InterestAwareDataset):
    """A dataset without rows, made from a :class:`Catalogue` rather than from files.

    Args:
        config: the settings of the model that is built from it.
        catalogue: its columns.
    """

    def __init__(self, config: Config, catalogue: Catalogue) -> None:
        self.config, self.dataset_name, self.logger = config, config["dataset"], logging.getLogger()
        self._get_preset()
        self._get_field_from_config()
        self.uid_field, self.iid_field = catalogue.user, catalogue.item
        for name, column in catalogue.columns.items():
            self.set_field_property(name, FeatureType(column.kind), FeatureSource(column.source), column.length)
            if column.buckets is not None:
                self.field2bucketnum[name] = column.buckets
        for name, tokens in catalogue.tokens.items():
            self.field2id_token[name] = tokens
        self.hidden_fields = frozenset(name for name, column in catalogue.columns.items() if column.hidden)
        self.auxiliary_fields = frozenset(name for name in catalogue.columns if name.endswith(AUXILIARY_SUFFIX))
        self.scales = {n: column.scale for n, column in catalogue.columns.items() if column.scale is not None}
        self.item_feat = IndexedInteraction(dict(catalogue.items))
        self.user_feat = IndexedInteraction(dict(catalogue.users)) if catalogue.users else None
        self.item_list_length_field = config["ITEM_LIST_LENGTH_FIELD"]
        self.item_id_list_field = catalogue.item + (config["LIST_SUFFIX"] or "_list")
        if catalogue.max_history is not None:
            self.max_item_list_len = catalogue.max_history
        self.inter_feat = IndexedInteraction(self._no_rows(catalogue))

    def _no_rows(self, catalogue):
        """The columns of the interactions, and of histories, with no row."""
        rows = {name: torch.zeros(0, dtype=torch.int64) for name in (self.uid_field, self.iid_field)}
        for name, column in catalogue.columns.items():
            if column.source == "inter":
                dtype = torch.int64 if column.kind in TOKENS or name == self.item_list_length_field else torch.float32
                shape = (0, column.length) if column.kind.endswith("_seq") else (0,)
                rows[name] = torch.zeros(shape, dtype=dtype)
        return rows


def _value(source):
    return getattr(source, "value", source)


def _longest(length):
    """Of a history of lists RecBole keeps two numbers: the history's entries, and a list's."""
    return int(length[-1] if isinstance(length, tuple) else length)


def _whole(number):
    return None if number is None else int(number)


def digest_of(tokens: np.ndarray) -> str:
    """A digest of tokens in their order.

    Args:
        tokens: str, one-dimensional.
    """
    # Each token with its length, so that no two lists of tokens are the same bytes.
    digest = hashlib.blake2b(digest_size=16)
    words = [token.encode() for token in tokens.tolist()]
    digest.update(np.array([len(word) for word in words], np.int64).tobytes())
    digest.update(b"".join(words))
    return digest.hexdigest()

"""Start from another day's model: its weights, moved by token to the numbers that today's data give."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from recbole_iacn.data.dataset import AUXILIARY_SUFFIX
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.model.vocabulary_rows import VocabularyRows, vocabulary_rows
from recbole_iacn.training import checkpoint_file, peers, resuming, vocabulary

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset

NEW_ROWS = ("mean", "fresh")
_NAMED = 5  # weights or settings that a line names


@dataclass(frozen=True)
class Source:
    """A trained model to start from.

    Attributes:
        path (str): where it lies, for messages.
        model (str): its name.
        settings (dict): of its training, plain values.
        weights (dict of str to torch.Tensor): its state, on the CPU.
        rows (sequence of VocabularyRows): which of its rows belong to which column.
        tokens (Callable): from a column's name to its tokens by id.
    """

    path: str
    model: str
    settings: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    rows: Sequence[VocabularyRows]
    tokens: Callable[[str], np.ndarray]

    @classmethod
    def of_checkpoint(cls, path: str) -> Source:
        """Read a checkpoint, RecBole's included.

        Raises:
            ConfigError: it is not one, or does not contain the tokens behind its weights.
        """
        state = checkpoint_file.load(path)
        if vocabulary.ENTRY not in state:
            raise ConfigError(
                f"{path}: records no vocabulary, so nothing says whose its rows are; start from a bundle of it, made "
                "where its data are"
            )
        found = vocabulary.Vocabulary.from_plain(state[vocabulary.ENTRY])
        settings = state["config"]
        if found.rows is None:
            raise ConfigError(f"{path}: which rows of {settings['model']} belong to which users and items is not known")
        return cls(path, settings["model"], settings, state["state_dict"], found.rows, found.tokens)

    def check(self, model: str, new_rows: str | None) -> None:
        """Reject what cannot be started from, before the data are read.

        Args:
            model: the model that is to start from this one.
            new_rows: ``mean``, ``fresh`` or None.

        Raises:
            ConfigError: it is another model, or ``new_rows`` is not a choice.
        """
        if new_rows not in (None, *NEW_ROWS):
            raise ConfigError(f"new_rows: must be mean or fresh, got {new_rows!r}.{did_you_mean(new_rows, NEW_ROWS)}")
        if self.model != model:
            raise ConfigError(
                f"{self.path}: is a {self.model}, and this is a {model}, whose weights are others; "
                f"train a {self.model}, or start from a {model}"
            )


@dataclass
class Moved:
    """How many tokens of a column were moved, were new, and were left behind; padding does not count.

    Attributes:
        kept (int): tokens in both.
        new (int): tokens of today's data alone.
        alone (int): new tokens without a known peer, or of a column without features, which start from the mean of all.
        dropped (int): tokens of the former data alone.
    """

    kept: int = 0
    new: int = 0
    alone: int = 0
    dropped: int = 0


@dataclass
class Account:
    """What a start took over.

    Attributes:
        path (str): where it started from.
        columns (dict of str to Moved): of each column with rows.
        fresh (list of str): weights that the former model did not have.
        dropped (list of str): weights that this one does not have.
        settings (list of str): settings with another value than then.
    """

    path: str
    columns: dict[str, Moved] = field(default_factory=dict)
    fresh: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)

    def lines(self, new_rows: str) -> list[str]:
        """In words, a line per column."""
        lines = [f"started from {self.path}; the optimizer starts anew"]
        for name, moved in self.columns.items():
            dropped = f"{moved.dropped:,} of before are dropped" if moved.dropped else "none of before is dropped"
            lines.append(f"{name}: {moved.kept:,} moved over, {_starting(moved, new_rows)}, {dropped}")
        if self.fresh:
            lines.append(f"weights that were not there, and start fresh: {_listed(self.fresh)}")
        if self.dropped:
            lines.append(f"weights that have no place here, and are dropped: {_listed(self.dropped)}")
        if self.settings:
            lines.append(f"settings that differ from then: {_listed(self.settings)}")
        return lines


def start(model: nn.Module, config: Config, dataset: Dataset, source: Source, new_rows: str = "mean") -> Account:
    """Give a new model the weights of a former one, each row to the token that had it.

    A new token's row is the mean of its peers' (see :mod:`recbole_iacn.training.peers`), in every table, or stays as it
    was initialised. All else is taken over as it is.

    Args:
        model: built, not trained; changed in place.
        config: its settings.
        dataset: the data that it was built from.
        source: the former model.
        new_rows: ``mean`` or ``fresh``, for tokens that the former model did not know.

    Returns:
        Account: what was moved, new and dropped; its lines are logged, too.

    Raises:
        ConfigError: nothing can be taken over, or a weight has another shape; the model is then unchanged.
    """
    if not list(model.parameters()):
        raise ConfigError(f"start_from: {source.model} counts and learns nothing, so it starts anew; leave it out")
    _check_id_columns(source, config)
    rows = vocabulary_rows(type(model), config, dataset)
    state = model.state_dict()
    account = Account(source.path, settings=resuming.different(source.settings, config))
    account.fresh = [name for name in state if name not in source.weights]
    account.dropped = [name for name in source.weights if name not in state]
    numbers = {part.field: _former_ids(part.field, dataset, source) for part in rows}
    places = {n: _places(n, state[n], rows, numbers, source, account) for n in state if n in source.weights}
    _count(account, rows, numbers, dataset, source)
    for name, by_dim in places.items():
        _move(state[name], source.weights[name], by_dim)
    if new_rows == "mean":
        _fill(state, rows, numbers, dataset, account, places)
    _say(account, new_rows)
    return account


def _check_id_columns(source, config):
    """Reject other names of the columns of users and items: rows move from a column to the one of its name, so that all
    users or items would be taken for new ones."""
    for key in ("USER_ID_FIELD", "ITEM_ID_FIELD"):
        there, here = source.settings.get(key), config[key]
        if there and here and there != here:
            raise ConfigError(
                f"start_from: {key} is {here} here, and was {there} when {source.path} was trained; name the column "
                f"{there} in these data, too"
            )


def _former_ids(name, dataset, source):
    """Each token's id in the former model: 0 for padding, -1 for a token that it did not know."""
    here = np.asarray(dataset.field2id_token[name], dtype=str).tolist()
    if name not in {part.field for part in source.rows}:
        return np.array([0] + [-1] * (len(here) - 1))
    former = {token: number for number, token in enumerate(source.tokens(name).tolist())}
    return np.array([0, *(former.get(token, -1) for token in here[1:])])


def _places(name, weight, rows, numbers, source, account):
    """For each dimension of a weight that counts ids, where each entry comes from: a place there, or -1."""
    there = source.weights[name]
    result, fits = {}, weight.dim() == there.dim()
    for dim in range(weight.dim() if fits else 0):
        here = [part for part in rows if (part.name, part.dim) == (name, dim)]
        before = {part.field: part for part in source.rows if (part.name, part.dim) == (name, dim)}
        if not here and not before:
            fits &= weight.shape[dim] == there.shape[dim]
            continue
        place = np.full(weight.shape[dim], -2)
        for part in here:
            former = before.get(part.field)
            ids = numbers[part.field]
            moved = np.where(ids >= 0, ids + former.start, -1) if former else np.full(len(ids), -1)
            place[part.start : part.start + part.count] = moved
        others = _of_no_column(there.shape[dim], before.values())
        fits &= int((place == -2).sum()) == len(others)
        if fits:
            place[place == -2] = others  # such as the mask token behind the items
            result[dim] = place
    if not fits or len(result) > 1:
        raise ConfigError(
            f"{source.path}: its weight {name} has the shape {tuple(there.shape)}, here it needs "
            f"{tuple(weight.shape)}"
            + (f"; settings that differ: {_listed(account.settings)}" if account.settings else "")
            + "; train with the settings and columns of then, or without start_from"
        )
    return result


def _of_no_column(size, parts):
    covered = np.zeros(size, dtype=bool)
    for part in parts:
        covered[part.start : part.start + part.count] = True
    return np.flatnonzero(~covered)


@torch.no_grad()
def _move(weight, there, by_dim):
    if not by_dim:
        weight.copy_(there)
        return
    ((dim, place),) = by_dim.items()
    known = torch.from_numpy(np.flatnonzero(place >= 0)).to(weight.device)
    values = there.index_select(dim, torch.from_numpy(place[place >= 0]))
    weight.index_copy_(dim, known, values.to(weight.device, weight.dtype))


@torch.no_grad()
def _fill(state, rows, numbers, dataset, account, places):
    """The rows of new tokens, in every weight that the former model had."""
    for name in dict.fromkeys(part.field for part in rows):
        new = np.flatnonzero(numbers[name] < 0)
        known = np.flatnonzero(numbers[name] > 0)
        if not len(new) or not len(known):
            continue
        mean = peers.Means(dataset, name, known, new)
        own = vocabulary.own_field(name, account.columns)
        account.columns[own].alone = mean.alone
        for part in rows:
            weight = state[part.name]
            if part.field == name and part.name in places and weight.is_floating_point():
                table = weight.movedim(part.dim, 0)[part.start : part.start + part.count]
                table[torch.from_numpy(new).to(weight.device)] = mean.of(table)


def _count(account, rows, numbers, dataset, source):
    """Fill the account's columns; reject data of which the former model knows no item."""
    known_there = {part.field for part in source.rows}
    for name in dict.fromkeys(part.field for part in rows):
        is_alias = name in getattr(dataset, "auxiliary_fields", ())
        own = name.removesuffix(AUXILIARY_SUFFIX) if is_alias else name
        ids, former = numbers[name], len(source.tokens(name)) - 1 if name in known_there else 0
        kept = int((ids > 0).sum())
        if own not in account.columns or account.columns[own].kept < kept:
            account.columns[own] = Moved(kept, int((ids < 0).sum()), 0, former - kept)
        if own == dataset.iid_field and not kept and former:
            raise ConfigError(
                f"{source.path}: knows none of the {len(ids) - 1:,} items of these data, such as "
                f"{str(dataset.field2id_token[name][1])!r}; it knows such as {str(source.tokens(name)[1])!r}: start "
                "from a model of the same items"
            )


def _say(account, new_rows):
    losses = account.fresh or account.dropped or any(of.new or of.dropped for of in account.columns.values())
    logger = logging.getLogger(__name__)
    for line in account.lines(new_rows):
        (logger.warning if losses else logger.info)(line)


def _starting(moved, new_rows):
    if not moved.new:
        return "none is new"
    if new_rows != "mean":
        return f"{moved.new:,} new start fresh"
    if moved.alone == moved.new:
        return f"{moved.new:,} new start from the mean of all"
    alone = f" ({moved.alone:,} of them from the mean of all)" if moved.alone else ""
    return f"{moved.new:,} new start from the mean of those with the same features{alone}"


def _listed(names):
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")

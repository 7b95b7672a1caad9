"""From what people pass in to rows that a model reads: tokens to ids, histories to padded tensors, columns of users."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_iacn.bridge.columns_read import columns_read
from recbole_iacn.data.catalogue import TOKENS, Catalogue
from recbole_iacn.data.features import context_features
from recbole_iacn.data.history import ELAPSED
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.names import is_ours, reads_empty_histories
from recbole_iacn.serving.given import Given, list_of, words
from recbole_iacn.serving.model_rows import Rows

if TYPE_CHECKING:
    from recbole.config import Config

_FORBIDDEN = ("", "[PAD]")


class Queries:
    """Makes :class:`Rows` for one model.

    Args:
        config: the model's settings.
        catalogue: its tokens and tables.
        model: the model.
    """

    def __init__(self, config: Config, catalogue: Catalogue, model: Any) -> None:
        self.config, self.catalogue, self.device = config, catalogue, config["device"]
        self.reads_times = hasattr(model, "ELAPSED")
        self.most = catalogue.max_history or 0
        self.least = 0 if reads_empty_histories(config["model"]) else 1
        self.history = catalogue.item + config["LIST_SUFFIX"] if self.most else None
        own = is_ours(config["model"])
        self.pads_fully = not own  # some of RecBole's models have a layer per place
        self.negatives = (
            config["NEG_PREFIX"] + (self.history or "") if hasattr(model, "NEG_ITEM_SEQ") and not own else None
        )
        # DIN and DIEN look columns of users up by the user's id.
        self.looks_up_users = hasattr(getattr(model, "embedding_layer", None), "user_feat")
        read = columns_read(config, model)
        of_users = [name for name in catalogue.users if name != catalogue.user]
        kinds = {n: c.kind for n, c in catalogue.columns.items() if c.source == "inter" and not c.hidden}
        of_context = context_features(kinds, config)
        self.of_users = [name for name in of_users if read is None or name in read]
        self.of_context = [name for name in of_context if read is None or name in read]
        self._said: set[str] = set()

    def rows(self, histories: Any, times: Any = None, users: Any = None) -> Rows:
        """Rows of histories of tokens.

        Args:
            histories, times, users: as in :meth:`recbole_iacn.serving.recommender.Recommender.recommend`.

        Raises:
            ConfigError: they are of another form, or lack what the model reads.
        """
        return self.of_given(*self.read(histories, times, users))

    def read(self, histories: Any, times: Any = None, users: Any = None) -> tuple[Given, np.ndarray]:
        """What is passed in, end to end, and the ids of its items, 0 for those that are not known; see :meth:`rows`."""
        given = Given.read(histories, times, users, self.catalogue, self.config["TIME_FIELD"])
        return given, self.catalogue.ids(self.catalogue.item, given.tokens)

    def of_given(self, given: Given, ids: np.ndarray) -> Rows:
        """Rows of what :meth:`read` returns."""
        return self.of_ids(ids, given.lengths, given.times, given.columns, given.names, given.tokens)

    def of_ids(
        self,
        ids: np.ndarray,
        lengths: np.ndarray,
        times: np.ndarray | None = None,
        columns: Mapping[str, Sequence[Any]] | None = None,
        names: np.ndarray | None = None,
        tokens: Sequence[str] | None = None,
    ) -> Rows:
        """Rows of histories of ids, end to end.

        Args:
            ids: item ids of all histories, oldest first in each; 0 for an item that is not known, int64, shape (M,).
            lengths: entries of each history, shape (B,).
            times: of each entry, int64 or float64, shape (M,); for a model that reads times.
            columns: of the user and of the context, name to B values; tokens as text.
            names: a label per row; by default its number.
            tokens: of each entry, to reject what looks like padding.

        Raises:
            ConfigError: as :meth:`rows`.
        """
        unknown: Counter[str] = Counter()
        known = ids != 0
        if tokens is not None and not known.all():
            self._reject_padding(ids, lengths, tokens)
        if self.reads_times and times is None and len(ids):
            raise ConfigError(
                f"times: {self.config['model']} reads the time of every click; give times beside the histories, or a "
                f"table with the column {self.config['TIME_FIELD']}"
            )
        if times is None:
            times = np.zeros(len(ids), dtype=np.int64)
        row = np.repeat(np.arange(len(lengths)), lengths)
        if not known.all():
            unknown[self.catalogue.item] = int((~known).sum())
            ids, row, times = ids[known], row[known], times[known]
        lengths = np.bincount(row, minlength=len(lengths))
        interaction = self._histories(ids, lengths, row, times if self.reads_times else None)
        beside = self._columns(interaction, dict(columns or {}), len(lengths), unknown)
        names = np.arange(len(lengths)) if names is None else names
        return Rows(Interaction(interaction).to(self.device), names, ids, lengths, unknown, beside)

    def replaced(
        self, rows: Rows, owner: np.ndarray, ids: np.ndarray, lengths: np.ndarray, times: np.ndarray | None = None
    ) -> Rows:
        """Rows like others, with the same users and context, but with other histories.

        Args:
            rows: B of them, of a model that reads a history.
            owner: which of them each new row is like, int64, shape (R,).
            ids, lengths, times: R histories end to end, as in :meth:`of_ids`; all ids are known.
        """
        row = np.repeat(np.arange(len(lengths)), lengths)
        times = None if not self.reads_times else np.zeros(len(ids), dtype=np.int64) if times is None else times
        interaction = rows.interaction[torch.from_numpy(owner)]
        interaction.update(Interaction(self._histories(ids, lengths, row, times)).to(self.device))
        users = None if rows.users is None else {name: values[owner] for name, values in rows.users.items()}
        return Rows(interaction, rows.names[owner], ids, lengths, users=users)

    def say(self, rows: Rows) -> None:
        """Log what was not known, in one line.

        Args:
            rows: what was asked.
        """
        if rows.unknown:
            counts = ", ".join(f"{count:,} of {name}" for name, count in sorted(rows.unknown.items()))
            logging.getLogger(__name__).warning(
                f"{self.config['model']}: tokens that the model does not know: {counts}; items are left out, users are "
                "taken for new ones, other values for missing ones"
            )

    def _histories(self, ids, lengths, row, times):
        """The newest L items of each history, padded on the right."""
        if self.history is None:
            return {}
        ends = np.cumsum(lengths)
        # At least one column: some layers do not take a history of width 0.
        width = self.most if self.pads_fully else max(min(self.most, int(lengths.max(initial=0))), 1)
        kept = np.minimum(lengths, width)
        place = np.arange(len(ids)) - (ends - kept)[row]
        newest = place >= 0
        history = torch.zeros(len(lengths), width, dtype=torch.int64)
        where = torch.from_numpy(row[newest]), torch.from_numpy(place[newest])
        history[where] = torch.from_numpy(ids[newest])
        reported = torch.from_numpy(np.maximum(kept, self.least))
        interaction = {self.history: history, self.config["ITEM_LIST_LENGTH_FIELD"]: reported}
        if self.negatives:
            interaction[self.negatives] = history  # DIEN's loss alone reads its values
        if times is not None:
            interaction[ELAPSED + self.config["LIST_SUFFIX"]] = _elapsed(times[newest], row[newest], history, where)
        return interaction

    def _columns(self, interaction, given, rows, unknown):
        """Add the user's id, and the columns that the model reads; returns those that it would look up by the id."""
        catalogue = self.catalogue
        self._reject_columns(given)
        users = np.zeros(rows, dtype=np.int64)
        if catalogue.user in given:
            users = self._ids(catalogue.user, given.pop(catalogue.user), unknown)
        interaction[catalogue.user] = torch.from_numpy(users)
        of_users = {name: catalogue.users[name][users].cpu() for name in self.of_users}
        own = {name: self._values(name, given[name], rows, unknown) for name in self.of_users if name in given}
        interaction.update(of_users | own)
        for name in self.of_context:
            interaction[name] = self._context(name, given, rows, unknown)
        if not (own and self.looks_up_users):
            return None
        everything = {name: values[users].cpu() for name, values in catalogue.users.items()}
        return everything | own

    def _context(self, name, given, rows, unknown):
        column = self.catalogue.columns[name]
        if not self._can_be_given(name):
            raise ConfigError(
                f"users: {self.config['model']} reads {name!r} of each row, which is a list of numbers or in buckets "
                "that a bundle does not have; to ask the model, train it without the column or without discretization"
            )
        if name in given:
            return self._values(name, given[name], rows, unknown)
        if column.kind not in TOKENS:
            raise ConfigError(f"users: {self.config['model']} reads the number {name!r} of each row; give this column")
        if name not in self._said:
            self._said.add(name)
            logging.getLogger(__name__).warning(
                f"{self.config['model']} reads the column {name!r} of each row, which was not given (users=): it is "
                "taken for missing"
            )
        return torch.zeros((rows, column.length) if column.kind == "token_seq" else rows, dtype=torch.int64)

    def _reject_columns(self, given):
        read = [self.catalogue.user, *self.of_users, *self.of_context]
        known = {*self.catalogue.users, *self.catalogue.columns}
        for name in given:
            if name not in known:
                raise ConfigError(f"users: the model knows no column {name!r}.{did_you_mean(name, read)}")
        unread = sorted(set(given) - set(read))
        if unread and unread[0] not in self._said:
            self._said.add(unread[0])
            logging.getLogger(__name__).warning(
                f"{self.config['model']} does not read {', '.join(unread)}: these columns change nothing"
            )

    def _ids(self, name, tokens, unknown):
        ids = self.catalogue.ids(name, words(tokens, name, self.catalogue))
        missing = int((ids == 0).sum())
        if missing:
            unknown[name] += missing
        return ids

    def _values(self, name, values, rows, unknown):
        """A column as the model reads it: ids, lists of them, or numbers beside the id of their column."""
        column = self.catalogue.columns[name]
        if column.kind == "token":
            return torch.from_numpy(self._ids(name, values, unknown))
        if column.kind == "token_seq":
            lists = [list_of(cell, self.config["seq_separator"]) for cell in values]
            ids = np.zeros((rows, max(map(len, lists), default=1) or 1), dtype=np.int64)
            for place, tokens in enumerate(lists):
                ids[place, : len(tokens)] = self._ids(name, tokens, unknown)
            return torch.from_numpy(ids)
        if not self._can_be_given(name):
            raise ConfigError(f"users: {name!r} is a list of numbers or in buckets, which can't be given; leave it out")
        try:
            numbers = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            raise ConfigError(f"users: {name!r} must be numbers, got {values!r:.80}") from None
        if not np.isfinite(numbers).all():
            raise ConfigError(f"users: {name!r} must be finite numbers")
        scaled = torch.from_numpy(self._scaled(name, numbers).astype(np.float32))
        paired = name in self.config["numerical_features"]
        return torch.stack([scaled, torch.ones_like(scaled)], dim=1) if paired else scaled

    def _can_be_given(self, name):
        return self.catalogue.columns[name].kind != "float_seq" and name not in (self.config["discretization"] or ())

    def _scaled(self, name, numbers):
        scaled = self.config["normalize_all"] or name in (self.config["normalize_field"] or ())
        scale = self.catalogue.columns[name].scale
        if scaled and scale is None:
            raise ConfigError(f"users: {name!r} was scaled to [0, 1] by a scale that the bundle lacks; leave it out")
        if scale is None:
            return numbers
        low, high = scale
        return (numbers - low) / (high - low) if high > low else np.ones_like(numbers)

    def _reject_padding(self, ids, lengths, tokens):
        """Padding is not a token that is not known: whoever pads would get the scores of other histories."""
        starts = np.cumsum(lengths) - lengths
        firsts = {tokens[start] for start, length in zip(starts.tolist(), lengths.tolist()) if length}
        empty = next((token for token in tokens if token in _FORBIDDEN), None)
        zero = "0" in firsts and not self.catalogue.ids(self.catalogue.item, ["0"])[0]
        if empty is not None or zero:
            shown = "0" if empty is None else empty
            raise ConfigError(
                f"histories: {shown!r} looks like padding; give lists of tokens, oldest first, without padding"
            )


def _elapsed(times, row, history, where):
    """Time since the first click of each history, (B, L), zeros at padding."""
    if not len(times):
        return torch.zeros(history.shape, dtype=torch.int64)
    first = np.searchsorted(row, row)
    elapsed = times - times[first]
    whole = elapsed.astype(np.int64)
    elapsed = torch.from_numpy(whole if (whole == elapsed).all() else elapsed.astype(np.float64))
    padded = torch.zeros(history.shape, dtype=elapsed.dtype)
    padded[where] = elapsed
    return padded

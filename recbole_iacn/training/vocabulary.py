"""What a checkpoint knows of its data: the tokens behind the rows of its weights.

A checkpoint's weights are rows by number, and the numbers are given by the order of the data's rows. Over data in
another order every row would belong to another token, without any error. So a checkpoint contains the tokens, and it is
loaded only where the data give them the same numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from recbole_iacn.data.catalogue import Catalogue, digest_of
from recbole_iacn.data.dataset import AUXILIARY_SUFFIX
from recbole_iacn.errors import ConfigError
from recbole_iacn.model.vocabulary_rows import VocabularyRows, vocabulary_rows
from recbole_iacn.training import checkpoint_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from recbole.config import Config
    from recbole.data.dataset import Dataset

ENTRY = checkpoint_file.VOCABULARY


@dataclass(frozen=True)
class Vocabulary:
    """The tokens that a model's weights follow.

    Attributes:
        digests (dict of str to str): of each column's tokens in their order, see :meth:`Catalogue.digests`.
        rows (tuple of VocabularyRows, optional): which rows of which weights follow which column; None if that could
            not be found, and then the tokens are those of all columns.
    """

    digests: Mapping[str, str]
    rows: tuple[VocabularyRows, ...] | None
    _texts: Mapping[str, Any]

    @classmethod
    def of(cls, build: Callable[..., Any], config: Config, dataset: Dataset) -> Vocabulary:
        """The vocabulary of a model.

        Args:
            build: builds the model from settings and a dataset: its class.
            config: the settings.
            dataset: that the model was built from.
        """
        rows: tuple[VocabularyRows, ...] | None
        try:
            rows = tuple(vocabulary_rows(build, config, dataset))
        except Exception as error:  # a model of anyone's, built from a dataset without interactions
            logging.getLogger(__name__).debug("the layout of the vocabularies is not known: %s", error)
            rows = None
        catalogue = Catalogue.of(dataset)
        tokens, digests = catalogue.own_tokens(), catalogue.digests()
        if rows is not None:
            read = {own_field(part.field, tokens) for part in rows}
            tokens = {name: of for name, of in tokens.items() if name in read}
            digests = {name: of for name, of in digests.items() if name in read}
        return cls(digests, rows, {name: _pack(of) for name, of in tokens.items()})

    def tokens(self, field: str) -> np.ndarray:
        """The tokens of a column, or of the column that it is an alias of, by id; id 0 is ``[PAD]``."""
        return _unpack(self._texts[own_field(field, self._texts)])

    def plain(self) -> dict[str, Any]:
        """All of it as tensors and plain values, for a checkpoint."""
        rows = None if self.rows is None else [list(astuple(part)) for part in self.rows]
        entry = {"digests": dict(self.digests), "rows": rows, "tokens": dict(self._texts)}
        return {"format": checkpoint_file.VOCABULARY_FORMAT, **entry}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Vocabulary:
        """What :meth:`plain` returned."""
        rows = plain["rows"]
        return cls(plain["digests"], rows and tuple(VocabularyRows(*part) for part in rows), plain["tokens"])

    def check(self, dataset: Dataset, path: str) -> None:
        """Reject data that give the tokens other numbers.

        Args:
            dataset: the data that the weights are to be used with.
            path: the checkpoint, for the message.

        Raises:
            ConfigError: names the column, an example and the mend.
        """
        for field, digest in self.digests.items():
            here = dataset.field2id_token.get(field)
            here = None if here is None else np.asarray(here, dtype=str)
            if here is None or digest_of(here) != digest:
                there = self.tokens(field)
                if here is None:  # weights for a column that is not there cannot be moved over, either
                    raise ConfigError(
                        f"{path}: was trained on data with a column {field}, of tokens such as {str(there[-1])!r}, "
                        "which these have not; load that column (load_col), or train anew"
                    )
                raise ConfigError(
                    f"{path}: was trained on data that number {field} otherwise: {_difference(there, here)}. Move its "
                    f"weights over by token (recbole-iacn train --from {path}, or build(..., "
                    f"start_from={str(path)!r})), or load it over its own data in their former order"
                )


def own_field(field: str, known: Mapping[str, Any]) -> str:
    """The column whose tokens a column has: itself, or the one that it is an auxiliary alias of."""
    own = field.removesuffix(AUXILIARY_SUFFIX)
    return own if field not in known and own in known else field


def recorded(trainer: Any) -> dict[str, Any]:
    """The entry of a trainer's checkpoints: empty if the trainer has not been told its data.

    Args:
        trainer (recbole.trainer.Trainer): its attribute ``trained_on`` is the dataset that the model was built from.
    """
    dataset = getattr(trainer, "trained_on", None)
    if dataset is None:
        return {}
    if getattr(trainer, "_vocabulary", None) is None:
        trainer._vocabulary = Vocabulary.of(type(trainer.model), trainer.config, dataset).plain()
    return {ENTRY: trainer._vocabulary}


def read(path: str) -> Vocabulary | None:
    """The vocabulary of a checkpoint, RecBole's included; None if it has none.

    Args:
        path: the file.

    Raises:
        ConfigError: there is no such file, or it is not a checkpoint.
    """
    found = checkpoint_file.load(path).get(ENTRY)
    return None if found is None else Vocabulary.from_plain(found)


def check_file(path: str, dataset: Dataset) -> None:
    """Reject a checkpoint whose data numbered the tokens otherwise; say if it does not record them.

    Args:
        path: the checkpoint.
        dataset: the data that it is to be used with.

    Raises:
        ConfigError: see :meth:`Vocabulary.check`.
    """
    vocabulary = read(path)
    if vocabulary is not None:
        vocabulary.check(dataset, path)
        return
    logging.getLogger(__name__).warning(
        f"{path}: records no vocabulary (RecBole or version 0.5 has written it); if these data are in another order "
        "than those that it was trained on, its weights belong to other users and items"
    )


def _difference(there, here):
    """Where two lists of tokens differ, in words."""
    short = min(len(there), len(here))
    unequal = np.flatnonzero(there[:short] != here[:short])
    counts = f"{len(there) - 1:,} tokens there, {len(here) - 1:,} here" if len(there) != len(here) else "as many tokens"
    if len(unequal):
        place = int(unequal[0])
        return f"{counts}, and number {place} is {str(there[place])!r} there and {str(here[place])!r} here"
    more, where = (there, "there") if len(there) > len(here) else (here, "here")
    return f"{counts}, and {str(more[short])!r} is {where} alone"


def _pack(tokens):
    """Tokens as two tensors: their joined bytes, and the length of each."""
    words = [token.encode() for token in tokens.tolist()]
    text = np.frombuffer(b"".join(words), np.uint8).copy()
    return {"text": torch.from_numpy(text), "lengths": torch.tensor([len(word) for word in words], dtype=torch.int32)}


def _unpack(packed):
    text = packed["text"].numpy().tobytes()
    stops = np.cumsum(packed["lengths"].numpy(), dtype=np.int64).tolist()
    return np.array([text[start:stop].decode() for start, stop in zip([0, *stops], stops)], dtype=str)

"""Which columns a report has, in which order, and which pairs of them it compares."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan_columns import MODES, Pair, check_pairs
from recbole_iacn.experiments.results import column_of
from recbole_iacn.experiments.store import recorded_columns

_OF_MODES: tuple[Pair, ...] = (("full", "off"), ("full", "width"))


@dataclass(frozen=True)
class Compared:
    """The columns of a report.

    Attributes:
        names (tuple of str): columns, or modes, in the order of the table.
        pairs (tuple): (a, b): is a better than b?
        moded (bool): the columns are the modes, compared as the papers do: ``full`` with both controls.
    """

    names: tuple[str, ...]
    pairs: tuple[Pair, ...]

    @property
    def moded(self) -> bool:
        """Whether the columns are the modes, and the pairs those of the papers."""
        return self.pairs == _OF_MODES and set(self.names) <= set(MODES)


def compared(
    results: Sequence,
    order: Sequence[str] = (),
    pairs: Iterable[Pair] | None = None,
) -> Compared:
    """The columns of results, and their comparisons.

    Args:
        results (list of dict): the results of the runs.
        order (sequence of str): the names of the columns in the order of the experiment's file. Names that are not
            there follow: modes in their own order, then others by name.
        pairs (iterable, optional): which are compared. By default ``full`` with ``off`` and ``width``, if all columns
            are modes, and otherwise each column with the first.

    Returns:
        Compared: names that have results, and the pairs.
    """
    found = {column_of(one) for one in results} - {""}
    names = tuple(dict.fromkeys(name for name in (*order, *MODES, *sorted(found)) if name in found))
    if pairs is not None:
        return Compared(names, tuple(pairs))
    if set(names) <= set(MODES) and not any(one.get("column") for one in results):
        return Compared(names, _OF_MODES)
    return Compared(names, tuple((name, names[0]) for name in names[1:]))


def compared_in(folder: Path, results: Sequence, asked: Sequence[str] = ()) -> Compared:
    """As :func:`compared`, with what the experiment has recorded beside its results.

    Args:
        folder (pathlib.Path): of the experiment.
        results (list of dict): its results.
        asked (sequence of str): pairs as ``a:b``, in place of the recorded ones.

    Raises:
        ConfigError: the record is damaged, or a pair that is asked for is not two of the columns.
    """
    order, pairs = recorded_columns(folder)
    if asked:
        pairs = [_pair(text) for text in asked]
    made = compared(results, order, pairs)
    if asked:
        check_pairs("compare", made.pairs, made.names)
    return made


def _pair(text):
    one, colon, other = text.partition(":")
    if not (one and colon and other) or ":" in other:
        raise ConfigError(f"compare: must be two columns such as routing:mean, got {text!r}")
    return one, other

"""RecBole's ``_load_feat``, reading each file as it is written (see :mod:`recbole_iacn.data.reading`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from recbole.utils import FeatureSource, FeatureType

from recbole_iacn.data import shares, times
from recbole_iacn.data.cells import AtomicFile
from recbole_iacn.data.reading import read_columns
from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset


_OF_USERS = (FeatureSource.INTERACTION, FeatureSource.USER)


def reads_as_written(config: Config) -> bool:
    """True if the files of a run are read here: with a protocol, with windowed histories, and in every run that
    :func:`recbole_iacn.build` makes."""
    return bool(config["protocol"] or config["history_dataset"] or getattr(config, "checked", False))


def load(dataset: Dataset, path: str, source: Any, as_categories: bool = False) -> pd.DataFrame | None:
    """Read the columns of an atomic file that the settings ask for, and set the dataset's properties of them.

    Args:
        dataset: the dataset that is being built.
        path: the file.
        source: what the file holds, a FeatureSource, or the suffix of a further file.
        as_categories: leave tokens as categories; by default they become Python strings.

    Returns:
        The table, or None if no column of the file is asked for. Empty tokens and numbers are nan, lists are arrays; a
        column of times is float64, or int64 where float64 would round.

    Raises:
        ConfigError: names the file, the line and the mend.
    """
    config = dataset.config
    load_col, unload_col = dataset._get_load_and_unload_col(source)
    if load_col == set():
        return None
    file = AtomicFile(path, config["encoding"], config["field_separator"])
    wanted = {
        name: kind
        for name, kind in file.columns.items()
        if (load_col is None or name in load_col) and (unload_col is None or name not in unload_col)
    }
    if not wanted:
        dataset.logger.warning(f"No columns has been loaded from [{source}]")
        return None
    of_inter = source == FeatureSource.INTERACTION
    columns = read_columns(file, _kinds(wanted, config, file) if of_inter else wanted, config["seq_separator"])
    frame = pd.DataFrame({name: _column(values, as_categories) for name, values in columns.items()})
    if not len(frame):
        raise ConfigError(f"{path}: has a header and no rows")
    if source != "link":
        _set_properties(dataset, source, wanted)
    _set_lengths(dataset, frame, wanted, of_inter)
    if of_inter and dataset.time_field in frame:
        spelling = "text" if dataset.time_field in file.times_in_text else "numbers"
        dataset.__dict__.setdefault("time_spellings", set()).add(spelling)  # one per part of a benchmark
    _check_ids(dataset, file, frame, source)
    return shares.keep_users(dataset, frame, path, of_inter) if source in _OF_USERS else frame


def _kinds(wanted, config, file):
    name = config["TIME_FIELD"]
    times.check_time_type(wanted, name, file.path)
    kinds = dict(wanted)
    if name in wanted:
        kinds[name] = "time"
    if kinds.get(name + config["LIST_SUFFIX"]) == "float_seq":
        kinds[name + config["LIST_SUFFIX"]] = "time_seq"
    return kinds


def _column(values, as_categories):
    if isinstance(values, list):
        cells = np.empty(len(values), object)
        cells[:] = values
        return cells
    if as_categories or not isinstance(values, pd.Categorical):
        return values
    return np.append(values.categories.to_numpy(object), np.nan)[values.codes]  # code -1 is the last one


def _set_properties(dataset, source, wanted):
    for name, kind in wanted.items():
        dataset.field2source[name] = source
        dataset.field2type[name] = FeatureType(kind)
        if not kind.endswith("seq"):
            dataset.field2seqlen[name] = 1
        if "float" in kind:
            dataset.field2bucketnum[name] = 2


def _set_lengths(dataset, frame, wanted, of_inter):
    """Cut lists to ``seq_len``, as RecBole does: the first ones stay. Histories are cut when they are numbered."""
    limits, suffix = dataset.config["seq_len"] or {}, dataset.config["LIST_SUFFIX"]
    for name in (name for name, kind in wanted.items() if kind.endswith("seq")):
        most = max(map(len, frame[name]))
        is_history = of_inter and dataset.benchmark_filename_list is not None and name.endswith(suffix)
        if name in limits and not is_history:
            most = min(most, limits[name])
            frame[name] = _column([one[:most] for one in frame[name]], False)
        dataset.field2seqlen[name] = most


def _check_ids(dataset, file, frame, source):
    """Rows without a user or an item are dropped later, but a row of a benchmark file cannot be; and say which lines of
    an item or user file are not read since their item has an earlier one."""
    if source == FeatureSource.INTERACTION and dataset.benchmark_filename_list is not None:
        for name in (dataset.uid_field, dataset.iid_field):
            if name in frame and frame[name].isna().any():
                row = int(np.argmax(frame[name].isna()))
                raise file.error(file.line(row), f"{name}: the cell is empty; write it, or leave the row out")
    ids = {FeatureSource.ITEM: dataset.iid_field, FeatureSource.USER: dataset.uid_field}.get(source)
    if ids in frame:
        again = frame[ids].duplicated() & frame[ids].notna()
        if again.any():
            row = int(np.argmax(again))
            dataset.logger.warning(
                f"{file.path}: {int(again.sum())} of {len(frame)} lines repeat the {ids} of an earlier line, "
                f"and are not read; the first is line {file.line(row)} ({frame[ids].iloc[row]!r})"
            )


def say_times(dataset: Dataset) -> None:
    """Say once what is conspicuous about the times that were read.

    Args:
        dataset: a dataset whose interactions have just been read.

    Raises:
        ConfigError: the times are numbers in one part of a benchmark and text in another.
    """
    table, name = dataset.inter_feat, dataset.time_field
    if table is None or name not in table or table[name].dtype.kind not in "iuf":
        return
    spellings = dataset.__dict__.pop("time_spellings", set())
    if len(spellings) > 1:
        raise ConfigError(
            f"benchmark_filename: {name!r} (TIME_FIELD) has numbers in one part and text in another; write all alike"
        )
    values = table[name].to_numpy()
    if "text" in spellings:
        dataset.logger.warning(times.notice_of_text(values, name))
    said = times.notice(values, name)
    if said:
        dataset.logger.warning(said)

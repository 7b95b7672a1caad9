"""The rows that interests are looked at on: histories and the item that was clicked next, from the test of a bundle's
own settings, or from a table of events."""

from __future__ import annotations

import contextlib
import copy
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recbole_iacn.checks.files import check_files
from recbole_iacn.data.catalogue import Catalogue
from recbole_iacn.data.whole_histories import whole_histories
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.model_rows import Rows
from recbole_iacn.serving.tables import asked_columns
from recbole_iacn.serving.tables.event_base import EventBase
from recbole_iacn.serving.tables.limits import Limits
from recbole_iacn.serving.tables.table_account import TableAccount

if TYPE_CHECKING:
    from recbole.data.dataset import Dataset

    from recbole_iacn.serving.recommender import Recommender


_OR_EVENTS = "a table of events (--events FILE)"


@dataclass(frozen=True)
class TestRows:
    """Histories, and what was clicked next.

    Attributes:
        rows: B histories as the model reads them, with all that the model reads beside.
        history: their item ids, oldest first, 0 at padding, int64, shape (B, L).
        targets: the id of the item clicked next, int64, shape (B,).
        notes: what has been left out, a sentence each.
    """

    __test__ = False  # pytest

    rows: Rows
    history: np.ndarray
    targets: np.ndarray
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.targets)


def spread(count: int, most: int) -> np.ndarray:
    """Numbers of at most ``most`` of ``count`` rows, evenly spread; all of them if ``most`` is 0."""
    if not most or most >= count:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).astype(np.int64))


# --- The test of the bundle's own settings ------------------------------------------------------------------------


def of_settings(recommender: Recommender, data_path: str | os.PathLike, most: int = 1000) -> TestRows:
    """The test rows that the run of a bundle had: its data are read once more, by its own settings.

    Args:
        recommender: of the bundle.
        data_path: the folder that contains the dataset's folder.
        most: rows, evenly spread over the test; 0 for all. Defaults to 1000.

    Raises:
        ConfigError: there are no such data, or they number the tokens otherwise than those of the training did.
    """
    return of_dataset(recommender, loader_of_settings(recommender, data_path, or_else=_OR_EVENTS)._dataset, most)


def of_dataset(recommender: Recommender, test: Dataset, most: int = 1000) -> TestRows:
    """Some rows of a dataset.

    Args:
        recommender: whose model is asked.
        test: rows of the model's own data.
        most: as in :func:`of_settings`.
    """
    catalogue, label = recommender.catalogue, recommender.config["LABEL_FIELD"]
    clicked = np.arange(len(test))
    if label in test.inter_feat:
        clicked = np.flatnonzero(test.inter_feat[label].numpy() > 0)
    others = len(test) - len(clicked)
    chosen = clicked[spread(len(clicked), most)]
    if not len(chosen):
        raise ConfigError(f"data_path: the test of {test.dataset_name} has no click")
    part = test[chosen].to(recommender.config["device"])
    name = catalogue.item + recommender.config["LIST_SUFFIX"]
    if name not in part:
        raise ConfigError(f"{recommender.config['model']}: reads no history, so it has no interests")
    history = part[name].cpu().numpy()
    seen, lengths = _seen(test, chosen, history)
    names = catalogue.tokens[catalogue.user][part[catalogue.user].cpu().numpy()]
    notes = [f"{others:,} test rows that are not clicks are left out"] if others else []
    rows = Rows(part, names, seen, lengths)
    return TestRows(rows, history, part[catalogue.item].cpu().numpy(), tuple(notes))


def loader_of_settings(
    recommender: Recommender,
    data_path: str | os.PathLike,
    changes: Mapping[str, Any] | None = None,
    or_else: str = "",
) -> Any:
    """The loader of the test that the run of a bundle had: its data are read once more, by its own settings.

    Args:
        recommender: of the bundle.
        data_path: the folder that contains the dataset's folder.
        changes: settings in place of the run's own.
        or_else: what else may be given, for messages.

    Raises:
        ConfigError: there are no such data, or they number the tokens otherwise than those of the training did.
    """
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, init_seed

    config, name = copy.copy(recommender.config), recommender.config["dataset"]
    folder = Path(data_path, name)
    if not folder.is_dir():
        other = f", or give {or_else}" if or_else else ""
        raise ConfigError(f"data_path: there is no folder {folder}; name the one that contains {name}/{other}")
    config.final_config_dict = {**config.final_config_dict, **(changes or {})}
    config["data_path"], config["worker"], config.checked = str(folder), 0, True
    config.model_class = get_model(config["model"])
    check_files(config)
    init_seed(config["seed"], config["reproducibility"])
    with tempfile.TemporaryDirectory() as nothing:
        config["checkpoint_dir"] = nothing  # where datasets of earlier runs would be looked for
        dataset = create_dataset(config)
        test = data_preparation(config, dataset)[2]
    _check_numbering(recommender.catalogue, Catalogue.of(dataset), folder, or_else)
    return test


def _check_numbering(own, found, folder, or_else):
    """Reject data in which ids mean other tokens: every figure would be of other items."""
    here, other = found.digests(), f", or {or_else}" if or_else else ""
    for name, digest in own.digests().items():
        if here.get(name) != digest:
            raise ConfigError(
                f"data_path: {folder} numbers {name} otherwise than the data that the bundle was trained on "
                f"({own.count(name) - 1:,} tokens there); give those data{other}"
            )


def _seen(test, chosen, history):
    """Everything that was clicked before each row, end to end, and how much it is; older clicks, too."""
    found = whole_histories(test, chosen)
    if found is None:
        return history[history > 0], (history > 0).sum(axis=1)
    (first, lengths), windows = found, test.inter_feat.windows[0]
    ends = np.cumsum(lengths)
    place = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first + 1 - (ends - lengths), lengths)
    return windows.columns[test.item_id_list_field].numpy()[place], lengths


# --- A table of events ------------------------------------------------------------------------------------------------


def of_events(recommender: Recommender, events: str | os.PathLike, options: Any, most: int = 1000) -> TestRows:
    """Each user's last click is what was clicked next, and those before it are the history.

    Args:
        recommender: of the bundle.
        events: one row per click, as for ``recbole-iacn recommend``.
        options (recbole_iacn.data.tables.options.Options): which columns are what.
        most: users, evenly spread in the order of their first rows; 0 for all. Defaults to 1000.

    Raises:
        ConfigError: a wrong option, file or cell; or no user has two clicks on items that the model knows.
    """
    catalogue, limits = recommender.catalogue, Limits(progress=False)
    asked_columns.wanted_of(recommender).check_given({}, "the table of events")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        base = stack.enter_context(limits.base(EventBase, folder, catalogue.tokens[catalogue.item]))
        taken = base.take(events, options, asked_columns.trained_on_labels(recommender))
        asked_columns.check_times(recommender, taken)
        base.count_people()
        people = base.execute('select "user", start, stop from people order by u').fetchnumpy()
        files = base.write_histories(folder)
        starts, stops = (np.asarray(people[name], dtype=np.int64) for name in ("start", "stop"))
        enough = np.flatnonzero(stops - starts >= 2)
        if not len(enough):
            raise ConfigError(f"{taken.title}: no user has two clicks on items that the model knows")
        chosen = enough[spread(len(enough), most)]
        starts, stops = starts[chosen], stops[chosen] - 1
        ids, times = files.gather(starts, stops)
        targets = files.items[stops].astype(np.int64)
        users = np.asarray(people["user"])[chosen].astype(str)
    rows = recommender.rows_of_ids(
        ids, stops - starts, times=times, columns={catalogue.user: users.tolist()}, names=users
    )
    history = rows.interaction[recommender.queries.history].cpu().numpy()
    account = TableAccount("rows", "users")
    account.take(taken)
    account.count("users with fewer than two clicks, who are left out", len(people["user"]) - len(enough))
    counted = "; ".join(f"{number:,} {reason}" for reason, number in account.counts.items())
    return TestRows(rows, history, targets, tuple(filter(None, (*account.events, counted))))

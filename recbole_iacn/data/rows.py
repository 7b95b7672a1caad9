"""The rows of the first users as text: what is for training, what for the test, and that nothing leaks."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from recbole_iacn import names
from recbole_iacn.data import moments
from recbole_iacn.data.labels import scores_labels
from recbole_iacn.data.windows import HistoryInteraction
from recbole_iacn.errors import ConfigError

_PARTS = ("train", "validate", "test")
_SHOWN = 3  # training rows of a user, from the first and up to the last
_EXACT_BELOW = 2**24  # seconds; from here on float32 does not hold every one
_LISTED = 10  # items that a row is ranked among, or that were drawn for it

# Settings with which a model's rows are those of the file.
AS_THEY_ARE = {"shuffle": False, "iacn_mode": "off", "normalize_all": False, "normalize_field": None}


def as_they_are(model: str) -> dict[str, Any]:
    """:data:`AS_THEY_ARE`, as far as the model reads it.

    Args:
        model (str): the model's name.
    """
    has_modes = names.backbone(model) is not None
    return {name: value for name, value in AS_THEY_ARE.items() if has_modes or name != "iacn_mode"}


def rows_in_words(loaders: Sequence[Any], users: int = 2) -> Iterator[str]:
    """Yields lines of text: every row of each of the first users, with history, target, and what it is compared with:
    its label, negatives, or the items that it is ranked among.

    Args:
        loaders (sequence): for training, validation and test, of a run whose settings include :data:`AS_THEY_ARE`
            (see :func:`as_they_are`).
        users (int): number of users to show, of those that have rows, in the order of their ids.

    Raises:
        ConfigError: fewer than one user.
    """
    if users < 1:
        raise ConfigError(f"users: must be at least 1, got {users}")
    data = loaders[0]._dataset
    config = data.config
    protocol = f"protocol {config['protocol']}" if config["protocol"] else f"eval_args {config['eval_args']}"
    sizes = [len(loader._dataset) for loader in loaders]
    parts = [_Part(name, loader, sum(sizes[:k]), sum(sizes)) for k, (name, loader) in enumerate(zip(_PARTS, loaders))]
    at_places = moments.are_places(np.concatenate([part.times for part in parts if part.times is not None] or [()]))
    yield (
        f"{data.dataset_name}: {data.user_num - 1:,} users, {data.item_num - 1:,} items; "
        f"{protocol}, histories of {config['MAX_ITEM_LIST_LENGTH']}; rows: "
        + ", ".join(f"{len(loader._dataset):,} {part}" for part, loader in zip(_PARTS, loaders))
        + ("" if at_places else "; times in UTC")
    )
    with_rows = np.unique(np.concatenate([part.users for part in parts]))
    for user in with_rows[:users].tolist():
        yield f"\nuser {data.field2id_token[data.uid_field][user]}"
        for part in parts:
            yield from part.of_user(user, at_places)


class _Part:
    """The rows of one loader; ``before`` rows stand in the loaders before it, and ``every`` row in all of them."""

    def __init__(self, name: str, loader: Any, before: int, every: int) -> None:
        self.name, self.loader, self.data = name, loader, loader._dataset
        feat = self.data.inter_feat
        self.users = feat[self.data.uid_field].numpy()
        self.times, self.rounded = _times(self.data, before, every)
        if hasattr(loader, "draw") and name == "train" and loader.neg_sample_args["distribution"] != "none":
            loader.draw("train")

    def of_user(self, user: int, at_places: bool) -> Iterator[str]:
        rows = np.flatnonzero(self.users == user).tolist()
        left_out = len(rows) - 2 * _SHOWN
        for place, row in enumerate(rows):
            if left_out <= 0 or not _SHOWN <= place < _SHOWN + left_out:
                yield f"  {self.name:9}{self._in_words(row, at_places)}"
            elif place == _SHOWN:
                yield f"  {self.name:9}… {left_out} rows more …"

    def _in_words(self, row, at_places):
        data, batch = self.data, self.data[[row]]
        when = self._when(row, at_places)
        item = self._names(batch[data.iid_field])
        if getattr(data, "whole_rows", False):
            return f"{self._whole(batch)}{item}{when}, each after those before it"
        if data.label_field in batch and scores_labels(data.config):
            label = float(batch[data.label_field][0])
            return f"{self._after(batch)}shown {item}{when}, {'clicked' if label else 'not clicked'} (label {label:g})"
        return f"{self._after(batch)}clicked {item}{when}{self._compared_with(row)}"

    def _after(self, batch):
        name = self.data.iid_field + self.data.config["LIST_SUFFIX"]
        if name not in batch:
            return ""  # of a model that reads no history
        history = batch[name][0, : int(batch[self.data.item_list_length_field][0])]
        return f"after {self._names(history) or 'nothing'}: "

    def _whole(self, batch):
        """Of a history whose clicks are all targets but the first: up to its last."""
        first, *others = batch[self.data.iid_field + self.data.config["LIST_SUFFIX"]][0].unsqueeze(1)
        between = "".join(f"{self._names(one)}, " for one in others if one)
        return f"after {self._names(first)}: clicked {between}"

    def _when(self, row, at_places):
        if self.times is None:
            return ""
        time = float(self.times[row])
        about = "about " if self.rounded else ""
        return f" at place {time:g}" if at_places else f" on {about}{moments.in_words(time)}"

    def _names(self, items):
        ids = items.reshape(-1).tolist()
        return ", ".join(map(str, self.data.field2id_token[self.data.iid_field][ids]))

    def _compared_with(self, row):
        loader = self.loader
        negatives = getattr(loader, "negatives", None)
        if negatives is not None:
            drawn = self._some(negatives[row])
            return f", not {drawn}" + (" (in the first epoch)" if self.name == "train" else "")
        if getattr(loader, "candidates", None) is not None:
            candidates = loader.candidates[row]
            return f", ranked among {candidates.numel():,} others: {self._some(candidates)}"
        if self.name == "train":
            return ""
        if not hasattr(loader, "candidates"):
            return ""  # RecBole's own loader, which draws while it evaluates
        but = " but those clicked before" if loader.left_out is not None else ""
        if loader.never is not None:
            return f", ranked among all {self.data.item_num - 1 - len(loader.never):,} items that anybody clicked{but}"
        return f", ranked among all {self.data.item_num - 1:,} items{but}"

    def _some(self, items):
        more = items.numel() - _LISTED
        return self._names(items.reshape(-1)[:_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def _times(data, before, every):
    """The time of each row, and whether these are RecBole's, rounded to float32.

    They are exact where histories are windows, and where parts follow one another in the order of exact times.
    """
    feat, exact = data.inter_feat, getattr(data, "times", None)
    if exact is not None and isinstance(feat, HistoryInteraction):
        return exact[feat.index.numpy()], False
    if data.time_field not in feat:
        return None, False
    rounded = feat[data.time_field].numpy()
    order = data.config["eval_args"]
    in_order = order["order"] == "TO" and order["group_by"] in (None, "none")
    if exact is not None and in_order and not hasattr(data, "max_item_list_len") and len(exact) == every:
        return exact[before : before + len(rounded)], False
    return rounded.astype(np.float64), bool((np.abs(rounded) >= _EXACT_BELOW).any())

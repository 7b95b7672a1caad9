"""Saved datasets and loaders (``save_dataset``, ``save_dataloaders``) serve only runs that would make the same ones.

RecBole compares a list of its own settings (#1602, #1697): a run with other candidates, another mask, another batch
size or a changed file silently got what an earlier run had saved. Here what was saved remembers all settings that
decide it, and a digest of every file that it was made from.
"""

import contextlib
import dataclasses
import glob
import hashlib
import logging
import os
import pickle
from collections.abc import Iterator
from typing import Any

from recbole_iacn import parallel
from recbole_iacn.data.protocol import PROTOCOLS
from recbole_iacn.errors import ConfigError
from recbole_iacn.settings import general, recbole_data, recbole_run
from recbole_iacn.settings.group import defaults
from recbole_iacn.system.trust import HOW, WHY, trusted, trusting

MADE_FROM = "made_from"  # the key of a saved config

# Of the settings for every model and of RecBole's for runs and data, those that change no dataset and no loader.
# Another one is compared, so that a new setting cannot be forgotten.
IRRELEVANT = frozenset(
    (
        *("last_state_only", "positions_from", "log_tensorboard", "pin_memory", "data_on_device", "trust"),
        *("gpu_id", "use_gpu", "device", "state", "reproducibility", "checkpoint_dir", "show_progress", "log_wandb"),
        *("wandb_project", "save_dataset", "dataset_save_path", "save_dataloaders", "dataloaders_save_path"),
        *("data_path", "valid_negatives_file", "test_negatives_file"),  # the files' contents are compared
        *("epochs", "learner", "learning_rate", "eval_step", "stopping_step", "clip_grad_norm", "weight_decay"),
        *("loss_decimal_place", "require_pow", "enable_amp", "enable_scaler", "save_step", "pretrain_epochs"),
        *("metrics", "topk", "valid_metric", "valid_metric_bigger", "metric_decimal_place", "tail_ratio"),
    )
)

# What datasets and loaders read beside these groups: settings of models, and what RecBole derives.
_MORE = (
    *("dataset", "MODEL_TYPE", "MODEL_INPUT_TYPE", "valid_neg_sample_args", "test_neg_sample_args"),
    *("iacn_mode", "iacn_item_features", "beta", "convert_token_to_onehot", "token_num_threshold"),
    "loss_type",
)

_GROUPS = (general.General, recbole_run.Environment, recbole_run.Training, recbole_run.Evaluation, recbole_data.Data)
COMPARED = tuple(
    dict.fromkeys((*(key for group in _GROUPS for key in group.model_fields if key not in IRRELEVANT), *_MORE))
)


class MadeFrom(dict):
    """What decides a dataset and its loaders; the comparison with what was saved names the first difference."""

    def __ne__(self, saved: object) -> bool:
        different = self._difference(saved)
        if different:
            logging.getLogger().warning(
                f"what was saved of dataset {self['dataset']} is not used, and is made anew: {different}"
            )
        return different is not None

    def __eq__(self, saved: object) -> bool:
        return self._difference(saved) is None

    __hash__ = None

    def __reduce__(self) -> Any:
        return dict, (dict(self),)

    def _difference(self, saved):
        if isinstance(saved, NotOpened):
            return f"it is a pickle, and {WHY} (if it is your own: {HOW})"
        if not isinstance(saved, dict):
            return "it does not record what it was made from"
        for key in dict.fromkeys((*self, *saved)):
            now, then = self.get(key), saved.get(key)
            if key == "files" and now and then != now:
                name = next(name for name in sorted({*now, *(then or {})}) if now.get(name) != (then or {}).get(name))
                return f"file {name} has changed"
            if key != "files" and now != then:
                return f"{key} is {now!r}, and was {then!r}"
        return None


class NotOpened:
    """In the place of a saved dataset, of a saved loader and of its settings, where they are not trusted.

    RecBole compares it, finds a difference, and makes what was saved anew.
    """

    generator: Any = None

    def __init__(self) -> None:
        self.config, self.sampler = {MADE_FROM: self}, self

    def __iter__(self) -> Iterator[tuple["NotOpened", Any]]:
        """Three loaders, each with the state of its random numbers."""
        import torch

        return iter([(self, torch.Generator().get_state())] * 3)


def opened(file: Any) -> Any:
    """A saved dataset or saved loaders, unpickled if they are trusted.

    Args:
        file: open for reading.

    Returns:
        What was saved, or :class:`NotOpened`.

    Raises:
        ConfigError: it is trusted, and damaged.
    """
    if not trusted():
        return NotOpened()
    try:
        found = pickle.load(file)
    except Exception as error:  # an unpickled file raises whatever it likes
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(
            f"{file.name}: is not a saved dataset or loader, or is damaged ({first}); remove it"
        ) from None
    if not hasattr(found, "config") and not isinstance(found, list):
        raise ConfigError(f"{file.name}: is not a saved dataset or loader, but a {type(found).__name__}; remove it")
    return found


def made_from(config: Any) -> MadeFrom:
    """What decides the dataset and the loaders of a run.

    Args:
        config (recbole.config.Config): final settings.

    Returns:
        MadeFrom: key to value; ``files`` has the digest of each file's content, and is empty where only what was saved
        is left of the data.
    """
    ours = defaults(general.General)  # which are not in a config
    values = {key: ours.get(key) if config[key] is None else config[key] for key in COMPARED}
    values = {key: getattr(value, "name", value) for key, value in values.items()}
    protocol = PROTOCOLS.get(config["protocol"] or "")
    return MadeFrom(
        values,
        definition=None if protocol is None else dataclasses.asdict(protocol),
        processes=parallel.size(),
        files={name: _digest(path) for name, path in _files(config).items()},
    )


@contextlib.contextmanager
def comparing(config: Any) -> Iterator[None]:
    """While active, RecBole saves with a config, and compares with a saved one, what its data are made from.

    Args:
        config (recbole.config.Config): final settings. Nothing is computed where nothing is saved, now or before.
    """
    if not _concerned(config):
        yield
        return
    saves = config["save_dataset"] or config["save_dataloaders"]
    # Without trust and without anything to save, there is nothing that could be equal.
    with trusting(config["trust"]):
        config[MADE_FROM] = made_from(config) if saves or trusted() else MadeFrom(dataset=config["dataset"])
        try:
            yield
        finally:
            config.final_config_dict.pop(MADE_FROM)


def _concerned(config):
    if any(config[key] for key in ("save_dataset", "save_dataloaders", "dataset_save_path", "dataloaders_save_path")):
        return True
    return bool(glob.glob(os.path.join(glob.escape(config["checkpoint_dir"]), f"{glob.escape(config['dataset'])}-*")))


def _files(config):
    """Name -> path of the atomic files and of the user's own negatives."""
    folder, name = config["data_path"], config["dataset"]
    suffixes = ["inter", *(f"{part}.inter" for part in config["benchmark_filename"] or ()), "item", "user"]
    suffixes += config["additional_feat_suffix"] or []
    paths = {f"{name}.{suffix}": os.path.join(folder, f"{name}.{suffix}") for suffix in suffixes}
    if any(map(os.path.isfile, paths.values())):
        paths |= {key: config[key] for key in ("valid_negatives_file", "test_negatives_file") if config[key]}
        return {key: path for key, path in paths.items() if os.path.isfile(path)}
    return {}


def _digest(path):
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()

"""Build a training from the names of a model and a dataset: all its parts, with settings checked before any work.

    training = recbole_iacn.build("DIN_IaCN", "ml-100k", config_dict={"epochs": 2})
    training.fit()
    training.test()                      # {'auc': …, 'gauc': …, 'logloss': …}
    training.model.couplings(rows)       # the trained model

``run``, the experiments, the benchmarks and the tests all use this module.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from recbole_iacn.bridge.columns_read import report_unread
from recbole_iacn.bridge.registry import check_parts, find_model
from recbole_iacn.building.training import Training
from recbole_iacn.checks import settings
from recbole_iacn.errors import ConfigError
from recbole_iacn.system import disk, run_output
from recbole_iacn.system.trust import trusting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recbole.config import Config

    from recbole_iacn.training.warm_start import Source

_ANOTHER_FOLDER = "start in a folder that can be written, or name one (--out)"
_one_at_a_time = threading.RLock()  # of several threads: RecBole's look-ups are global


def build(
    model: str | type,
    dataset: str,
    config_file_list: Sequence[str] | None = None,
    config_dict: Mapping[str, Any] | None = None,
    log: bool = False,
    start_from: str | os.PathLike | None = None,
    new_rows: str | None = None,
) -> Training:
    """Check all settings, then build all parts of a training, for this package's models or RecBole's.

    Only the given settings are used: unlike RecBole's own functions, this one does not read the command line of the
    process, which may have its own flags.

    Args:
        model: a model's name, or a class, which is then registered (:func:`register`).
        dataset: a dataset's name; ``<data_path>/<dataset>/`` contains its atomic files. ``ml-100k`` is built in.
        config_file_list: YAML files; later files override earlier ones.
        config_dict: settings; they override those of the files.
        log: set up RecBole's logging, to the console and below ``log/``, as :func:`run` does. By default logging is
            not changed.
        start_from: a bundle or a checkpoint of the same model, trained on other data (another day's): its weights are
            moved over by token, and the optimizer starts anew. To go on with the same data, see
            :meth:`Training.resume`.
        new_rows: what users, items and other tokens start from that the former model did not know: ``mean``, of the
            rows of those that share a feature's value with it (default), or ``fresh``, a random row.

    Returns:
        The parts of the training, not trained yet.

    Raises:
        ConfigError: a setting, file or column is wrong; raised before any data are read.
    """
    from recbole_iacn.bundle import former

    config = configure(model, dataset, config_file_list, config_dict)
    return assemble(config, log, former.read(start_from, config, new_rows), new_rows)


def assemble(config: Config, log: bool = False, source: Source | None = None, new_rows: str | None = None) -> Training:
    """Read the data and construct the model; the second half of :func:`build`, after the checks of the settings.

    Args:
        config: the settings, as :func:`configure` returns them.
        log: as in :func:`build`.
        source: a model to start from, see :func:`recbole_iacn.bundle.former.read`.
        new_rows: as in :func:`build`.

    Returns:
        The parts of the training.
    """
    with _one_at_a_time:
        return _assembled(config, log, source, new_rows)


def _assembled(config, log, source, new_rows):
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    from recbole_iacn.training import warm_start

    logger = _start_log(config) if log else logging.getLogger(__name__)
    logger.info(config)
    init_seed(config["seed"], config["reproducibility"])
    whole = create_dataset(config)
    loaders = data_preparation(config, whole)
    init_seed(config["seed"] + config["local_rank"], config["reproducibility"])
    with trusting(config["trust"]):  # RecBole's models may start from weights in a file
        network = get_model(config["model"])(config, loaders[0]._dataset).to(config["device"])
    account = None
    if source is not None:
        account = warm_start.start(network, config, loaders[0]._dataset, source, new_rows or "mean")
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, network)
    trainer.trained_on = loaders[0]._dataset  # whose tokens its checkpoints contain, and a digest of the rows of both
    trainer.validated_on = getattr(loaders[1], "_dataset", None) if loaders[1] else None
    logger.info(whole)
    logger.info(network)
    report_unread(config, whole, network)
    train_data, valid_data, test_data = loaders
    return Training(config, whole, train_data, valid_data, test_data, network, trainer, started_from=account)


def configure(
    model: str | type,
    dataset: str,
    config_file_list: Sequence[str] | None = None,
    config_dict: Mapping[str, Any] | None = None,
    place: Mapping[str, Any] | None = None,
    with_files: bool = True,
) -> Config:
    """Compute the final settings and check them as far as possible without reading data.

    Args:
        model, dataset, config_file_list, config_dict: as in :func:`build`.
        place: of this process among several, see :func:`recbole_iacn.parallel.start`; by default it is the only one.
        with_files: also check the files of the dataset and their columns. Defaults to True.

    Returns:
        The settings, as RecBole's Config.

    Raises:
        ConfigError: a setting, file or column is wrong.
    """
    if not isinstance(dataset, str) or os.path.basename(dataset) != dataset or dataset in ("", ".", ".."):
        raise ConfigError(f"dataset: must be the name of a dataset, without a path, got {dataset!r}; see data_path")
    if isinstance(config_file_list, str | os.PathLike) or not all(
        isinstance(path, str | os.PathLike) for path in config_file_list or []
    ):
        raise ConfigError(f"config_file_list: must be a list of paths, got {config_file_list!r}")
    if not isinstance(config_dict or {}, Mapping):
        raise ConfigError(f"config_dict: must be a dict from settings to values, got {config_dict!r}")
    model_class = find_model(model)
    if model_class is not None:
        check_parts(model_class)
    given = dict(config_dict or {})
    with _one_at_a_time, _unread_command_line(model_class):
        settings.check_given(model_class or model, config_file_list, given)
        from recbole.config import Config

        config = Config.__new__(Config)
        config.checked = True  # bridge.config then checks all settings, for RecBole's own models, too
        config.with_files = with_files
        config.__init__(model, dataset, list(config_file_list or []), {**given, **(place or {})})
    return config


@contextlib.contextmanager
def _unread_command_line(model_class):
    """While active, hide the command line from RecBole, which would read any program's ``--key=value`` as settings."""
    before = sys.argv
    flags = [flag for flag in before[1:] if flag.startswith("--") and "=" in flag]
    known = settings.known_keys(model_class) if flags else ()
    unread = [flag for flag in flags if flag[2:].partition("=")[0] in known]
    if unread:
        warnings.warn(
            f"{' '.join(unread)}: build and run do not read the command line; pass settings in config_dict, "
            "or train with the command recbole-iacn train",
            stacklevel=4,
        )
    sys.argv = before[:1]
    try:
        yield
    finally:
        sys.argv = before


def _start_log(config):
    """Set up RecBole's logging, see :func:`recbole_iacn.bridge.run_names.patch_logger`."""
    from recbole.utils import init_logger

    folders = [run_output.current().within(name) for name in ("log", "log_tensorboard")]
    for folder in folders if config["log_tensorboard"] else folders[:1]:
        disk.check(folder, _ANOTHER_FOLDER, within=True)
    with disk.writing(folders[0], _ANOTHER_FOLDER):
        init_logger(config)
    return logging.getLogger()

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
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recbole_iacn.bridge.columns_read import report_unread
from recbole_iacn.bridge.registry import find_model
from recbole_iacn.checks import settings
from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from recbole.config import Config
    from recbole.data.dataloader.abstract_dataloader import AbstractDataLoader
    from recbole.data.dataset import Dataset
    from recbole.model.abstract_recommender import AbstractRecommender
    from recbole.trainer import AbstractTrainer

    from recbole_iacn.training.warm_start import Source

_log_handlers: list[logging.Handler] = []  # the handlers of the last run that wrote RecBole's log


@dataclass
class Training:
    """All parts of a training, as :func:`build` returns them; each may be used on its own.

    Attributes:
        config (recbole.config.Config): the final settings.
        dataset (recbole.data.dataset.Dataset): the mapping between tokens and numbers, and the columns of items and
            users; its rows are the interactions that remain after RecBole's splitting.
        train_data, valid_data, test_data: RecBole's loaders; ``valid_data`` is empty if nothing is split off for
            validation.
        model (recbole.model.abstract_recommender.AbstractRecommender): the model, on ``config["device"]``.
        trainer (recbole.trainer.Trainer): the trainer, with the optimizer and the path of the checkpoint.
        checkpoint (str or None): path of the best epoch's checkpoint; None until :meth:`fit` has written it.
        started_from (recbole_iacn.training.warm_start.Account or None): what was taken over from a former model.
    """

    config: Config
    dataset: Dataset
    train_data: AbstractDataLoader
    valid_data: AbstractDataLoader
    test_data: AbstractDataLoader
    model: AbstractRecommender
    trainer: AbstractTrainer
    checkpoint: str | None = None
    started_from: Any = None
    _finished: bool = False

    def resume(self, path: str) -> bool:
        """Go on where a training was interrupted, after the best epoch that its checkpoint holds: :meth:`fit` then ends
        with the weights that it would have had without the interruption. It goes on to write to this checkpoint.

        Args:
            path: the checkpoint, see :attr:`checkpoint`.

        Returns:
            Whether there is anything left to train. A finished training says so, and :meth:`fit` does nothing.

        Raises:
            ConfigError: it is not a checkpoint, is of another model, or its data numbered users and items otherwise.
        """
        from recbole_iacn.training import resuming

        if self._is_decision_tree():
            raise ConfigError(f"{self.config['model']}: a decision tree cannot be resumed; train it anew")
        goes_on = resuming.resume(self.trainer, str(path))
        self._finished, self.checkpoint = not goes_on, str(path)
        return goes_on

    def fit(
        self,
        saved: bool = True,
        verbose: bool = True,
        show_progress: bool | None = None,
        callback_fn: Callable[[int, float], None] | None = None,
    ) -> tuple[float, dict[str, float]]:
        """Train; afterwards :attr:`model` has the weights of the best epoch by validation.

        Args:
            saved: write the best epoch's checkpoint to ``checkpoint_dir``. If False, the model keeps the weights of the
                last epoch. Defaults to True.
            verbose: log each epoch. Defaults to True.
            show_progress: show a progress bar over the batches. Defaults to the setting ``show_progress``.
            callback_fn: called after each validation with (epoch, score); may raise an exception to end the training.

        Returns:
            The best validation score, and all validation metrics of that epoch.
        """
        if self._finished:
            return self.trainer.best_valid_score, self.trainer.best_valid_result or {}
        progress = self.config["show_progress"] if show_progress is None else show_progress
        best, metrics = self.trainer.fit(
            self.train_data,
            self.valid_data,
            verbose=verbose,
            saved=saved,
            show_progress=progress,
            callback_fn=callback_fn,
        )
        self.checkpoint = self.trainer.saved_model_file if saved else None
        if self.checkpoint and not self._is_decision_tree():
            self._load_best(self.checkpoint)
        return best, metrics

    def test(self, show_progress: bool | None = None) -> dict[str, float]:
        """Evaluate :attr:`model` with its current weights on the test rows.

        Args:
            show_progress: as in :meth:`fit`.

        Returns:
            The values of the metrics, by name.
        """
        progress = self.config["show_progress"] if show_progress is None else show_progress
        load_best = self._is_decision_tree() and self.checkpoint is not None
        return self.trainer.evaluate(self.test_data, load_best_model=load_best, show_progress=progress)

    def save(self, path: str, overwrite: bool = False) -> str:
        """Write the model with its current weights as a bundle, a folder that needs no data and that
        :func:`recbole_iacn.load` opens on any machine.

        Args:
            path: the folder; its parent is created.
            overwrite: replace a bundle that is there already. Defaults to False.

        Returns:
            The path.

        Raises:
            ConfigError: the folder cannot be written, or there is something already.
        """
        from recbole_iacn.bundle import folder

        if self._is_decision_tree():
            raise ConfigError(f"{self.config['model']}: a decision tree has no weights that a bundle could hold")
        folder.write(path, self.config, self.dataset, self.model, overwrite)
        return path

    def save_checkpoint(self, path: str) -> str:
        """Write the model with its current weights to a checkpoint of plain values and tensors, which RecBole's
        ``load_data_and_model`` reads where the data are. (To resume a training, use :attr:`checkpoint`.)

        Args:
            path: the file; its folder is created.

        Returns:
            The path.
        """
        from recbole_iacn.training import checkpoint

        checkpoint.save_model(self.trainer, self.model, self.config, path)
        return path

    def _is_decision_tree(self) -> bool:
        # RecBole's decision trees have their own file format, which only their trainer can read.
        return self.config["MODEL_TYPE"].name == "DECISIONTREE"

    def _load_best(self, path: str) -> None:
        from recbole_iacn import parallel
        from recbole_iacn.training import checkpoint, resuming

        if parallel.rank() == 0:
            checkpoint.load_weights(self.model, path)
            if hasattr(type(self.model), "dataset_class"):  # its trainer writes this package's format
                resuming.record_end(self.trainer, path)
        parallel.same_state(self.model)


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
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    from recbole_iacn.training import warm_start

    logger = _start_log(config) if log else logging.getLogger(__name__)
    logger.info(config)
    init_seed(config["seed"], config["reproducibility"])
    whole = create_dataset(config)
    loaders = data_preparation(config, whole)
    init_seed(config["seed"] + config["local_rank"], config["reproducibility"])
    network = get_model(config["model"])(config, loaders[0]._dataset).to(config["device"])
    account = None
    if source is not None:
        account = warm_start.start(network, config, loaders[0]._dataset, source, new_rows or "mean")
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, network)
    trainer.trained_on = loaders[0]._dataset  # whose tokens its checkpoints contain
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
    if not isinstance(dataset, str) or os.path.basename(dataset) != dataset or not dataset:
        raise ConfigError(f"dataset: must be the name of a dataset, without a path, got {dataset!r}; see data_path")
    if isinstance(config_file_list, str | os.PathLike) or not all(
        isinstance(path, str | os.PathLike) for path in config_file_list or []
    ):
        raise ConfigError(f"config_file_list: must be a list of paths, got {config_file_list!r}")
    if not isinstance(config_dict or {}, Mapping):
        raise ConfigError(f"config_dict: must be a dict from settings to values, got {config_dict!r}")
    model_class = find_model(model)
    given = dict(config_dict or {})
    with _unread_command_line(model_class):
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
    """Set up RecBole's logging; close the handlers of an earlier run, so that its file does not get these lines."""
    from recbole.utils import init_logger

    root = logging.getLogger()
    while _log_handlers:
        handler = _log_handlers.pop()
        root.removeHandler(handler)
        handler.close()
    before = list(root.handlers)
    init_logger(config)
    _log_handlers.extend(handler for handler in root.handlers if handler not in before)
    return root

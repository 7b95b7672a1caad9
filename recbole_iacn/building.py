"""The one door: from a model's name and a dataset's to everything that a training needs, checked before any work.

    training = recbole_iacn.build("DIN_IaCN", "ml-100k", config_dict={"epochs": 2})
    training.fit()
    training.test()                      # {'auc': …, 'gauc': …, 'logloss': …}
    training.model.couplings(rows)       # the trained model

``run``, the experiments, the benchmarks and the tests all come through here.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recbole_iacn.bridge.registry import find_model
from recbole_iacn.checks import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from recbole.config import Config
    from recbole.data.dataloader.abstract_dataloader import AbstractDataLoader
    from recbole.data.dataset import Dataset
    from recbole.model.abstract_recommender import AbstractRecommender
    from recbole.trainer import AbstractTrainer

_log_handlers: list[logging.Handler] = []  # those of the last run that wrote RecBole's log


@dataclass
class Training:
    """All parts of one training, as :func:`build` makes them; each may be used on its own.

    Attributes:
        config (recbole.config.Config): final settings.
        dataset (recbole.data.dataset.Dataset): tokens and their numbers, columns of items and users; its rows are
            those that RecBole's splitting has left of the interactions.
        train_data, valid_data, test_data: RecBole's loaders; ``valid_data`` has no rows to offer where nothing is split
            off for validation.
        model (recbole.model.abstract_recommender.AbstractRecommender): on ``config["device"]``.
        trainer (recbole.trainer.Trainer): has the optimizer, and the path of the checkpoint.
        checkpoint (str or None): the best epoch's checkpoint; None until :meth:`fit` has written it.
    """

    config: Config
    dataset: Dataset
    train_data: AbstractDataLoader
    valid_data: AbstractDataLoader
    test_data: AbstractDataLoader
    model: AbstractRecommender
    trainer: AbstractTrainer
    checkpoint: str | None = None

    def fit(
        self,
        saved: bool = True,
        verbose: bool = True,
        show_progress: bool | None = None,
        callback_fn: Callable[[int, float], None] | None = None,
    ) -> tuple[float, dict[str, float]]:
        """Train; afterwards :attr:`model` is that of the best epoch by validation.

        Args:
            saved: write the best epoch's checkpoint to ``checkpoint_dir``. Without it the model stays that of the last
                epoch.
            verbose: log each epoch.
            show_progress: show a bar over the batches; by default the setting of that name says.
            callback_fn: called after each validation with (epoch, score); may raise to end the training.

        Returns:
            The best validation score, and all validation metrics of its epoch.
        """
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
        if self.checkpoint and not self._is_of_trees():
            self._load_best(self.checkpoint)
        return best, metrics

    def test(self, show_progress: bool | None = None) -> dict[str, float]:
        """Metrics of :attr:`model`, as it is, on the test rows.

        Args:
            show_progress: as in :meth:`fit`.

        Returns:
            Metric name to value.
        """
        progress = self.config["show_progress"] if show_progress is None else show_progress
        loads = self._is_of_trees() and self.checkpoint is not None
        return self.trainer.evaluate(self.test_data, load_best_model=loads, show_progress=progress)

    def save(self, path: str) -> str:
        """Write the model as it is to a checkpoint of plain values and tensors, which RecBole's
        ``load_data_and_model`` reads. (A training is resumed from :attr:`checkpoint`.)

        Args:
            path: the file; its folder is made.

        Returns:
            The path.
        """
        from recbole_iacn.training import checkpoint

        checkpoint.save_model(self.trainer, self.model, self.config, path)
        return path

    def _is_of_trees(self) -> bool:
        # RecBole's decision trees have files of their own, which their trainer alone can read.
        return self.config["MODEL_TYPE"].name == "DECISIONTREE"

    def _load_best(self, path: str) -> None:
        from recbole_iacn import parallel
        from recbole_iacn.training import checkpoint

        if parallel.rank() == 0:
            checkpoint.load_weights(self.model, path)
        parallel.same_state(self.model)


def build(
    model: str | type,
    dataset: str,
    config_file_list: Sequence[str] | None = None,
    config_dict: Mapping[str, Any] | None = None,
    log: bool = False,
) -> Training:
    """Make all parts of a training, of this package's models or of RecBole's, after checking all settings.

    The settings are those given and nothing else: unlike RecBole's own functions this one does not read the command
    line of the process, which may have flags of its own.

    Args:
        model: a model's name; or a class, which is registered (:func:`register`).
        dataset: a dataset's name; ``<data_path>/<dataset>/`` holds its atomic files. ``ml-100k`` is built in.
        config_file_list: YAML files, the later over the earlier.
        config_dict: settings, over the files'.
        log: set RecBole's logging up, to the console and below ``log/``, as :func:`run` does. By default logging is
            left as it is.

    Returns:
        The parts, not trained yet.

    Raises:
        ConfigError: a setting, file or column is wrong; raised before any data are read.
    """
    return assemble(configure(model, dataset, config_file_list, config_dict), log)


def assemble(config: Config, log: bool = False) -> Training:
    """Read the data and make the model: what :func:`build` does once the settings are checked.

    Args:
        config: of :func:`configure`.
        log: as in :func:`build`.

    Returns:
        The parts.
    """
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    logger = _start_log(config) if log else logging.getLogger(__name__)
    logger.info(config)
    init_seed(config["seed"], config["reproducibility"])
    whole = create_dataset(config)
    loaders = data_preparation(config, whole)
    init_seed(config["seed"] + config["local_rank"], config["reproducibility"])
    network = get_model(config["model"])(config, loaders[0]._dataset).to(config["device"])
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, network)
    logger.info(whole)
    logger.info(network)
    train_data, valid_data, test_data = loaders
    return Training(config, whole, train_data, valid_data, test_data, network, trainer)


def configure(
    model: str | type,
    dataset: str,
    config_file_list: Sequence[str] | None = None,
    config_dict: Mapping[str, Any] | None = None,
) -> Config:
    """The final settings, checked as far as can be without reading data.

    Args:
        model, dataset, config_file_list, config_dict: as in :func:`build`.

    Returns:
        RecBole's settings.

    Raises:
        ConfigError: a setting, file or column is wrong.
    """
    model_class = find_model(model)
    given = dict(config_dict or {})
    with _unread_command_line(model_class):
        settings.check_given(model_class or model, config_file_list, given)
        from recbole.config import Config

        config = Config.__new__(Config)
        config.checked = True  # in full, a model of RecBole's, too: see bridge.config
        config.__init__(model, dataset, list(config_file_list or []), given)
    return config


@contextlib.contextmanager
def _unread_command_line(model_class):
    """Within: RecBole, which takes ``--key=value`` of whatever program this is for settings, finds none."""
    before = sys.argv
    flags = [flag for flag in before[1:] if flag.startswith("--") and "=" in flag]
    known = settings.known_keys(model_class) if flags else ()
    unread = [flag for flag in flags if flag[2:].partition("=")[0] in known]
    if unread:
        warnings.warn(
            f"{' '.join(unread)}: build and run do not read the command line; put settings into config_dict, "
            "or train by the command recbole-iacn train",
            stacklevel=4,
        )
    sys.argv = before[:1]
    try:
        yield
    finally:
        sys.argv = before


def _start_log(config):
    """RecBole's logging; handlers of an earlier run, to whose file this one's lines would go, are closed."""
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

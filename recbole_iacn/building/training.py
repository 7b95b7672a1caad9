"""All parts of a training, and what is done with them: train, test, save, go on."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.system.kept_memory import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from recbole.config import Config
    from recbole.data.dataloader.abstract_dataloader import AbstractDataLoader
    from recbole.data.dataset import Dataset
    from recbole.model.abstract_recommender import AbstractRecommender
    from recbole.trainer import AbstractTrainer


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
    _begun: bool = False

    def resume(self, path: str) -> bool:
        """Go on where a training was interrupted, after the best epoch that its checkpoint holds: :meth:`fit` then ends
        with the weights that it would have had without the interruption. It goes on to write to this checkpoint.

        Args:
            path: the checkpoint, see :attr:`checkpoint`.

        Returns:
            Whether there is anything left to train. A finished training says so, and :meth:`fit` does nothing.

        Raises:
            ConfigError: it is not a checkpoint, is of another model, its data numbered users and items otherwise or had
                other rows, or its training is still running.
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

        Raises:
            ConfigError: it has trained before, or another process writes to the checkpoint that is resumed.
        """
        if self._finished:
            return self.trainer.best_valid_score, self.trainer.best_valid_result or {}
        self._begin()
        keep_freed_memory()
        progress = self.config["show_progress"] if show_progress is None else show_progress
        with self._alone():
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
        ``load_data_and_model`` reads where the data are. It cannot be resumed; :attr:`checkpoint` can.

        Args:
            path: the file; its folder is created.

        Returns:
            The path.
        """
        from recbole_iacn.training import checkpoint

        checkpoint.save_model(self.trainer, self.model, self.config, path)
        return path

    def _begin(self) -> None:
        """A second ``fit`` would go on from the best epoch's weights with the last one's optimizer."""
        if self._begun:
            path = self.trainer.saved_model_file
            goes_on = f", and resume({path!r}) there, with more epochs, to go on" if os.path.isfile(path) else ""
            raise ConfigError(f"fit: this training has been trained; build another one{goes_on}")
        self._begun = True

    def _alone(self) -> contextlib.AbstractContextManager[None]:
        """Nobody else resumes a checkpoint while its training runs."""
        from recbole_iacn import parallel
        from recbole_iacn.training import resuming

        return resuming.alone(self.trainer.saved_model_file) if parallel.rank() == 0 else contextlib.nullcontext()

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

"""Patches by which a checkpoint records the tokens behind its weights, is loaded only over data that number them alike
(``recbole_iacn.training.vocabulary``), and lets RecBole's own trainers go on exactly where it was written."""

import contextlib
import os

from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.errors import ConfigError
from recbole_iacn.system.trust import trusting


def patch_trainer(module):
    """Let trainers, RecBole's own too, write the vocabulary and a digest of the rows into checkpoints, and compare both
    before they load one.

    Args:
        module: ``recbole.trainer.trainer``.
    """
    from recbole_iacn.training import checkpoint_file, random_state, resuming, vocabulary

    @wrap(module.Trainer, "_save_checkpoint")
    def save_checkpoint(original, trainer, epoch, verbose=True, **kwargs):
        if not trainer.config["single_spec"] and trainer.config["local_rank"] != 0:
            return
        path = kwargs.get("saved_model_file", trainer.saved_model_file)
        _write(_state(trainer, epoch), path)
        if verbose:
            trainer.logger.info(module.set_color("Saving current", "blue") + f": {path}")

    @wrap(module.PretrainTrainer, "save_pretrained_model")
    def save_pretrained_model(original, trainer, epoch, saved_model_file):
        # RecBole's name has model, dataset and epoch, so that two runs would write to the same file.
        stem, ending = os.path.splitext(getattr(trainer, "run_file", trainer.saved_model_file))
        trainer.run_file = f"{stem}{ending}"
        path = f"{stem}-{epoch + 1}{ending}"
        _write(_state(trainer, epoch), path)
        trainer.saved_model_file = path

    @wrap(module.Trainer, "_valid_epoch")
    def valid_epoch(original, trainer, valid_data, show_progress=False):
        trainer.measured = original(trainer, valid_data, show_progress=show_progress)
        return trainer.measured

    @wrap(module.Trainer, "fit")
    def fit(original, trainer, train_data, valid_data=None, *args, **kwargs):
        trainer.trained_on = getattr(train_data, "_dataset", None)
        trainer.validated_on = getattr(valid_data, "_dataset", None)
        trainer.loaders = [loader for loader in (train_data, valid_data) if hasattr(loader, "generator")]
        if trainer.train_loss_dict:
            trainer.logger.warning(
                "fit: this trainer has trained already; it goes on with its present weights and optimizer, and counts "
                f"epochs from {trainer.start_epoch + 1} again"
            )
        path = vars(trainer).pop("_unchecked", None)
        if path is not None and trainer.trained_on is not None:
            _check(trainer, path)
        trainer.counted = random_state.counters(trainer.model)
        resumed = vars(trainer).pop("_resumed", None)
        if resumed:
            random_state.put_back(resumed, trainer.model, trainer.loaders, trainer.saved_model_file)
            if hasattr(train_data, "set_epoch"):  # whose negatives and order depend on the epoch
                train_data.set_epoch(trainer.start_epoch)
        return original(trainer, train_data, valid_data, *args, **kwargs)

    @wrap(module.Trainer, "resume_checkpoint")
    def resume_checkpoint(original, trainer, resume_file):
        with trusting(trainer.config["trust"]), _one_line(resume_file):
            state = checkpoint_file.load(resume_file)
            resuming.check_state(state, resume_file)
            if getattr(trainer, "trained_on", None) is not None:
                _check(trainer, resume_file)
            else:  # it will be told by fit
                trainer._unchecked = resume_file
            original(trainer, resume_file)
        trainer.best_valid_result = state.get("best_valid_result") or None
        trainer._resumed = state.get(random_state.ENTRY)

    @wrap(module.Trainer, "evaluate")
    def evaluate(original, trainer, eval_data, load_best_model=True, model_file=None, show_progress=False):
        with trusting(trainer.config["trust"]):
            if not (eval_data and load_best_model and model_file):
                return original(trainer, eval_data, load_best_model, model_file, show_progress)
            vocabulary.check_file(model_file, eval_data._dataset)
            with _one_line(model_file):
                return original(trainer, eval_data, load_best_model, model_file, show_progress)


@contextlib.contextmanager
def _one_line(path):
    """Turn PyTorch's list of weights that do not fit into one line."""
    try:
        yield
    except RuntimeError as error:
        if "loading state_dict" not in str(error):
            raise
        first = str(error).strip().splitlines()[-1].strip()
        raise ConfigError(
            f"{path}: its weights do not fit ({first}); use the settings and the data that it was trained with"
        ) from None


def _check(trainer, path):
    """Compare a checkpoint that is to be resumed with a trainer's data: what the tokens' numbers are, and which rows
    there are."""
    from recbole_iacn.training import checkpoint_file, row_digest, vocabulary

    vocabulary.check_file(path, trainer.trained_on)
    compared = row_digest.check(checkpoint_file.load(path).get(row_digest.ENTRY), trainer, path)
    if not compared:
        trainer.logger.warning(
            f"{path}: records no digest of its rows (RecBole or an earlier version has written it); whether these data "
            "are those that it was trained on is not checked"
        )


def _state(trainer, epoch):
    """RecBole's own checkpoint, in its own format, with what else resuming needs.

    A part of the model is in its weights already. RecBole adds it as an object, of DIN with the whole dataset, and puts
    it in the model's place when it resumes, where the optimizer does not know it.
    """
    from torch import nn

    from recbole_iacn.training import random_state, row_digest, vocabulary

    score, metrics = getattr(trainer, "measured", (None, None))
    # RecBole saves a new best epoch before it records that epoch's metrics.
    metrics = metrics if score == trainer.best_valid_score else trainer.best_valid_result
    other = trainer.model.other_parameter()
    return {
        "config": trainer.config,
        "epoch": epoch,
        "cur_step": trainer.cur_step,
        "best_valid_score": float(trainer.best_valid_score),
        "best_valid_result": {name: float(value) for name, value in (metrics or {}).items()},
        "state_dict": trainer.model.state_dict(),
        "other_parameter": {name: value for name, value in other.items() if not isinstance(value, nn.Module)},
        "optimizer": trainer.optimizer.state_dict(),
        **random_state.recorded(trainer),
        **vocabulary.recorded(trainer),
        **row_digest.recorded(trainer),
    }


def _write(state, path):
    import torch

    from recbole_iacn.training import checkpoint

    with checkpoint.writing(path) as file:
        torch.save(state, file, pickle_protocol=4)


def patch_other_parameters(module):
    """Leave a model's parts where they are when a checkpoint is loaded: their weights are loaded with the others, and
    the object that RecBole would put in their place is none that the optimizer trains.

    Args:
        module: ``recbole.model.abstract_recommender``.
    """
    from torch import nn

    @wrap(module.AbstractRecommender, "load_other_parameter")
    def load_other_parameter(original, model, para):
        parts = [name for name in para or () if isinstance(getattr(model, name, None), nn.Module)]
        original(model, para and {name: value for name, value in para.items() if name not in parts})


def patch_load_data_and_model(module):
    """Let ``load_data_and_model`` compare the vocabularies as soon as the data are read.

    Args:
        module: ``recbole.quick_start.quick_start``.
    """
    from recbole_iacn.training import vocabulary

    @wrap(module, "load_data_and_model")
    def load_data_and_model(original, model_file):
        create = module.create_dataset

        def create_checked(config):
            dataset = create(config)
            vocabulary.check_file(model_file, dataset)
            return dataset

        module.create_dataset = create_checked
        try:
            with _one_line(model_file):
                return original(model_file)
        finally:
            module.create_dataset = create

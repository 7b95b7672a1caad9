"""Patches by which a checkpoint records the tokens behind its weights, and is loaded only over data that number them
alike. See ``recbole_iacn.training.vocabulary``."""

import contextlib

from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.errors import ConfigError
from recbole_iacn.system.atomic_writes import replacing
from recbole_iacn.system.trust import trusting


def patch_trainer(module):
    """Let trainers, RecBole's own too, write the vocabulary into checkpoints, and compare it before they load one.

    Args:
        module: ``recbole.trainer.trainer``.
    """
    from recbole_iacn.training import vocabulary

    @wrap(module.Trainer, "_save_checkpoint")
    def save_checkpoint(original, trainer, epoch, verbose=True, **kwargs):
        entry = vocabulary.recorded(trainer)
        if not entry:
            return original(trainer, epoch, verbose=verbose, **kwargs)
        path = kwargs.get("saved_model_file", trainer.saved_model_file)
        _save_with(entry, trainer, epoch, path)
        if verbose:
            trainer.logger.info(module.set_color("Saving current", "blue") + f": {path}")

    @wrap(module.Trainer, "fit")
    def fit(original, trainer, train_data, *args, **kwargs):
        trainer.trained_on = getattr(train_data, "_dataset", None)
        path = vars(trainer).pop("_unchecked", None)
        if path is not None and trainer.trained_on is not None:
            vocabulary.check_file(path, trainer.trained_on)
        return original(trainer, train_data, *args, **kwargs)

    @wrap(module.Trainer, "resume_checkpoint")
    def resume_checkpoint(original, trainer, resume_file):
        with trusting(trainer.config["trust"]), _one_line(resume_file):
            if getattr(trainer, "trained_on", None) is not None:
                vocabulary.check_file(resume_file, trainer.trained_on)
            else:  # it will be told by fit
                trainer._unchecked = resume_file
            return original(trainer, resume_file)

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


def _save_with(entry, trainer, epoch, path):
    """Write RecBole's own checkpoint, in its own format, with one more entry."""
    import torch

    state = {
        "config": trainer.config,
        "epoch": epoch,
        "cur_step": trainer.cur_step,
        "best_valid_score": trainer.best_valid_score,
        "state_dict": trainer.model.state_dict(),
        "other_parameter": trainer.model.other_parameter(),
        "optimizer": trainer.optimizer.state_dict(),
        **entry,
    }
    with replacing(path) as partial:
        torch.save(state, partial, pickle_protocol=4)


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

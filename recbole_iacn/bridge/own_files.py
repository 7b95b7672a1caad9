"""What RecBole writes itself is whole whenever it is seen: written beside its place, synchronised, then renamed.

Its checkpoints are those of ``checkpoints``.
"""

import builtins
import contextlib
import os

from recbole_iacn import parallel
from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.system import disk
from recbole_iacn.system.atomic_writes import replacing
from recbole_iacn.system.leftovers import held


def patch_files(module):
    """Let a module's ``open`` write a binary file as a whole, and in the first of several processes alone.

    Args:
        module: ``recbole.data.dataset.dataset``, which saves datasets, ``recbole.data.utils``, which saves loaders, or
            ``recbole.utils.url``, which downloads.
    """

    def open_whole(path, mode="r", *args, **kwargs):
        return _writing(path) if mode == "wb" else builtins.open(path, mode, *args, **kwargs)

    module.open = open_whole


@contextlib.contextmanager
def _writing(path):
    if parallel.rank() != 0:
        with builtins.open(os.devnull, "wb") as nothing:
            yield nothing
        return
    mend = "set checkpoint_dir, or data_path, to another folder"
    with disk.writing(path, mend), replacing(path) as partial, builtins.open(partial, "wb") as file:
        yield file


def patch_loaders(module):
    """Let loaders that have been saved keep their generators, without which their run has other figures than one that
    saves none, or one that opens them.

    Args:
        module: ``recbole.data.utils``.
    """

    @wrap(module, "save_split_dataloaders")
    def save(original, config, dataloaders):
        owners = [owner for loader in dataloaders for owner in (loader, loader.sampler)]
        before = [(owner, vars(owner).get("generator")) for owner in owners]
        try:
            original(config, dataloaders)
        finally:
            for owner, generator in before:
                owner.generator = generator


def patch_trees(module):
    """Let decision trees, while they train, write their files to a folder that is removed in the end, and the best one
    to its place as a whole.

    Args:
        module: ``recbole.trainer.trainer``.
    """
    import torch

    trainer_class = module.DecisionTreeTrainer

    @wrap(trainer_class, "fit")
    def fit(original, trainer, *args, **kwargs):
        places = trainer.temp_file, trainer.temp_best_file
        with held(trainer.saved_model_file) as folder:
            trainer.best_place = places[1]
            trainer.temp_file, trainer.temp_best_file = (str(folder / os.path.basename(place)) for place in places)
            try:
                return original(trainer, *args, **kwargs)
            finally:
                trainer.temp_file, trainer.temp_best_file = places
                if getattr(trainer, "boost_model", None) is not None and hasattr(trainer.model, "save_model"):
                    trainer.boost_model = trainer.model  # its file is gone; XGBoost goes on from either

    @wrap(trainer_class, "_save_checkpoint")
    def save_checkpoint(original, trainer, epoch):
        with replacing(trainer.best_place) as partial:
            trainer.model.save_model(str(partial))
        state = {
            "config": trainer.config,
            "epoch": epoch,
            "cur_step": trainer.cur_step,
            "best_valid_score": trainer.best_valid_score,
            "state_dict": trainer.best_place,
            "other_parameter": None,
        }
        with replacing(trainer.saved_model_file) as partial:
            torch.save(state, partial)


def patch_search(module):
    """Write the results of RecBole's own search as a whole.

    Args:
        module: ``recbole.trainer.hyper_tuning``.
    """

    @wrap(module.HyperTuning, "export_result")
    def export_result(original, search, output_file=None):
        with replacing(output_file) as partial:
            return original(search, str(partial))

"""One training of an experiment, in its own process."""

import contextlib
import ctypes
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recbole_iacn.experiments import interest_figures, said, strata
from recbole_iacn.experiments.plan import Run, recbole_name
from recbole_iacn.experiments.results import RUN_FIELDS
from recbole_iacn.experiments.unfinished import Anew, Progress, forget
from recbole_iacn.names import FAMILY
from recbole_iacn.system import leftovers
from recbole_iacn.version import __version__

_PATHS = ("valid_negatives_file", "test_negatives_file", "dataset_save_path", "dataloaders_save_path")
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # glibc's malloc.h


def train(
    run: Run,
    data_path: str,
    after_epoch: Callable[[int, float], object] | None = None,
    bundle: Path | None = None,
    place: Path | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> dict[str, Any]:
    """Train, validate and test a model.

    Args:
        run (Run): the run.
        data_path (str): the folder that contains the datasets.
        after_epoch (Callable, optional): called with (epoch, validation score); may raise an exception to end the run.
        bundle (pathlib.Path, optional): receives the model of the best epoch, as a bundle; what is there is replaced.
            An absolute path, as that of the place, since a run works in a folder of its own.
        place (pathlib.Path, optional): keeps what an interrupted run goes on from, and is gone on from
            (:mod:`~recbole_iacn.experiments.unfinished`); it is left for the caller to remove.
        say (Callable): called with a line if the run goes on, or cannot.

    Returns:
        dict: the fields of the run; ``best``, the best validation score; ``valid`` and ``test``, the metrics of that
        epoch; ``test_by``, the test's metrics by stratum (:func:`recbole_iacn.experiments.strata.figures`), or None;
        ``divergence`` between the interests of clicked and recommended items, or None; ``interests``, measures
        of them (:func:`recbole_iacn.experiments.interest_figures.figures`), or None; ``epochs``, a list with losses,
        validation score, seconds since the start and, for a model with several interests, how far apart they are;
        ``loading``, the seconds before the first epoch; ``seconds``, the total time, without what an interruption has
        lost; ``peak_mb``, the peak memory of the process in MB; ``device``, "cpu" or the name of a GPU;
        ``warnings``, what this package had to say, a line each; and ``version``.
    """
    import torch

    torch.set_num_threads(1)
    _keep_memory()
    logging.basicConfig(level=logging.ERROR)  # RecBole's warnings would interrupt the progress bar over runs
    with leftovers.temporary_folder() as scratch, contextlib.ExitStack() as stack, said.collected() as warnings:
        before = os.getcwd()
        os.chdir(scratch)  # RecBole writes files to the working directory
        stack.callback(os.chdir, before)
        given = {"show_progress": False, **run.settings, "data_path": data_path}
        given |= {key: os.path.join(before, given[key]) for key in _PATHS if given.get(key)}
        training, progress, start = _begin(run, given, place or scratch, say)
        _check(training, run, scratch, keeps=bundle is not None)
        device = _name_of(training.config["device"])
        if not progress.epochs:
            progress.loading = time.perf_counter() - start
        # What an interruption has lost is left out.
        start = time.perf_counter() - (progress.seconds or progress.loading)

        def record(number, score):
            progress.add(training, number, _epoch(training, number, score, time.perf_counter() - start), device)
            if after_epoch:
                after_epoch(number, score)

        best, valid = training.fit(verbose=False, callback_fn=record)
        measured = _measured(training, run, bundle, scratch)
    return {
        **{key: getattr(run, key) for key in RUN_FIELDS},
        **({"column": run.column} if run.column else {}),
        "best": float(best),
        "valid": _plain(valid),
        **measured,
        "loading": progress.loading,
        "epochs": progress.epochs,
        "seconds": time.perf_counter() - start,
        "peak_mb": _peak_mb(),
        "device": device,
        "warnings": list(warnings),
        "version": __version__,
    }


def _begin(run, given, place, say):
    """A training, the epochs that it has already, and when it was begun; after an interruption it goes on, or says why
    it starts anew."""
    from recbole_iacn.building import build

    def made():
        start = time.perf_counter()
        place.mkdir(exist_ok=True)
        training = build(recbole_name(run), run.dataset, config_dict={**given, "checkpoint_dir": str(place)})
        return training, Progress(place), start

    training, progress, start = made()
    try:
        with said.unheard():
            where = progress.go_on(training, _name_of(training.config["device"]))
        if where:
            say(where)
        return training, progress, start
    except Anew as error:
        say(f"starts anew: {error}")
    del training, progress  # before there is another in memory
    forget(place)
    return made()


def _check(training, run, scratch, keeps):
    """Report what cannot be kept or measured before the model is trained."""
    if keeps:
        training.save(str(scratch / "untrained"))
    if run.interests:
        interest_figures.check(training, run.interests, scratch)
    if run.strata:
        strata.check(training, run.strata)


def _epoch(training, number, score, seconds):
    """What the result has of an epoch."""
    ours = getattr(training.trainer, "epoch_losses", None)
    losses = ours[-1] if ours else {"main": float(training.trainer.train_loss_dict[number])}
    spread = (getattr(training.trainer, "epoch_interests", None) or [None])[-1]
    more = {"interests": spread.as_dict()} if spread else {}
    return {"losses": losses, "valid": float(score), "seconds": seconds, **more}


def _measured(training, run, bundle, scratch):
    """The fields of the result that the trained model has."""
    from recbole_iacn.experiments.divergence import interest_divergence

    test, test_by = _test(training, run)
    if bundle:
        training.save(str(bundle), overwrite=True)
    apart = interests = None
    if run.divergence and (run.mode == "full" or run.model in FAMILY):
        apart = float(interest_divergence(training.model, training.test_data._dataset, rows=run.divergence).mean())
    if run.interests:
        path = str(bundle) if bundle else training.save(str(scratch / "trained"))
        interests = interest_figures.figures(training, run.interests, path)
    return {"test": _plain(test), "test_by": test_by, "divergence": apart, "interests": interests}


def _plain(metrics):
    return {name: float(value) for name, value in metrics.items()}


def _test(training, run):
    """The test's metrics, and the same by stratum, or None."""
    if not run.strata:
        return training.test(), None
    with strata.collecting(training) as batches:
        test = training.test()
    return test, strata.figures(training, run.strata, batches)


def _keep_memory():
    """Let glibc keep freed memory for the next step, because the system zeroes every page that it hands out.

    RecBole's own models gain most, since their optimizer allocates tensors of the item table's size in every step.
    """
    # Only Linux has this; elsewhere nothing changes.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def _name_of(device):
    """What a time depends on: which GPU it was, or that it was a CPU."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _peak_mb():
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3

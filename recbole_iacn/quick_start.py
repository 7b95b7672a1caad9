"""Run a model in one process or in several: build, fit, test."""

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from recbole_iacn import parallel
from recbole_iacn.bridge.registry import find_model
from recbole_iacn.building import assemble, configure
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import click_models
from recbole_iacn.system import disk, interrupts
from recbole_iacn.system.run_output import Console, Output


def run(
    model: str | type,
    dataset: str,
    config_file_list: list[str] | None = None,
    config_dict: dict[str, Any] | None = None,
    saved: bool = True,
    nproc: int = 1,
    world_size: int = -1,
    ip: str = "localhost",
    port: str = "5678",
    group_offset: int = 0,
    resume: str | os.PathLike | None = None,
    start_from: str | os.PathLike | None = None,
    new_rows: str | None = None,
    bundle: str | None = None,
    overwrite: bool = False,
    out: str | os.PathLike | None = None,
    console: Console | None = None,
) -> dict[str, Any] | None:
    """Train, validate and test a model, this package's or RecBole's, after checking all settings.

    Args:
        model, dataset, config_file_list, config_dict: as in :func:`recbole_iacn.build`.
        saved (bool): write the best model to ``checkpoint_dir``. Defaults to True.
        nproc (int): number of processes on this machine; each processes its share of every batch, on GPUs with one GPU
            per process. Defaults to 1.
        world_size (int): number of processes on all machines; -1 (default) for ``nproc``.
        ip, port (str): address of the first machine. Defaults to localhost:5678.
        group_offset (int): rank of this machine's first process among all. Defaults to 0.
        resume: the checkpoint of an interrupted training with the same data, which goes on as if uninterrupted.
        start_from, new_rows: as in :func:`recbole_iacn.build`: start from another day's model.
        bundle (str, optional): folder that the model is written to after the test, see
            :meth:`recbole_iacn.Training.save`: the best epoch's, or with ``saved=False`` the last one's.
        overwrite (bool): replace a bundle that is there already. Defaults to False.
        out (str, optional): folder for everything else that is written: ``saved/`` (in place of ``checkpoint_dir``),
            ``log/`` and ``log_tensorboard/``. Defaults to None: they lie in the working folder. A training that is
            resumed goes on to write to its checkpoint.
        console (str, optional): what is printed, as :class:`~recbole_iacn.system.run_output.Output` says: ``log``,
            ``table`` or ``json``. Defaults to None: RecBole's lines, and progress bars, on standard error.

    If ``torchrun`` started this process, it is one of several, with the rank that torchrun assigned to it.

    Returns:
        dict: RecBole's ``best_valid_score``, ``valid_score_bigger``, ``best_valid_result`` and ``test_result``; also
        ``model``, with the weights of the best epoch (None with ``nproc`` > 1, since its process has ended), and
        ``checkpoint``, its path (None if not saved), ``seed``, ``valid_metric``, ``decimals`` (of metrics),
        ``best_epoch`` and ``last_epoch`` (from 1), ``seconds``, and ``files``, which were written: ``checkpoint``,
        ``bundle``, ``log`` and ``log_tensorboard`` to the path, of those that there are, and ``other`` to a list.
        None on machines other than the first, and in all processes of torchrun but the first.

    Raises:
        ConfigError: a setting, file or column is wrong; raised before any training.
    """
    if not isinstance(nproc, int) or nproc < 1:
        raise ConfigError(f"nproc: must be at least 1, got {nproc}")
    launched = _place_by_torchrun()
    several = nproc > 1 or world_size > 1 or launched is not None
    model_class = find_model(model)
    if several and not hasattr(model_class, "dataset_class"):
        raise ConfigError(
            f"nproc, world_size: several processes train this package's models only, not RecBole's {model}"
            + (f"; use {model}_IaCN with iacn_mode: off instead" if model in click_models() else "")
        )
    if resume is not None and start_from is not None:
        raise ConfigError(
            "resume, start_from (--resume, --from): one goes on with the same data, the other starts on new ones; "
            "give one of them"
        )
    output = Output(console, None if out is None else os.fspath(out))
    config_dict = _under(output, config_dict)
    inputs = {"model": model, "dataset": dataset, "config_file_list": config_file_list, "config_dict": config_dict}
    inputs["begins"] = {"resume": resume, "start_from": start_from, "new_rows": new_rows}
    left = _Saved(saved, bundle, overwrite, output)
    if launched:
        return _work(launched.pop("local_rank"), inputs, left, launched)
    if several:
        _check_ahead(inputs, ip, port, group_offset, left)
        place = {"nproc": nproc, "world_size": max(world_size, nproc), "ip": ip, "port": port}
        return _spawn(inputs, left, {**place, "offset": group_offset})
    return _train(inputs, left)


def _under(output, config_dict):
    """The settings, with the checkpoints' folder below the output's."""
    if output.console not in (None, *get_args(Console)):
        raise ConfigError(f"console: must be log, table, json or None, got {output.console!r}")
    if output.folder is None:
        return config_dict
    if "checkpoint_dir" in (config_dict or {}):
        raise ConfigError("out, checkpoint_dir (--out): both say where checkpoints lie; leave one of them out")
    disk.check(output.folder, "name another folder (--out)", within=True)
    return {**(config_dict or {}), "checkpoint_dir": output.within("saved")}


@dataclass(frozen=True)
class _Saved:
    """What a run leaves: a checkpoint of the best epoch, a bundle's folder, and what is printed."""

    checkpoint: bool
    bundle: str | None
    overwrite: bool
    output: Output

    @contextlib.contextmanager
    def alone(self, config):
        """Hold the bundle's folder: of two trainings for the same one, the second is told before it begins."""
        self.check(config)
        with contextlib.ExitStack() as held:
            if self.bundle is not None:
                from recbole_iacn.bundle.folder import alone

                with disk.writing(self.bundle, "name another folder (--bundle)"):
                    held.enter_context(alone(self.bundle))
                self.check(config)  # another training may have made it in between
            yield

    def check(self, config):
        """Reject a bundle that could not be written, before any work."""
        if self.overwrite and self.bundle is None:
            raise ConfigError("overwrite: replaces a bundle, and none is written; name its folder by bundle (--bundle)")
        if self.bundle is None:
            return
        if config["MODEL_TYPE"].name == "DECISIONTREE":
            raise ConfigError(f"bundle: a decision tree ({config['model']}) has no weights that a bundle could hold")
        from recbole_iacn.bundle.folder import check_target

        check_target(self.bundle, self.overwrite)


def _train(inputs, saved, place=None, tell=None):
    """Build, fit and test in this process. What an interruption would lose or keep is said, or told to the parent."""
    config, begins = _check(inputs, place)
    first = parallel.rank() == 0
    with saved.output.active(), saved.alone(config) if first else contextlib.nullcontext():
        return _trained(config, begins, saved, tell)


def _trained(config, begins, saved, tell):
    from recbole.utils import get_environment, set_color

    from recbole_iacn.building.account import Account

    account = Account(config, saved.output)
    training = assemble(config, True, begins["source"], begins["new_rows"])
    if saved.bundle and parallel.rank() == 0:
        from recbole_iacn.bundle import beforehand

        beforehand.check_model(config, training.dataset, training.model)
    if begins["resume"] is not None:
        training.resume(begins["resume"])
    account.begin(training)
    logger, reached = logging.getLogger(), _Reached(saved, training)
    if tell:
        tell(reached)
    with interrupts.saying(reached.words):
        best, metrics = training.fit(saved=saved.checkpoint, show_progress=account.bars)
        account.end()
    reached = reached.trained()
    if tell:
        tell(reached)
    with interrupts.saying(reached.words):
        tested = training.test(show_progress=account.bars)
        environment = get_environment(training.config).draw()
        logger.info("The running environment of this training is as follows:\n" + environment)
        logger.info(set_color("best valid ", "yellow") + f": {metrics}")
        logger.info(set_color("test result", "yellow") + f": {tested}")
        if saved.bundle and parallel.rank() == 0:
            training.save(saved.bundle, saved.overwrite)
            logger.info(set_color("bundle", "yellow") + f": {saved.bundle}")
    return {
        "best_valid_score": best,
        "valid_score_bigger": training.config["valid_metric_bigger"],
        "best_valid_result": metrics,
        "test_result": tested,
        "model": training.model,
        "checkpoint": training.checkpoint,
        **account.result(saved.bundle),
    }


class _Reached:
    """What an interrupted training leaves, in words; sent from the first of several processes to their parent."""

    def __init__(self, saved, training):
        self._path = training.trainer.saved_model_file if saved.checkpoint else None
        self._resumes = training.config["MODEL_TYPE"].name != "DECISIONTREE"
        self._bundles = saved.bundle is not None
        self._is_over = False

    def trained(self):
        """The same after the last epoch."""
        self._is_over = True
        return self

    def words(self):
        if self._path is None or not os.path.isfile(self._path):
            return "no epoch is saved"
        if self._is_over:
            how = f", which recbole-iacn bundle {self._path} writes as a bundle" if self._bundles else ""
            return f"the training has ended, its model is in {self._path}{how}"
        if self._resumes:
            return f"--resume={self._path} goes on after the best epoch"
        return f"{self._path} has the best epoch"


def _check(inputs, place=None):
    """The settings, and what the training begins with, before any data are read."""
    from recbole_iacn.bundle import former
    from recbole_iacn.training import resuming

    given = dict(inputs)
    begins = dict(given.pop("begins"))
    config = configure(**given, place=place)
    begins["source"] = former.read(begins.pop("start_from"), config, begins["new_rows"])
    if begins["resume"] is not None:
        resuming.check(begins["resume"], config)
    return config, begins


def _place_by_torchrun():
    """RecBole's settings for torchrun's environment variables; None if torchrun did not start this process."""
    environment = os.environ
    if "TORCHELASTIC_RUN_ID" not in environment or environment["WORLD_SIZE"] == "1":
        return None
    local = int(environment["LOCAL_RANK"])
    return {
        "local_rank": local,
        "offset": int(environment["RANK"]) - local,
        "nproc": int(environment["LOCAL_WORLD_SIZE"]),
        "world_size": int(environment["WORLD_SIZE"]),
        "ip": environment["MASTER_ADDR"],
        "port": environment["MASTER_PORT"],
    }


def _check_ahead(inputs, ip, port, group_offset, saved):
    """Check once, before any process starts, what every process would otherwise report."""
    if not str(port).isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"port: must be a number from 1 to 65535, got {port!r}")
    config, _ = _check(inputs)
    if group_offset == 0:
        saved.check(config)
        with socket.socket() as probe:
            try:
                probe.bind((ip, int(port)))
            except OSError as error:
                raise ConfigError(
                    f"ip, port: can't listen at {ip}:{port} ({error.strerror}); give another port"
                ) from None


def _spawn(inputs, saved, place):
    import torch.multiprocessing as mp

    results, told = (mp.get_context("spawn").SimpleQueue() for _ in range(2))
    with interrupts.deaf():
        started = mp.spawn(_work, args=(inputs, saved, place, results, told), nprocs=place["nproc"], join=False)
    try:
        with interrupts.saying(lambda: _last(told)):
            while not started.join():
                pass
    except mp.ProcessExitedException:
        if results.empty():
            raise
        raise ConfigError(results.get()) from None
    finally:
        interrupts.stop(started.processes)
    return None if results.empty() else results.get()


def _last(told):
    """What the first of several processes has told last, in words."""
    reached = None
    while not told.empty():
        reached = told.get()
    return "no epoch is saved" if reached is None else reached.words()


def _work(
    local_rank: int,
    inputs: dict[str, Any],
    saved: _Saved,
    place: dict[str, Any],
    results: Any = None,
    told: Any = None,
) -> dict[str, Any] | None:
    """Train as one of several processes.

    Its result, or its ConfigError as text, goes to the queue ``results`` if there is one, and what it has reached to
    the queue ``told``.
    """
    if results is not None:
        interrupts.begin_child()
    import torch

    is_first = local_rank + place["offset"] == 0
    tell: Callable[[Any], None] | None = told.put if told is not None and is_first else None
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max((os.cpu_count() or 1) // place["nproc"], 1))
    try:
        result = _train(inputs, saved, {**place, "local_rank": local_rank}, tell)
    except ConfigError as error:
        if results is None:
            raise
        results.put(str(error))
        sys.exit(2)
    torch.distributed.destroy_process_group()
    if not is_first:
        return None
    if results is None:
        return result
    results.put({**result, "model": None})  # the model belongs to this process, which ends
    return None

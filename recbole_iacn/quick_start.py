"""Run a model: build, fit, test; in one process or in several."""

import logging
import os
import socket
import sys
from typing import Any

from recbole_iacn.bridge.registry import find_model
from recbole_iacn.building import build, configure
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import click_models


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
) -> dict[str, Any] | None:
    """Train, validate and test a model, ours or RecBole's, after checking all settings.

    Args:
        model, dataset, config_file_list, config_dict: as in :func:`recbole_iacn.build`.
        saved (bool): write the best model to ``checkpoint_dir``.
        nproc (int): processes on this machine, each with its share of every batch; on GPUs one each.
        world_size (int): processes on all machines; -1 (default) for ``nproc``.
        ip, port (str): of the first machine.
        group_offset (int): number of this machine's first process among all.

    Started by ``torchrun``, this process is one of several as torchrun says.

    Returns:
        dict: RecBole's ``best_valid_score``, ``valid_score_bigger``, ``best_valid_result`` and ``test_result``; beside
        them ``model``, that of the best epoch (None with ``nproc`` > 1: it lived in a process that has ended), and
        ``checkpoint``, its path (None if not saved). None on machines other than the first, and from all but torchrun's
        first process.

    Raises:
        ConfigError: a setting, file or column is wrong; raised before any training.
    """
    if nproc < 1:
        raise ConfigError(f"nproc: must be at least 1, got {nproc}")
    launched = _place_by_torchrun()
    several = nproc > 1 or world_size > 1 or launched is not None
    model_class = find_model(model)
    if several and not hasattr(model_class, "dataset_class"):
        raise ConfigError(
            f"nproc, world_size: several processes train this package's models only, {model} is RecBole's own"
            + (f"; {model}_IaCN with iacn_mode: off is its like" if model in click_models() else "")
        )
    what = {"model": model, "dataset": dataset, "config_file_list": config_file_list, "config_dict": config_dict}
    if launched:
        return _work(launched.pop("local_rank"), what, saved, launched)
    if several:
        _check_ahead(what, ip, port, group_offset)
        place = {"nproc": nproc, "world_size": max(world_size, nproc), "ip": ip, "port": port}
        return _spawn(what, saved, {**place, "offset": group_offset})
    return _train(what, saved)


def _train(what, saved):
    """Build, fit, test."""
    from recbole.utils import get_environment, set_color

    training = build(**what, log=True)
    best, metrics = training.fit(saved=saved)
    tested = training.test()
    logger = logging.getLogger()
    logger.info("The running environment of this training is as follows:\n" + get_environment(training.config).draw())
    logger.info(set_color("best valid ", "yellow") + f": {metrics}")
    logger.info(set_color("test result", "yellow") + f": {tested}")
    return {
        "best_valid_score": best,
        "valid_score_bigger": training.config["valid_metric_bigger"],
        "best_valid_result": metrics,
        "test_result": tested,
        "model": training.model,
        "checkpoint": training.checkpoint,
    }


def _place_by_torchrun():
    """RecBole's settings for what torchrun says in the environment; None without it."""
    given = os.environ
    if "TORCHELASTIC_RUN_ID" not in given or given["WORLD_SIZE"] == "1":
        return None
    local = int(given["LOCAL_RANK"])
    return {
        "local_rank": local,
        "offset": int(given["RANK"]) - local,
        "nproc": int(given["LOCAL_WORLD_SIZE"]),
        "world_size": int(given["WORLD_SIZE"]),
        "ip": given["MASTER_ADDR"],
        "port": given["MASTER_PORT"],
    }


def _check_ahead(what, ip, port, group_offset):
    """What the processes would all complain of, said once, before there are any."""
    if not str(port).isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"port: must be a number from 1 to 65535, got {port!r}")
    configure(**what)
    if group_offset == 0:
        with socket.socket() as probe:
            try:
                probe.bind((ip, int(port)))
            except OSError as error:
                raise ConfigError(
                    f"ip, port: can't listen at {ip}:{port} ({error.strerror}); give another port"
                ) from None


def _spawn(what, saved, place):
    import torch.multiprocessing as mp

    answers = mp.get_context("spawn").SimpleQueue()
    try:
        mp.spawn(_work, args=(what, saved, place, answers), nprocs=place["nproc"], join=True)
    except mp.ProcessExitedException:
        if answers.empty():
            raise
        raise ConfigError(answers.get()) from None
    return None if answers.empty() else answers.get()


def _work(local_rank, what, saved, place, answers=None):
    """One of several processes: a training that knows its place."""
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max((os.cpu_count() or 1) // place["nproc"], 1))
    config_dict = {**(what["config_dict"] or {}), **place, "local_rank": local_rank}
    try:
        result = _train({**what, "config_dict": config_dict}, saved)
    except ConfigError as error:
        if answers is None:
            raise
        answers.put(str(error))
        sys.exit(2)
    torch.distributed.destroy_process_group()
    if local_rank + place["offset"] != 0:
        return None
    if answers is None:
        return result
    answers.put({**result, "model": None})  # it lives in this process, which ends
    return None

"""Run a model by name: the checks of this package, then RecBole's own run."""

import os
import socket
import sys

from recbole_iacn.bridge.config import checking_files
from recbole_iacn.bridge.registry import own_class
from recbole_iacn.checks import settings
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.names import FAMILY, SUFFIX, click_models, is_ours, recbole_models


def run(
    model,
    dataset,
    config_file_list=None,
    config_dict=None,
    saved=True,
    nproc=1,
    world_size=-1,
    ip="localhost",
    port="5678",
    group_offset=0,
):
    """Train, validate and test a model, ours or RecBole's, after checking all settings.

    Args:
        model (str or type): model name, or a model class.
        dataset (str): data set name; ``<data_path>/<dataset>/`` holds its atomic files. ``ml-100k`` is built in.
        config_file_list (list of str, optional): YAML files, the later over the earlier.
        config_dict (dict, optional): settings, over the files'.
        saved (bool): write the best model to ``checkpoint_dir``.
        nproc (int): processes on this machine, each with its share of every batch; on GPUs one each.
        world_size (int): processes on all machines; -1 (default) for ``nproc``.
        ip, port (str): of the first machine.
        group_offset (int): number of this machine's first process among all.

    Started by ``torchrun``, this process is one of several as torchrun says.

    Returns:
        dict: ``best_valid_score``, ``valid_score_bigger``, ``best_valid_result``, ``test_result``; None on machines
        other than the first, and from all but torchrun's first process.

    Raises:
        ConfigError: a setting, file or column is wrong; raised before any training.
    """
    if nproc < 1:
        raise ConfigError(f"nproc: must be at least 1, got {nproc}")
    launched = _place_by_torchrun()
    several = nproc > 1 or world_size > 1 or launched is not None
    model_class = check_model(model)
    if several and model_class is None:
        raise ConfigError(
            f"nproc, world_size: several processes train this package's models only, {model} is RecBole's own"
            + (f"; {model}_IaCN with iacn_mode: off is its like" if model in click_models() else "")
        )
    settings.check_given(model_class or model, config_file_list, config_dict)
    what = {"model": model, "dataset": dataset, "config_file_list": config_file_list, "config_dict": config_dict}
    with checking_files():
        if launched:
            return _work(launched.pop("local_rank"), {**what, "saved": saved}, launched)
        if several:
            _check_ahead(what, ip, port, group_offset)
            place = {"nproc": nproc, "world_size": max(world_size, nproc), "ip": ip, "port": port}
            return _spawn({**what, "saved": saved}, {**place, "offset": group_offset})
        from recbole.quick_start import run_recbole

        return run_recbole(**what, saved=saved)


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
    from recbole.config import Config

    if not str(port).isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"port: must be a number from 1 to 65535, got {port!r}")
    Config(**what)
    if group_offset == 0:
        with socket.socket() as probe:
            try:
                probe.bind((ip, int(port)))
            except OSError as error:
                raise ConfigError(
                    f"ip, port: can't listen at {ip}:{port} ({error.strerror}); give another port"
                ) from None


def _spawn(arguments, place):
    import torch.multiprocessing as mp

    answers = mp.get_context("spawn").SimpleQueue()
    try:
        mp.spawn(_work, args=(arguments, place, answers), nprocs=place["nproc"], join=True)
    except mp.ProcessExitedException:
        if answers.empty():
            raise
        raise ConfigError(answers.get()) from None
    return None if answers.empty() else answers.get()


def _work(local_rank, arguments, place, answers=None):
    """One of several processes: RecBole's run as one that knows its place."""
    from recbole.quick_start import run_recbole

    if "OMP_NUM_THREADS" not in os.environ:
        import torch

        torch.set_num_threads(max((os.cpu_count() or 1) // place["nproc"], 1))
    config_dict = {**(arguments["config_dict"] or {}), **place, "local_rank": local_rank}
    try:
        with checking_files():
            result = run_recbole(**{**arguments, "config_dict": config_dict}, queue=answers)
    except ConfigError as error:
        if answers is None:
            raise
        answers.put(str(error))
        sys.exit(2)
    return result if local_rank + place["offset"] == 0 else None


def check_model(model):
    """The class of a model of ours; None for a RecBole model's name.

    Args:
        model (str or type): name or class.

    Raises:
        ConfigError: neither of us knows the name.
    """
    if not isinstance(model, str):
        return model
    if is_ours(model):
        return own_class(model)
    known = [*(name + SUFFIX for name in click_models()), *FAMILY, *recbole_models()]
    if model not in known:
        raise ConfigError(f"model: there is no {model!r}.{did_you_mean(model, known)}")
    return None

"""Runs that start in the same second have files of their own and report their own figures."""

import datetime
import logging
import re
import threading
from pathlib import Path

import pytest
from helpers import SHORT_RANKING

import recbole_iacn
from recbole_iacn.bridge import run_names

NAME = r"{}-tiny-\d{{8}}-\d{{6}}-[0-9a-f]{{8}}"


class Frozen(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 26, 6, 20, 18)


@pytest.fixture
def frozen(monkeypatch):
    """RecBole's clock and ours stand still."""
    from recbole.utils import utils

    from recbole_iacn.system import unique_names

    monkeypatch.setattr(utils.datetime, "datetime", Frozen)
    monkeypatch.setattr(unique_names, "datetime", Frozen)


@pytest.fixture
def alone():
    """Called in a test: the root logger has no handlers, as in a program that pytest does not watch."""
    root, level = logging.getLogger(), logging.getLogger().level
    vars(run_names.RunFilter.runs).clear()
    yield root.handlers.clear
    for handler in run_names._handlers(root):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@pytest.mark.slow
def test_checkpoint_log_and_curves_of_a_run_have_one_name(settings, alone):
    alone()
    result = recbole_iacn.run("DIN_IaCN", "tiny", config_dict=settings(epochs=1, log_tensorboard=True, state="INFO"))
    (log,), (curves,) = Path("log/DIN_IaCN").iterdir(), Path("log_tensorboard").iterdir()
    assert re.fullmatch(NAME.format("DIN_IaCN"), curves.name)
    assert result["checkpoint"] == f"saved/{curves.name}.pth" and log.name == f"{curves.name}.log"
    assert curves.name in log.read_text()  # "Saving current"


def test_every_trainer_has_its_own_name_in_a_second(build, frozen):
    """Of this package, of RecBole, and of one config."""
    from recbole.trainer import Trainer

    files = set()
    for name in ("DIN_IaCN", "DIN_IaCN", "DIN"):
        config, *_, model = build(name)
        for _ in range(2):
            files.add(Trainer(config, model).saved_model_file)
    assert len(files) == 6
    assert all(re.fullmatch(r"saved/DIN\w*-tiny-20261126-062018-[0-9a-f]{8}\.pth", file) for file in files)


def test_the_name_moves_no_random_numbers(build):
    import random

    import numpy as np
    import torch
    from recbole.trainer import Trainer

    config, *_, model = build()

    def states():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()

    Trainer(config, model)
    before = states()
    run_names.name_of(config, run_names.LOG)
    run_names.name_of(config, run_names.TRAINER)
    assert states() == before


def test_a_name_is_no_path():
    class Settings(dict):
        __hash__ = object.__hash__

    name = run_names.name_of(Settings(model="A/B", dataset="..\\c d"), run_names.LOG)
    assert re.fullmatch(r"A_B-\.\._c_d-\d{8}-\d{6}-[0-9a-f]{8}", name)


def test_the_time_in_others_names_is_unique(frozen):
    from recbole.utils import get_local_time

    one, other = get_local_time(), get_local_time()
    assert one != other and one.startswith("Nov-26-2026_06-20-18-")


@pytest.mark.slow
def test_a_pretraining_has_its_own_files(settings):
    """RecBole's name has model, dataset and epoch; the file serves the second stage as RecBole's does."""
    columns = {"item": ["item_id", "categories"], **SHORT_RANKING["load_col"]}
    given = settings(epochs=1, mlp_hidden_size=..., load_col=columns, metrics=["MRR"])
    given |= {"item_attribute": "categories", "hidden_size": 8, "inner_size": 8, "n_heads": 1, "n_layers": 1}
    given |= {"train_neg_sample_args": None, "pretrain_epochs": 2, "save_step": 1, "topk": [5], "valid_metric": "MRR@5"}
    made = [recbole_iacn.build("S3Rec", "tiny", config_dict={**given, "train_stage": "pretrain"}) for _ in range(2)]
    for training in made:
        training.fit(verbose=False)
    files = sorted(path.name for path in Path("saved").iterdir())
    assert len(files) == 4 and all(re.fullmatch(NAME.format("S3Rec") + r"-[12]\.pth", name) for name in files)
    assert made[0].checkpoint.endswith("-2.pth") and made[0].checkpoint != made[1].checkpoint
    fine = {**given, "train_stage": "finetune", "pre_model_path": made[0].checkpoint}
    assert recbole_iacn.build("S3Rec", "tiny", config_dict=fine).fit(verbose=False)[0] > 0


def _same_moment(count, work):
    """Call ``work(number)`` in as many threads, which begin together."""
    barrier, failed = threading.Barrier(count), []

    def begin(number):
        try:
            barrier.wait()
            work(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


@pytest.mark.slow
def test_threads_that_begin_together_report_their_own_figures(settings, frozen, alone):
    """Two of this package's models and one of RecBole's; each result is that of its own checkpoint."""
    alone()
    from recbole_iacn.training.checkpoint import best_valid_result

    runs = [("DIN_IaCN", 0.001), ("DIN_IaCN", 0.05), ("DIN", 0.05)]
    found = {}

    def work(number):
        name, rate = runs[number]
        given = settings(epochs=2, learning_rate=rate, state="INFO")
        found[number] = recbole_iacn.run(name, "tiny", config_dict=given)

    _same_moment(len(runs), work)
    assert len({result["checkpoint"] for result in found.values()}) == len(runs)
    for number, (name, rate) in enumerate(runs):
        result = found[number]
        assert best_valid_result(result["checkpoint"]) == pytest.approx(dict(result["best_valid_result"]), abs=0)
        log = Path("log", name, f"{Path(result['checkpoint']).stem}.log").read_text()
        assert re.findall(r"learning_rate = (\S+)", log) == [str(rate)] and log.count("best valid") == 1
        assert set(re.findall(r"saved/\S+\.pth", log)) == {result["checkpoint"]}
    assert len({result["best_valid_score"] for result in found.values()}) == len(runs)


@pytest.mark.slow
def test_a_second_run_in_a_process_has_its_own_log(settings, alone):
    """By RecBole's function; without this package it writes to the first one's."""
    alone()
    from recbole.quick_start import run_recbole

    for seed in (3, 4):
        run_recbole("DIN", "tiny", config_dict=settings(epochs=1, seed=seed, state="INFO"))
    logs = sorted(Path("log/DIN").iterdir(), key=lambda path: path.stat().st_mtime)
    assert [re.findall(r"^seed = (\d)$", log.read_text(), re.M) for log in logs] == [["3"], ["4"]]
    assert sum(isinstance(handler, logging.FileHandler) for handler in logging.getLogger().handlers) == 1


def test_lines_of_other_threads_go_to_the_newest_run_alone(alone, build):
    from recbole.utils import init_logger

    alone()

    def begin(_):
        config = build(state="INFO")[0]
        init_logger(config)

    begin(0)
    older = run_names.RunFilter.newest
    thread = threading.Thread(target=begin, args=(1,))
    thread.start()
    thread.join()
    newer = run_names.RunFilter.newest
    logging.getLogger().info("of the first")
    thread = threading.Thread(target=logging.getLogger().info, args=("of a helper",))
    thread.start()
    thread.join()
    texts = [Path(f"log/DIN_IaCN/{name}.log").read_text() for name in (older, newer)]
    assert "of the first" in texts[0] and "of a helper" not in texts[0]
    assert "of the first" not in texts[1] and "of a helper" in texts[1]


@pytest.mark.slow
def test_what_a_dead_run_has_left_is_removed_by_the_next(settings, tmp_path):
    left = tmp_path / "saved" / ".DIN_IaCN-tiny-20261126-062018-00000000.pth.partial-0123abcd"
    left.mkdir(parents=True)
    (left / ".lock").touch()
    (left / "half.pth").write_bytes(b"half")
    recbole_iacn.build("DIN_IaCN", "tiny", config_dict=settings(epochs=1))
    assert not left.exists()

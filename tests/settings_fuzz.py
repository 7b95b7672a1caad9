"""Settings drawn at random, plain and hostile, and what becomes of each: for ``test_settings_fuzz.py``, and by hand.

``python tests/settings_fuzz.py 10000 SEED`` draws as many as one likes, trains with every setting that is accepted, and
prints what ends in anything but a line.
"""

import contextlib
import copy
import datetime
import functools
import random
import re
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from recbole_iacn.errors import ConfigError

MODELS = ("DIN_IaCN", "WideDeep_IaCN", "MIND", "TiMiRec", "DIN", "SASRec")
SECONDS = 60  # that a setting may take, training included

# fmt: off
PLAIN = (
    None, True, False, 0, 1, 2, 3, 8, -1, 0.0, 0.1, 0.5, 1.0, 5.0, -0.5,
    "", " ", "full", "off", "none", "user", "item_id", "1", "1e-3", "0.5", "[5,inf)", "[0,inf)", "AUC", "NDCG@5",
    "adam", "SGD", "BPR", "CE", "mean", "max", "uni5", "labeled",
    [], [1], [4, 8], [0.1, 0.1, 0.1], ["AUC"], ["Hit", "MRR"], ["AUC", "Hit"], ["user_id"], ["categories"],
    ["timestamp"], ["rating"], {"max_norm": 1.0}, {"max_norm": 5, "norm_type": 1},
    {"inter": ["user_id", "item_id", "timestamp"]},
    {"LS": "valid_and_test"}, {"distribution": "uniform", "sample_num": 2}, {"distribution": "popularity"},
    {"split": {"RS": [8, 1, 1]}, "mode": "uni5"}, {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO"},
    {"mode": {"valid": "full", "test": "uni5"}}, {"timestamp": "[0,inf)"}, {"rating": 3}, {"categories": 2},
    {"item": ["categories"]}, {"order": "RO", "group_by": "none", "mode": "labeled"},
)

HOSTILE = (
    -3, 2**31, 2**63, 10**12, 10**400, -(10**12), 1e-300, 1e12, 1e308, float("nan"), float("inf"), -float("inf"),
    "fast", "abc", "None", "true", "nan", "inf", "~", "[", "{", "9**9**9", "exit()", "1/0", "__import__", "\0", "\n",
    "日本語 λ", "a" * 5000, "../../..", "/", "%s{}", "-1", "1e999", "key", "self", "@", "NDCG@", "@5", "uni", "uni-1",
    "uni0", "full ",
    [None], [0], [-1], [1.5], ["nope"], [[1]], [{}], [True], ["1"], [""], [2**63], [float("nan")], [10**12],
    (), (1, 2), (1, None), {}, {1: 2}, {None: None}, {"": ""}, {"nope": 1}, {"a": {"b": {"c": [1, {"d": None}]}}},
    {"max_norm": "x"}, {"max_norm": -1}, {"max_nrom": 1}, {"split": None}, {"split": {"RS": [1, 1]}},
    {"split": {"RS": [0.8, 0.1, 0.3]}}, {"split": {"RS": [], "LS": 1}}, {"mode": "full", "x": 1}, {"mode": 3},
    {"mode": {"valid": None}}, {"distribution": "zipf"}, {"sample_num": -1}, {"sample_num": 10**12}, {"dynamic": True},
    {"dynamic": True, "candidate_num": 2}, {"inter": "user_id"}, {"inter": None}, {"inter": []}, {"item": ["nope"]},
    {"timestamp": "[5"}, {"timestamp": 5}, {"nope": "[0,1]"}, {"rating": "x"}, {"a": 1, "b": 2},
    b"bytes", {1, 2}, frozenset(),
    datetime.date(2020, 1, 1), object(), int, len, 1j, range(3), Ellipsis, NotImplemented,
)
# fmt: on


def draw(number, seed):
    """Settings to try.

    Args:
        number (int): how many.
        seed (int): of the draw.

    Returns:
        list of tuple: (model, key, value).
    """
    from recbole_iacn.checks.settings import known_keys
    from recbole_iacn.settings import table

    source = random.Random(seed)
    read, known = sorted(table.keys()), sorted(known_keys())
    drawn = []
    for _ in range(number):
        key = source.choice(read if source.random() < 0.85 else known)
        values = source.choice([PLAIN, HOSTILE, likely(key)])
        drawn.append((source.choice(MODELS), key, source.choice(values)))
    return drawn


@functools.cache
def likely(key):
    """Values that are right for a setting alone: its choices, and those of both pools that its check lets pass."""
    from recbole_iacn.settings import table
    from recbole_iacn.settings.wording import allows

    setting = table.setting(key)
    if setting is None:
        return PLAIN
    choices = re.findall(r"[\w@]+", setting.words)
    return [value for value in (*PLAIN, *HOSTILE, *choices) if not allows(setting.kind, value)] or PLAIN


def enter(model, settings, dataset="tiny"):
    """What a run does before the data are read.

    Returns:
        recbole.config.Config
    """
    from recbole_iacn.building import configure

    return configure(model, dataset, config_dict=settings)


def train(config):
    """The rest of the run.

    Returns:
        dict: metrics of the test.
    """
    from recbole_iacn.building import assemble

    training = assemble(config)
    training.fit(saved=False, show_progress=False)
    return training.test(show_progress=False)


@contextlib.contextmanager
def within(seconds):
    """TimeoutError for what takes longer."""

    def stop(*_):
        raise TimeoutError(f"not done in {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def is_one_line(error):
    """Whether an error is one that a user can read: one line, which begins with a setting or a file."""
    text = str(error)
    return "\n" not in text and "\r" not in text and ": " in text


def main(number, seed):
    """Try and train all; print what is no line."""
    import helpers

    logging_off()
    folder = tempfile.mkdtemp()
    data_path = str(helpers.write_atomic(Path(folder)))
    counts = {"rejected": 0, "trained": 0, "wrong": 0}
    for model, key, value in draw(number, seed):
        what = "wrong"
        try:
            with within(SECONDS):
                try:
                    config = enter(model, {**settings_of(model), "data_path": data_path, key: value_for(value)})
                except ConfigError as error:
                    assert is_one_line(error), error
                    what = "rejected"
                    if "-v" in sys.argv:
                        print(f"  {model} {key}={value!r:.50}: {error}")
                    continue
                if config["epochs"] < 5:
                    train(config)
                what = "trained"
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            where = traceback.extract_tb(error.__traceback__)[-1]
            last = f"{Path(where.filename).name}:{where.lineno}"
            print(f"{model:13} {key}={value!r:.60}: {type(error).__name__}: {str(error)!r:.150} ({last})", flush=True)
        finally:
            counts[what] += 1
    print(counts)


def value_for(value):
    """A value that a run may change, from one of the pools."""
    return copy.deepcopy(value) if isinstance(value, list | dict) else value


def settings_of(model):
    """Settings for a run of a second, a fresh copy."""
    return copy.deepcopy(BASES.get(model, BASE))


def logging_off():
    """RecBole's log, silent."""
    import logging
    import warnings

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


BASE = {
    "load_col": {
        "inter": ["user_id", "item_id", "timestamp", "rating"],
        "item": ["item_id", "categories"],
        "user": ["user_id", "age"],
    },
    "embedding_size": 4,
    "mlp_hidden_size": [8],
    "hidden_size": 4,
    "inner_size": 4,
    "MAX_ITEM_LIST_LENGTH": 4,
    "train_batch_size": 256,
    "eval_batch_size": 256,
    "epochs": 1,
    "show_progress": False,
    "state": "ERROR",
    "seed": 7,
}
BASES = {"SASRec": {**BASE, "train_neg_sample_args": None}}  # its loss is over all items


if __name__ == "__main__":
    import os

    numbers = [int(one) for one in sys.argv[1:3]]
    sys.argv = [sys.argv[0], *(["-v"] if "-v" in sys.argv else [])]
    os.chdir(tempfile.mkdtemp())
    main(*numbers)

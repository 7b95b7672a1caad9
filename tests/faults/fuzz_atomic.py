"""Malformed atomic files and files of negatives: read right, or rejected by one line.

What is accepted is compared with a reader of a few lines, which knows no more than the format's rules.
"""

import collections
import math
import random
import re

import helpers
import numpy as np

from faults.cases import case
from faults.judged import call, tree
from faults.malformed import BASE, KIND, SECONDS, cells_of, read_all, small, spoil


@case(KIND, "an atomic file, .inter, .item or .user, in a training", 250, in_suite=20, seconds=SECONDS)
def atomic_file(folder, seed):
    import recbole_iacn

    source = random.Random(seed)
    place, kind = small(folder), source.choice(("inter", "inter", "item", "user"))
    done = spoil(place / f"tiny.{kind}", seed)
    model = source.choice(("DIN_IaCN", "WideDeep_IaCN", "MIND", "DIN"))
    settings = {**BASE, "data_path": str(folder)}
    before = tree(place)
    training, error = call(lambda: recbole_iacn.build(model, "tiny", config_dict=settings))
    assert tree(place) == before, f"{done}: the data are changed"
    if error is None:
        cells = cells_of(place / "tiny.inter")
        read = collections.Counter(_rows_of(training.dataset))
        written = collections.Counter((row["user_id"], row["item_id"], np.float32(row["timestamp"])) for row in cells)
        assert read <= written, f"{done}: rows that are not in the file: {list(read - written)[:3]}"


@case(KIND, "an atomic file's cells, beside those of a plain reader", 150, in_suite=40, seconds=SECONDS)
def atomic_cells(folder, seed):
    from recbole_iacn.data.cells import AtomicFile
    from recbole_iacn.data.reading import read_columns

    kind = random.Random(seed).choice(("inter", "item", "user"))
    path = small(folder) / f"tiny.{kind}"
    done = spoil(path, seed)
    columns, error = call(lambda: read_all(AtomicFile, read_columns, path))
    expected = _oracle(path)
    if error is None:
        assert expected is not None, f"{done}: read, and should not be"
        for name, values in columns.items():
            assert _same(values, [row[name] for row in expected]), f"{done}: {name} has other values"
    else:
        assert expected is None or "NUL" in error, f"{done}: rejected without a reason: {error}"


def _oracle(path):
    """Rows of an atomic file by the rules of docs/design.md, column -> value; None if one is broken."""
    try:
        head, *lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        return None
    typed = [cell.rpartition(":")[::2] if cell.count(":") == 1 else ("", "") for cell in _line(head).split("\t")]
    if len(dict(typed)) < len(typed) or not all(name and kind in _VALUES for name, kind in typed):
        return None
    rows = [_line(line).split("\t") for line in lines if _line(line)]
    if len(typed) == 1:
        rows = [row for row in rows if row != [""]]
    if any(len(row) != len(typed) or "\r" in "".join(row) or "\0" in "".join(row) for row in rows) or "\r" in _line(
        head
    ):
        return None
    try:
        return [{name: _VALUES[kind](cell) for (name, kind), cell in zip(typed, row)} for row in rows]
    except ValueError:
        return None


def _line(text):
    return text.removesuffix("\r")


def _number(cell):
    if not cell:
        return math.nan
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", cell, re.ASCII) or math.isinf(float(cell)):
        raise ValueError(cell)
    return float(cell)


_VALUES = {
    "token": lambda cell: cell or math.nan,
    "float": _number,
    "token_seq": lambda cell: [entry for entry in cell.split(" ") if entry],
    "float_seq": lambda cell: [_number(entry) for entry in cell.split(" ") if entry],
}


def _same(values, expected):
    values = [list(one) if hasattr(one, "__len__") and not isinstance(one, str) else one for one in values]
    return len(values) == len(expected) and all(map(_equal, values, expected))


def _equal(one, other):
    return one == other or (one != one and other != other)


def _rows_of(dataset):
    tokens = dataset.field2id_token
    table = dataset.inter_feat
    return zip(
        tokens["user_id"][table["user_id"].numpy()],
        tokens["item_id"][table["item_id"].numpy()],
        table["timestamp"].numpy(),
    )


@case(KIND, "a part of a benchmark that is split already", 80, in_suite=6, seconds=SECONDS)
def benchmark_part(folder, seed):
    import recbole_iacn

    parts = ("train", "valid", "test")
    place = folder / "split"
    place.mkdir()
    for part in parts:
        lines = ["user_id:token\titem_id:token\titem_id_list:token_seq\ttimestamp:float\tlabel:float"]
        for user in range(6):
            for k in range(4):
                history = " ".join(f"i{(user + k + n) % 9}" for n in range(k))
                lines.append(f"u{user}\ti{(user + 2 * k) % 9}\t{history}\t{1_500_000_000 + k}\t{k % 2}")
        (place / f"split.{part}.inter").write_text("\n".join(lines) + "\n")
    part = random.Random(seed).choice(parts)
    done = spoil(place / f"split.{part}.inter", seed)
    settings = {
        **BASE,
        "data_path": str(folder),
        "load_col": {"inter": ["user_id", "item_id", "item_id_list", "timestamp", "label"]},
        "benchmark_filename": list(parts),
        "alias_of_item_id": ["item_id_list"],
        "protocol": None,
        "train_neg_sample_args": None,
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "labeled"},
    }
    training, error = call(lambda: recbole_iacn.build("DIN_IaCN", "split", config_dict=settings))
    if error is None:
        rows = [row for one in parts for row in cells_of(place / f"split.{one}.inter")]
        read = [tuple(row) for row in zip(*(_tokens(training.dataset, name) for name in ("user_id", "item_id")))]
        assert read == [(row["user_id"], row["item_id"]) for row in rows], f"{done}: other rows"
        labels = training.dataset.inter_feat["label"].tolist()
        assert labels == [float(row["label"]) for row in rows], f"{done}: other labels"


def _tokens(dataset, name):
    return dataset.field2id_token[name][dataset.inter_feat[name].numpy()]


@case(KIND, "a file of negatives", 80, in_suite=6, seconds=SECONDS)
def negatives(folder, seed):
    import recbole_iacn

    small(folder)
    own = collections.defaultdict(set)
    for row in cells_of(folder / "tiny" / "tiny.inter"):
        own[row["user_id"]].add(row["item_id"])
    lines = [f"{user}\t{min({f'i{k}' for k in range(15)} - items)}" for user, items in own.items()]
    path = folder / "negatives.tsv"
    path.write_text("\n".join(["user_id:token\titem_id_list:token_seq", *lines]) + "\n")
    done = spoil(path, seed)
    settings = {**BASE, "data_path": str(folder), "test_negatives_file": str(path)}
    training, error = call(lambda: recbole_iacn.build("DIN_IaCN", "tiny", config_dict=settings))
    if error is None:
        given = {row["user_id"]: row["item_id_list"].split() for row in cells_of(path)}
        drawn = [row for row in helpers.token_rows(training.test_data) if not row[2]]
        assert drawn and all([item] == given[user] for user, item, _ in drawn), f"{done}: other negatives"

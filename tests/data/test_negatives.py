"""Negatives of one's own from a file, and errors in such a file."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import own_sets, token_rows

from recbole_iacn.data.negatives import read_negatives
from recbole_iacn.data.sampling import OwnItems
from recbole_iacn.errors import ConfigError


def write_negatives(path, dataset, change=lambda user, item: f"{user}\t{item}"):
    """For each user the first item that is not their own; ``change`` may spoil a line."""
    own = own_sets(dataset)
    lines = [change(user, min({f"i{item}" for item in range(40)} - own[user])) for user in own]
    path.write_text("\n".join(["user_id:token\titem_id_list:token_seq", *lines]) + "\n")


def test_evaluation_negatives_may_come_from_a_file(build, tmp_path):
    _, train, *_ = build()
    write_negatives(tmp_path / "mine", train._dataset)
    _, _, valid, test, _ = build(test_negatives_file=str(tmp_path / "mine"))
    own = own_sets(train._dataset)
    everything = {f"i{item}" for item in range(40)}
    assert all(item == min(everything - own[user]) for user, item, label in token_rows(test) if not label)
    assert any(item != min(everything - own[user]) for user, item, label in token_rows(valid) if not label)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda user, item: f"{user}x\t{item}", "line 2: 'u0x' is not in the data"),
        (lambda user, item: f"{user}\t{item}{'?' if user == 'u3' else ''}", r"line 5: 'i\d+\?' is not in the data"),
        (lambda user, item: f"{user}\t{item} {item}", "line 2: 2 items, but each positive needs 1"),
        (lambda user, item: user, "line 2: 0 items"),
    ],
)
def test_a_wrong_line_of_negatives_is_named(build, tmp_path, change, message):
    _, train, *_ = build()
    write_negatives(tmp_path / "mine", train._dataset, change)
    with pytest.raises(ConfigError, match=f"mine, {message}"):
        build(valid_negatives_file=str(tmp_path / "mine"))


def test_own_items_and_absent_users_among_given_negatives_are_errors(build, tmp_path):
    _, train, *_ = build()
    own = own_sets(train._dataset)
    write_negatives(tmp_path / "own", train._dataset, lambda user, item: f"{user}\t{min(own[user])}")
    with pytest.raises(ConfigError, match=r"own, line 2: 'i\d+' is one of the own items of 'u0'"):
        build(test_negatives_file=str(tmp_path / "own"))
    head = "user_id:token\titem_id_list:token_seq\n"
    other = next(item for item in map("i{}".format, range(40)) if item not in own["u0"])
    (tmp_path / "one").write_text(f"{head}u0\t{other}\n")
    with pytest.raises(ConfigError, match="no line for 59 evaluated user"):
        build(test_negatives_file=str(tmp_path / "one"))
    (tmp_path / "head").write_text("user\titems\n")
    with pytest.raises(ConfigError, match="line 1: must be 'user_id:token"):
        build(test_negatives_file=str(tmp_path / "head"))
    with pytest.raises(ConfigError, match="No such file"):
        build(test_negatives_file=str(tmp_path / "absent"))


def test_one_own_item_among_others_is_an_error(tmp_path):
    """Which of the line's items it is, and whatever stands beside it."""
    tokens = {"user_id": {"[PAD]": 0, "a": 1, "b": 2}, "item_id": {"[PAD]": 0, "x": 1, "y": 2, "z": 3}}
    data = SimpleNamespace(
        uid_field="user_id", iid_field="item_id", config={"LIST_SUFFIX": "_list"}, field2token_id=tokens
    )
    own = OwnItems(np.array([1, 2, 2]), np.array([3, 1, 2]), n_items=4)  # a has z, b has x and y
    head, path = "user_id:token\titem_id_list:token_seq\n", tmp_path / "mine"
    path.write_text(head + "a\tx y\nb\tz z\n")
    assert read_negatives(path, data, own, np.array([2, 1, 1]), 2).tolist() == [[3, 3], [1, 2], [1, 2]]
    for items, named in (("x z", "z"), ("z y", "z"), ("z z", "z")):
        path.write_text(f"{head}b\tz z\na\t{items}\n")
        with pytest.raises(ConfigError, match=f"mine, line 3: '{named}' is one of the own items of 'a'"):
            read_negatives(path, data, own, np.array([1]), 2)


def read(path, text, own=()):
    """Negatives of users a and b among the items 1, 2 and 3, one each."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    numbers = {"user_id": {"a": 1, "b": 2}, "item_id": {"1": 1, "2": 2, "3": 3}}
    dataset = SimpleNamespace(
        uid_field="user_id", iid_field="item_id", config={"LIST_SUFFIX": "_list"}, field2token_id=numbers
    )
    dataset.field2id_token = {"user_id": np.array(["[PAD]", "a", "b"])}
    nobody = SimpleNamespace(contains=lambda users, items: np.zeros(len(items), bool))
    return read_negatives(str(path), dataset, nobody, np.array([2, 1]), 1).tolist()


HEAD = "user_id:token\titem_id_list:token_seq\n"


@pytest.mark.parametrize(
    "text, message",
    [
        (f"{HEAD}a\t1\nb\t2\na\t3\n", "line 4: user 'a' has a line already; give each user one"),
        (f"{HEAD}a\t\t1\nb\t2\n", "line 2: 3 cells, but there are a user and a list of items"),
        (f"{HEAD}a\t1\nb\t\u00a02\n", r"line 3: '\\xa02' is not in the data"),
        (f"{HEAD}a\t1\u2028b\t2\n", "line 2: 3 cells"),
        (HEAD.encode() + b"a\t1\nb\t\xff\n", "line 3: is not valid UTF-8; save the file in UTF-8"),
        (b"\x1f\x8b\x08", "line 1: is not valid UTF-8"),
    ],
)
def test_a_line_that_was_misread_is_named(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read(tmp_path / "mine", text)


@pytest.mark.parametrize("text", [f"{HEAD}a\t1\nb\t2", f"\ufeff{HEAD}a\t1\nb\t 2\n".replace("\n", "\r\n")])
def test_lines_end_as_in_atomic_files(tmp_path, text):
    assert read(tmp_path / "mine", text) == [[2], [1]]


@pytest.mark.parametrize(
    "text, line",
    [
        ("", "own, line 1: must be 'user_id:token"),
        ("{head}", "own: has a header and no rows"),
        ("{head}u0\ti1\ti2\n", "own, line 2: 3 cells, but there are a user and a list of items"),
        ("{head}u0\ti1\nu0\ti2\n", "own, line 3: user 'u0' has a line already"),
        ("{head}u0\ti1\nu1\ti2 i3\n", "own, line 3: 2 items, and 1 for user 'u0'; each positive needs as many"),
        (b"{head}u0\t\xff\n", "own, line 2: is not valid UTF-8"),
    ],
)
def test_a_damaged_file_is_found_before_the_data_are_read(settings, tmp_path, text, line):
    from recbole_iacn.building import configure

    text = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "own").write_bytes(text.replace(b"{head}", b"user_id:token\titem_id_list:token_seq\n"))
    with pytest.raises(ConfigError, match=re.escape(line)):
        configure("DIN_IaCN", "tiny", config_dict=settings(test_negatives_file=str(tmp_path / "own")))

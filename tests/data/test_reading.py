"""Columns have the values that pandas and Python read, cell by cell."""

import numpy as np
import pandas as pd
import pytest

from recbole_iacn.data import cells, reading
from recbole_iacn.data.cells import AtomicFile
from recbole_iacn.errors import ConfigError


@pytest.fixture(params=[30, 1 << 24])
def read(request, tmp_path, monkeypatch):
    """The values of one column; in blocks of some lines, and in one."""
    monkeypatch.setattr(cells, "_BLOCK", request.param)

    def make(values, kind, written="token"):
        path = tmp_path / "shop.inter"
        path.write_bytes(b"a:token\tx:" + written.encode() + b"\n")
        with open(path, "ab") as file:
            file.writelines(b"a\t" + (one if isinstance(one, bytes) else str(one).encode()) + b"\n" for one in values)
        return reading.read_columns(AtomicFile(path, None, "\t"), {"x": kind})["x"]

    return make


ODD = [
    "NA",
    "null",
    "nan",
    "None",
    '"',
    '"a',
    "a" * 7,
    "a" * 8,
    "a" * 9,
    "a" * 64,
    "a" * 65,
    "a" * 300,
    "é" * 20,
    "日",
    " a",
]


@pytest.mark.parametrize("longest", [8, 64, 300])
def test_tokens_are_those_of_the_file(read, longest):
    known = [one for one in ODD if len(one.encode()) <= longest]
    random = np.random.default_rng(0)
    tokens = [known[place] for place in random.integers(0, len(known), size=200)]
    column = read(tokens, "token")
    assert list(column) == tokens
    assert list(column.categories) == list(dict.fromkeys(tokens))


def test_only_an_empty_cell_is_empty(read):
    column = read(["b", "", "NA", "b", "", "nan"], "token")
    assert column.codes.tolist() == [0, -1, 1, 0, -1, 2] and list(column.categories) == ["b", "NA", "nan"]


def test_a_token_that_is_not_text_is_named(read):
    with pytest.raises(ConfigError, match=r"encoding: .*shop\.inter, line 4 is not valid utf-8"):
        read(["a", "b", b"\xe9", "c"], "token")
    with pytest.raises(ConfigError, match=r"encoding: .*shop\.inter, line 3 is not valid utf-8"):
        read(["a b", b"b \xe9"], "token_seq")


def test_numbers_are_those_that_python_reads(read):
    random = np.random.default_rng(1)
    values = [repr(float(value)) for value in random.random(300) * 10.0 ** random.integers(-30, 30, size=300)]
    values += ["0", "007", "+5", "-3", "1e3", ".5", "5.", "123456789012345678", "9999999999999999999", " 7", "0.1"]
    assert read(values, "float", "float").tolist() == [float(value) for value in values]
    whole = [str(value) for value in random.integers(0, 10**9, size=300)]
    assert read(whole, "float", "float").tolist() == [float(value) for value in whole]


def test_an_empty_number_is_nan(read):
    assert np.isnan(read(["", "1", "2.5", ""], "float", "float")).tolist() == [True, False, False, True]


@pytest.mark.parametrize("wrong", ["NA", "nan", "inf", "1_0", "1,5", "0x1", '"5"', "1e999", "a", "1 2"])
def test_a_cell_that_is_not_a_number_is_named(read, wrong):
    message = rf"shop\.inter, line 4: x: '{wrong}' is not a finite number; leave the cell empty, or give the column"
    with pytest.raises(ConfigError, match=message):
        read(["1", "", wrong, "3", "b"], "float", "float")


@pytest.mark.parametrize("wrong", ["NA", "nan", "inf", "1_0", "a"])
def test_an_entry_that_is_not_a_number_is_named(read, wrong):
    with pytest.raises(ConfigError, match=r"line 3: x: .* is not a finite number; leave it out, or type the column"):
        read(["1 2", f"3 {wrong}"], "float_seq", "float_seq")


def test_lists(read):
    texts = ["a b", "", "NA", "  c  a ", '"a b"']
    assert [one.tolist() for one in read(texts, "token_seq")] == [text.split() for text in texts]
    assert [one.tolist() for one in read(["1 2.5", "", "-3"], "float_seq")] == [[1, 2.5], [], [-3]]


TEXTS = [
    "2024-05-31",
    "2024-05-31T23:59:59",
    "2024-05-31 23:59:59.25",
    "2024-05-31T23:59:59.123456Z",
    "2024-05-31 23:59+02:00",
    "2024-05-31T23:59:59-0530",
    "1969-12-31",
    "2250-01-01",
]


def test_times_in_text_are_those_of_pandas(read):
    times = [TEXTS[place] for place in np.random.default_rng(2).integers(0, len(TEXTS), size=100)]
    zoned = [time.tz_localize("UTC") if time.tz is None else time for time in map(pd.Timestamp, times)]
    right = [(time - pd.Timestamp("1970-01-01", tz="UTC")) / pd.Timedelta(seconds=1) for time in zoned]
    column = read(times, "time", "float")
    assert column.dtype == np.float64
    np.testing.assert_allclose(column, right, rtol=0, atol=1e-6)
    lists = [" ".join(one for one in times[row : row + 2] if " " not in one) for row in range(20)]
    for found, text in zip(read(lists, "time_seq", "float_seq"), lists):
        np.testing.assert_allclose(found, [right[times.index(one)] for one in text.split()], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "times",
    [
        [2**53 + step for step in (1, 3, 2, 0)],
        [1_600_000_000_123_456_789, 1_600_000_000_123_456_790, 5],
        [2**63 - 1, 2**62 + 1],
    ],
)
def test_integers_that_float64_would_round_stay(read, times):
    column = read(times, "time", "float")
    assert column.dtype == np.int64 and column.tolist() == times


def test_other_times_are_float64(read):
    times = ["1600000000.123", "1600000000.124", "-5", "9007199254740991", "0"]
    column = read(times, "time", "float")
    assert column.dtype == np.float64 and column.tolist() == [float(time) for time in times]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (["5", "", "7"], "line 3: x: the cell is empty, and the order of clicks needs every time"),
        (["", "5"], "line 2: x: the cell is empty"),
        (
            ["5", "6", "yesterday"],
            "line 4: x: 'yesterday' is not a time. Every cell must be a number, or every cell ISO",
        ),
        (["now", "2024-05-31"], "line 2: x: 'now' is not a time"),
        (["2024-05-31", "now"], "line 3: x: 'now' is not a time"),
        (["2024-05-31", "2024-05-32"], "line 3: x: '2024-05-32' is not a time"),
        (["2024-05-31", "2024"], "line 3: x: '2024' is not a time"),
        (["2024-05-31", "1600000000"], "line 3: x: '1600000000' is not a time"),
        (["1600000000", "2024-05-31"], "line 3: x: '2024-05-31' is not a time"),
        (["31.05.2024"], "line 2: x: '31.05.2024' is not a time"),
        (["5", "nan"], "line 3: x: 'nan' is not a time"),
        ([2**60, 2**60, "0.5"], "line 4: x: where a time is 2\\*\\*53 or more, all must be integers below 2\\*\\*63"),
        ([2**60, 2**63], "line 3: x: where a time is"),
        ([2**60, f"{2**60 + 1}.5"], "line 3: x: where a time is"),  # as float64 it has no fraction
        ([2**60, 10**19], "line 3: x: where a time is"),
        ([2**60, -(2**60)], "line 3: x: where a time is"),
        ([-(2**60), 5], "line 2: x: where a time is"),
    ],
)
def test_what_is_no_time_is_named(read, times, message):
    with pytest.raises(ConfigError, match=rf"shop\.inter, {message}"):
        read(times, "time", "float")


def test_what_is_no_time_in_a_list_is_named(read):
    for lists in (["2024-05-31 2024-06-01", "2024-05-31 soon"], ["1 2", "3 soon"]):
        with pytest.raises(ConfigError, match=r"shop\.inter, line 3: x: 'soon' is not a time"):
            read(lists, "time_seq", "float_seq")


def test_several_columns_are_numbered_together_by_first_appearance():
    one, two = (pd.Series(pd.Categorical(values)) for values in (["b", "a", None], ["c", "a"]))
    numbers, tokens = reading.remap([one, two])
    assert [part.tolist() for part in numbers] == [[1, 2, 0], [3, 2]] and tokens == ["[PAD]", "b", "a", "c"]

"""Pickles are read as values; what they would import or call is recorded, and nothing runs."""

import builtins
import collections
import pickle
import struct

import pytest
from faults.oversized import BOMBS
from faults.payloads import PAYLOADS, RAN, Path, inside

from recbole_iacn.system import inert_pickle
from recbole_iacn.system.inert_pickle import Inert, Name, NotPlain

VALUES = [
    *(None, True, -3, 2**70, 2.5, "é\n", b"\x00\xff", bytearray(b"ab"), 1 + 2j, (1, (2, 3)), [[], {}], {1, 2}),
    *({"a": {(1, "b"): 2.0}}, frozenset({1}), collections.OrderedDict(b=1, a=2), collections.Counter("aab")),
    collections.defaultdict(list, {1: [2]}),
]


class Own:
    """A class of the user's."""

    def __init__(self):
        self.kept = [1]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_are_those_of_pickle(protocol):
    for value in VALUES:
        found = inert_pickle.read(pickle.dumps(value, protocol))
        assert found == value and type(found) is type(value)
    shared = [[]] * 2
    first, second = inert_pickle.read(pickle.dumps(shared, protocol))
    assert first is second


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_object_is_recorded_with_its_state(protocol):
    found = inert_pickle.read(pickle.dumps({"own": Own(), "function": len}, protocol))
    assert type(found["own"]) is Inert and found["own"].state == {"kept": [1]}
    assert found["own"].name == Name(__name__, "Own")
    assert found["function"] == Name("builtins", "len")


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_runs_by_pickle_and_not_here(name, tmp_path):
    with inside(tmp_path):
        assert isinstance(inert_pickle.read(PAYLOADS[name] + b"."), Inert)
        assert not Path(RAN).exists()
        pickle.loads(PAYLOADS[name] + b".")
        assert Path(RAN).exists()
        Path(RAN).unlink()


@pytest.mark.parametrize("name", [name for name in BOMBS if "value of" not in name and "itself" not in name])
def test_what_claims_too_much_is_no_pickle(name):
    """Neither memory nor time is spent on a claim; what is only large when it is followed, the caller counts."""
    if name in ("depth", "an array of petabytes", "a frame", "a place of the memo"):  # the claim alone is not believed
        inert_pickle.read(BOMBS[name] + b".")
        return
    with pytest.raises(NotPlain):
        inert_pickle.read(BOMBS[name] + b".")


def test_only_what_a_builder_gives_is_changed():
    """A pickle that gives a state to what is not its own: a name, a number, a list, a builder's result."""
    for target in (b"cbuiltins\nlen\n", b"K\x01", b"]", b"}", b"cmade\nmade\n)R"):
        with pytest.raises(NotPlain, match="changes a "):
            inert_pickle.read(target + b"}X\x01\x00\x00\x00aK\x01sb.", {"made.made": lambda: 5})


@pytest.mark.parametrize(
    "instruction",
    [
        b"\x82\x01",
        b"\x83\x01\x00",
        b"\x84\x01\x00\x00\x00",
        b"P1\n",
        b"NQ",
        b"\x97",
        b"N\x98",
        b"\xff",
        b"R",
        b"0",
        b"s",
    ],
)
def test_other_instructions_are_rejected(instruction):
    """Extensions, persistent ids, buffers outside, unknown codes, and instructions without operands."""
    with pytest.raises(NotPlain):
        inert_pickle.read(instruction + b".")


def test_any_bytes_are_a_value_or_not_plain():
    import random

    chosen = random.Random(1)
    whole = pickle.dumps([*VALUES, Own()], 4)
    for _ in range(2000):
        content = bytearray(whole)
        for _ in range(chosen.randrange(1, 4)):
            content[chosen.randrange(len(content))] = chosen.randrange(256)
        try:
            inert_pickle.read(bytes(content[: chosen.randrange(len(content))] + struct.pack("<I", chosen.randrange(9))))
        except NotPlain:
            continue


@pytest.mark.parametrize(
    ("made", "value"),
    [
        ("bytearray", b"B\xa0\x86\x01\x00" + bytes(100_000)),
        ("bytes", b"B\xa0\x86\x01\x00" + bytes(100_000)),
        ("set", b"](" + b"K\x01" * 100_000 + b"e"),
    ],
)
def test_a_value_that_is_copied_again_and_again_is_no_pickle(made, value):
    """100 KB, of which each further copy takes five bytes of the pickle."""
    begun = b"\x80\x04cbuiltins\n" + made.encode() + b"\nq\x00" + value + b"\x85q\x01"
    assert inert_pickle.read(begun + b"](" + b"h\x00h\x01R" * 2 + b"e.") == [getattr(builtins, made)(_of(made))] * 2
    with pytest.raises(NotPlain, match="claims more than it contains"):
        inert_pickle.read(begun + b"](" + b"h\x00h\x01R" * 1000 + b"e.")


def _of(made):
    return [1] if made == "set" else bytes(100_000)


def test_a_key_has_few_parts():
    """All of them are looked at, whenever the key is used."""
    for count in (100, 101):
        data = b"}(" + b"K\x01" * count + b"tK\x02s."
        if count == 100:
            assert inert_pickle.read(data) == {(1,) * 100: 2}
            continue
        with pytest.raises(NotPlain, match="has a key"):
            inert_pickle.read(data)


def test_calls_are_recorded_with_names_and_need_a_tuple():
    named = inert_pickle.read(b"\x80\x04cown\nOwn\nK\x01\x85}X\x01\x00\x00\x00aK\x02s\x92.")
    assert (named.name, named.args) == (Name("own", "Own"), ((1,), {"a": 2}))
    with pytest.raises(NotPlain, match="calls something without arguments"):
        inert_pickle.read(b"cown\nown\n]R.")


def test_an_integer_has_a_thousand_bytes_at_most():
    """More of them take time with the square of their number."""
    for count in (1024, 1025):
        data = b"\x8b" + struct.pack("<I", count) + b"\x01" + bytes(count - 1) + b"."
        if count == 1024:
            assert inert_pickle.read(data) == 1
            continue
        with pytest.raises(NotPlain, match="an integer of more than a thousand bytes"):
            inert_pickle.read(data)

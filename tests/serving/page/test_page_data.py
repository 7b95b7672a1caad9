"""What a page contains: items once, numbers rounded, effects as half floats with the order kept."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from made_explanations import HISTORIES, ITEMS, K, Toy, made_data, named, page_items

from recbole_iacn.serving.explain.explanation import Named
from recbole_iacn.serving.page.item_map import ItemMap
from recbole_iacn.serving.page.page_data import PageItems, PageModel, packed, page_data, rounded


def halves(found, width):
    return np.frombuffer(base64.b64decode(found["halves"]), "<f2").reshape(-1, width).astype(float)


def test_a_row_is_what_changes_in_half_floats():
    margins = np.array([1, 2, 3], np.float32)
    found = packed(np.array([[1.5, 2, 2.25], [1, 2, 3.0001]]), margins, 1)
    assert halves(found, 3)[0].tolist() == [0.5, 0, -0.75]
    assert halves(found, 3)[1].tolist() == [0, 0, float(np.float16(np.float32(3.0001) - np.float32(3)))]
    assert found["exact"] == {}


def test_a_row_whose_order_half_floats_would_change_is_there_in_full():
    """1 + .1 and 1.2 − .100003 are .000003 apart; near .1 half floats are .00006 apart."""
    margins = np.array([1, 1.2, 0], np.float32)
    row = np.array([1.1, 1.099997, 0])
    low = margins.astype(float) + (row.astype(np.float32) - margins).astype(np.float16)
    assert low[1] > low[0]  # so that there is something to mend
    found = packed(np.stack([row, [3, 2, 1]]), margins, 1)
    assert list(found["exact"]) == [0]
    assert np.frombuffer(base64.b64decode(found["exact"][0]), "<f4").tolist() == row.astype(np.float32).tolist()


def test_the_order_is_kept_over_many_rows():
    rng = np.random.default_rng(0)
    margins = rng.normal(size=80).astype(np.float32)
    rows = margins + rng.normal(size=(300, 80)) / 10
    found = packed(rows, margins, 10)
    shown = margins.astype(float) + halves(found, 80)
    for row, text in found["exact"].items():
        shown[row] = np.frombuffer(base64.b64decode(text), "<f4")
    assert (np.argsort(-shown, axis=1)[:, :20] == np.argsort(-rows, axis=1)[:, :20]).all()
    assert 0 < len(found["exact"]) < 300  # some need it, and not all


def test_an_infinite_effect_is_a_large_number():
    found = packed(np.array([[-1e9, 1]]), np.array([0, 1], np.float32), 1)
    assert np.isfinite(halves(found, 2)).all() and halves(found, 2)[0, 0] < -50_000


def test_a_user_who_has_seen_everything_has_an_empty_list():
    explanation = Toy().explain([0, 3])
    nothing = dict.fromkeys(("without_click", "without_interest", "with_click"), ((),) * 2)
    edits = replace(explanation.edits, items=(), margins=(), belongs=(), **nothing)
    data = page_data([PageModel("Toy", "Toy", [replace(explanation, items=(), edits=edits)])], PageItems(), K)
    packed_edits = data["users"][0][0]["edits"]
    assert packed_edits["items"] == [] and packed_edits["without_click"] == {"halves": "", "exact": {}}


def test_an_item_is_there_once():
    items = page_items()
    data = page_data([PageModel("Toy", "Toy", [Toy().explain([0, 3])])], items, K)
    assert len(data["items"]["tokens"]) == len(set(data["items"]["tokens"])) == ITEMS
    clicks = data["users"][0][0]["clicks"]
    assert [data["items"]["tokens"][number] for number, _, _ in clicks] == ["i0", "i3"]


def test_without_a_map_only_what_is_used_is_there():
    items = PageItems()
    explanation = Toy().explain([0, 3])
    data = page_data([PageModel("Toy", "Toy", [explanation])], items, K)
    used = {*explanation.edits.items, *explanation.edits.addable, "i0", "i3"}
    used |= {near.of.item for interest in explanation.interests for near in interest.nearest}
    assert set(data["items"]["tokens"]) == used and data["items"]["columns"] == [] and data["models"][0]["map"] is None
    assert data["items"]["names"][data["items"]["tokens"].index("i3")] == named(3).name


def test_names_that_are_tokens_are_left_out():
    items = PageItems(["a"], ["a"])
    assert items.number(Named("b", "b", "https://x.example/b.png")) == 1 and items.number(Named("a", "a")) == 0
    assert items.as_dict() == {
        "tokens": ["a", "b"],
        "names": None,
        "pictures": {1: "https://x.example/b.png"},
        "columns": [],
    }


def test_columns_have_values_by_number():
    items = PageItems(["a", "b", "c"], ["a", "b", "c"], {}, {"genre": [["x", "y"], [], ["y"]]})
    assert items.as_dict()["columns"] == [{"name": "genre", "values": ["x", "y"], "of": [[0, 1], [], [1]]}]


def test_places_on_the_map_are_whole_numbers_of_two_bytes():
    found = ItemMap("PCA", np.array([[0, 1], [0.5, 0.25]]))
    data = page_data([PageModel("Toy", "Toy", [], found)], PageItems(), K)
    places = np.frombuffer(base64.b64decode(data["models"][0]["map"]["xy"]), "<u2")
    assert places.tolist() == [0, 65535, 32768, 16384] and data["models"][0]["map"]["count"] == 2


@pytest.mark.parametrize(("value", "short"), [(0.123456, 0.1235), (1234567.0, 1235000.0), (0.0, 0.0), (-2e-7, -2e-7)])
def test_numbers_have_four_digits(value, short):
    assert rounded(value) == short


def test_it_is_json_without_what_json_lacks():
    data = made_data([Toy(), Toy(1, True, 0, "Plain")])
    text = json.dumps(data, allow_nan=False)
    assert json.loads(text)["users"][2][1]["user"] == list(HISTORIES)[2]


def test_fifty_users_need_a_few_megabytes():
    """As many numbers as on ml-1m: 50 clicks, 4 interests and 20 items to add, of 200 candidates."""
    rng = np.random.default_rng(0)
    base = Toy().explain([0, 3])
    tokens = [f"i{number}" for number in range(200)]
    rows = lambda count: tuple(map(tuple, rng.normal(size=(count, 200)).tolist()))  # noqa: E731
    edits = replace(
        base.edits,
        items=tuple(tokens),
        margins=rows(1)[0],
        without_click=rows(50),
        without_interest=rows(4),
        with_click=rows(20),
        addable=tuple(tokens[:20]),
        belongs=(0,) * 200,
        named={token: Named(token, f"A film of some length {token}") for token in tokens},
    )
    one = page_data([PageModel("Toy", "Toy", [replace(base, edits=edits)] * 2)], PageItems(), 10)
    two = [len(json.dumps(user)) for user in one["users"]]
    assert 50 * two[1] < 4_000_000

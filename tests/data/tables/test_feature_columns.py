"""The types of further columns, and their cells."""

import json

import pytest

pytest.importorskip("duckdb")

EVENTS = "user,item,time\na,1,1500000000\na,2,1500000001\na,3,1500000002\n"


def column(convert, *cells, name="x", **options):
    """Header and cells of one column of items 1, 2 and 3."""
    quoted = ('"' + cell.replace('"', '""') + '"' for cell in cells)
    text = f"item,{name}\n" + "".join(f"{k},{cell}\n" for k, cell in enumerate(quoted, start=1))
    manifest, files = convert(EVENTS, text, **options)
    return manifest, [line.partition("\t")[2] for line in files["item"]]


@pytest.mark.parametrize(
    "name, cells, expected",
    [
        ("x", ("1", "2.5", ""), ["x:float", "1.0", "2.5", ""]),
        ("x", ("1", "NaN", "null"), ["x:float", "1.0", "", ""]),
        ("x", ("1", "two", "3"), ["x:token", "1", "two", "3"]),
        ("x", ("007", "8", "9"), ["x:token", "007", "8", "9"]),
        ("brand_id", ("7", "8", ""), ["brand_id:token", "7", "8", ""]),
        ("brandId", ("7", "8", ""), ["brandId:token", "7", "8", ""]),
        ("paid", ("7", "8", ""), ["paid:float", "7.0", "8.0", ""]),
        ("x", ("NA", "null", "b"), ["x:token", "NA", "null", "b"]),
        ("x", ('a "b"', "c\td", "e\nf\r\n"), ["x:token", 'a "b"', "c d", "e f"]),
        ("x", ("a > b", "c", "d"), ["x:token", "a > b", "c", "d"]),
        ("category", ("A > B b > C", "A", " > "), ["category:token_seq", "A B_b C", "A", ""]),
        ("genres", ("Sci-Fi|Drama|Drama", "Drama", ""), ["genres:token_seq", "Sci-Fi Drama", "Drama", ""]),
        ("path", ("/Men/Tops & Co", "Men", ""), ["path:token_seq", "Men Tops_&_Co", "Men", ""]),
        ("x", ('["a b", "c"]', "[]", ""), ["x:token_seq", "a_b c", "", ""]),
        ("x", ("['a b', 'c']", "['c']", ""), ["x:token_seq", "a_b c", "c", ""]),
        ("x", ("[0.5, 2]", "[1]", ""), ["x:float_seq", "0.5 2.0", "1.0", ""]),
        ("x", ("[3, 8]", "[1]", ""), ["x:token_seq", "3 8", "1", ""]),
    ],
)
def test_types_are_found_by_the_cells(convert, name, cells, expected):
    assert column(convert, *cells, name=name)[1] == expected


@pytest.mark.parametrize(
    "options, cells, expected",
    [
        ({"split": {"x": ";"}}, ("a; b c", "d", ""), ["x:token_seq", "a b_c", "d", ""]),
        ({"split": {"x": ";"}, "types": {"x": "float_seq"}}, ("1; 2", "3", ""), ["x:float_seq", "1.0 2.0", "3.0", ""]),
        ({"types": {"x": "token"}}, ("1", "2", "3"), ["x:token", "1", "2", "3"]),
        ({"types": {"x": "token_seq"}}, ("1 2", "2", "3"), ["x:token_seq", "1_2", "2", "3"]),
        ({"types": {"x": "float"}}, ("1", "two", "3"), ["x:float", "1.0", "", "3.0"]),
        ({"drop": ["x"]}, ("1", "2", "3"), ["", "", "", ""]),
        ({"columns": []}, ("1", "2", "3"), ["", "", "", ""]),
    ],
)
def test_the_user_chooses(convert, options, cells, expected):
    manifest, written = column(convert, *cells, **options)
    assert written == expected
    if "two" in cells:
        assert manifest["columns"]["items"]["x"]["note"] == "1 cells without a number are empty"


def test_what_no_atomic_file_holds_is_left_out_and_named(convert):
    items = [
        {"item": 1, "size": {"x": 1}, "none": None, "when": "2019-01-02", "seen": True, "deep": [["a"], ["b", "a"]]}
    ]
    manifest, files = convert(
        '{"user": 1, "item": 1, "time": 1500000000}\n', "".join(json.dumps(one) + "\n" for one in items), end="jsonl"
    )
    assert files["item"] == ["item_id:token\twhen:token\tseen:float\tdeep:token_seq", "1\t2019-01-02\t1.0\ta b"]
    reasons = manifest["columns"]["left_out"]["items"]
    assert reasons["none"] == "is empty" and reasons["size"].startswith("is STRUCT(") and len(reasons) == 2


def test_numbers_with_a_comma_are_not_lost(convert, rejected):
    items = "item,price\n" + "".join(f'{k},"{k},50"\n' for k in range(1, 4))
    assert rejected(EVENTS, items, types={"price": "float"}) == (
        "types: no cell of 'price' is a number, one is '1,50'; write numbers with a point, or choose token"
    )
    assert rejected(EVENTS, items, types={"price": "float_seq"}).startswith("types: no cell of 'price' is a number")
    words = "item,price\n1,dear\n2,\n3,\n"
    assert rejected(EVENTS, words, types={"price": "float"}).endswith("one is 'dear', or choose token")
    many = "user,item,time\n" + "".join(f"a,{k},1500000000\n" for k in range(150))
    manifest, _ = convert(many, "item,price\n" + "".join(f'{k},"{k},5"\n' for k in range(150)))
    note = manifest["columns"]["items"]["price"]["note"]
    assert note == "not loaded, numbers with a comma; they are read with a point"


def test_the_account_says_what_is_loaded(convert):
    """Columns of events are in the files, and no setting loads them."""
    manifest, files = convert(
        EVENTS.replace("\n", ",web\n").replace("time,web", "time,channel"), "item,brand\n1,b\n2,c\n"
    )
    columns = manifest["columns"]
    assert columns["events"]["channel"] == {"field": "channel:token", "loaded": False}
    assert columns["items"]["brand"] == {"field": "brand:token", "loaded": True}
    assert "# In the files, too, but not loaded: channel." in files["yaml"]


def test_a_column_without_a_name_is_left_out(convert):
    manifest, files = convert(EVENTS, ",item\n0,1\n1,2\n")
    assert files["item"][0] == "item_id:token" and manifest["columns"]["left_out"]["items"] == {"": "has no name"}


def test_nearly_unique_text_is_written_but_not_loaded(convert):
    events = "user,item,time\n" + "".join(f"a,{k},1500000000\n" for k in range(150))
    items = "item,title,brand\n" + "".join(f"{k},title {k},b{k % 9}\n" for k in range(150))
    manifest, files = convert(events, items)
    assert files["item"][0] == "item_id:token\ttitle:token\tbrand:token"
    assert files["yaml"][3] == "  item: [item_id, brand]"
    assert manifest["columns"]["items"]["title"]["note"] == "not loaded, most values occur once"


def test_a_list_is_no_single_token(rejected):
    message = rejected(EVENTS, 'item,x\n1,"[1]"\n', types={"x": "float"})
    assert message.startswith("types: the cells of 'x' are lists; choose token_seq or float_seq, got float")

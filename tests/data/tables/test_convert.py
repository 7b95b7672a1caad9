"""Tables become atomic files, every row is accounted for, and the dataset trains."""

import datetime
import json

import numpy as np
import pandas as pd
import pytest
import yaml

import recbole_iacn
from recbole_iacn.errors import ConfigError

pytest.importorskip("duckdb")

EVENTS = """customer_id,sku,when,stars,channel
u1,007,2019-01-02T03:04:05.250Z,5,home
u1,8,2019-01-02T03:04:06+01:00,4,"a	b"
u2,007,2019-01-03,3,home
u2,9,2019-01-04 10:00,,search
,9,2019-01-04 10:00,1,search
u3,,2019-01-04 10:00,1,search
u3,x y,,1,search
u3,x y,2019-02-01,1,search
"""
ITEMS = """sku,categories,price,title
007,Beauty > Hair Care > Beauty,3.5,"The ""best"" of all"
8,Beauty,,
100,Toys,1,
007,Toys,2,
,Toys,2,
"""
MAPPED = {"user": "customer_id", "time": "when"}


def seconds(*parts):
    return datetime.datetime(*parts, tzinfo=datetime.timezone.utc).timestamp()


def test_the_files_hold_what_the_tables_say(convert):
    manifest, files = convert(EVENTS, ITEMS, "customer_id,age\nu2,30\nu1,\nu9,1\n", **MAPPED)
    second, first = f"{seconds(2019, 1, 2, 2, 4, 6):.0f}", f"{seconds(2019, 1, 2, 3, 4, 5):.0f}.25"
    assert files["inter"] == [
        "user_id:token\titem_id:token\ttimestamp:float\trating:float\tchannel:token",
        f"u1\t8\t{second}\t4.0\ta b",  # by time, in UTC
        f"u1\t007\t{first}\t5.0\thome",
        f"u2\t007\t{seconds(2019, 1, 3):.0f}\t3.0\thome",
        f"u2\t9\t{seconds(2019, 1, 4, 10):.0f}\t\tsearch",
        f"u3\tx y\t{seconds(2019, 2, 1):.0f}\t1.0\tsearch",
    ]
    assert files["item"] == [
        "item_id:token\tcategories:token_seq\tprice:float\ttitle:token",
        '007\tBeauty Hair_Care\t3.5\tThe "best" of all',
        "8\tBeauty\t\t",
        "9\t\t\t",
        "x y\t\t\t",
    ]
    assert files["user"] == ["user_id:token\tage:float", "u1\t", "u2\t30.0", "u3\t"]
    dropped = {"without_user": 1, "without_item": 1, "without_time": 1}
    none = dict.fromkeys(("duplicate", "item_without_row", "outside_core"), 0)
    assert manifest["rows"] == {
        "events": {"rows": 8, **dropped, **none, "kept": 5},
        "items": {"rows": 5, "without_item": 1, "duplicate": 1, "without_events": 1, "kept": 2},
        "users": {"rows": 3, "without_user": 0, "duplicate": 0, "without_events": 1, "kept": 2},
    }
    assert manifest["without_row"] == {"items": 2, "users": 1}
    assert manifest["cleaned_cells"] == {"events": {"channel": 1}, "items": {"categories": 1}}
    assert [manifest[name] for name in ("users", "items", "interactions")] == [3, 4, 5]
    assert manifest["time"]["range"] == "ISO 8601 (UTC where no zone is given), 2019-01-02 to 2019-02-01"


def test_the_settings_load_the_columns(convert):
    _, files = convert(EVENTS, ITEMS, **MAPPED)
    assert yaml.safe_load("\n".join(files["yaml"])) == {
        "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories", "price", "title"]},
        "normalize_field": ["price"],
    }
    assert files["yaml"][-1] == "# In the files, too, but not loaded: rating, channel."


def test_names_that_yaml_reads_otherwise_are_quoted(convert):
    _, files = convert("user,item,time\na,b,1500000000\n", "item,on,2019,x: y\nb,1,2,3\n")
    assert yaml.safe_load("\n".join(files["yaml"]))["load_col"]["item"] == ["item_id", "on", "2019", "x_y"]


FORMATS = ("pandas", "csv.gz", "parquet", "jsonl", "jsonl.gz", "polars", "polars lazy", "arrow")


def given_as(frame, form, path):
    import gzip

    import duckdb

    if form == "pandas":
        return frame
    if form.startswith("polars"):
        made = pytest.importorskip("polars").DataFrame({name: list(frame[name]) for name in frame})
        return made.lazy() if "lazy" in form else made
    if form == "arrow":
        return pytest.importorskip("pyarrow").table({name: list(frame[name]) for name in frame})
    text = frame.to_csv(index=False) if "csv" in form else frame.to_json(orient="records", lines=True)
    if form == "parquet":
        duckdb.connect().execute(f"copy (from frame) to '{path}' (format parquet)")
    else:
        path.write_bytes(gzip.compress(text.encode()) if form.endswith("gz") else text.encode())
    return path


@pytest.mark.parametrize("form", FORMATS)
def test_every_kind_of_input_gives_the_same_files(convert, tmp_path, form):
    events = pd.DataFrame(
        {
            "uid": [11, 12, 11],
            "movieId": ["a", "b", 'c"'],
            "ts": [1_500_000_000_123, 1_500_000_001_000, 1_400_000_000_999],
        }
    )
    items = pd.DataFrame({"movieId": ["b", "a"], "genres": ["Drama|Action", "Drama"], "year": [1999, 2001]})
    manifest, files = convert(
        given_as(events, form, tmp_path / "e"), given_as(items, form, tmp_path / "i"), memory=1024, overwrite=False
    )
    assert files["inter"][1:] == ['11\tc"\t1400000000.999', "11\ta\t1500000000.123", "12\tb\t1500000001"]
    assert files["item"] == [
        "item_id:token\tgenres:token_seq\tyear:float",
        "a\tDrama\t2001.0",
        "b\tDrama Action\t1999.0",
        'c"\t\t',
    ]
    assert manifest["time"]["range"] == "milliseconds since 1970, 2014-05-13 to 2017-07-14"


def test_lists_and_gaps_of_pandas(convert):
    """A gap makes whole numbers floats; an id stays an id."""
    events = pd.DataFrame(
        {
            "user": [1, None, 2],
            "item": [7, 7, 8],
            "time": pd.to_datetime(["2019-01-01 00:00:00.000001", "2019-01-02", "2019-01-03"], format="ISO8601"),
            "click": [True, False, False],
        }
    )
    vectors = [np.array([0.5, 1.0]), np.array([2.0])]
    items = pd.DataFrame({"id": [8.0, 7.0], "tags": [["a b", "c", "c"], []], "vector": vectors, "code": [1, 2]})
    manifest, files = convert(events, items)
    assert files["inter"][1:] == [f"1\t7\t{seconds(2019, 1, 1):.0f}.000001\t1", f"2\t8\t{seconds(2019, 1, 3):.0f}\t0"]
    assert files["item"] == [
        "item_id:token\ttags:token_seq\tvector:float_seq\tcode:token",
        "7\t\t2.0\t2",
        "8\ta_b c c\t0.5 1.0\t1",
    ]
    assert manifest["labels"] == {"1": 1, "0": 1}
    assert yaml.safe_load("\n".join(files["yaml"]))["protocol"] == "impressions_by_time"


def test_filters_in_their_order(convert):
    rows = [("a", "x", 5, 1), ("a", "x", 5, 2), ("a", "y", 5, 3), ("b", "x", 5, 4), ("b", "y", 5, 5), ("c", "x", 1, 6)]
    rows += [("c", "y", 5, 7), ("d", "z", 5, 8), ("a", "q", 5, 9), ("b", "q", 5, 10)]
    text = "user,item,rating,time\n" + "".join(f"{u},{i},{r},{1_500_000_000 + t}\n" for u, i, r, t in rows)
    options = {"min_rating": 4, "duplicates": "last", "core": 2, "missing_items": "drop"}
    manifest, files = convert(text, "item,price\nx,1\ny,2\nz,3\n", **options)
    kept = [(u, i, t) for u, i, _, t in [rows[k] for k in (1, 2, 3, 4)]]
    assert [tuple(line.split("\t")[:3]) for line in files["inter"][1:]] == [
        (u, i, f"{1_500_000_000 + t}") for u, i, t in kept
    ]
    counts = manifest["rows"]["events"]
    assert counts == {
        "rows": 10,
        "below_min_rating": 1,
        "duplicate": 1,
        "item_without_row": 2,
        "outside_core": 2,
        "kept": 4,
    }


@pytest.mark.parametrize(("keep", "page"), [("first", "p"), ("last", "r")])
def test_of_duplicates_at_one_time_the_files_order_decides(convert, keep, page):
    events = "user,item,time,page\na,x,5,p\na,x,5,q\na,x,5,r\n"
    _, files = convert(events, duplicates=keep)
    assert files["inter"][1:] == [f"a\tx\t5\t{page}"]


def test_a_label_from_a_condition(convert):
    text = "user,item,event,time\na,x,view,1500000000\na,y,buy,1500000001\n"
    _, files = convert(text, label_from="event=buy")
    assert [line.split("\t")[3] for line in files["inter"]] == ["label:float", "0", "1"]
    _, files = convert(text.replace("view", "2").replace("buy", "4"), label_from="event >= 4")
    assert [line.split("\t")[3] for line in files["inter"]] == ["label:float", "0", "1"]


def test_labels_of_clicks_alone_are_not_loaded(convert):
    manifest, files = convert("user,item,clicked,time\na,x,1,1500000000\na,y,TRUE,1500000001\n")
    loaded = yaml.safe_load("\n".join(files["yaml"]))
    assert manifest["labels"] == {"1": 2, "0": 0} and "protocol" not in loaded
    assert "label" not in loaded["load_col"]["inter"]


def test_bad_rows_up_to_a_number_are_dropped_and_counted(convert, rejected):
    text = "user,item,time\na,x,2019-01-01\na,y,soon\nb,x,2019-02-30\nb,y,2019-01-01\n"
    manifest, files = convert(text, max_bad_rows=2)
    assert manifest["rows"]["events"]["bad_time"] == 2 and len(files["inter"]) == 3


def test_ids_that_cleaning_makes_equal_are_counted(convert):
    manifest, _ = convert("user,item,time\n a,x,1500000000\na,y,1500000001\n")
    assert manifest["cleaned_cells"] == {"events": {"user": 1}} and manifest["ids_merged_by_cleaning"] == {"user": 1}
    assert manifest["users"] == 1


def test_equal_names_in_two_tables(convert):
    _, files = convert("user,item,time,price\na,x,1500000000,2\n", "item,price,timestamp\nx,3,4\n")
    assert files["inter"][0].endswith("\tprice:float")
    assert files["item"][0] == "item_id:token\titem_price:float\titem_timestamp:float"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "frame", "parquet"])
def test_many_rows_are_all_there_in_order(convert, tmp_path, form):
    """Against pandas: 300,000 rows, of which a part has gaps, in the order of users, times and lines, whichever of two
    threads read them."""
    import duckdb

    rng = np.random.default_rng(0)
    size = 300_000
    frame = pd.DataFrame(
        {
            "user": rng.integers(0, 9_000, size).astype(str),
            "item": rng.integers(0, 900, size).astype(str),
            "time": rng.integers(1_500_000_000, 1_500_000_100, size),
            "n": np.arange(size),
        }
    )
    frame.loc[rng.random(size) < 0.01, "item"] = ""
    given = frame.to_csv(index=False) if form == "csv" else frame
    if form == "parquet":
        given = tmp_path / "events.parquet"
        duckdb.connect().execute(f"copy (from frame) to '{given}' (format parquet, row_group_size 4096)")
    manifest, files = convert(given, threads=2, core=20, memory=1024)
    left = frame[frame["item"] != ""]
    while True:
        enough = (left.groupby("user")["n"].transform("size") >= 20) & (
            left.groupby("item")["n"].transform("size") >= 20
        )
        if enough.all():
            break
        left = left[enough]
    order = frame[frame["item"] != ""].drop_duplicates("user").reset_index().set_index("user")["n"]
    left = left.assign(first=left["user"].map(order)).sort_values(["first", "time", "n"])
    expected = [f"{u}\t{i}\t{t}\t{n}.0" for u, i, t, n in zip(left["user"], left["item"], left["time"], left["n"])]
    assert files["inter"][1:] == expected
    assert manifest["rows"]["events"]["without_item"] == (frame["item"] == "").sum()


@pytest.mark.slow
def test_a_table_with_iso_times_trains(tmp_path, convert):
    rng = np.random.default_rng(1)
    days = pd.to_datetime("2019-01-01") + pd.to_timedelta(np.arange(1_200), unit="h")
    events = pd.DataFrame({"user_id": rng.integers(0, 40, 1_200), "item_id": rng.integers(0, 60, 1_200), "date": days})
    items = pd.DataFrame({"item_id": range(60), "categories": [f"A > B{k % 5}" for k in range(60)]})
    convert(events.to_csv(index=False), items.to_csv(index=False))
    settings = {"data_path": str(tmp_path / "out"), "epochs": 1, "mlp_hidden_size": [8], "show_progress": False}
    training = recbole_iacn.build(
        "DIN_IaCN", "shop", [str(tmp_path / "out/shop/shop.yaml")], {**settings, "state": "ERROR"}
    )
    assert training.dataset.num("categories") == 7  # with the padding
    training.fit(verbose=False)
    assert 0 < training.test()["auc"] < 1


# --- Wrong input ------------------------------------------------------------------------------------------------------

GOOD = "user,item,time\na,x,1500000000\n"


@pytest.mark.parametrize(
    "events, options, message",
    [
        ("user,item,time\na,x,1\na,x\n", {}, "events.csv, line 3: has 2 cells, the first line has 3; mend the line"),
        ("user,item,time\na,x,1,2\n", {}, "events.csv, line 2: has 4 cells, the first line has 3"),
        ('user,item,time\na,x,1\na,"y,2\nb,x,3\n', {}, "events.csv, line 3: has a lone quote"),
        (
            "user,item,time\na,é,1\n".encode("latin-1"),
            {},
            "events.csv, line 2: is not valid UTF-8; convert it, as with iconv",
        ),
        (GOOD.encode("utf-16-le"), {}, "events.csv, line 1: is not valid UTF-8; convert it, as with iconv -f UTF-16LE"),
        (GOOD.encode("utf-16-be"), {}, "events.csv, line 1: is not valid UTF-8; convert it, as with iconv -f UTF-16BE"),
        (GOOD.encode("utf-16"), {}, "events.csv, line 1: is not valid UTF-8; convert it, as with iconv -f UTF-16"),
        ("user,item,time,item\na,x,1,2\n", {}, "events.csv, line 1: the column 'item' stands there twice"),
        (
            "user,item,time,Brand,brand\na,x,1500000000,p,q\n",
            {},
            "events.csv: column 'brand' would be a second 'brand'; --drop it",
        ),
        ("", {}, "events.csv: is empty"),
        ("user,item,time\n", {}, "events.csv: has no rows"),
        (b"PK\x03\x04...", {}, "events.csv: is a zip archive; unpack it first"),
        (GOOD.replace("user", "who"), {}, "events.csv: no column is recognised as the user; name it: --user COLUMN"),
        (
            "user,customer_id,item,time\na,b,x,1\n",
            {},
            "events.csv: 'user', 'customer_id' could all hold the user; choose one, as with --user user",
        ),
        (
            GOOD,
            {"user": "usr"},
            "user: events.csv has no column 'usr'. Did you mean 'user'? Its columns: 'user', 'item'",
        ),
        (GOOD, {"user": "item", "item": "item"}, "events.csv: --user and --item both name the column 'item'"),
        (GOOD, {"user": "none"}, "user: none is for rating and label"),
        (GOOD, {"types": {"colour": "token"}}, "types: the input, beside those with a role, has no column 'colour'"),
        (GOOD, {"types": {"user": "tokens"}}, "types: must be COLUMN=TYPE with a TYPE of token, token_seq, float"),
        (
            GOOD,
            {"drop": ["colour"]},
            "drop: the input, beside those with a role, has no column 'colour'. Its columns: none",
        ),
        (GOOD, {"drop": ["user"]}, "drop: 'user' has a role of its own (user, item, time, rating, label, or the key"),
        (GOOD, {"duplicates": "some"}, "duplicates: must be first, last or all, got 'some'"),
        (GOOD, {"min_rating": 3}, "min-rating: events.csv has no column of ratings; name it: --rating COLUMN"),
        (GOOD, {"label_from": "rating"}, "label-from: must be a condition such as rating>=4"),
        (GOOD, {"label_from": "rating>=4"}, "label-from: events.csv has no column 'rating'"),
        (GOOD, {"label_from": "item>=b"}, "label-from: >= needs a finite number, got 'b'"),
        (GOOD, {"label_from": "item>=nan"}, "label-from: >= needs a finite number, got 'nan'"),
        (
            GOOD.replace("time", "time,stars"),
            {"min_rating": float("nan")},
            "min-rating: must be a finite number, got nan",
        ),
        (GOOD, {"core": 3}, "events.csv: no event is left of 1: 1 outside core"),
        (GOOD, {"cores": 3}, "from_tables: there is no 'cores'. Did you mean 'core'"),
        (GOOD, {"name": "a/b"}, "name: 'a/b' must be the dataset's name, without a path"),
        (GOOD, {"memory": 5}, "memory: must be at least 512, got 5"),
        (GOOD, {"missing_items": "drop"}, "missing-items: drop needs the table of items, --items"),
        (GOOD, {"item_key": "x"}, "item-key: is for a table of items, and there is none; give --items"),
        (GOOD, {"time_unit": "h"}, "time-unit: must be one of s, ms, us, ns, place, got 'h'"),
        (
            "user,item,time,label\na,x,1500000000,1\na,x,1500000000,2\n",
            {},
            "events.csv, line 3: '2' is not a label, 0 or 1, true or false; mend it, say by --label-from",
        ),
        (
            "user,item,time,label\na,x,1500000000,0\n",
            {},
            "events.csv: the label of all 1 events is 0, so none is a click",
        ),
        ("user,item,time,score\na,x,1500000000,good\n", {}, "events.csv, line 2: 'good' is not a number; mend it"),
    ],
)
def test_wrong_input_is_one_line(rejected, events, options, message):
    assert rejected(events, **options).startswith(message)


def test_wrong_json_is_one_line(rejected):
    line = '{"user": 1, "item": 2, "time": 1500000000}\n'
    assert rejected(f"{line}\n{line[:-3]}\n{line}", end="jsonl").startswith("events.jsonl, line 3: not JSON")
    text = line + "\n" + line.replace("1500000000", '"soon"')
    assert rejected(text, end="jsonl").startswith("events.jsonl, line 3: 'soon' is not a time")


def test_rows_of_json_that_are_no_lines_are_counted(rejected):
    rows = '[\n{"user": 1, "item": 2, "time": 1500000000},\n{"user": 1, "item": 2, "time": "soon"}\n]\n'
    assert rejected(rows, end="json").startswith("events.json, row 2: 'soon' is not a time")


def test_keys_of_json_that_differ_in_case_alone_are_rejected(rejected):
    """DuckDB calls the second one user_1, and loses its values."""
    rows = '{"User": 1, "user": 2, "item": 2, "time": 1500000000}\n'
    message = "events.jsonl: the keys 'User' and 'user' differ in case alone; rename one of them"
    assert rejected(rows, end="jsonl", user="User") == message


def test_a_key_of_json_with_a_number(convert):
    rows = '{"user_1": 1, "user": 2, "item": 2, "time": 1500000000}\n'
    _, files = convert(rows, end="jsonl", user="user")
    assert files["inter"] == ["user_id:token\titem_id:token\ttimestamp:float\tuser_1:float", "2\t2\t1500000000\t1.0"]


def test_a_column_that_differs_from_the_label_in_case_alone(convert):
    events = "user,item,time,stars,Label\na,x,1500000000,5,0\na,y,1500000001,1,1\n"
    _, files = convert(events, label_from="stars>=4")
    assert files["inter"][0].split("\t")[-2:] == ["label:float", "event_Label:float"]


@pytest.mark.parametrize("kind, first", [("float64", 2**53), ("float32", 2**24)])
def test_ids_that_a_float_holds(convert, kind, first):
    frame = pd.DataFrame({"user": np.array([1, first - 1], kind), "item": ["x", "y"], "time": [1_500_000_000] * 2})
    assert [line.split("\t")[0] for line in convert(frame)[1]["inter"][1:]] == ["1", str(first - 1)]


@pytest.mark.parametrize("kind, first", [("float64", 2**53), ("float32", 2**24)])
def test_ids_that_a_float_may_have_merged_are_rejected(rejected, kind, first):
    frame = pd.DataFrame({"user": np.array([1, first], kind), "item": ["x", "y"], "time": [1_500_000_000] * 2})
    assert rejected(frame).startswith(f"events, row 2: the id {first:g} in 'user' is too large for a float")
    items = pd.DataFrame({"item": np.array([1, first], kind)})
    assert rejected(frame.assign(user="a"), items).startswith(f"items, row 2: the id {first:g} in 'item' is too large")


def test_a_table_that_has_no_row_for_the_events(rejected):
    message = (
        ".csv: no {0} of the events has a row here, by 'id'; name the column of ids by --{0}-key, or leave --{0}s out"
    )
    assert rejected(GOOD, "id,price\n9,1\n") == "items" + message.format("item")
    assert rejected(GOOD, None, "id,age\n9,1\n") == "users" + message.format("user")


def test_a_type_that_duckdb_has_not(rejected):
    frame = pd.DataFrame({"user": ["a"], "item": ["x"], "time": pd.period_range("2020", periods=1, freq="D")})
    assert rejected(frame).startswith("events: a column has the type period[D], which DuckDB cannot read; turn it into")


def test_a_row_of_a_frame_is_named(rejected):
    frame = pd.DataFrame({"user": ["a", "b"], "item": ["x", "x"], "time": ["2019-01-01", "1/2/2019"]})
    assert rejected(frame).startswith("events, row 2: '1/2/2019' is not a time such as 2019-01-02T03:04:05Z")
    assert rejected([1, 2]).startswith(
        "events: must be a path or a table of pandas, Polars or Arrow, got <class 'list'>"
    )
    assert rejected(frame, None, frame.rename(columns={"user": "who"})).startswith("users: no column, of 'who', 'item'")


def test_a_truncated_gzip_file_is_one_line(rejected):
    import gzip

    rows = "".join(f"u{k},{k * 7 % 1013},{1_500_000_000 + k}\n" for k in range(50_000))
    packed = gzip.compress(f"user,item,time\n{rows}".encode())
    assert "events.csv: the gzip stream ends early or is damaged" in rejected(packed[: len(packed) // 2])


def test_a_line_after_cells_of_several_lines_is_named_by_its_number(rejected):
    text = 'user,item,time\n"a\nb",x,1500000000\n\na,x,never\n'
    assert rejected(text, time_unit="s").startswith("events.csv, line 5: 'never' is not a time")


def test_what_is_there_is_not_replaced(convert, tmp_path):
    convert(GOOD)
    before = (tmp_path / "out/shop/shop.inter").read_text()
    with pytest.raises(ConfigError, match="exists already; name another"):
        convert(GOOD.replace("x", "y"), overwrite=False)
    with pytest.raises(ConfigError, match="is not a time"):
        convert(GOOD.replace("1500000000", "?"))
    assert (tmp_path / "out/shop/shop.inter").read_text() == before
    assert json.loads((tmp_path / "out/shop/manifest.json").read_text())["interactions"] == 1

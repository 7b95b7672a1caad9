"""Amazon's dumps become atomic files: formats, filters, counts, and errors in the files."""

import gzip
import json
import types
from pathlib import Path

import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import leftovers

pytest.importorskip("duckdb")

from recbole_iacn.data.amazon.prepare import Options, prepare


def review(user, item, rating=5.0, time=1_300_000_000, year=2014):
    if year == 2023:
        record = {"user_id": user, "parent_asin": item, "asin": "X", "rating": rating, "timestamp": time, "text": "é"}
    else:
        record = {"reviewerID": user, "asin": item, "overall": rating, "unixReviewTime": time, "reviewText": 'a\tb"\n'}
    return json.dumps(record)


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def convert(tmp_path):
    """Write lines to files, convert them; returns (manifest, lines of .inter, lines of .item)."""

    def run(reviews, meta=None, year=2014, name="reviews.json.gz", **changes):
        paths = {}
        for key, lines, file in (("reviews", reviews, name), ("meta", meta, "meta.json.gz")):
            paths[key] = tmp_path / file if lines is not None else None
            if lines is not None:
                content = "".join(line + "\n" for line in lines).encode()
                paths[key].write_bytes(gzip.compress(content, mtime=0) if file.endswith("gz") else content)
        options = {key: changes.pop(key) for key in list(changes) if key in Options.__annotations__}
        target = tmp_path / "out" / "Shop"
        settings = {"memory": 512, "threads": 1, "progress": False, "overwrite": True, **changes}
        manifest = prepare(paths["reviews"], paths["meta"], target, Options(year, **options), **settings)
        assert manifest == json.loads((target / "manifest.json").read_text())
        assert sorted(path.name for path in target.parent.iterdir()) == ["Shop"]
        assert sorted(path.name for path in target.iterdir()) == [
            "Shop.inter",
            "Shop.item",
            "Shop.yaml",
            "manifest.json",
        ]
        return manifest, lines_of(target / "Shop.inter"), lines_of(target / "Shop.item")

    return run


HEADS = [
    "user_id:token\titem_id:token\trating:float\ttimestamp:float",
    "item_id:token\tcategories:token_seq\tcategory:token",
]


def test_2014_reviews_and_literal_metadata(convert):
    meta = [
        "{'asin': 'B2', 'categories': [['Electronics', 'GPS & Co'], ['Electronics', 'Car', 'Home Audio']]}",
        "{'asin': 'B1', 'description': \"it's\", 'related': {'also_bought': ['B2']}}",
        "{'asin': 'B9', 'categories': [['Unused']]}",
    ]
    reviews = [review("U2", "B1", 3.0, 20), review("U1", "B2", 5.0, 30), review("U2", "B2", 4.5, 10), ""]
    manifest, inter, item = convert(reviews, meta)
    assert inter == [HEADS[0], "U2\tB2\t4.5\t10", "U2\tB1\t3.0\t20", "U1\tB2\t5.0\t30"]  # users as in the dump, by time
    assert item == [HEADS[1], "B1\t\t", "B2\tElectronics GPS_&_Co Car Home_Audio\tHome_Audio"]
    assert {key: manifest[key] for key in ("users", "items", "interactions", "categories")} == {
        "users": 2,
        "items": 2,
        "interactions": 3,
        "categories": 1,
    }
    assert manifest["review_lines"]["blank"] == 1 and manifest["inputs"][1]["lines"] == 3


def test_2018_reviews_and_json_metadata(convert):
    meta = [json.dumps({"asin": "B1", "category": ["Books", "Sci-Fi &amp; Fantasy", 'The "best"']})]
    _, inter, item = convert([review("U1", "B1")], meta, year=2018)
    assert inter[1] == "U1\tB1\t5.0\t1300000000"
    assert item[1] == "B1\tBooks Sci-Fi_&_Fantasy The_'best'\tThe_'best'"


def test_2023_reviews_are_in_milliseconds(convert):
    meta = [json.dumps({"parent_asin": "B1", "main_category": "Z", "categories": ["Beauty", "Hair"]})]
    reviews = [review("U1", "B1", 4, 1_588_687_728_923, 2023), review("U1", "B2", 4, 1_588_687_729_000, 2023)]
    _, inter, item = convert(reviews, meta, year=2023, name="Beauty.jsonl.gz")
    assert inter[1:] == ["U1\tB1\t4.0\t1588687728.923", "U1\tB2\t4.0\t1588687729"]
    assert item[1:] == ["B1\tBeauty Hair\tHair", "B2\t\t"]


@pytest.mark.parametrize(
    "year, line, head",
    [
        (2014, "U1,B1,5.0,40", []),
        (2018, "B1,U1,5.0,40", []),
        (2023, "U1,B1,5.0,40000", ["user_id,parent_asin,rating,timestamp"]),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
def test_ratings_only_files(convert, year, line, head, suffix):
    manifest, inter, _ = convert([*head, line], year=year, name=f"ratings.{suffix}")
    assert inter[1:] == ["U1\tB1\t5.0\t40"]
    assert manifest["review_lines"]["blank"] == len(head) and manifest["review_lines"]["bad"] == 0


def test_the_core_is_reached_by_repeated_removal(convert):
    """U3 is dropped for one review, then B3, with one left, then U4, with one left."""
    pairs = ["U1 B1", "U1 B2", "U2 B1", "U2 B2", "U3 B3", "U4 B3", "U4 B1"]
    manifest, inter, item = convert([review(*pair.split()) for pair in pairs], core=2)
    assert [line.split("\t")[:2] for line in inter[1:]] == [pair.split() for pair in pairs[:4]]
    assert [line.split("\t")[0] for line in item[1:]] == ["B1", "B2"]
    assert manifest["review_lines"]["outside_core"] == 3


@pytest.mark.parametrize(
    "duplicates, times", [("first", ["10", "12"]), ("last", ["12", "30"]), ("all", ["10", "12", "30"])]
)
def test_duplicates_by_time_and_not_by_line(convert, duplicates, times):
    reviews = [review("U1", "B1", 1.0, 30), review("U1", "B1", 2.0, 10), review("U1", "B2", 3.0, 12)]
    manifest, inter, _ = convert(reviews, duplicates=duplicates)
    assert [line.split("\t")[3] for line in inter[1:]] == times
    assert manifest["review_lines"]["duplicate"] == 3 - len(times)


def test_equal_times_keep_the_order_of_the_dump(convert):
    reviews = [review("U1", f"B{item}", 5.0, 10) for item in (3, 1, 2)]
    _, inter, _ = convert([*reviews, reviews[0]])
    assert [line.split("\t")[1] for line in inter[1:]] == ["B3", "B1", "B2"]


def test_low_ratings_are_dropped_before_the_core_is_taken(convert):
    reviews = [review(user, item, 1.0 if user == "U2" else 4.0) for user in ("U1", "U2", "U3") for item in ("B1", "B2")]
    manifest, inter, _ = convert(reviews, min_rating=4, core=2)
    assert len(inter) == 5 and manifest["review_lines"]["below_min_rating"] == 2


@pytest.mark.parametrize("missing_meta, kept", [("keep", 2), ("drop", 1)])
def test_items_without_metadata(convert, missing_meta, kept):
    meta = ["{'asin': 'B1', 'categories': [['A']]}"]
    manifest, inter, _ = convert([review("U1", "B1"), review("U1", "B2")], meta, missing_meta=missing_meta)
    assert len(inter) - 1 == kept
    assert manifest["items_without_meta"] == kept - 1 and manifest["review_lines"]["without_meta"] == 2 - kept


def test_the_same_input_gives_the_same_bytes(convert, tmp_path):
    reviews = [review(f"U{step % 7}", f"B{step % 11}", 5.0, 100 - step % 13) for step in range(500)]
    first = convert(reviews, core=2)
    assert convert(reviews, core=2, threads=2) == first
    assert len(first[0]["inputs"][0]["sha256"]) == 64


def test_recbole_reads_what_is_written(convert, tmp_path):
    from recbole.data import create_dataset

    from recbole_iacn.building import configure

    meta = [f"{{'asin': 'B{item}', 'categories': [['A', 'C{item % 3}']]}}" for item in range(12)]
    reviews = [review(f"U{step % 9}", f"B{step * 5 % 12}", 5.0, step) for step in range(100)]
    manifest, *_ = convert(reviews, meta)
    own = str(tmp_path / "out" / "Shop" / "Shop.yaml")
    dataset = create_dataset(configure("DIN_IaCN", "Shop", [own], {"data_path": str(tmp_path / "out")}))
    assert (dataset.user_num - 1, dataset.item_num - 1, dataset.inter_num) == (
        manifest["users"],
        manifest["items"],
        manifest["interactions"],
    )
    assert dataset.num("categories") == 1 + 1 + 3


# --- Wrong input ------------------------------------------------------------------------------------------------


@pytest.fixture
def rejected(convert, tmp_path):
    """Conversion must fail with the message and leave nothing."""

    def check(message, reviews=None, **changes):
        with pytest.raises(ConfigError, match=message):
            convert([review("U1", "B1")] if reviews is None else reviews, **changes)
        out = tmp_path / "out"
        assert not out.exists() or not list(out.iterdir())

    return check


GOOD = review("U1", "B1")
BAD_LINES = {
    "not JSON": ("{'reviewerID': 1", "line 2"),
    "cut off": (GOOD[:-5], "line 2"),
    "no user": (review(None, "B1"), "no user"),
    "an empty item": (review("U1", ""), "no item"),
    "a tab in an id": (review("U\t1", "B1"), "is not allowed in an atomic file"),
    "a blank in an id": (review("U 1", "B1"), "is not allowed in an atomic file"),
    "a quote in an id": (review("U1", 'B"1'), "is not allowed in an atomic file"),
    "an id that reads as empty": (review("NA", "B1"), "'NA' reads as an empty cell"),
    "a rating in words": (review("U1", "B1", "five"), "rating 'five' is not a number"),
    "a rating that is not a number": (GOOD.replace("5.0", "NaN"), "line 2"),
    "a true rating": (review("U1", "B1", True), "rating True is not a number"),
    "a time in words": (review("U1", "B1", 5.0, "2011"), "time '2011' is not a whole number"),
    "half a second": (review("U1", "B1", 5.0, 0.5), "time 0.5 is not a whole number"),
    "before 1970": (review("U1", "B1", 5.0, -1), "not between 1970 and 9999"),
    "milliseconds": (review("U1", "B1", 5.0, 1_300_000_000_000), "not between 1970 and 9999"),
    "a list": ("[1, 2]", "not a JSON object"),
}


@pytest.mark.parametrize("line, message", BAD_LINES.values(), ids=BAD_LINES)
def test_bad_lines_are_counted_up_to_a_limit(convert, rejected, line, message):
    rejected(f"reviews.json.gz, line 2: .*{message if message != 'line 2' else ''}", [GOOD, line], max_bad_lines=0)
    manifest, inter, _ = convert([GOOD, line, GOOD], max_bad_lines=1)
    assert manifest["review_lines"]["bad"] == 1 and len(inter) == 2
    assert [bad["line"] for bad in manifest["inputs"][0]["first_bad_lines"]] == [2]


BAD_META = {
    "a call": ("__import__('os').system('touch hacked')", 2014, "not a Python literal"),
    "a sum": ("{'asin': 'B' + '1'}", 2014, "not a Python literal"),
    "deep": ("[" * 5000, 2014, "not a Python literal"),
    "a number": ("12", 2014, "not a dictionary"),
    "no item": ("{'title': 'x'}", 2014, "no item"),
    "one path": ("{'asin': 'B1', 'categories': ['A']}", 2014, "categories are a str, not a list"),
    "no list": ("{'asin': 'B1', 'categories': 'A'}", 2014, "categories are a str, not a list of paths"),
    "a number's name": ("{'asin': 'B1', 'categories': [[1]]}", 2014, "category 1 is not text"),
    "JSON for a literal": ('{"asin": "B1", "categories": null, "x": true}', 2014, "not a Python literal"),
    "a literal for JSON": ("{'asin': 'B1'}", 2018, ""),
    "a dictionary": ('{"asin": "B1", "category": {}}', 2018, "categories are a dict, not a list"),
    "the other year": ('{"asin": "B1"}', 2023, "no item"),
}


@pytest.mark.parametrize("line, year, message", BAD_META.values(), ids=BAD_META)
def test_bad_metadata_is_counted_and_never_run(rejected, tmp_path, line, year, message):
    time = 1_300_000_000_000 if year == 2023 else 1_300_000_000
    rejected(
        f"meta.json.gz, line 1: .*({message})",
        [review("U1", "B1", 5.0, time, year)],
        meta=[line],
        year=year,
        max_bad_lines=0,
    )
    assert not Path("hacked").exists()


@pytest.mark.parametrize("cell", ["U1,B1,5.0", "U1,B1,x,1", "U1,B1,5.0,1.5", ",B1,5.0,1", "U1,B1,inf,1", "\x80"])
def test_bad_cells_of_a_ratings_file(rejected, cell):
    rejected("ratings.csv, line 1: ", [cell], name="ratings.csv", max_bad_lines=0)


def test_a_file_cut_short_is_an_error_that_names_the_line(tmp_path):
    whole = gzip.compress("".join(review(f"U{step}", f"B{step * 7919 % 1000}") + "\n" for step in range(5000)).encode())
    for name, content, message in (
        ("short", whole[: len(whole) // 2], r"after line \d+: the gzip stream ends early; download the file again"),
        ("damaged", whole[:2000] + b"\0" * 50 + whole[2050:], r"after line \d+: the gzip stream is damaged"),
        ("tail", whole + b"and more", r"after line \d+: the gzip stream (is damaged|ends early)"),
    ):
        (tmp_path / f"{name}.json.gz").write_bytes(content)
        with pytest.raises(ConfigError, match=message):
            prepare(
                tmp_path / f"{name}.json.gz", None, tmp_path / "out" / "Shop", Options(2014), 512, 1, progress=False
            )
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"year": 2015}, "year: must be one of 2014, 2018, 2023, got 2015"),
        ({"core": 0}, "core: must be at least 1, got 0"),
        ({"duplicates": "some"}, "duplicates: must be first, last or all, got 'some'"),
        ({"missing_meta": "drop"}, "missing-meta: drop needs the item file, --meta"),
        ({"memory": 100}, "memory: must be at least 512, got 100"),
        ({"threads": -1}, "threads: must be at least 1, got -1"),
        ({"core": 3}, "no review is left of 1 lines: 1 outside core"),
        ({"reviews": []}, "no review is left of 0 lines"),
        ({"min_rating": 6}, "no review is left of 1 lines: 1 below min rating"),
    ],
)
def test_wrong_options(rejected, changes, message):
    rejected(message, **changes)


def test_missing_and_present_files(tmp_path, convert):
    with pytest.raises(ConfigError, match=r"absent.json: No such file"):
        prepare(tmp_path / "absent.json", None, tmp_path / "out" / "Shop", Options(2014), progress=False)
    convert([GOOD])
    with pytest.raises(ConfigError, match=r"Shop: exists already; name another .* or replace it with --overwrite"):
        convert([GOOD], overwrite=False)


def test_a_folder_that_prepare_did_not_make_is_kept(tmp_path, convert):
    (tmp_path / "out" / "Shop").mkdir(parents=True)
    (tmp_path / "out" / "Shop" / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="was not made by prepare"):
        convert([GOOD])
    assert (tmp_path / "out" / "Shop" / "thesis.txt").exists()


def test_leftovers_of_killed_processes_are_removed_and_those_of_running_ones_kept(tmp_path, convert):
    abandoned = tmp_path / "out" / ".Shop.partial-0123abcd"
    abandoned.mkdir(parents=True)
    (abandoned / ".lock").touch()
    with leftovers.held(tmp_path / "out" / "Shop") as running:
        with pytest.raises(AssertionError):  # convert looks for a clean folder and finds the running one's
            convert([GOOD])
        assert running.exists() and not abandoned.exists() and (tmp_path / "out" / "Shop").exists()


@pytest.mark.parametrize("year, other", [(2014, 2018), (2018, 2014)])
def test_ratings_of_the_other_year_are_recognised_by_their_columns(convert, rejected, year, other):
    cells = ["A2SUAM1J3GNN3B", "0000013714"] if year == 2014 else ["0000013714", "A2SUAM1J3GNN3B"]
    line = ",".join([*cells, "5.0", "1000"])
    rejected(
        "line 1: '0000013714' looks like an item and 'A2SUAM1J3GNN3B' like a user", [line], year=other, name="r.csv"
    )
    assert convert([line], year=year, name="r.csv")[1][1].startswith("A2SUAM1J3GNN3B\t0000013714")


def test_a_failure_of_the_database_is_one_line(rejected, monkeypatch):
    import duckdb

    from recbole_iacn.data.amazon.staging import Staging

    def fail(staging, k):
        staging._base = types.SimpleNamespace(execute=staging.fail, close=lambda: None)
        staging._do("select 1")

    def raising(statement):
        raise duckdb.OutOfMemoryException("Out of Memory Error: could not allocate\nmore")

    monkeypatch.setattr(Staging, "fail", staticmethod(raising), raising=False)
    monkeypatch.setattr(Staging, "core", fail)
    rejected("the database failed: Out of Memory Error: could not allocate. More --memory", core=2)


def test_a_failure_keeps_what_was_there(tmp_path, convert):
    convert([GOOD])
    before = lines_of(tmp_path / "out" / "Shop" / "Shop.inter")
    with pytest.raises(ConfigError):
        convert(["?"], max_bad_lines=0)
    assert lines_of(tmp_path / "out" / "Shop" / "Shop.inter") == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["Shop"]

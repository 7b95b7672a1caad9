"""Malformed input of ``prepare``: converted right, or rejected by one line that leaves nothing half written.

What was written must load again, account for every row of the input, and have no row that is not in it.
"""

import collections
import functools
import gzip
import io
import json
import random
import re

from faults.cases import case
from faults.judged import call, command, tree
from faults.malformed import KIND, SECONDS, cells_of, read_all, some_events, spoil, spoilt_table, write_table


def _prepared(folder, arguments, done, out="out"):
    """Run ``prepare``; the folder of the dataset, or None after an error that has left nothing."""
    given = tree(folder)
    code, text = command(["prepare", *arguments, "--out", folder / out, "--name", "made"])
    if code:
        left = {path for path in tree(folder) if path not in given}
        assert left <= {out}, f"{done}: left behind: {sorted(left)[:5]}"
        assert {path: size for path, size in tree(folder).items() if path in given} == given
        return None, text
    assert set(tree(folder / out)) >= {"made/made.inter", "made/made.yaml"}
    hidden = [path for path in tree(folder / out) if "/." in f"/{path}"]
    assert not hidden, f"{done}: left behind: {hidden}"
    return folder / out / "made", text


def _loads(place, done):
    """What was written can be read: all cells of all files, none of them empty where an id should be."""
    from recbole_iacn.data.cells import AtomicFile
    from recbole_iacn.data.reading import read_columns

    for path in sorted(place.glob("made.*")):
        if path.suffix in (".inter", ".item", ".user"):
            columns, error = call(functools.partial(read_all, AtomicFile, read_columns, path))
            assert error is None, f"{done}: what was written cannot be read: {error}"
            for name in ("user_id", "item_id"):
                if name in columns and (path.suffix == ".inter" or path.suffix == f".{name[:4]}"):
                    assert not columns[name].isna().any(), f"{done}: an empty {name}"


@case(KIND, "prepare sequences: lines of a user and items, attributes in JSON", 120, in_suite=10, seconds=SECONDS)
def sequences(folder, seed):
    source = random.Random(seed)
    lines = folder / "made.txt"
    lines.write_text("".join(f"{u} {' '.join(str(source.randrange(1, 20)) for _ in range(6))}\n" for u in range(12)))
    attributes = folder / "attributes.json"
    attributes.write_text("{" + ",\n".join(f'"{item}": [{item % 3}, {item % 5}]' for item in range(1, 20)) + "}")
    done = spoil(lines, seed, b" ") if source.random() < 0.6 else spoil(attributes, seed, b",", "json")
    place, _ = _prepared(folder, ["sequences", "--sequences", lines, "--attributes", attributes], done)
    if place is None:
        return
    _loads(place, done)
    users = [re.findall("[^ \t]+", line) for line in re.split("\r?\n", lines.read_bytes().decode("utf-8-sig"))]
    expected = [(user, item, float(k)) for user, *items in filter(None, users) for k, item in enumerate(items)]
    read = [(row["user_id"], row["item_id"], float(row["timestamp"])) for row in cells_of(place / "made.inter")]
    assert read == expected, f"{done}: other rows"
    known = json.loads(attributes.read_bytes().decode("utf-8-sig"))
    for row in cells_of(place / "made.item"):
        assert row["categories"].split() == list(map(str, known.get(row["item_id"], ()))), f"{done}: {row}"


@case(
    KIND,
    "prepare amazon: reviews and metadata of 2014, 2018 and 2023, JSON lines, CSV, gzip",
    160,
    in_suite=12,
    seconds=SECONDS,
)
def amazon(folder, seed):
    source = random.Random(seed)
    year = source.choice((2014, 2018, 2023))
    reviews, meta = amazon_files(folder, year, source, csv=source.random() < 0.3)
    spoilt = source.choice((reviews, meta))
    done = spoil(spoilt, seed, b",", "rows" if spoilt.suffix == ".csv" else "json")
    options = ["--year", year, "--core", 1, "--max-bad-lines", source.choice((0, 2, 1000))]
    place, _ = _prepared(folder, ["amazon", "--reviews", reviews, "--meta", meta, *options], done)
    if place is None:
        return
    _loads(place, done)
    manifest = json.loads((place / "manifest.json").read_text())
    counts = dict(manifest["review_lines"])
    assert counts.pop("lines") == sum(counts.values()), f"{done}: lines are not accounted for: {counts}"
    rows = cells_of(place / "made.inter")
    assert len(rows) == counts["kept"] == manifest["interactions"], done
    content = reviews.read_bytes()
    content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    for row in rows:
        assert row["user_id"].encode() in content or b"\\u" in content, f"{done}: nobody is called {row['user_id']!r}"


def amazon_files(folder, year, source, csv):
    """Reviews and metadata of a year's dump."""
    asins = [f"B{k:09d}" for k in range(8)]
    lines, items = [], []
    for user in range(10):
        for asin in source.sample(asins, 4):
            stars, time = float(source.randrange(1, 6)), 1_400_000_000 + source.randrange(10**6)
            name = f"A{user:013d}"
            if csv:
                first = (name, asin) if year != 2018 else (asin, name)
                lines.append(f"{first[0]},{first[1]},{stars},{time * (1000 if year == 2023 else 1)}")
            elif year == 2023:
                lines.append(
                    json.dumps({"user_id": name, "parent_asin": asin, "rating": stars, "timestamp": time * 1000})
                )
            else:
                review = {"reviewerID": name, "asin": asin, "overall": stars, "unixReviewTime": time}
                lines.append(json.dumps({**review, "reviewText": 'quite "good", I\u2028think\\'}))
    for k, asin in enumerate(asins):
        path = ["Electronics", f"Cables & {k % 3}", f"Brand {k}"]
        key, id_name = {2014: ("categories", "asin"), 2018: ("category", "asin"), 2023: ("categories", "parent_asin")}[
            year
        ]
        record = {id_name: asin, key: [path] if year == 2014 else path, "title": "x" * 30, "price": 1.5}
        items.append(repr(record) if year == 2014 else json.dumps(record))
    reviews, meta = folder / ("reviews.csv" if csv else "reviews.json"), folder / "meta.json"
    reviews.write_text("\n".join(lines) + "\n")
    meta.write_text("\n".join(items) + "\n")
    return reviews, meta


@case(KIND, "prepare table: events, items and users as CSV, JSON lines or Parquet", 200, in_suite=12, seconds=SECONDS)
def table(folder, seed):
    source = random.Random(seed)
    rows = {
        "events": some_events(source),
        "items": [{"item_id": f"i{k}", "price": k + 0.5, "tags": "a|b" if k % 2 else "c"} for k in range(12)],
        "users": [{"user_id": f"u{k}", "age": 20 + k, "city": f"c {k % 3}"} for k in range(10)],
    }
    what, done = source.choice(("events", "events", "items", "users")), ""
    arguments = []
    for name, some in rows.items():
        path = folder / f"{name}.table"
        if name == what:
            done, form = spoilt_table(path, some, seed, source)
        else:
            write_table(path, some, "csv")
        arguments += [f"--{name}", path]
    options = ["--max-bad-rows", source.choice((0, 0, 5, 1000)), "--threads", 1]
    place, _ = _prepared(folder, ["table", *arguments, *options], f"{what}, {form}: {done}")
    if place is None:
        return
    _loads(place, done)
    manifest = json.loads((place / "manifest.json").read_text())
    for counts in manifest["rows"].values():
        assert sum(counts.values()) == 2 * counts["rows"], f"{done}: rows are not accounted for: {counts}"
    read = cells_of(place / "made.inter")
    assert len(read) == manifest["rows"]["events"]["kept"] == manifest["interactions"], done
    if form == "csv" and what == "events":
        _compare_with_pandas(folder / "events.table", read, manifest, done)


def _compare_with_pandas(path, read, manifest, done):
    """Each event that was kept is a row that pandas finds, too."""
    import pandas as pd

    content = path.read_bytes()
    content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    head = content.decode("utf-8-sig").partition("\n")[0]
    separator = max("\t,;|", key=head.count)
    options = {"sep": separator, "dtype": str, "keep_default_na": False, "encoding": "utf-8-sig"}
    try:
        frame = pd.read_csv(io.BytesIO(content), **options)
    except pd.errors.ParserError:  # empty cells at the end of a row, as spreadsheets write them, are none
        width = len(head.split(separator))
        options |= {"engine": "python", "on_bad_lines": lambda cells: None if any(cells[width:]) else cells[:width]}
        frame = pd.read_csv(io.BytesIO(content), **options)
    frame.columns = [name.strip() for name in frame.columns]
    assert len(frame) == manifest["rows"]["events"]["rows"], f"{done}: {len(frame)} rows by pandas"
    roles = manifest["columns"]["roles"]
    pairs = zip(*(frame[roles[f"{role}_id"]] for role in ("user", "item")))
    known = collections.Counter(tuple(_plain(cell) for cell in pair) for pair in pairs)
    kept = collections.Counter((_plain(row["user_id"]), _plain(row["item_id"])) for row in read)
    assert kept <= known, f"{done}: events that are not in the file: {list(kept - known)[:3]}"


def _plain(cell):
    """An id without what cleaning may change: blanks, tabs, quotation marks."""
    return "".join(letter for letter in cell if letter.isalnum())

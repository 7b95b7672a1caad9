"""Whatever the files contain: one error, or a folder whose counts add up; never a crash, never half a folder."""

import gzip
import json
import tempfile
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from recbole_iacn.errors import ConfigError

pytest.importorskip("duckdb")

from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_iacn.data.amazon.prepare import Options, prepare

ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)
KEYS = (
    "reviewerID",
    "user_id",
    "asin",
    "parent_asin",
    "overall",
    "rating",
    "unixReviewTime",
    "timestamp",
    "categories",
)


@st.composite
def usually(draw, value, otherwise=ANYTHING, once_in=15):
    """``value``, or now and then something else."""
    return draw(otherwise if draw(st.integers(1, once_in)) == once_in else value)


USERS = usually(st.sampled_from(["U1", "U2", "U3"]), st.text(max_size=6))
ITEMS = usually(st.sampled_from(["B1", "B2"]), st.text(max_size=6))

GOOD_REVIEWS = st.builds(
    lambda user, item, stars, time: json.dumps(
        {"reviewerID": user, "user_id": user, "asin": item, "parent_asin": item, "overall": stars, "rating": stars}
        | {"unixReviewTime": time, "timestamp": time}
    ),
    usually(USERS),
    usually(ITEMS),
    usually(st.sampled_from([1.0, 4, 5.0])),
    usually(st.integers(0, 2_000_000_000)),
)
GOOD_ITEMS = st.builds(
    lambda item, paths, quote: quote({"asin": item, "parent_asin": item, "categories": paths, "category": paths}),
    usually(ITEMS),
    usually(st.lists(usually(st.lists(st.text(max_size=5), max_size=3)), max_size=3)),
    st.sampled_from([repr, json.dumps]),
)
ROWS = st.builds(
    lambda *cells: ",".join(map(str, cells)), USERS, ITEMS, usually(st.floats(0, 5)), usually(st.integers(0, 10**10))
)
OTHER = st.one_of(
    st.text(max_size=20),
    ANYTHING.map(repr),
    st.dictionaries(st.sampled_from(KEYS), ANYTHING).map(lambda record: json.dumps(record)),
)


@st.composite
def files(draw, good):
    """Bytes of a file: mostly good lines, some strange ones, now and then a byte changed, packed, or cut."""
    lines = draw(st.lists(usually(good, OTHER), max_size=25))
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    if content and draw(st.integers(1, 9)) == 1:
        place = draw(st.integers(0, len(content) - 1))
        content = content[:place] + draw(st.binary(max_size=3)) + content[place + 1 :]
    if draw(st.booleans()):
        content = gzip.compress(content, mtime=0)
        if draw(st.integers(1, 9)) == 1:
            content = content[: draw(st.integers(0, len(content)))]
    return content


OPTIONS = st.builds(
    Options,
    year=st.sampled_from([2014, 2018, 2023]),
    core=st.sampled_from([1, 1, 2, 3]),
    min_rating=st.sampled_from([0.0, 0.0, 2.0]),
    duplicates=st.sampled_from(["first", "last", "all"]),
    missing_meta=st.sampled_from(["keep", "keep", "drop"]),
    max_bad_lines=st.sampled_from([0, 3, 100, 100, 100]),
)


outcomes = Counter()


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    source=st.one_of(
        st.tuples(st.just("reviews.json"), files(GOOD_REVIEWS)), st.tuples(st.just("ratings.csv"), files(ROWS))
    ),
    meta=st.one_of(st.none(), files(GOOD_ITEMS)),
    options=OPTIONS,
)
def test_one_error_or_a_folder_whose_counts_add_up(source, meta, options):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        name, content = source
        (folder / name).write_bytes(content)
        if meta is not None:
            (folder / "meta.json").write_bytes(meta)
        target = folder / "out" / "Shop"
        try:
            items = folder / "meta.json" if meta is not None else None
            manifest = prepare(folder / name, items, target, options, memory=512, threads=1, progress=False)
        except ConfigError as error:
            assert str(error)
            assert not target.parent.exists() or not list(target.parent.iterdir())
            outcomes["error"] += 1
            return
        check(target, manifest, options)
        outcomes["folder"] += 1


@pytest.mark.slow
def test_the_fuzz_meets_both_outcomes():
    assert min(outcomes["error"], outcomes["folder"]) > sum(outcomes.values()) / 10


def check(target, manifest, options):
    lines = manifest["review_lines"]
    assert lines["lines"] == sum(count for name, count in lines.items() if name != "lines")
    inter = pd.read_csv(target / "Shop.inter", sep="\t", dtype=str)
    item = pd.read_csv(target / "Shop.item", sep="\t", dtype=str)
    assert len(inter) == lines["kept"] == manifest["interactions"] > 0
    user, product = inter["user_id:token"], inter["item_id:token"]
    assert not inter.isna().any().any() and not item["item_id:token"].isna().any()
    assert set(product) == set(item["item_id:token"]) and item["item_id:token"].is_unique
    assert (manifest["users"], manifest["items"]) == (user.nunique(), product.nunique())
    assert min([*Counter(user).values(), *Counter(product).values()]) >= options.core
    if options.duplicates != "all":
        assert not inter.duplicated(["user_id:token", "item_id:token"]).any()
    times = inter["timestamp:float"].astype(float)
    assert all(times[user == one].is_monotonic_increasing for one in set(user))
    assert (inter["rating:float"].astype(float) >= options.min_rating).all()

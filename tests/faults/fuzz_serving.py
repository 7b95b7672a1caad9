"""Malformed tables that ``recommend`` and ``score`` are asked to answer."""

import random

from faults.cases import case
from faults.judged import command, made_once, tree
from faults.malformed import BASE, KIND, SECONDS, small, some_events, spoilt_table, write_table


def bundle_and_data(folder):
    """A small dataset, and the bundle of a model trained on it."""
    import recbole_iacn

    small(folder)
    training = recbole_iacn.build("DIN_IaCN", "tiny", config_dict={**BASE, "data_path": str(folder)})
    training.fit(saved=False, show_progress=False)
    training.save(str(folder / "bundle"))


@case(KIND, "recommend: events, users or items to choose from", 80, in_suite=6, seconds=SECONDS)
def recommend(folder, seed):
    source = random.Random(seed)
    bundle = made_once("bundle", bundle_and_data) / "bundle"
    rows = {
        "events": [
            {key: row[key] for key in ("user_id", "item_id", "timestamp")} for row in some_events(source, 10, 15)
        ],
        "users": [{"user_id": f"u{k}", "age": k % 3} for k in range(10)],
        "among": [{"item_id": f"i{k}"} for k in range(12)],
    }
    arguments, done = _damage_one(folder, rows, seed, source, ("events", "events", "users", "among"))
    read = _answered(folder, ["recommend", bundle, *arguments, "--k", 3, "--include_seen"], done)
    if read is not None:
        assert set(read["item_id"]) <= {f"i{k}" for k in range(15)}, done
        ranks = read.groupby("user_id", sort=False)["rank"].apply(list)
        assert all(one == list(range(1, len(one) + 1)) for one in ranks), done
        assert read["score"].notna().all(), done


@case(KIND, "score: rows, events or users", 80, in_suite=6, seconds=SECONDS)
def score(folder, seed):
    source = random.Random(seed)
    bundle = made_once("bundle", bundle_and_data) / "bundle"
    asked = [{"user_id": f"u{k % 10}", "item_id": f"i{k}", "timestamp": 1_600_000_000 + k} for k in range(12)]
    rows = {
        "rows": asked,
        "events": [
            {key: row[key] for key in ("user_id", "item_id", "timestamp")} for row in some_events(source, 10, 15)
        ],
        "users": [{"user_id": f"u{k}", "age": k % 3} for k in range(10)],
    }
    arguments, done = _damage_one(folder, rows, seed, source, ("rows", "rows", "events", "users"))
    read = _answered(folder, ["score", bundle, *arguments], done)
    if read is not None and "rows" not in done:
        assert len(read) == len(asked), done


def _damage_one(folder, rows, seed, source, choice):
    what, done, arguments = (
        source.choice(choice),
        "",
        ["--threads", 1, "--max-bad-rows", source.choice((0, 0, 5, 1000))],
    )
    for name, some in rows.items():
        path = folder / f"{name}.table"
        if name == what:
            done, form = spoilt_table(path, some, seed, source)
            done = f"{what}, {form}: {done}"
        else:
            write_table(path, some, "csv")
        arguments += [f"--{name}", path]
    return arguments, done


def _answered(folder, arguments, done):
    """The table that a command has written; None after an error that has left nothing."""
    import pandas as pd

    given = tree(folder)
    out = folder / "out" / "answer.parquet"
    out.parent.mkdir()
    code, _ = command([*arguments, "--out", out])
    left = {path for path in tree(folder) if path not in given} - {"out"}
    assert left == (set() if code else {"out/answer.parquet"}), f"{done}: left behind: {sorted(left)}"
    return None if code else pd.read_parquet(out)

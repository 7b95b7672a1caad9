"""Data files that are right, as all cases of malformed data write them, and their damage."""

import json

import helpers

from faults.json_mutations import JSON
from faults.mutations import BINARY, ROWS, damaged

KIND = "malformed data"
SECONDS = 60
BASE = {
    "load_col": {
        "inter": ["user_id", "item_id", "timestamp", "rating"],
        "item": ["item_id", "categories"],
        "user": ["user_id", "age"],
    },
    "embedding_size": 4,
    "mlp_hidden_size": [8],
    "MAX_ITEM_LIST_LENGTH": 4,
    "epochs": 1,
    "seed": 7,
    "state": "ERROR",
    "show_progress": False,
}


_POOLS = {"rows": ROWS, "json": JSON, "binary": BINARY}


def spoil(path, seed, separator=b"\t", kind="rows"):
    """Damage a file; what was done, in words."""
    content, done = damaged(path.read_bytes(), f"{path.name} {seed}", separator, _POOLS[kind])
    path.write_bytes(content)
    return done


def small(folder, name="tiny"):
    """A dataset of a dozen users."""
    helpers.write_atomic(folder, name, users=12, items=15, events=6)
    return folder / name


def read_all(reader, read_columns, path):
    """All columns of an atomic file, as the package reads them."""
    file = reader(path, None, "\t")
    return read_columns(file, file.columns)


def cells_of(path):
    """Rows of an atomic file, column -> text."""
    head, *lines = path.read_bytes().decode("utf-8-sig").split("\n")
    names = [cell.partition(":")[0] for cell in head.removesuffix("\r").split("\t")]
    rows = (line.removesuffix("\r") for line in lines)
    return [dict(zip(names, row.split("\t"))) for row in rows if row]


def some_events(source, users=10, items=12, events=5):
    """Rows of a table of events."""
    rows = []
    for user in range(users):
        for k in range(events):
            time = 1_500_000_000 + 1000 * k + user
            rows.append(
                {"user_id": f"u{user}", "item_id": f"i{source.randrange(items)}", "timestamp": time, "rating": 3.5}
            )
    return rows


def write_table(path, rows, form, delimiter=","):
    """A table as CSV, JSON lines or Parquet."""
    import pandas as pd

    if form == "csv":
        pd.DataFrame(rows).to_csv(path, index=False, sep=delimiter)
    elif form == "json":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pd.DataFrame(rows).to_parquet(path, row_group_size=20)


def spoilt_table(path, rows, seed, source):
    """Write a table in some format, and damage it; what was done, and the format."""
    form = source.choice(("csv", "csv", "csv", "json", "json", "parquet"))
    delimiter = source.choice((",", "\t", ";")) if form == "csv" else ","
    write_table(path, rows, form, delimiter)
    kind = {"csv": "rows", "json": "json", "parquet": "binary"}[form]
    return spoil(path, seed, delimiter.encode(), kind), form

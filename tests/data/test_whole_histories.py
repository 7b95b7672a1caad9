"""Lengths of histories before they are cut, beside counts of the file's lines."""

import numpy as np
import pandas as pd

from recbole_iacn.data.whole_histories import history_lengths


def write_log(folder, name, labels):
    """Users with 3 to 17 rows, in the order of time; labelled, about every second is a click."""
    rng = np.random.default_rng(3)
    lines = [
        (f"u{user}", f"i{item}", 100 * step + user, int(rng.random() < 0.5))
        for user in range(60)
        for step, item in enumerate(rng.choice(40, 3 + user % 15, replace=False))
    ]
    (folder / name).mkdir()
    heads = ["user_id:token", "item_id:token", "timestamp:float", "label:float"][: 3 + labels]
    table = pd.DataFrame([line[: 3 + labels] for line in lines], columns=heads)
    table.to_csv(folder / name / f"{name}.inter", sep="\t", index=False)
    return table.set_axis([head.partition(":")[0] for head in heads], axis=1)


def of_rows(data):
    """User, item and uncut length of each row, as tokens."""
    tokens = [data.field2id_token[name][data.inter_feat[name]] for name in ("user_id", "item_id")]
    return list(zip(*tokens, history_lengths(data).tolist()))


def test_all_earlier_clicks_count(build, tmp_path):
    table = write_log(tmp_path, "log", labels=False)
    given = {"data_path": str(tmp_path), "load_col": {"inter": list(table.columns)}, "MAX_ITEM_LIST_LENGTH": 4}
    _, train, _, test, _ = build(dataset="log", **given)
    last = table.groupby("user_id").tail(1)
    counts = table.groupby("user_id").size() - 1
    expected = [(user, item, counts[user]) for user, item in zip(last.user_id, last.item_id)]
    assert sorted(of_rows(test._dataset)) == sorted(expected) and counts.max() == 16
    assert history_lengths(train._dataset).max() == 14


def test_rows_that_are_no_clicks_do_not_count(build, tmp_path):
    """Nor does what has the same time as the row; histories of all rows hold those, too."""
    table = write_log(tmp_path, "shown", labels=True)
    for rows, counted in (("clicks", table.label > 0), ("all", table.label >= 0)):
        _, _, _, test, _ = build(
            dataset="shown",
            data_path=str(tmp_path),
            load_col={"inter": list(table.columns)},
            MAX_ITEM_LIST_LENGTH=4,
            protocol="impressions_by_time",
            history_rows=rows,
        )
        before = counted.astype(int).groupby(table.user_id).cumsum() - counted
        expected = {(user, item): count for user, item, count in zip(table.user_id, table.item_id, before)}
        found = of_rows(test._dataset)
        assert len(found) > 40 and {(user, item): count for user, item, count in found}.items() <= expected.items()
        assert max(count for *_, count in found) > 4

"""Rows in words: exact times, and rows without a history."""

import numpy as np

from recbole_iacn.data.rows import AS_THEY_ARE, as_they_are, rows_in_words


def test_times_are_those_of_the_table_and_an_empty_history_is_said(build):
    """``dataset.times`` has the time of each row of the table, which float32 cannot hold."""
    _, *loaders, _ = build(**AS_THEY_ARE)
    feat = loaders[0]._dataset.inter_feat
    exact = 1_546_398_245.25 + np.arange(len(next(iter(feat.values.values()))))
    for loader in loaders:
        loader._dataset.times = exact
    first, second = feat.index[:2].tolist()
    feat.values["item_length"][first] = 0
    lines = list(rows_in_words(loaders, users=1))
    assert lines[0].endswith("; times in UTC")
    assert lines[2].startswith("  train    after nothing: clicked ")
    moments = np.datetime64("2019-01-02T03:04:05.25") + np.array([first, second]).astype("timedelta64[s]")
    for line, moment in zip(lines[2:4], moments):
        assert f" on {str(moment).replace('T', ' ').removesuffix('0')}, not " in line


def test_only_models_with_modes_get_a_mode():
    assert as_they_are("DIN_IaCN") == AS_THEY_ARE
    assert as_they_are("SASRec") == {name: value for name, value in AS_THEY_ARE.items() if name != "iacn_mode"}

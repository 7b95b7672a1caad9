"""Agreement of seeds: pairs against scikit-learn, and who is compared with whom."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from recbole_iacn.interests.division import Division
from recbole_iacn.interests.grouping import Grouping
from recbole_iacn.interests.sheet import Sheet
from recbole_iacn.interests.stability import by_kind, stability_of

HISTORY = np.array([[1, 2, 3, 4, 5, 0], [6, 7, 8, 9, 1, 2]])


def sheet(labels, seed, kind="a", groups=3, history=HISTORY, chance=None):
    def division(belongs):
        couplings = (np.array(belongs)[:, :, None] == np.arange(groups)).astype(float)
        some = np.ones((2, groups), dtype=bool), np.zeros((2, groups, 2)), np.zeros((10, 2))
        return Division(Grouping(history, couplings, *some), np.zeros((2, 1), dtype=int))

    divisions = {"model": division(labels), "chance": division(labels if chance is None else chance)}
    return Sheet("MIND", "tiny", seed, kind, 2, 1, groups, (), (), divisions)


LABELS = [
    [[0, 0, 1, 1, 2, -1], [0, 0, 1, 1, 2, 2]],
    [[1, 1, 0, 0, 2, -1], [0, 1, 1, 0, 2, 2]],  # the first user's groups under other names
    [[0, 0, 1, 1, 1, -1], [0, 0, 0, 1, 2, 1]],
]


def test_the_mean_over_pairs_of_seeds():
    chance = [[0, 1, 2, 0, 1, -1], [2, 1, 0, 0, 1, 2]]
    sheets = [sheet(labels, seed, chance=chance) for seed, labels in enumerate(LABELS)]
    (found,), notes = stability_of(sheets)
    lengths = [5, 6]
    of_users = [
        np.mean([adjusted_rand_score(a[user][:length], b[user][:length]) for a, b in itertools.combinations(LABELS, 2)])
        for user, length in enumerate(lengths)
    ]
    assert found.line.model.mean == pytest.approx(np.mean(of_users))
    assert found.line.controls["chance"].mean == 1 and found.line.users == 2
    assert found.seeds == (0, 1, 2) and notes == []
    assert found.as_dict()["line"]["users"] == 2


def test_only_seeds_of_one_kind_are_compared():
    sheets = [sheet(LABELS[0], 0), sheet(LABELS[1], 0, "b"), sheet(LABELS[2], 1)]
    assert [[one.seed for one in same] for same in by_kind(sheets)] == [[0, 1], [0]]
    (found,), _ = stability_of(sheets)
    assert found.kind == "a" and found.seeds == (0, 1)
    alone = [sheet(LABELS[0], seed, groups=1) for seed in (0, 1)]
    assert stability_of(alone) == ([], [])


def test_other_rows_are_not_compared():
    other = np.where(HISTORY > 0, HISTORY + 1, 0)
    found, (note,) = stability_of([sheet(LABELS[0], 0), sheet(LABELS[1], 1, history=other)])
    assert found == [] and note == "MIND: its seeds have different test rows, so stability is not defined."

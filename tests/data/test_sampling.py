"""Sampling against counts: uniform, by popularity, determined by the generator."""

import numpy as np
import pytest

from recbole_iacn.data.sampling import OwnItems
from recbole_iacn.errors import ConfigError


def test_sampling_is_exact_uniform_and_determined_by_the_generator():
    own = OwnItems(np.array([1, 1, 1, 2]), np.array([1, 2, 3, 5]), n_items=7)
    users = np.repeat([1, 2], 30_000)
    drawn = own.sample_others(users, 1, np.random.default_rng(0))[:, 0]
    again = own.sample_others(users, 1, np.random.default_rng(0))[:, 0]
    assert (drawn == again).all()
    counts = np.bincount(drawn[:30_000], minlength=7)
    assert (counts[:4] == 0).all()
    assert abs(counts[4:] - 10_000).max() < 400  # 4 standard deviations
    assert set(drawn[30_000:]) == {1, 2, 3, 4, 6}


def test_sampling_by_popularity_draws_an_item_as_often_as_it_has_users():
    users, items = np.array([1, 2, 3, 1, 2, 3, 4, 1, 1]), np.array([1, 1, 1, 2, 2, 3, 3, 2, 4])
    own = OwnItems(users, items, n_items=9)  # users of items 1 to 4: 3, 2, 2, 1; no user has 5 to 8
    drawn = own.sample_others(np.full(70_000, 4), 1, np.random.default_rng(0), "popularity")
    counts = np.bincount(drawn[:, 0], minlength=9)
    assert counts[3] == counts[5:].sum() == 0  # user 4's own, and what no user has
    assert abs(counts[[1, 2, 4]] / 70_000 - np.array([3, 2, 1]) / 6).max() < 0.007  # 4 standard deviations
    with pytest.raises(ConfigError, match="all 2 items"):
        OwnItems(np.array([1, 1, 2]), np.array([1, 2, 1]), 9).sample_others(
            np.array([1]), 1, NothingToDraw(), "popularity"
        )


class NothingToDraw:
    """In place of a generator: drawing for a user who has everything would never end."""

    def integers(self, *args, **options):
        pytest.fail("an item was drawn for a user who has all")


@pytest.mark.parametrize("distribution", ["uniform", "popularity"])
def test_a_user_who_has_everything_is_an_error(distribution):
    """Found before anything is drawn. User 2 lacks one of the two items, user 1 none."""
    own = OwnItems(np.array([1, 1, 2]), np.array([1, 2, 1]), n_items=3)
    with pytest.raises(ConfigError, match=r"1 user\(s\) have interacted with all 2 items"):
        own.sample_others(np.array([2, 1]), 1, NothingToDraw(), distribution)
    assert (own.sample_others(np.array([2, 2]), 3, np.random.default_rng(0), distribution) == 2).all()


@pytest.mark.parametrize(
    ("rows", "mend"),
    [
        # b has five interactions with what is left, the interval's end; without a, item 9 is gone.
        ({1: range(1, 10), 2: [1, 2, 3, 4, 5], 3: [6, 7, 8]}, r"user_inter_num_interval: '\[0,9\)'"),
        # 2 has clicked 1 again and again, more often than the interval allows.
        ({1: range(1, 7), 2: [1] * 9, 3: [1, 2, 3], 4: [2, 3, 4]}, r"user_inter_num_interval: '\[0,6\)'"),
        # Of a user with two interactions nothing is left to train on.
        ({1: range(1, 5), 2: [1, 2], 3: [3, 4]}, "The data need more items"),
    ],
)
def test_the_interval_that_leaves_something_to_draw(rows, mend):
    users, items = (np.concatenate(part) for part in zip(*([np.full(len(row), u), row] for u, row in rows.items())))
    own = OwnItems(users, items, n_items=int(items.max()) + 1)
    with pytest.raises(ConfigError, match=f"1 user.s. have interacted .*{mend}"):
        own.sample_others(users, 1, NothingToDraw())


def test_an_interval_that_ends_at_a_users_interactions_keeps_the_user():
    """3 has as many interactions as the interval allows, and with them all that would be left: it must end before."""
    rows = {1: [1, 2, 3, 4, 5, 6], 3: [1, 2, 3, 4, 5], 4: [1, 2, 3], 5: [2, 3, 4]}
    users = np.concatenate([np.full(len(row), user) for user, row in rows.items()])
    own = OwnItems(users, np.concatenate(list(rows.values())), n_items=7)
    with pytest.raises(ConfigError, match=r"user_inter_num_interval: '\[0,5\)'"):
        own.sample_others(users, 1, NothingToDraw())

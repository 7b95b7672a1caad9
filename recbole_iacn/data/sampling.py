"""Uniform negatives from outside a user's own items, for all rows at once."""

import numpy as np

from recbole_iacn.errors import ConfigError


class OwnItems:
    """Which items each user has interacted with, as one sorted array of ``user * n_items + item``.

    Args:
        users (numpy.ndarray): internal user ids, one per interaction.
        items (numpy.ndarray): internal item ids, from 1; 0 is padding.
        n_items (int): number of item ids, padding included.
    """

    def __init__(self, users, items, n_items):
        self.n_items = n_items
        self.keys = np.unique(np.asarray(users, dtype=np.int64) * n_items + np.asarray(items, dtype=np.int64))

    def contains(self, users, items):
        """True where an item is the user's own. Arrays of one shape, or that broadcast."""
        wanted = users.astype(np.int64) * self.n_items + items
        place = np.searchsorted(self.keys, wanted)
        return self.keys[np.minimum(place, len(self.keys) - 1)] == wanted

    def sample_others(self, users, count, rng):
        """Draw ``count`` items for each row, uniformly among those that the row's user has not touched.

        Args:
            users (numpy.ndarray): user of each row, shape (rows,).
            count (int): negatives a row.
            rng (numpy.random.Generator): decides the outcome completely.

        Returns:
            numpy.ndarray: item ids, int64, shape (rows, count).

        Raises:
            ConfigError: if a user has touched every item, so that no negative exists.
        """
        users = np.asarray(users, dtype=np.int64)
        self._check_others_exist(users)
        drawn = rng.integers(1, self.n_items, size=(len(users), count))
        row, column = np.nonzero(self.contains(users[:, None], drawn))
        while len(row):
            drawn[row, column] = rng.integers(1, self.n_items, size=len(row))
            again = self.contains(users[row], drawn[row, column])
            row, column = row[again], column[again]
        return drawn

    def _check_others_exist(self, users):
        owners, counts = np.unique(self.keys // self.n_items, return_counts=True)
        sated = np.intersect1d(owners[counts >= self.n_items - 1], users)
        if len(sated):
            raise ConfigError(
                f"{len(sated)} user(s) have interacted with all {self.n_items - 1} items, so no negative item "
                f"exists for them. Leave them out, e.g. user_inter_num_interval: '[0,{self.n_items - 2}]'."
            )

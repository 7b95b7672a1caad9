"""Negatives from outside a user's own items, for all rows at once."""

import numpy as np

from recbole_iacn.errors import ConfigError

_FEWEST = 2  # interactions of a user; a protocol that leaves two out trains on nobody who has no more


class OwnItems:
    """Which items each user has interacted with, as one sorted array of ``user * n_items + item``.

    Args:
        users (numpy.ndarray): internal user ids, one per interaction.
        items (numpy.ndarray): internal item ids, from 1; 0 is padding.
        n_items (int): number of item ids, padding included.
        drawable (numpy.ndarray, optional): the items that :meth:`sample_others` draws from, int64, those of every user
            among them; all by default.
        interactions (numpy.ndarray, optional): rows of each user in the files, shape (users,), if the data have others
            than those given; for the error that there is nothing to draw.
    """

    drawable: np.ndarray | None = None  # of loaders that an earlier version saved

    def __init__(
        self,
        users: np.ndarray,
        items: np.ndarray,
        n_items: int,
        drawable: np.ndarray | None = None,
        interactions: np.ndarray | None = None,
    ) -> None:
        self.n_items, self.drawable = n_items, drawable
        self.interactions = np.bincount(users) if interactions is None else interactions
        keys = np.asarray(users, dtype=np.int64) * n_items + np.asarray(items, dtype=np.int64)
        keys.sort()
        # np.unique would do, but takes several times as long.
        self.keys = keys[np.r_[True, keys[1:] != keys[:-1]]]

    def contains(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """True where an item is the user's own. The arrays have one shape, or broadcast."""
        wanted = users.astype(np.int64) * self.n_items + items
        place = np.searchsorted(self.keys, wanted)
        return self.keys[np.minimum(place, len(self.keys) - 1)] == wanted

    def sample_others(
        self, users: np.ndarray, count: int, rng: np.random.Generator, distribution: str = "uniform"
    ) -> np.ndarray:
        """Draw ``count`` items for each row among those that the row's user has not interacted with.

        Args:
            users (numpy.ndarray): user of each row, shape (rows,).
            count (int): negatives per row.
            rng (numpy.random.Generator): determines the outcome completely.
            distribution (str): ``uniform``, all drawable items equally; ``popularity``, all that have users, in
                proportion to their number.

        Returns:
            numpy.ndarray: item ids, int64, shape (rows, count).

        Raises:
            ConfigError: if a user has interacted with every item that can be drawn, so that no negative exists.
        """
        users = np.asarray(users, dtype=np.int64)
        draw = self._by_popularity if distribution == "popularity" else self._uniformly
        self._check_others_exist(users, distribution)
        drawn = draw(rng, (len(users), count))
        row, column = np.nonzero(self.contains(users[:, None], drawn))
        while len(row):
            drawn[row, column] = draw(rng, len(row))
            again = self.contains(users[row], drawn[row, column])
            row, column = row[again], column[again]
        return drawn

    def _uniformly(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> np.ndarray:
        if self.drawable is None:
            return rng.integers(1, self.n_items, size=size)
        return self.drawable[rng.integers(len(self.drawable), size=size)]

    def _by_popularity(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> np.ndarray:
        # An item is in ``keys`` once per user.
        return self.keys[rng.integers(len(self.keys), size=size)] % self.n_items

    def _check_others_exist(self, users: np.ndarray, distribution: str) -> None:
        drawable = self.n_items - 1 if self.drawable is None else len(self.drawable)
        if distribution == "popularity":
            drawable = int(np.count_nonzero(np.bincount(self.keys % self.n_items)))
        owned = np.bincount(self.keys // self.n_items, minlength=int(users.max(initial=0)) + 1)
        exhausted = np.unique(users[owned[users] >= drawable])
        if not len(exhausted):
            return
        narrow = distribution == "uniform" and self.drawable is not None
        most = self._most_interactions(drawable)
        if narrow and drawable < self.n_items - 1:
            mend = "Set negative_items: catalogue, which draws from all items."
        elif most:
            mend = f"Leave them out, e.g. user_inter_num_interval: '[0,{most + 1})'."
        else:
            mend = "The data need more items."
        raise ConfigError(
            f"{len(exhausted)} user(s) have interacted with all {drawable} items"
            f"{' that anybody clicked' if narrow else ''}, so no negative item exists for them. {mend}"
        )

    def _most_interactions(self, drawable: int) -> int:
        """How many interactions a user may have so that all who remain have something to draw; 0 if no number will do.

        An item that only left-out users clicked goes with them, which may leave others without anything to draw.
        """
        owner, item = self.keys // self.n_items, self.keys % self.n_items
        most = drawable - 1
        while most > 0:
            stays = self.interactions[owner] <= most
            if not stays.any() or self.interactions[owner[stays]].max() <= _FEWEST:
                return 0
            left = len(np.unique(item[stays]))
            if np.bincount(owner[stays]).max() < left:
                return most
            most = min(most, left) - 1
        return 0

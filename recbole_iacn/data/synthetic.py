"""Synthetic data with a known best score: users with planted interests over clusters of items, and the best AUC that
any model can reach on them. All clusters are equally popular, so that popularity tells nothing.

The distribution is simple enough to be inverted. A user has ``interests`` of the ``clusters``, each set equally likely.
Every click weighs each item by ``w = (1 - noise) / (items of the interests)`` if it lies in an interest, plus ``noise /
(all items)``, and draws one, in proportion, among those the user has not clicked yet. So ``noise`` sets the
difficulty: at 0 a user stays within the interests, at 1 a user clicks at random and nothing can be learned.
"""

import itertools
from pathlib import Path

import numpy as np

from recbole_iacn.errors import ConfigError
from recbole_iacn.system.atomic_writes import replacing, with_parents

_MOST_SETS = 20_000  # the maximum number of sets of interests to enumerate


class PlantedInterests:
    """Users, their interests, and what they click, in order.

    Args:
        users (int): number of users. Defaults to 1000.
        clusters (int): number of item clusters. Defaults to 8.
        items_per_cluster (int): items in each. Defaults to 40.
        interests (int): clusters that each user likes. Defaults to 2.
        events (int): clicks of each user, no item twice. Defaults to 20.
        noise (float): share of clicks that ignore the interests, in [0, 1]. Defaults to 0.2.
        seed (int): determines everything.

    Attributes:
        cluster (numpy.ndarray): cluster of each item, shape (items,).
        liked (numpy.ndarray): interests of each user, shape (users, interests).
        clicks (numpy.ndarray): clicked items in order of time, shape (users, events).

    Raises:
        ConfigError: no such data exist for these sizes.

    Example:
        >>> data = PlantedInterests(users=500, noise=0.1)
        >>> data.clicks.shape
        (500, 20)
    """

    def __init__(
        self,
        users: int = 1000,
        clusters: int = 8,
        items_per_cluster: int = 40,
        interests: int = 2,
        events: int = 20,
        noise: float = 0.2,
        seed: int = 0,
    ) -> None:
        _check(clusters, items_per_cluster, interests, events, noise)
        rng = np.random.default_rng(seed)
        self.noise, self.size = noise, items_per_cluster
        self.cluster = np.repeat(np.arange(clusters), items_per_cluster)
        order = rng.random((users, clusters)).argsort(axis=1)
        self.liked = np.sort(order[:, :interests], axis=1)
        self.clicks = np.stack([_race(self._weights(liked)[self.cluster], events, rng) for liked in self.liked])

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return len(self.cluster) // self.size

    def _weights(self, liked: np.ndarray) -> np.ndarray:
        """Weight of one item, by cluster; over all items they add up to 1. ``liked``: shape (…, interests)."""
        liked = np.asarray(liked)
        inside = (liked[..., None] == np.arange(self.clusters)).any(axis=-2)
        return inside * (1 - self.noise) / (liked.shape[-1] * self.size) + self.noise / len(self.cluster)

    def click_probability(self, known: int | None = None) -> np.ndarray:
        """Distribution of the next click, given the generating process and a user's first clicks, not the interests.

        Bayes' rule over all sets of interests: ``P(S | clicks) ~ prod_t w_S(i_t) / (1 - sum_{s<t} w_S(i_s))``.

        Args:
            known (int, optional): number of known clicks. Defaults to all but the last.

        Returns:
            numpy.ndarray: probability that the next click is one given item, not clicked yet, of a cluster; shape
            (users, clusters).

        Raises:
            ConfigError: there are too many sets; :meth:`informed_auc` needs none.
        """
        _check_sets(self.clusters, self.liked.shape[1])
        known = self.clicks.shape[1] - 1 if known is None else known
        sets = np.array(list(itertools.combinations(range(self.clusters), self.liked.shape[1])))
        weights = self._weights(sets)
        rows = np.array_split(self.cluster[self.clicks[:, :known]], max(1, len(self.clicks) * len(sets) // 100_000))
        return np.concatenate([_next_click(weights, row) for row in rows])

    def score(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """The optimal score of candidates for the last click, against one uniform item that the user never clicked:
        the likelihood ratio of click and other.

        Args:
            users, items (numpy.ndarray): candidates, equal shapes; no item of the user's earlier clicks.

        Returns:
            numpy.ndarray: scores, of the same shape.
        """
        return self._ratio(self.click_probability())[users, self.cluster[items]]

    def _ratio(self, click: np.ndarray) -> np.ndarray:
        left = len(self.cluster) - self.clicks.shape[1]  # items never clicked: where the other comes from
        return click * left / np.maximum(1 - click, 1e-12)

    def bayes_auc(self) -> float:
        """The AUC that no model can beat, in expectation, on each user's last click against one uniform item that the
        user never clicked (protocol ``leave_one_out_ctr``): that of the likelihood ratio (Neyman-Pearson).

        Returns:
            float: between 0.5 and 1.

        Raises:
            ConfigError: as :meth:`click_probability`.
        """
        return self._expected_auc(self.click_probability())

    def informed_auc(self) -> float:
        """As :meth:`bayes_auc`, for who knows the users' interests themselves: a bound, which the Bayes AUC comes near
        where the clicks show the interests, and which takes no time however many sets there are.

        Returns:
            float: between 0.5 and 1.
        """
        weights = self._weights(self.liked)
        taken = np.take_along_axis(weights, self.cluster[self.clicks[:, :-1]], axis=1).sum(axis=1)
        return self._expected_auc(weights / (1 - taken)[:, None])

    def _expected_auc(self, click: np.ndarray) -> float:
        """AUC of scoring by the probability of each item, by user and cluster, if that is what clicks follow."""
        known = self.cluster[self.clicks[:, :-1]]
        free = self.size - (known[..., None] == np.arange(self.clusters)).sum(axis=1)  # (users, clusters)
        chance = click * free
        other = chance * (free - 1) + (1 - chance) * free  # the click itself is not among the others
        return _auc(self._ratio(click).ravel(), chance.ravel(), other.ravel())

    def write(self, folder: str | Path, name: str = "planted", categories: bool = False) -> Path:
        """Write atomic files ``<folder>/<name>/<name>.inter`` and ``.item``, atomically.

        Tokens: user ``u3``, item ``i17``; line 18 of the item table is item 17. Times count seconds.

        Args:
            folder (str or Path): RecBole's ``data_path``; created if missing.
            name (str): dataset name.
            categories (bool): write each item's cluster as its category. Defaults to False.

        Returns:
            Path: the dataset's folder.

        Raises:
            ConfigError: the dataset already exists.
        """
        target = Path(folder) / name
        if target.exists():
            raise ConfigError(f"{target}: exists already; choose another name or remove it")
        clicks = [
            f"u{user}\ti{item}\t{time}"
            for user, row in enumerate(self.clicks)
            for time, item in enumerate(row, start=1)
        ]
        header = "item_id:token" + ("\tcategories:token_seq" if categories else "")
        items = [f"i{item}" + (f"\tc{cluster}" if categories else "") for item, cluster in enumerate(self.cluster)]
        text = "\n".join(["user_id:token\titem_id:token\ttimestamp:float", *clicks])
        with with_parents(target), replacing(target) as partial:
            partial.mkdir()
            (partial / f"{name}.inter").write_text(text + "\n")
            (partial / f"{name}.item").write_text("\n".join([header, *items]) + "\n")
        return target


def _next_click(weights, clicked):
    """Bayes' rule of :meth:`PlantedInterests.click_probability`: weights (sets, clusters), clicked clusters (users,
    known); returns (users, clusters)."""
    taken = weights[:, clicked]  # (sets, users, known)
    left = np.concatenate([np.ones_like(taken[..., :1]), 1 - np.cumsum(taken, axis=-1)], axis=-1)
    with np.errstate(divide="ignore"):  # without noise, a click outside rules a set out
        evidence = (np.log(taken) - np.log(np.maximum(left[..., :-1], 1e-300))).sum(axis=-1)
    evidence = np.exp(evidence - evidence.max(axis=0))
    posterior = evidence / evidence.sum(axis=0)
    return np.einsum("su,sc->uc", posterior / left[..., -1], weights)


def _check(clusters, items_per_cluster, interests, events, noise):
    if not 1 <= interests <= clusters:
        raise ConfigError(f"interests: must lie between 1 and the number of clusters, {clusters}; got {interests}")
    if not 0 <= noise <= 1:
        raise ConfigError(f"noise: must lie in [0, 1], got {noise}")
    reachable = (clusters if noise else interests) * items_per_cluster
    if not 2 <= events < reachable:
        raise ConfigError(
            f"events: must lie between 2 and {reachable - 1}, one fewer than the items to click; got {events}"
        )


def _check_sets(clusters, interests):
    sets = np.prod([(clusters - i) / (i + 1) for i in range(interests)])
    if sets > _MOST_SETS:
        raise ConfigError(
            f"interests: {interests} of {clusters} clusters are {sets:.0f} sets, over {_MOST_SETS}, which are too many "
            "to weigh; take fewer, or informed_auc, which knows them"
        )


def _race(weights, count, rng):
    """``count`` items without repetition, each in proportion to its weight among those left: the first to arrive if
    item i takes an exponential time of rate ``w_i``."""
    with np.errstate(divide="ignore"):
        arrival = rng.exponential(size=len(weights)) / weights
    first = np.argpartition(arrival, count)[:count]
    return first[arrival[first].argsort()]


def _auc(scores, positive, negative):
    """AUC of weighted scores: the probability that a positive beats a negative, ties counting half."""
    values, place = np.unique(scores, return_inverse=True)
    up = np.bincount(place, positive, len(values))
    down = np.bincount(place, negative, len(values))
    below = np.cumsum(down) - down
    return float((up * (below + down / 2)).sum() / (up.sum() * down.sum()))

"""The measures of the sheet: what each is called, what it needs, and the function that has its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recbole_iacn.interests import agreement, collapse, item_lists
from recbole_iacn.interests import faithfulness as faithful
from recbole_iacn.interests.division import ALL_K_MEANS, CHANCE, Division
from recbole_iacn.interests.interest_gap import interest_gap
from recbole_iacn.interests.item_categories import ItemCategories
from recbole_iacn.interests.nearest import neighbour_purity

DRAWS = 5  # random sets of clicks beside each reason


class Looked:
    """A division, and what measures read beside it.

    Args:
        division: groups and lists of B histories.
        targets: the item clicked next, shape (B,).
        categories: of items; None where there are none.
        plain: item vectors that know nothing of interests, shape (N + 1, D').
        firsts: the item whose reasons are looked at, the model's first, shape (B,); 0 for none.
        ask: from the clicks that stay, (B, L) or None for all, to the margin of that item, shape (B,).
        seed: of random clicks.
    """

    def __init__(
        self,
        division: Division,
        targets: np.ndarray,
        categories: ItemCategories | None,
        plain: np.ndarray,
        firsts: np.ndarray,
        ask: Callable[[np.ndarray | None], np.ndarray],
        seed: int,
    ) -> None:
        self.grouping, self.lists = division.grouping, division.lists
        self.targets, self.categories, self.plain = targets, categories, plain
        self.firsts, self.ask, self.seed = firsts, ask, seed

    @property
    def of_clicks(self) -> np.ndarray:
        """The category of each click, shape (B, L); -1 for none."""
        return self.known.main.of(self.grouping.history)

    @property
    def known(self) -> ItemCategories:
        """The categories, of a measure that needs them."""
        if self.categories is None:
            raise AssertionError("a measure that reads categories is marked as needing them")
        return self.categories

    @cached_property
    def faithfulness(self) -> faithful.Faithfulness:
        """What the model's first item loses without its reasons, and by these alone."""
        history = self.grouping.history
        reasons = faithful.reasons(self.grouping, self.firsts)
        random = faithful.at_random(history, reasons.sum(axis=1), DRAWS, self.seed)
        return faithful.faithfulness(
            self.ask(None),
            self.ask(~reasons),
            self.ask(reasons),
            np.stack([self.ask(~some) for some in random]),
            np.stack([self.ask(some) for some in random]),
            faithful.comparable(history, reasons) & (self.firsts > 0),
        )


@dataclass(frozen=True)
class Measure:
    """One line of the sheet.

    Attributes:
        name: as an experiment's file and JSON have it.
        title: for people.
        better: ``higher`` or ``lower``; empty where neither is better.
        of: from a division to a figure per user, shape (B,); NaN where it is not defined.
        categories: whether it needs categories of items.
        divides: whether it is of the division, so that it is not defined for a model with one interest.
        chance: in place of the control by chance: from the model's division to chance's figures.
        without: controls that have the model's figure, or one and the same for every model, by their construction.
    """

    name: str
    title: str
    better: str
    of: Callable[[Looked], np.ndarray]
    categories: bool = False
    divides: bool = True
    chance: Callable[[Looked], np.ndarray] | None = None
    without: tuple[str, ...] = ()


def _half(values: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(values), np.nan, 0.5)


MEASURES = (
    Measure(
        "ami",
        "Adjusted mutual information of interest and category",
        "higher",
        lambda of: agreement.adjusted_mutual_information(of.grouping.belongs, of.of_clicks),
        categories=True,
    ),
    Measure(
        "purity",
        "Purity of interests by category",
        "higher",
        lambda of: agreement.purity(of.grouping.belongs, of.of_clicks),
        categories=True,
    ),
    Measure(
        "homogeneity",
        "Part of the categories' entropy that interests explain",
        "higher",
        lambda of: agreement.homogeneity(of.grouping.belongs, of.of_clicks),
        categories=True,
    ),
    Measure(
        "conditional_entropy",
        "Entropy of categories within interests, nats",
        "lower",
        lambda of: agreement.conditional_entropy(of.grouping.belongs, of.of_clicks),
        categories=True,
    ),
    Measure(
        "neighbour_purity",
        "Purity of the 20 items nearest to an interest",
        "higher",
        lambda of: neighbour_purity(of.grouping, of.known.main.of_items),
        categories=True,
        divides=False,
    ),
    Measure(
        "cosine",
        "Mean pairwise cosine of interests",
        "lower",
        lambda of: collapse.pairwise_cosine(of.grouping.vectors, of.grouping.active),
    ),
    Measure(
        "effective",
        "Effective number of interests, exp(H)",
        "",
        lambda of: collapse.effective_number(of.grouping.shares),
        without=(CHANCE,),
    ),
    Measure(
        "effective_share",
        "Effective number over the user's number of interests",
        "",
        lambda of: collapse.effective_share(of.grouping.shares, of.grouping.active),
        without=(CHANCE,),
    ),
    Measure(
        "empty",
        "Share of interests without a click",
        "lower",
        lambda of: collapse.empty_groups(of.grouping),
        without=(CHANCE, *ALL_K_MEANS),
    ),
    Measure(
        "coupling",
        "Mean of a click's largest coupling",
        "",
        lambda of: collapse.largest_coupling(of.grouping),
        without=(CHANCE, *ALL_K_MEANS),
    ),
    Measure(
        "coverage",
        "Interests with an item in the list, IC@k",
        "higher",
        lambda of: item_lists.interest_coverage(of.grouping, of.lists),
    ),
    Measure(
        "category_coverage",
        "The history's categories with an item in the list",
        "higher",
        lambda of: item_lists.category_coverage(of.grouping.history, of.lists, of.known.main.of_items),
        categories=True,
        divides=False,
    ),
    Measure(
        "diversity",
        "Diversity of the list by categories, ILD@k",
        "",
        lambda of: item_lists.category_diversity(of.lists, of.known.values),
        categories=True,
        divides=False,
    ),
    Measure(
        "vector_diversity",
        "Diversity of the list in the plain embedding, ILD@k",
        "",
        lambda of: item_lists.vector_diversity(of.lists, of.plain),
        divides=False,
    ),
    Measure(
        "miscalibration",
        "KL of the categories' shares of list and history, nats",
        "lower",
        lambda of: item_lists.miscalibration(of.grouping.history, of.lists, of.known.weights),
        categories=True,
        divides=False,
    ),
    Measure(
        "gap",
        "Divergence of the interests of the next click and of the first item, nats",
        "lower",
        lambda of: interest_gap(of.grouping, of.targets, of.lists[:, 0]),
    ),
    Measure(
        "deletion",
        "Margin lost without the clicks of the first item's interest",
        "higher",
        lambda of: of.faithfulness.deletion,
        chance=lambda of: of.faithfulness.deletion_chance,
    ),
    Measure(
        "deletion_wins",
        "… more often than without as many clicks at random",
        "higher",
        lambda of: of.faithfulness.deletion_wins,
        chance=lambda of: _half(of.faithfulness.deletion_wins),
    ),
    Measure(
        "insertion",
        "Margin lost with these clicks alone",
        "lower",
        lambda of: of.faithfulness.insertion,
        chance=lambda of: of.faithfulness.insertion_chance,
    ),
    Measure(
        "insertion_wins",
        "… less often than with as many clicks at random",
        "higher",
        lambda of: of.faithfulness.insertion_wins,
        chance=lambda of: _half(of.faithfulness.insertion_wins),
    ),
)
NAMES = tuple(one.name for one in MEASURES)

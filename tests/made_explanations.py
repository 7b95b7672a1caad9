"""Explanations made up by a model of a few lines, whose answer to any history can be asked."""

import numpy as np

from recbole_iacn.serving.explain.explanation import (
    Click,
    Edits,
    ExplainedInterest,
    ExplainedItem,
    Explanation,
    Named,
    Near,
    Reason,
    Value,
)
from recbole_iacn.serving.page.item_map import item_map
from recbole_iacn.serving.page.page_data import PageItems, PageModel, page_data

ITEMS, K, NASTY = 60, 5, "</script><img src=x onerror=alert(1)> & \"quoted\" 'film' <!--"


class Toy:
    """Scores an item by the logarithm of a sum over the history, so that effects do not simply add up."""

    def __init__(self, seed=0, probability=False, interests=3, name="Toy"):
        rng = np.random.default_rng(seed)
        self.vectors = rng.normal(size=(ITEMS, 8)) + 2 * np.eye(8)[np.arange(ITEMS) % 3]
        self.interests, self.probability, self.name = interests, probability, name

    def margins(self, history):
        """Of all items, for a list of item numbers."""
        closeness = self.vectors @ self.vectors[list(history)].T if len(history) else np.zeros((ITEMS, 1))
        return np.log(np.exp(closeness / 4).sum(axis=1))

    def best(self, history, seen, k=K):
        """The k best items that are not in ``seen``."""
        margins = self.margins(history)
        return [int(item) for item in np.argsort(-margins, kind="stable") if item not in seen][:k]

    def explain(self, history, user="7", times=None, addable=(40, 41, 42, 43)):
        """As Recommender.explain(edits=True)."""
        belongs = [item % self.interests if self.interests else None for item in history]
        groups = range(self.interests)
        kept = [[one for place, one in enumerate(history) if place != out] for out in range(len(history))]
        without = [[one for one in history if one % self.interests != group] for group in groups]
        added = [[*history, item] for item in addable if item not in history]
        seen = set(history)
        lists = [self.best(some, seen | set(some)) for some in [history, *kept, *without, *added]]
        candidates = list(dict.fromkeys(item for some in lists for item in some))
        ask = lambda some: tuple(self.margins(some)[candidates].tolist())  # noqa: E731
        margins = self.margins(history)
        edits = Edits(
            items=tuple(f"i{item}" for item in candidates),
            margins=ask(history),
            without_click=tuple(map(ask, kept)),
            without_interest=tuple(map(ask, without)),
            addable=tuple(f"i{item}" for item in addable if item not in history),
            with_click=tuple(map(ask, added)),
            probability=self.probability,
            belongs=tuple(item % self.interests for item in candidates) if self.interests else (),
            named={f"i{item}": named(item) for item in [*candidates, *addable]},
        )
        items = tuple(
            ExplainedItem(
                named(item),
                rank,
                float(margins[item]),
                item % self.interests if self.interests else None,
                tuple(
                    Reason(place, float(margins[item] - self.margins(some)[item])) for place, some in enumerate(kept)
                ),
                tuple(float(margins[item] - self.margins(some)[item]) for some in without),
                None,
            )
            for rank, item in enumerate(lists[0], start=1)
        )
        return Explanation(
            model=self.name,
            user=user,
            clicks=tuple(
                Click(
                    named(item), place, None if times is None else times[place], belongs[place], self._couplings(item)
                )
                for place, item in enumerate(history)
            ),
            older=2,
            interests=tuple(self._interest(group, history) for group in groups),
            items=items,
            notes=() if self.interests else ("Toy has no interests.",),
            edits=edits,
        )

    def _couplings(self, item):
        own = 0.6 + 0.3 * (item % 7) / 6
        return tuple(
            own if item % self.interests == k else (1 - own) / (self.interests - 1) for k in range(self.interests)
        )

    def _interest(self, group, history):
        near = [item for item in range(ITEMS) if item % 3 == group][:8]
        return ExplainedInterest(
            number=group,
            share=sum(self._couplings(item)[group] for item in history) / len(history),
            clicks=tuple(place for place, item in enumerate(history) if item % self.interests == group),
            nearest=tuple(Near(named(item), 0.9 - 0.01 * place) for place, item in enumerate(near)),
            values=(Value("genre", f"kind {group}", 8, 8, 1 / 3, 3.0, 0.0004),) if group else (),
            face=named(near[0]),
            label=f"kind {group}" if group else NASTY,
        )


def named(item):
    """The item 3 has a title that would be markup."""
    return Named(f"i{item}", NASTY if item == 3 else f"Film {item}")


def page_items():
    """All items, with a column."""
    genres = [[f"kind {item % 3}"] + (["<b>rare</b>"] if item % 10 == 0 else []) for item in range(ITEMS)]
    some = [named(item) for item in range(ITEMS)]
    return PageItems([one.item for one in some], [one.name for one in some], {}, {"genre": genres})


HISTORIES = {"7": [0, 3, 6, 1, 4, 9, 2, 12], "8": [5, 8, 11, 7], "9": [10, 13, 14, 3]}


def made_data(toys=None, histories=None):
    """The data of a page of three users."""
    models = [
        PageModel(
            toy.name,
            f"{toy.name} of {toy.interests} interests",
            [
                toy.explain(history, user, [1_000_000_000 + 50_000 * place for place in range(len(history))])
                for user, history in (histories or HISTORIES).items()
            ],
            item_map(toy.vectors, "pca"),
        )
        for toy in toys or [Toy()]
    ]
    return page_data(models, page_items(), K, ["Made up."], "seconds")

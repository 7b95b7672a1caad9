"""From trained models, events and users' names to a page: one file, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_iacn.data.tables.options import make_options
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.page.html_page import page
from recbole_iacn.serving.page.item_map import ItemMap, check_method, item_map
from recbole_iacn.serving.page.page_data import PageItems, PageModel, Values, page_data
from recbole_iacn.serving.tables.limits import Limits
from recbole_iacn.serving.tables.output_files import NAME_ANOTHER, check_output
from recbole_iacn.serving.tables.table_account import TableAccount
from recbole_iacn.serving.tables.user_histories import UserHistories, histories_of_users, named_users
from recbole_iacn.system import disk
from recbole_iacn.system.atomic_writes import write_text
from recbole_iacn.version import __version__

if TYPE_CHECKING:
    from recbole_iacn.serving.explain.item_names import ItemNames
    from recbole_iacn.serving.recommender import Recommender

MOST_USERS = 50
_ROUNDED = (
    "Numbers have four significant digits. What a change does to a score is stored as a half float, of three to four "
    "digits; after any single change the list is in the model's order."
)


@dataclass(frozen=True)
class PageAccount:
    """What was read and written.

    Attributes:
        out: the file.
        size: its bytes.
        users, items: how many it has.
        maps: how the map of each model was made, in words.
        table: what was read of events and users, and what was left out.
        notes: what is missing of the items' names.
    """

    out: str
    size: int
    users: int
    items: int
    maps: Sequence[str]
    table: TableAccount
    notes: Sequence[str] = ()

    def lines(self) -> list[str]:
        """The account in words."""
        users = "1 user" if self.users == 1 else f"{self.users:,} users"
        first = f"{self.out}: {users}, {self.items:,} items, {self.size / 1e6:.2f} MB"
        self.table.out = self.out
        return [
            first,
            *(f"  map: {one}" for one in self.maps),
            *self.table.lines()[1:],
            *(f"  {one}" for one in [*self.notes, _ROUNDED]),
        ]


def write_page(
    recommenders: Sequence[Recommender],
    events: str | Path | Any,
    users: str | os.PathLike[str] | Sequence[str],
    out: str | Path,
    k: int = 10,
    items: Any = None,
    title: str | None = None,
    picture: str | None = None,
    layout: str = "auto",
    most: int = MOST_USERS,
    heading: str | None = None,
    names: Sequence[str] = (),
    limits: Limits | None = None,
    **options: Any,
) -> PageAccount:
    """Write a page on which the interests of some users, and what they do to recommendations, can be looked at and
    changed.

    Args:
        recommenders: one trained model, or two that are shown side by side.
        events: one row per click, as in :func:`~recbole_iacn.serving.tables.recommend_table.recommend_table`.
        users: tokens, with commas between them or in a list; or the path of a table with a row per user, which may have
            the columns that a model reads.
        out: the file to write, ``.html``.
        k: recommended items per user. Defaults to 10.
        items: names, pictures and columns of the items, a table; by default the bundle's columns.
        title, picture: columns of that table; by default recognised by their usual names.
        layout: of the map of all items: ``tsne``, ``pca``, ``none`` or ``auto``, see
            :func:`~recbole_iacn.serving.page.item_map.item_map`.
        most: the largest number of users. Defaults to 50.
        heading: of the page.
        names: of the models, where two of them look the same; such as the folders of their bundles.
        limits: of memory, and whether ``out`` may be replaced.
        **options: which columns of the events are what, see :class:`~recbole_iacn.data.tables.options.Options`.

    Returns:
        What was read and written.

    Raises:
        ConfigError: a wrong option, file or cell; more users than ``most``; a user without events; nothing is written.
    """
    limits, chosen = limits or Limits(), make_options(options)
    limits.check()
    check_method(layout)
    _check_count(recommenders, users, most)
    given = [one for one in (events, items, users) if isinstance(one, str | Path) and os.path.isfile(one)]
    path = check_output(out, limits.overwrite, given, (".html",))
    for one in recommenders:
        one.check_k(k, len(one.items))
    columns = chosen.item_key, title, picture, chosen.item
    named = [_without_folder(one.item_names(items, *columns), items) for one in recommenders]
    with limits.working(path) as folder:
        histories = histories_of_users(recommenders, events, users, folder, limits, chosen, most)
    found = _maps(recommenders, layout)
    shown = _page_items(named[0]) if any(found) else PageItems()
    explained = [_explanations(one, histories, k, by) for one, by in zip(recommenders, named)]
    labels = _told_apart([_label(*pair) for pair in zip(recommenders, explained)], names)
    models = [PageModel(type(one.model).__name__, *rest) for one, *rest in zip(recommenders, labels, explained, found)]
    times = None if histories.in_places else "seconds"
    about = [f"Made by recbole_iacn {__version__} with {' and '.join(one.label for one in models)}.", _ROUNDED]
    data = page_data(models, shown, k, about, times)
    text = page(heading or _heading(histories.users), data)
    with disk.writing(path, NAME_ANOTHER):
        write_text(path, text)
    maps = [f"{one.label}: {'none' if one.map is None else one.map.method}" for one in models]
    counts = len(text.encode()), len(histories.users), len(shown.tokens)
    return PageAccount(str(path), *counts, maps, histories.account, named[0].notes)


def _check_count(recommenders, users, most):
    if not 1 <= len(recommenders) <= 2:
        raise ConfigError(f"bundle: a page shows one model, or two side by side, got {len(recommenders)}")
    if most < 1:
        raise ConfigError(f"most: must be at least 1, got {most}")
    _, count = named_users(users)
    if count is not None and count > most:
        raise ConfigError(
            f"users: {count:,} are more than the {most:,} that a page holds; name fewer, or more by --most {count}"
        )


def _explanations(recommender: Recommender, histories: UserHistories, k: int, names: ItemNames) -> Any:
    return recommender.explain(
        histories.items,
        k=k,
        times=histories.times,
        users=histories.about_users(recommender),
        items=names,
        edits=True,
    )


def _without_folder(names: ItemNames, items: Any) -> ItemNames:
    """A page is given away: what it says of the table of items names the file, not the folders above it."""
    if not isinstance(items, str | os.PathLike):
        return names
    path, name = os.fspath(items), os.path.basename(items)
    return replace(names, notes=tuple(note.replace(path, name) for note in names.notes))


def _maps(recommenders: Sequence[Recommender], layout: str) -> list[ItemMap | None]:
    """A map of each model's items in the order of the first one's; none for a model without vectors of items, or with
    other items."""
    order = recommenders[0].items
    found: list[ItemMap | None] = []
    for one in recommenders:
        try:
            tokens, vectors = one.item_vectors() if layout != "none" else (order, None)
        except ConfigError:
            vectors = None
        if vectors is None or set(tokens) != set(order):
            found.append(None)
            continue
        place = {token: number for number, token in enumerate(tokens.tolist())}
        found.append(item_map(vectors[[place[token] for token in order.tolist()]], layout))
    return found


def _page_items(names: ItemNames) -> PageItems:
    """All items of a model, in the order of their ids."""
    columns: Values = {column: [[] for _ in names.tokens[1:]] for column, _ in names.values.names}
    item, value = names.values.has.nonzero()
    for number, one in zip(item.tolist(), value.tolist()):
        column, text = names.values.names[one]
        columns[column][number - 1].append(text)  # type: ignore[attr-defined]
    pictures = {number - 1: address for number, address in names.pictures.items()}
    return PageItems(names.tokens[1:].tolist(), [str(one) for one in names.names[1:]], pictures, columns)


def _label(recommender, explanations):
    """What a model is called: its class, and what its interests are."""
    mode = recommender.config["iacn_mode"] if hasattr(recommender.model, "iacn_mode") else None
    count = max(len(one.edits.without_interest) for one in explanations)
    return ", ".join([type(recommender.model).__name__, *([f"iacn_mode {mode}"] if mode else []), f"K = {count}"])


def _told_apart(labels, names):
    """Two models of one kind get their names, or else numbers."""
    if len(set(labels)) == len(labels):
        return labels
    if len(set(names)) < len(labels):
        names = [str(number) for number, _ in enumerate(labels, start=1)]
    return [f"{label} ({name})" for label, name in zip(labels, names)]


def _heading(users):
    if len(users) == 1:
        return f"Interests of user {users[0]}"
    return f"Interests of {len(users)} users"


__all__ = ["MOST_USERS", "PageAccount", "write_page"]

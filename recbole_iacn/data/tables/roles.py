"""Which column holds the user, the item, the time, the rating and the label: by its usual name, or as it is given."""

import re
from collections.abc import Iterable, Mapping, Sequence

from recbole_iacn.errors import ConfigError, did_you_mean

ROLES = ("user", "item", "time", "rating", "label")
FIELDS = {"user": "user_id", "item": "item_id", "time": "timestamp", "rating": "rating", "label": "label"}
NONE = "none"  # as a column's name: there is none

_SUBJECTS = {
    "user": "user customer visitor member reviewer buyer shopper client account subscriber person player reader viewer",
    "item": "item product article movie film book track song video photo news game listing offer good goods business "
    "content recipe anime poi ad",
}
ITEM_WORDS = tuple(_SUBJECTS["item"].split())  # what items are called: a column's name may begin with one
_OTHERS = {
    "user": "uid username user_no msno",
    "item": "iid pid sku asin parent_asin isbn stock_code itemname",
    "time": "timestamp time date datetime ts event_time event_ts event_timestamp event_date created created_at "
    "unix_time unix_timestamp unix_review_time review_time time_stamp time_ms timestamp_ms date_time click_time "
    "purchase_date purchase_time order_date transaction_date invoice_date rated_at occurred_at visited_at viewed_at "
    "t_dat",
    "rating": "rating ratings rate stars star_rating overall score",
    "label": "label click clicked is_click is_clicked",
}


def plain(name: str) -> str:
    """``Customer ID``, ``customerId`` and ``customer_id`` are one name."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


_NAMES = {
    role: frozenset(plain(name) for name in _OTHERS[role].split())
    | {f"{subject}{end}" for subject in _SUBJECTS.get(role, "").split() for end in ("", "id", "code", "number", "no")}
    for role in ROLES
}


def find_roles(
    table: str,
    columns: Sequence[str],
    given: Mapping[str, str | None],
    needed: Sequence[str] = ("user", "item", "time"),
    optional: Sequence[str] = ("rating", "label"),
) -> dict[str, str]:
    """The column of each role in a table of events.

    Args:
        table (str): the table's name, for messages.
        columns (list of str): its columns.
        given (dict of str to str or None): the column that the user names for a role; ``none``: there is none.
        needed (list of str): roles that a column must have.
        optional (list of str): roles that a column may have; others are not looked for.

    Returns:
        dict of str to str: role -> column; those of ``optional`` may be missing.

    Raises:
        ConfigError: a column does not exist, two could be meant, or none is recognised; names the flag.
    """
    wanted = [role for role in ROLES if role in (*needed, *optional)]
    given = {role: given.get(role) for role in wanted}
    named = {
        role: _existing(table, columns, role, name, role in optional)
        for role, name in given.items()
        if name is not None
    }
    named = {role: column for role, column in named.items() if column is not None}
    doubled = [column for column in named.values() if list(named.values()).count(column) > 1]
    if doubled:
        flags = " and ".join(f"--{role}" for role, column in named.items() if column == doubled[0])
        raise ConfigError(f"{table}: {flags} both name the column {doubled[0]!r}")
    free = [column for column in columns if column not in named.values()]
    for role in wanted:
        if role in named or (given.get(role) or "").lower() == NONE:
            continue
        alike = [column for column in free if plain(column) in _NAMES[role]]
        if len(alike) > 1:
            raise ConfigError(
                f"{table}: {_listed(alike)} could all hold the {role}; choose one, as with --{role} {_shell(alike[0])}"
            )
        if alike:
            named[role] = alike[0]
        elif role in needed:
            among = f", one of {_listed(free)}" if free else f"; its columns are {_listed(columns)}"
            raise ConfigError(
                f"{table}: no column is recognised as the {role}; name it: --{role} COLUMN{among} (the first line must "
                "hold the columns' names)"
            )
    return {role: named[role] for role in ROLES if role in named}


def find_key(table: str, columns: Sequence[str], role: str, given: str | None, *in_events: str | None) -> str:
    """The column that identifies the rows of a table of items or of users.

    Args:
        table (str): the table's name, for messages.
        columns (list of str): its columns.
        role (str): ``item`` or ``user``.
        given (str or None): the column that the user names.
        *in_events (str or None): what the column of that role is called among the events; the first of these names that
            is there is taken.

    Raises:
        ConfigError: the column does not exist, two could be meant, or none is recognised; names the flag.
    """
    flag = f"{role}-key"
    if given is not None:
        return _existing(table, columns, flag, given, False) or given
    for name in in_events:
        if name is not None and name in columns:
            return name
    alike = [column for column in columns if plain(column) in _NAMES[role]]
    alike = alike or [column for column in columns if plain(column) == "id"]
    if len(alike) == 1:
        return alike[0]
    problem = f"{_listed(alike)} could all identify" if alike else f"no column, of {_listed(columns)}, identifies"
    raise ConfigError(f"{table}: {problem} the {role}; name it: --{flag} COLUMN")


def existing(table: str, columns: Iterable[str], flag: str, name: str) -> str:
    """A column that the user names.

    Raises:
        ConfigError: there is none of that name; names the flag and similar columns.
    """
    columns = list(columns)
    if name not in columns:
        close = did_you_mean(name, columns)
        raise ConfigError(f"{flag}: {table} has no column {name!r}.{close} Its columns: {_listed(columns) or 'none'}")
    return name


def _existing(table, columns, flag, name, may_be_none):
    if name.lower() == NONE and name not in columns:
        if may_be_none:
            return None
        raise ConfigError(f"{flag}: none is for rating and label; {flag} needs a column: {_listed(columns)}")
    return existing(table, columns, flag, name)


def _listed(names):
    return ", ".join(map(repr, names))


def _shell(name):
    return name if re.fullmatch(r"[\w.-]+", name) else repr(name)

"""The content of a line of each dump.

| year | reviews | ratings only, columns | items |
|---|---|---|---|
| 2014 | JSON lines | user, item, rating, time | Python literals, ``categories`` a list of paths |
| 2018 | JSON lines | item, user, rating, time | JSON lines, ``category`` one path |
| 2023 | JSON lines, times in ms | user, item, rating, time; a header line | JSON lines, ``categories`` one path |

Any other line raises a ``ValueError`` with the reason. Sources: McAuley et al., SIGIR '15 (2014); Ni et
al., EMNLP '19 (2018); Hou et al., arXiv 2403.03952 (2023).
"""

import ast
import html
from collections.abc import Callable
from dataclasses import dataclass

from recbole_iacn.data.reading import READ_AS_EMPTY

try:
    from orjson import loads
except ImportError:  # several times slower
    from json import loads

_LAST_SECOND = 253_402_300_799  # of the year 9999


@dataclass(frozen=True)
class Dump:
    """How one year's files are read.

    Attributes:
        review, rating (callable): a line (bytes) -> user, item, stars, time in milliseconds since 1970.
        item (callable): a line -> item; its categories, each once, root first, as one string; the last part of its
            last path (as in DIN).
        head (bytes): header line of a ratings file; empty if there is none.
    """

    review: Callable[[bytes], tuple[str, str, float, int]]
    rating: Callable[[bytes], tuple[str, str, float, int]]
    item: Callable[[bytes], tuple[str, str, str]]
    head: bytes = b""


def _token(text, what):
    if type(text) is not str or not text:
        raise ValueError(f"no {what}")
    if text in READ_AS_EMPTY:
        raise ValueError(f"{what} {text!r} reads as an empty cell")
    if not text.isalnum() and (not text.isprintable() or " " in text or '"' in text):
        raise ValueError(f"{what} {text!r} is not allowed in an atomic file")
    return text


def _checked(user, item, rating, time, per_second):
    # Nearly every id is plain; the others are checked in detail.
    if not (type(user) is type(item) is str and len(user) > 4 < len(item) and user.isalnum() and item.isalnum()):
        _token(user, "user")
        _token(item, "item")
    if type(rating) not in (float, int) or not 0 <= rating <= 1e9:
        raise ValueError(f"rating {rating!r} is not a number >= 0")
    if type(time) is not int:
        if type(time) is not float or not time.is_integer():
            raise ValueError(f"time {time!r} is not a whole number")
        time = int(time)
    if not 0 <= time <= _LAST_SECOND * per_second:
        raise ValueError(f"time {time} is not between 1970 and 9999")
    return user, item, float(rating), time * (1000 // per_second)


def _json(line):
    record = loads(line)
    if type(record) is not dict:
        raise ValueError("not a JSON object")
    return record


def _review(line):
    record = _json(line)
    get = record.get
    return _checked(get("reviewerID"), get("asin"), get("overall"), get("unixReviewTime"), 1)


def _review_2023(line):
    record = _json(line)
    get = record.get
    return _checked(get("user_id"), get("parent_asin"), get("rating"), get("timestamp"), 1000)


def _cells(line):
    cells = line.decode().split(",")
    if len(cells) < 4:
        raise ValueError(f"{len(cells)} columns, but a ratings file has 4")
    return cells[0], cells[1], float(cells[2]), int(cells[3])


def _rating_2014(line):
    user, item, rating, time = _cells(line)
    return _checked(user, item, rating, time, 1)


def _rating_2018(line):
    item, user, rating, time = _cells(line)
    return _checked(user, item, rating, time, 1)


def _rating_2023(line):
    user, item, rating, time = _cells(line)
    return _checked(user, item, rating, time, 1000)


def _name(text):
    """A category's name as a token: one word, entities such as ``&amp;`` resolved."""
    if type(text) is not str:
        raise ValueError(f"category {text!r} is not text")
    text = "_".join(html.unescape(text).replace('"', "'").split())
    return "".join(letter for letter in text if letter.isprintable())


def _path(names):
    if names is None:
        return []
    if type(names) is not list:
        raise ValueError(f"categories are a {type(names).__name__}, not a list")
    return [name for name in map(_name, names) if name]


def _item(item, paths):
    last = paths[-1] if paths else []
    categories = dict.fromkeys(name for path in paths for name in path)
    return (_token(item, "item"), " ".join(categories), last[-1] if last else "")


def _item_2014(line):
    try:
        record = ast.literal_eval(line.decode().strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        raise ValueError("not a Python literal") from None
    if type(record) is not dict:
        raise ValueError("not a dictionary")
    paths = record.get("categories", [])
    if type(paths) is not list:
        raise ValueError(f"categories are a {type(paths).__name__}, not a list of paths")
    return _item(record.get("asin"), list(map(_path, paths)))


def _item_2018(line):
    record = _json(line)
    return _item(record.get("asin"), [_path(record.get("category"))])


def _item_2023(line):
    record = _json(line)
    return _item(record.get("parent_asin"), [_path(record.get("categories"))])


DUMPS = {
    2014: Dump(_review, _rating_2014, _item_2014),
    2018: Dump(_review, _rating_2018, _item_2018),
    2023: Dump(_review_2023, _rating_2023, _item_2023, b"user_id,parent_asin,rating,timestamp"),
}

"""The further columns of a table: their types in an atomic file, and SQL for their cells."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from recbole_iacn.data.database import text
from recbole_iacn.data.tables import cell_text as cells
from recbole_iacn.data.tables.inputs import Table
from recbole_iacn.errors import ConfigError

TYPES = ("token", "token_seq", "float", "float_seq")

_NUMBERS = r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\))"
_IDS = r"(?i:(.*[^a-z])?(ids?|codes?|zip|asin|sku))|.*[a-z](Id|ID|Code)"  # category_id, brandId, zip
_PATHS = r"(?i).*(categor|genre|tag|topic|keyword|path|breadcrumb).*"
_COMMA = r"[+-]?\d+,\d+"  # a number, in many languages
_SEPARATORS = (">", "|", "/")  # the first that occurs is taken
_DISTINCT = 100  # a column with more values, most of which occur once, is no feature


@dataclass
class Feature:
    """A column as it is written.

    Attributes:
        name (str): in the table.
        field (str): in the atomic file.
        type (str): ``token``, ``token_seq``, ``float`` or ``float_seq``.
        cell (str): SQL for its cells as text, NULL where one is empty.
        cleaned (str): SQL that is true where the text is not as it was.
        note (str): how its cells were read.
        loaded (bool): a model may use it.
    """

    name: str
    field: str
    type: str
    cell: str
    cleaned: str = "false"
    note: str = ""
    loaded: bool = True

    @property
    def header(self) -> str:
        """Its name in the first line of the atomic file."""
        return f"{self.field}:{self.type}"


def find_features(
    execute: Callable[[str], Any],
    source: Table,
    names: Iterable[str],
    types: Mapping[str, str],
    splits: Mapping[str, str],
) -> tuple[list[Feature], dict[str, str]]:
    """Find out what the cells of columns are.

    Args:
        execute (callable): runs SQL; the table's rows are in ``raw_<what>``.
        source (Table): the table.
        names (iterable of str): the columns.
        types (dict of str to str): those that the user chose, by column.
        splits (dict of str to str): what separates the parts of a cell, by column.

    Returns:
        tuple: the features, and of each column that is left out the reason.
    """
    found, left_out = [], {}
    for name in names:
        if name and source.type(name).strip('"') == "NULL":  # of JSON and Arrow: no row has a value
            left_out[name] = "is empty"
            continue
        feature = _feature(execute, source, name, types.get(name), splits.get(name)) if name else None
        if feature is None:
            left_out[name] = f"is {source.type(name)}, which no atomic file holds" if name else "has no name"
        elif not execute(f"select count({feature.cell}) from raw_{source.what}").fetchone()[0]:
            left_out[name] = "is empty"
        else:
            found.append(feature)
    return found, left_out


def _feature(execute, source, name, chosen, separator):
    cell, kind = source.column(name), source.type(name)
    if kind.endswith("[]"):
        return _list(name, cell, kind, chosen)
    if kind == "VARCHAR":
        return _text(execute, source, name, cell, chosen, separator)
    if kind == "BOOLEAN":
        return _number(name, f"{cell}::int", "INTEGER", chosen)
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        if chosen in (None, "float"):
            return _number(name, f"epoch({cell}::timestamp)", "DOUBLE", "float", "seconds since 1970")
        return _as_token(name, f"{cell}::varchar", chosen)
    if re.fullmatch(_NUMBERS, kind):
        is_id = kind not in ("FLOAT", "DOUBLE") and bool(re.fullmatch(_IDS, name))
        return _number(
            name, cell, kind, chosen or ("token" if is_id else None), "numbers that name something" if is_id else ""
        )
    return None


def _number(name, cell, kind, chosen, note=""):
    if chosen in (None, "float", "float_seq"):
        return Feature(name, name, chosen or "float", f"{cells.number(cell, kind)}::varchar", note=note)
    return _as_token(name, cells.id_text(cell, kind), chosen, note)


def _as_token(name, cell, chosen, note=""):
    """Text as one token, or as a list of one."""
    written = cells.as_word(cell) if chosen == "token_seq" else cells.cleaned(cell)
    return Feature(name, name, chosen or "token", written, f"{cell} != '' and {written} is distinct from {cell}", note)


def _text(execute, source, name, cell, chosen, separator):
    table = f"raw_{source.what}"
    if separator:
        return _split(name, cell, separator, chosen)
    missing = cells.is_missing(cell)
    filled, numbers, whole, padded, lists = execute(
        f"select count(*), count(*) filter ({cells.is_number(cell)}), "
        f"count(*) filter (regexp_full_match({cell}, '\\d+')), count(*) filter (regexp_full_match({cell}, '0\\d+')), "
        f"count(*) filter (regexp_full_match(trim({cell}), '\\[.*\\]')) from {table} where not ({missing})"
    ).fetchone()
    if filled and numbers == filled and chosen in (None, "float"):
        is_id = padded > 0 or (whole == filled and bool(re.fullmatch(_IDS, name)))
        if chosen == "float" or not is_id:
            return Feature(name, name, "float", f"{cells.number(cell, 'VARCHAR')}::varchar")
        return _as_token(name, cell, "token", "numbers that name something")
    if chosen in ("float", "float_seq") and filled and not numbers and not lists:
        one = execute(f"select any_value({cell}) from {table} where not ({missing})").fetchone()[0]
        comma = "; write numbers with a point" if re.fullmatch(_COMMA, one.strip()) else ""
        raise ConfigError(f"types: no cell of {name!r} is a number, one is {one!r}{comma}, or choose token")
    if chosen in ("float", "float_seq") and lists < filled:
        return Feature(
            name,
            name,
            chosen,
            f"{cells.number(cell, 'VARCHAR')}::varchar",
            note=f"{filled - numbers:,} cells without a number are empty",
        )
    if filled and lists == filled and chosen != "token":
        listed = _written_list(execute, table, cell, missing)
        if listed:
            return _list(name, listed[0], listed[1], chosen)
    if chosen in (None, "token_seq") and re.fullmatch(_PATHS, name):
        for one in _SEPARATORS:
            if execute(f"select count(*) from {table} where contains({cell}, {text(one)})").fetchone()[0]:
                return _split(name, cell, one, chosen)
    feature = _as_token(name, cell, chosen)
    distinct, alone = execute(
        "select count(*), count(*) filter (n = 1) from "
        f"(select count(*) as n from {table} where {cell} != '' group by {cell})"
    ).fetchone()
    if chosen is None and distinct > _DISTINCT and alone > distinct / 2:
        commas = execute(
            f"select count(*) from {table} where not ({missing}) and regexp_full_match(trim({cell}), '{_COMMA}')"
        ).fetchone()[0]
        written = "not loaded, numbers with a comma; they are read with a point"
        feature.loaded, feature.note = False, written if commas == filled else "not loaded, most values occur once"
    return feature


def _split(name, cell, separator, chosen):
    parts = f"string_split({cell}, {text(separator)})"
    feature = _list(name, parts, "VARCHAR[]", chosen, once=True)
    # Only the blanks around a separator and repeated parts go without being counted.
    feature.cleaned = f"len(list_filter({parts}, lambda x: {cells.as_word('x')} is distinct from trim(x))) > 0"
    feature.note = f"split at {separator!r}"
    return feature


def _written_list(execute, table, cell, missing):
    """Lists in text: JSON, or as Python prints them."""
    for as_json in (cell, f"replace({cell}, '''', '\"')"):
        kinds = [
            row[0]
            for row in execute(
                f"select distinct json_type(value) from (select unnest(json_extract({as_json}, '$[*]')) as value "
                f"from {table} where not ({missing}) and json_valid({as_json}))"
            ).fetchall()
        ]
        bad = execute(f"select count(*) from {table} where not ({missing}) and not json_valid({as_json})").fetchone()[0]
        if not bad:
            numbers = bool(kinds) and "DOUBLE" in kinds and set(kinds) <= {"DOUBLE", "BIGINT", "UBIGINT"}
            kind = "DOUBLE[]" if numbers else "VARCHAR[]"
            return f"(case when not ({missing}) then from_json({as_json}, '[\"{kind[:-2]}\"]') end)", kind
    return None


def _list(name, cell, kind, chosen, once=False):
    if chosen in ("token", "float"):
        raise ConfigError(f"types: the cells of {name!r} are lists; choose token_seq or float_seq, got {chosen}")
    depth = kind.count("[]")
    once = once or depth > 1
    element = kind.removesuffix("[]" * depth)
    if not re.fullmatch(rf"VARCHAR|BOOLEAN|{_NUMBERS}|UUID|DATE", element):
        return None
    for _ in range(depth - 1):
        cell = f"flatten({cell})"
    is_float = chosen == "float_seq" if chosen else element in ("FLOAT", "DOUBLE") or "DECIMAL" in element
    one = cells.number("x", element) if is_float else cells.as_word("x::varchar")
    kept = f"list_filter(list_transform({cell}, lambda x: {one}), lambda x: x is not null)"
    if once and not is_float:
        kept = f"list_filter({kept}, lambda x, k: list_position({kept}, x) = k)"
    written = f"nullif(array_to_string({kept}, ' '), '')"
    changed = "false" if is_float else f"len(list_filter({cell}, lambda x: {one} is distinct from x::varchar)) > 0"
    return Feature(name, name, "float_seq" if is_float else "token_seq", written, changed)

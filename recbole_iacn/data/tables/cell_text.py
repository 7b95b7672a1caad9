"""Cells in SQL: what is empty, and text as atomic files can hold it. A cell of an atomic file ends at a tab or at the
end of a line, and a token of a list ends at a blank."""

# Control characters, the tab and the ends of lines among them.
_CONTROL = r"[\x00-\x1f\x7f\x{85}]"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"

# Kind of floats -> the first number from which on it does not hold every integer.
EXACT_BELOW = {"DOUBLE": 2**53, "FLOAT": 2**24}

# How tables write that a number is missing.
_MISSING = "('', 'na', 'n/a', 'nan', '<na>', 'null', 'none', 'nil', '-', '\\n')"


def cleaned(cell: str) -> str:
    """Text on one line, without blanks around it; NULL if nothing is left."""
    return (
        f"nullif(trim(case when regexp_matches({cell}, '{_CONTROL}') "
        f"then regexp_replace({cell}, '{_CONTROL}+', ' ', 'g') else {cell} end), '')"
    )


def as_word(cell: str) -> str:
    """Text as one token of a list: blanks become underscores; NULL if nothing is left."""
    return f"regexp_replace({cleaned(cell)}, '\\s+', '_', 'g')"


def is_number(cell: str) -> str:
    """Whether text is a decimal number."""
    return f"regexp_full_match(trim({cell}), '{_NUMBER}')"


def is_missing(cell: str) -> str:
    """Whether text stands for a number that is missing."""
    return f"lower(trim({cell})) in {_MISSING}"


def number(cell: str, kind: str) -> str:
    """A finite double; NULL for anything else.

    Args:
        cell (str): the column.
        kind (str): its type in DuckDB.
    """
    value = f"case when {is_number(cell)} then try_cast({cell} as double) end" if kind == "VARCHAR" else cell
    return f"(case when isfinite(({value})::double) then ({value})::double end)"


def id_text(cell: str, kind: str) -> str:
    """An id as text: whole numbers without ``.0``, which pandas adds to a column with gaps."""
    if kind in ("DOUBLE", "FLOAT"):
        whole = f"{cell} = trunc({cell}) and abs({cell}) < {EXACT_BELOW['DOUBLE']}"
        return f"(case when isnan({cell}) then NULL when {whole} then {cell}::bigint::varchar else {cell}::varchar end)"
    return f"{cell}::varchar"

"""From RecBole's atomic files to batches: protocols, negative sampling, loaders, datasets; tables to atomic files."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a checker knows what __getattr__ imports when it is asked for
    from recbole_iacn.data.tables.convert import from_tables

__all__ = ["from_tables"]


def __getattr__(name: str) -> Any:
    if name == "from_tables":
        from recbole_iacn.data.tables.convert import from_tables

        return from_tables
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

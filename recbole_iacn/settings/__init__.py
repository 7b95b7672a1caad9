"""The one home of a setting: its name, type, range, default, meaning and the papers' value, in one typed line.

From it come ``properties/*.yaml`` and ``docs/settings.md`` (``python -m recbole_iacn.settings`` writes both), the
defaults that our models start from, the checks and their messages. A model or task of one's own brings settings by
:func:`add`. Imported with the first RecBole ``Config``: pydantic, which checks types, does not slow ``import
recbole_iacn`` down."""

from recbole_iacn.settings.group import Group, defaults
from recbole_iacn.settings.table import add

__all__ = ["Group", "add", "defaults"]

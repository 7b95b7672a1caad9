"""The one definition of each setting: name, type, range, default, meaning and the papers' value, in one typed line.

From it come ``properties/*.yaml`` and ``docs/settings.md`` (``python -m recbole_iacn.settings`` writes both), the
defaults of our models, the checks and their messages. A model or task of one's own adds settings by :func:`add`. The
package is imported with the first RecBole ``Config``, so that pydantic, which checks types, does not slow down ``import
recbole_iacn``."""

from recbole_iacn.settings.group import Group, defaults
from recbole_iacn.settings.table import add

__all__ = ["Group", "add", "defaults"]

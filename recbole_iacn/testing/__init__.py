"""The checks that every model of this package passes, for custom models to inherit. They need pytest.

    from recbole_iacn.testing import ClickModelChecks

    class TestMyModel(ClickModelChecks):
        model = recbole_iacn.interest_aware(MyModel)

Each check is a method ``test_…``, which pytest collects from the subclass; class attributes set what is checked, and
with which settings. :mod:`recbole_iacn.testing.models` and :mod:`recbole_iacn.testing.parts` contain the checks.

What needs no pytest: :mod:`recbole_iacn.testing.on_device` examines every model on a GPU, or on the stand-in for one of
:mod:`recbole_iacn.testing.stand_in`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recbole_iacn.testing.models import ClickModelChecks, RetrievalModelChecks
    from recbole_iacn.testing.parts import ExtractorChecks, TaskChecks


__all__ = ["ClickModelChecks", "ExtractorChecks", "RetrievalModelChecks", "TaskChecks"]


def __getattr__(name: str) -> Any:
    """A class of checks, imported when it is asked for, since it needs pytest."""
    for module in ("models", "parts") if name in __all__ else ():
        found = getattr(importlib.import_module(f"recbole_iacn.testing.{module}"), name, None)
        if found is not None:
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The checks that every model of this package passes, for custom models to inherit. They need pytest.

    from recbole_iacn.testing import ClickModelChecks

    class TestMyModel(ClickModelChecks):
        model = recbole_iacn.interest_aware(MyModel)

Each check is a method ``test_…``, which pytest collects from the subclass; class attributes set what is checked, and
with which settings. :mod:`recbole_iacn.testing.models` and :mod:`recbole_iacn.testing.parts` contain the checks.
"""

from recbole_iacn.testing.models import ClickModelChecks, RetrievalModelChecks
from recbole_iacn.testing.parts import ExtractorChecks, TaskChecks

__all__ = ["ClickModelChecks", "ExtractorChecks", "RetrievalModelChecks", "TaskChecks"]

"""Each fault that is quick to make is survived once; ``make faults`` repeats all of them."""

import pytest
from faults.cases import cases


@pytest.mark.slow
@pytest.mark.parametrize("case", [one for one in cases() if one.quick], ids=lambda one: f"{one.kind}: {one.what}")
def test_a_fault_is_survived(case, tmp_path):
    case.attempt(tmp_path, 0)

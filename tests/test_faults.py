"""Each fault that is quick to make is survived; ``make faults`` repeats all of them with other seeds."""

import pytest
from faults.cases import cases


@pytest.mark.slow
@pytest.mark.parametrize("case", [one for one in cases() if one.quick], ids=lambda one: f"{one.kind}: {one.what}")
def test_a_fault_is_survived(case, tmp_path):
    for seed in range(case.in_suite):
        folder = tmp_path / str(seed)
        folder.mkdir()
        case.attempt(folder, seed)

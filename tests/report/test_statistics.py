"""Paired tests against hand-computed values."""

import math

import pytest

from recbole_iacn.report.statistics import compare, holm


def test_paired_comparison_by_hand():
    """Differences .01, .02, .03: mean .02, SD .01, t = .02 / (.01 / sqrt(3)) = 3.464 at 2 degrees of freedom, for which
    the tail of Student's distribution is (1 - t / sqrt(t^2 + 2)) / 2; Wilcoxon: one sign pattern of eight."""
    result = compare({1: 0.51, 2: 0.62, 3: 0.73, 9: 1.0}, {1: 0.5, 2: 0.6, 3: 0.7, 8: 0.0})
    t = 2 * math.sqrt(3)
    assert result.pairs == 3
    assert result.gain == pytest.approx(0.02) and result.deviation == pytest.approx(0.01)
    assert result.effect == pytest.approx(2.0)
    assert result.t_test == pytest.approx((1 - t / math.sqrt(t**2 + 2)) / 2, abs=1e-9)
    assert result.wilcoxon == pytest.approx(1 / 8)


@pytest.mark.parametrize("gain", [0.0, 0.1, -0.1])
def test_paired_comparison_of_equal_differences(gain):
    """Rounded results may differ by the same in all seeds: no spread is then known, and so no p value."""
    result = compare({1: 0.8121 + gain, 2: 0.6017 + gain}, {1: 0.8121, 2: 0.6017})  # float noise of 1e-17 in between
    assert result.gain == pytest.approx(gain) and result.deviation == pytest.approx(0)
    expected = (0.5, 0.0) if gain == 0 else (math.nan, math.nan)
    assert (result.t_test, result.effect) == pytest.approx(expected, nan_ok=True)


def test_paired_comparison_of_one_pair_or_none():
    assert compare({1: 0.5}, {2: 0.4}) is None
    one = compare({1: 0.5}, {1: 0.4})
    assert one.gain == pytest.approx(0.1) and math.isnan(one.t_test) and math.isnan(one.wilcoxon)


def test_holm_by_hand():
    """Sorted .01, .03, .04: times 3, 2, 1, never falling."""
    result = holm([0.04, 0.01, float("nan"), 0.03])
    assert result[:2] == pytest.approx([0.06, 0.03]) and math.isnan(result[2]) and result[3] == pytest.approx(0.06)
    assert holm([0.5, 0.9]) == [1.0, 1.0]

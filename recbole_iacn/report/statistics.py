"""Paired tests over seeds, corrected for the number of tests."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import stats

ENOUGH = 3  # seeds, below which no difference counts as shown: of two, the spread itself is a guess
_EQUAL = 1e-9  # what float arithmetic may leave of a difference of equal results


@dataclass(frozen=True)
class Comparison:
    """``full`` against a control, seed by seed.

    Attributes:
        pairs (int): the number of seeds with both results.
        gain (float): the mean of the differences.
        deviation (float): their standard deviation; nan for one pair.
        effect (float): Cohen's d of paired differences, ``gain / deviation``; nan for one pair, and for equal
            differences other than 0: results are rounded, so that they do not show that there is no spread.
        wilcoxon (float): one-sided p value of Wilcoxon's exact signed-rank test, for which 1/32 = .031 is the smallest
            value with five pairs; nan for one pair.
        t_test (float): one-sided p value of Student's paired t-test; nan where ``effect`` is.
    """

    pairs: int
    gain: float
    deviation: float
    effect: float
    wilcoxon: float
    t_test: float

    @property
    def enough(self) -> bool:
        """Whether there are seeds enough for a difference to count as shown."""
        return self.pairs >= ENOUGH


def compare(treated: Mapping[int, float], control: Mapping[int, float]) -> Comparison | None:
    """Compare two series of results in pairs.

    Args:
        treated (dict): seed -> result.
        control (dict): seed -> result of the control.

    Returns:
        Comparison: the comparison over the seeds that both have; None if they have none in common.
    """
    seeds = sorted(treated.keys() & control.keys())
    differences = [treated[seed] - control[seed] for seed in seeds]
    if not differences:
        return None
    gain, missing = statistics.mean(differences), float("nan")
    if len(differences) == 1:
        return Comparison(1, gain, missing, missing, missing, missing)
    deviation = statistics.stdev(differences)
    if deviation < _EQUAL:
        effect, t_test = (0.0, 0.5) if abs(gain) < _EQUAL else (missing, missing)
    else:
        effect = gain / deviation
        t_test = float(stats.ttest_1samp(differences, 0, alternative="greater").pvalue)
    wilcoxon = (
        float(stats.wilcoxon(differences, alternative="greater", method="exact").pvalue) if any(differences) else 1.0
    )
    return Comparison(len(seeds), gain, deviation, effect, wilcoxon, t_test)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for their number, which controls the family-wise error rate.

    Source: Holm, Scandinavian Journal of Statistics 6, 1979.

    Args:
        p_values (list of float): p values; nan for a missing one.

    Returns:
        list of float: the corrected values, in the same order.
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p == p)
    corrected, highest = [float("nan")] * len(p_values), 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min((len(known) - rank) * p, 1.0))
        corrected[place] = highest
    return corrected

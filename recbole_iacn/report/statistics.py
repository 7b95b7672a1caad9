"""Is the difference real? Paired tests over seeds, corrected for how many were made."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import stats


@dataclass(frozen=True)
class Comparison:
    """``full`` against a control, seed by seed.

    Attributes:
        pairs (int): seeds that have both.
        gain (float): mean of the differences.
        deviation (float): their standard deviation; nan for one pair.
        effect (float): Cohen's d of paired differences, ``gain / deviation``; nan for one pair, infinite without any
            deviation.
        wilcoxon (float): p that the gain is no greater than 0, by Wilcoxon's signed ranks, exact: five pairs can
            reach 1/32 = .031 at best; nan for one pair.
        t_test (float): the same by Student's paired t; nan for one pair.
    """

    pairs: int
    gain: float
    deviation: float
    effect: float
    wilcoxon: float
    t_test: float


def compare(treated: Mapping[int, float], control: Mapping[int, float]) -> Comparison | None:
    """Paired comparison of two series of results.

    Args:
        treated (dict): seed -> result.
        control (dict): the same of the control.

    Returns:
        Comparison: over the seeds that both have; None if there are none.
    """
    seeds = sorted(treated.keys() & control.keys())
    differences = [treated[seed] - control[seed] for seed in seeds]
    if not differences:
        return None
    gain, missing = statistics.mean(differences), float("nan")
    if len(differences) == 1:
        return Comparison(1, gain, missing, missing, missing, missing)
    deviation = statistics.stdev(differences)
    if deviation == 0:
        effect = 0.0 if gain == 0 else float("inf") * gain
        t_test = 0.5 if gain == 0 else float(gain < 0)
    else:
        effect = gain / deviation
        t_test = float(stats.ttest_1samp(differences, 0, alternative="greater").pvalue)
    wilcoxon = (
        float(stats.wilcoxon(differences, alternative="greater", method="exact").pvalue) if any(differences) else 1.0
    )
    return Comparison(len(seeds), gain, deviation, effect, wilcoxon, t_test)


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected for their number, so that one false alarm among all has at most the stated chance.

    Source: Holm, Scandinavian Journal of Statistics 6, 1979.

    Args:
        p_values (list of float): nan where there is none.

    Returns:
        list of float: in the same order.
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p == p)
    corrected, highest = [float("nan")] * len(p_values), 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min((len(known) - rank) * p, 1.0))
        corrected[place] = highest
    return corrected

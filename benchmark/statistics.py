"""Means over seeds with their uncertainty: Student's t, single or paired by seed, at 95 %.

A percentile bootstrap over as few values as there are seeds covers far less than it says; t covers what it says if the
values are normally distributed.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import NamedTuple

LEVEL = 0.95


class Interval(NamedTuple):
    """A mean, and the half width of its interval: None where a single value gives none."""

    mean: float
    half_width: float | None

    @property
    def excludes_zero(self) -> bool:
        """Whether all of the interval lies on one side of zero."""
        return self.half_width is not None and abs(self.mean) > self.half_width


def t_interval(values: Iterable[float], level: float = LEVEL) -> Interval:
    """The mean and the half width of Student's t interval, mean ± t(n - 1) s / sqrt(n).

    Raises:
        ValueError: there is no value.
    """
    sample = list(values)
    if not sample:
        raise ValueError("no values, no mean")
    mean = math.fsum(sample) / len(sample)
    if len(sample) == 1:
        return Interval(mean, None)
    from scipy.stats import t  # a second to import, which a table of single seeds does not need

    quantile = float(t.ppf((1 + level) / 2, len(sample) - 1))
    return Interval(mean, quantile * statistics.stdev(sample, mean) / math.sqrt(len(sample)))


def paired_differences(ours: Mapping[int, float], theirs: Mapping[int, float]) -> dict[int, float]:
    """Ours minus theirs, by each seed that both have."""
    return {seed: ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())}


def paired_interval(ours: Mapping[int, float], theirs: Mapping[int, float], level: float = LEVEL) -> Interval | None:
    """The mean of the differences, paired by seed, and its t interval; None if no seed is shared."""
    differences = paired_differences(ours, theirs)
    return t_interval(differences.values(), level) if differences else None

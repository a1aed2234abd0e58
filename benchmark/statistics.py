"""Means with their uncertainty, at 95 %.

Over seeds by Student's t, single or paired: a percentile bootstrap over as few values as there are seeds covers far
less than it says, while t covers what it says if the values are normally distributed. Over test sequences, of which
there are many and whose bounds are far from normal, by that bootstrap.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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

    A value that is not finite, as of a run that diverged, makes a mean that is not, and no interval.

    Raises:
        ValueError: there is no value.
    """
    sample = list(values)
    if not sample:
        raise ValueError("no values, no mean")
    if not all(map(math.isfinite, sample)):
        return Interval(sum(sample), None)
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


def bootstrap_means(values: Sequence[float], resamples: int = 10_000, seed: int = 0) -> NDArray[np.float64]:
    """(resamples,) means of as many values, drawn with replacement; the same every time (Efron and Tibshirani 1993)."""
    sample = np.asarray(values, np.float64)
    generator = np.random.default_rng(seed)
    # One at a time: all of them together would take gigabytes for ten thousand sequences.
    return np.array([sample[generator.integers(len(sample), size=len(sample))].mean() for _ in range(resamples)])


def bootstrap_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """The percentile interval of the mean."""
    low, high = np.quantile(bootstrap_means(values), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

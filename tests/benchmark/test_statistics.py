"""Against textbooks and scipy."""

import numpy as np
import pytest
import scipy.stats

from benchmark.statistics import (
    Interval,
    bootstrap_interval,
    bootstrap_means,
    paired_differences,
    paired_interval,
    t_interval,
)

# Cushny and Peebles' hours of additional sleep under two drugs, the example of Student (1908), "The probable error of a
# mean", Biometrika 6, as in R's data set `sleep`: t.test gives t = -4.0621, df = 9, and the 95 percent confidence
# interval -2.4598858 -0.7001142 for drug 1 minus drug 2.
DRUG_1 = dict(enumerate([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]))
DRUG_2 = dict(enumerate([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]))


def test_students_own_example():
    mean, half_width = paired_interval(DRUG_2, DRUG_1)
    assert mean == pytest.approx(1.58, abs=1e-12)
    assert mean - half_width == pytest.approx(0.7001142, abs=5e-8)
    assert mean + half_width == pytest.approx(2.4598858, abs=5e-8)
    standard_error = half_width / scipy.stats.t.ppf(0.975, 9)
    assert mean / standard_error == pytest.approx(4.0621, abs=5e-5)


def test_the_same_example_unpaired():
    """R: t.test(extra[group == 2]) gives mean 2.33, interval 0.8976775 3.7623225."""
    mean, half_width = t_interval(DRUG_2.values())
    assert (mean, mean - half_width, mean + half_width) == pytest.approx((2.33, 0.8976775, 3.7623225), abs=5e-8)


@pytest.mark.parametrize(("count", "quantile"), [(2, 12.706), (3, 4.303), (4, 3.182), (5, 2.776), (31, 2.042)])
def test_quantiles_are_those_of_the_printed_tables(count, quantile):
    """Fisher and Yates, Statistical Tables, table III: t at 5 %, two-sided, with n - 1 degrees of freedom."""
    values = np.arange(count)
    expected = quantile * values.std(ddof=1) / np.sqrt(count)
    assert t_interval(values.tolist()).half_width == pytest.approx(expected, rel=3e-4)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_intervals_are_scipys(level):
    values = np.random.default_rng(0).normal(3e4, 20, 5)
    mean, half_width = t_interval(values.tolist(), level)
    expected = scipy.stats.ttest_1samp(values, 0.0).confidence_interval(level)
    assert (mean - half_width, mean + half_width) == pytest.approx(tuple(expected), rel=1e-12)


def test_intervals_cover_the_mean_as_often_as_they_say():
    samples = np.random.default_rng(1).normal(0.0, 1.0, (2000, 3))
    missed = np.mean([t_interval(sample.tolist()).excludes_zero for sample in samples])
    assert missed == pytest.approx(0.05, abs=0.015)


def test_one_value_gives_no_interval():
    assert t_interval([7.5]) == (7.5, None)
    assert not t_interval([7.5]).excludes_zero
    assert paired_interval({1: 5.0, 2: 9.0}, {2: 4.0, 3: 0.0}) == (5.0, None)


@pytest.mark.parametrize(("bad", "mean"), [(np.inf, np.inf), (-np.inf, -np.inf), (np.nan, np.nan)])
def test_a_run_that_diverged_leaves_no_interval(bad, mean):
    assert t_interval([1.0, bad, 2.0]) == pytest.approx((mean, None), nan_ok=True)
    assert not paired_interval({1: bad, 2: 1.0}, {1: 1.0, 2: 0.0}).excludes_zero


def test_only_shared_seeds_are_paired():
    assert paired_differences({3: 1.0, 1: 5.0, 2: 9.0}, {1: 4.0, 3: 3.0}) == {1: 1.0, 3: -2.0}
    assert paired_interval({1: 5.0}, {2: 4.0}) is None


def test_no_value_has_no_mean():
    with pytest.raises(ValueError, match="no values"):
        t_interval([])


@pytest.mark.parametrize(
    ("interval", "excludes"),
    [((2.0, 1.9), True), ((-2.0, 1.9), True), ((2.0, 2.0), False), ((0.0, 0.0), False), ((1.0, None), False)],
)
def test_an_interval_that_touches_zero_covers_it(interval, excludes):
    assert Interval(*interval).excludes_zero is excludes


def test_the_bootstrap_of_the_textbook():
    """Efron and Tibshirani (1993), An Introduction to the Bootstrap, tables 2.1, 2.2: survival of treated mice."""
    treated = [94, 197, 16, 38, 99, 141, 23]
    means = bootstrap_means(treated)
    assert means.mean() == pytest.approx(86.86, abs=1.0)
    assert means.std() == pytest.approx(23.36, rel=0.02)
    assert (bootstrap_means(treated) == means).all()


def test_the_bootstrap_of_many_values_agrees_with_t():
    values = np.random.default_rng(2).normal(5.0, 2.0, 1000).tolist()
    mean, half_width = t_interval(values)
    assert bootstrap_interval(values) == pytest.approx((mean - half_width, mean + half_width), abs=0.05 * half_width)

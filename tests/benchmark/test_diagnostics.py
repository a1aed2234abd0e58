import math

import pytest
import torch

from benchmark.diagnostics import active_units, mutual_information
from zforcing.distributions import DiagonalGaussian


def test_equal_posteriors_carry_nothing():
    same = DiagonalGaussian(torch.zeros(50, 3), torch.zeros(50, 3))
    assert mutual_information(same, torch.randn(50, 3)) == pytest.approx(0, abs=1e-6)


def test_distinct_posteriors_tell_every_step_apart():
    far = DiagonalGaussian(100 * torch.arange(50.0)[:, None], torch.zeros(50, 1))
    assert mutual_information(far, far.mean) == pytest.approx(math.log(50), abs=1e-5)


def test_two_groups_carry_one_bit():
    mean = 100 * (torch.arange(64) % 2).double()[:, None]
    assert mutual_information(DiagonalGaussian(mean, torch.zeros_like(mean)), mean) == pytest.approx(math.log(2))


def test_a_gaussian_channel():
    """z = x + noise with x standard normal and noise of variance 1/4: 1/2 log(1 + 4) nats."""
    mean = torch.randn(3000, 1, dtype=torch.float64)
    posterior = DiagonalGaussian(mean, torch.full_like(mean, math.log(0.25)))
    found = mutual_information(posterior, posterior.sample(torch.randn_like(mean)))
    assert found == pytest.approx(0.5 * math.log(5), abs=0.06)


def test_active_units():
    assert active_units(torch.tensor([0.0, 0.009, 0.011, 2.0]), 0.01) == 2

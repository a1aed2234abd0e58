import math

import pytest
import torch
from builders import MODELS, prefix_mask, small_batch, small_model

from zforcing import Batch
from zforcing.bounds import elbo, fivo, importance_weighted, iwae, log_weights, resample
from zforcing.linear_gaussian import LinearGaussianModel, LinearGaussianSystem


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


SYSTEM = LinearGaussianSystem(vector(0.9), vector(0.7), vector(1.0, -0.5)[:, None], vector(0.4, 0.8))
WIDE = LinearGaussianSystem(vector(0.9, -0.5), vector(0.7, 0.3), torch.eye(2, dtype=torch.float64), vector(0.4, 0.8))


def data(system, steps=12, size=200):
    return system.sample(steps, size, torch.Generator().manual_seed(0))


def batch_of(y):
    return Batch(torch.zeros_like(y), y)


@pytest.mark.parametrize("system", [SYSTEM, WIDE])
def test_the_kalman_filter_is_the_joint_gaussian(system):
    """The whole sequence is one Gaussian vector, whose covariance follows from the equations."""
    steps, size = 5, len(system.noise_D)
    y = data(system, steps, 3)
    covariance = torch.zeros(steps, size, steps, size, dtype=torch.float64)
    variance = torch.zeros_like(system.decay_Z)
    for s in range(steps):
        variance = system.decay_Z**2 * variance + system.noise_Z**2
        for t in range(s, steps):
            block = system.loading_DZ @ torch.diag(system.decay_Z ** (t - s) * variance) @ system.loading_DZ.t()
            covariance[s, :, t], covariance[t, :, s] = block, block.t()
        covariance[s, :, s] += torch.diag(system.noise_D**2)
    flat = covariance.reshape(steps * size, -1)
    joint = torch.distributions.MultivariateNormal(torch.zeros(len(flat), dtype=torch.float64), flat)
    expected = joint.log_prob(y.transpose(0, 1).reshape(3, -1))
    torch.testing.assert_close(system.log_likelihood(y), expected, rtol=1e-10, atol=1e-10)


def true_model(system=SYSTEM):
    model = LinearGaussianModel(system)
    model.condition_on_y()
    return model


@pytest.mark.parametrize("system", [SYSTEM, WIDE])
@torch.no_grad()
def test_bounds_stand_in_order_and_converge_to_the_exact_likelihood(system):
    y = data(system)
    exact = system.log_likelihood(y).mean()
    model, batch, generator = true_model(system), batch_of(y), torch.Generator().manual_seed(1)
    bounds = [elbo(model(batch, model.draw_noise(12, 200, generator))).mean()]
    bounds += [iwae(model, batch, samples, generator).mean() for samples in (5, 50, 500)]
    assert all(low < high + 0.02 for low, high in zip(bounds, [*bounds[1:], exact], strict=True))
    assert bounds[0] < exact - 0.1
    assert abs(bounds[-1] - exact) < 0.1
    for resampling in ("multinomial", "systematic"):
        filtered = [fivo(model, batch, particles, generator, resampling).mean() for particles in (5, 500)]
        assert filtered[0] < exact + 0.02
        assert abs(filtered[1] - exact) < 0.02


@torch.no_grad()
def test_filtering_beats_importance_weighting_on_long_sequences():
    y = data(SYSTEM, steps=100, size=40)
    model, generator = true_model(), torch.Generator().manual_seed(1)
    exact = SYSTEM.log_likelihood(y).mean()
    weighted, filtered = iwae(model, batch_of(y), 16, generator).mean(), fivo(model, batch_of(y), 16, generator).mean()
    assert weighted < filtered < exact + 0.05
    assert exact - filtered < (exact - weighted) / 4


@torch.no_grad()
def test_a_wrong_posterior_is_looser_but_still_a_bound():
    y = data(SYSTEM)
    model, generator = true_model(), torch.Generator().manual_seed(1)
    right = elbo(model(batch_of(y))).mean()
    model.posterior_log_variance += 1.0
    wrong = elbo(model(batch_of(y))).mean()
    assert wrong < right < SYSTEM.log_likelihood(y).mean()
    assert abs(fivo(model, batch_of(y), 500, generator).mean() - SYSTEM.log_likelihood(y).mean()) < 0.03


def test_training_the_posterior_approaches_the_likelihood_from_below():
    y = data(SYSTEM)
    exact = SYSTEM.log_likelihood(y).mean()
    model = LinearGaussianModel(SYSTEM)
    optimiser = torch.optim.Adam([*model.posterior_mean.parameters(), model.posterior_log_variance], lr=0.05)
    gaps = []
    for _ in range(150):
        optimiser.zero_grad()
        loss = -elbo(model(batch_of(y))).mean()
        loss.backward()
        optimiser.step()
        gaps.append(exact.item() + loss.item())
    assert min(gaps) > -0.2  # one sample per sequence: the estimate scatters
    assert sum(gaps[-20:]) / 20 < gaps[0] / 5


def test_by_hand():
    log_weights_KB = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    expected = torch.tensor([math.log((math.e + math.e**3) / 2), 5.0])
    torch.testing.assert_close(importance_weighted(log_weights_KB), expected)


STOCHASTIC = [name for name in MODELS if name != "lstm"]


@pytest.mark.parametrize("name", STOCHASTIC)
@torch.no_grad()
def test_without_resampling_fivo_is_iwae(name):
    model = small_model(name)
    batch = small_batch(model.head, 5, 3, prefix_mask([5, 3, 1], 5))
    expected = iwae(model, batch, 4, torch.Generator().manual_seed(2))
    found = fivo(model, batch, 4, torch.Generator().manual_seed(2), threshold=0.0)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_log_weights_are_summed_in_float64():
    """A long sequence, whose sum in float32 would lose what the steps still have."""
    model = small_model("vrnn").float()
    double = small_batch(model.head, 4000, 2)
    batch = Batch(double.inputs.float(), double.targets.float())
    weighted = iwae(model, batch, 1, torch.Generator().manual_seed(2))
    weights_TB = log_weights(model(batch, model.draw_noise(4000, 2, torch.Generator().manual_seed(2))))
    assert torch.equal(weighted, weights_TB.double().sum(0))
    filtered = fivo(model, batch, 1, torch.Generator().manual_seed(2))
    assert filtered.dtype == torch.float64
    torch.testing.assert_close(filtered, weighted, rtol=5e-8, atol=0)


@pytest.mark.parametrize("name", STOCHASTIC)
@torch.no_grad()
def test_more_samples_are_tighter(name):
    model = small_model(name, scale=0.3)
    batch = small_batch(model.head, 5, 40)
    generator = torch.Generator().manual_seed(3)
    loose = torch.stack([iwae(model, batch, 1, generator) for _ in range(20)]).mean()
    tight = torch.stack([iwae(model, batch, 50, generator) for _ in range(5)]).mean()
    expected = torch.stack([elbo(model(batch)) for _ in range(20)]).mean()
    assert tight > loose - 0.05
    torch.testing.assert_close(loose, expected, rtol=0.02, atol=0.3)


@pytest.mark.parametrize("method", ["multinomial", "systematic"])
def test_resampling_is_in_proportion_to_the_weights(method):
    weights = torch.tensor([0.1, 0.0, 0.6, 0.3], dtype=torch.float64)
    log_weights_KB = weights.log()[:, None].expand(4, 20_000)
    chosen = resample(log_weights_KB, method, torch.Generator().manual_seed(0))
    share = torch.bincount(chosen.flatten(), minlength=4) / chosen.numel()
    torch.testing.assert_close(share.double(), weights, atol=0.01, rtol=0)
    if method == "systematic":  # every particle is chosen floor or ceiling of K times its weight
        counts = torch.stack([(chosen == k).sum(0) for k in range(4)])
        assert set(counts[2].tolist()) == {2, 3}


def test_an_unknown_resampling_is_refused():
    with pytest.raises(ValueError, match="multinomial, systematic"):
        resample(torch.zeros(2, 2), "random")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Independent, Normal
from torch.distributions import kl_divergence as torch_kl

from zforcing.distributions import DiagonalGaussian, kl_divergence


def random_gaussian():
    return DiagonalGaussian(*torch.randn(2, 5, 4, 3, dtype=torch.float64))


def as_torch(gaussian):
    return Independent(Normal(gaussian.mean, (gaussian.log_variance / 2).exp()), 1)


def test_log_prob_agrees_with_torch():
    gaussian, x = random_gaussian(), torch.randn(5, 4, 3, dtype=torch.float64)
    torch.testing.assert_close(gaussian.log_prob(x), as_torch(gaussian).log_prob(x), rtol=1e-12, atol=1e-12)


def test_kl_agrees_with_torch():
    q, p = random_gaussian(), random_gaussian()
    torch.testing.assert_close(kl_divergence(q, p), torch_kl(as_torch(q), as_torch(p)), rtol=1e-12, atol=1e-12)


def test_kl_of_a_known_pair():
    q = DiagonalGaussian(torch.tensor([1.0]), torch.tensor([0.0]))
    p = DiagonalGaussian(torch.tensor([0.0]), torch.tensor([2.0]).log())
    # (log 2 + 1/2 + 1/2 - 1) / 2
    torch.testing.assert_close(kl_divergence(q, p), torch.tensor(2.0).log() / 2)


def test_kl_is_the_expected_log_ratio():
    q, p = random_gaussian(), random_gaussian()
    z = q.sample(torch.randn(100_000, 5, 4, 3, dtype=torch.float64))
    ratio = q.log_prob(z) - p.log_prob(z)
    error = (ratio.mean(0) - kl_divergence(q, p)).abs() / (ratio.std(0) / 100_000**0.5)
    assert error.max() < 5


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-8, 8), min_size=4, max_size=4))
def test_kl_is_never_negative_and_zero_for_equals(values):
    q_mean, q_log_variance, p_mean, p_log_variance = torch.tensor(values, dtype=torch.float64)[:, None]
    q, p = DiagonalGaussian(q_mean, q_log_variance), DiagonalGaussian(p_mean, p_log_variance)
    assert kl_divergence(q, p) >= 0
    assert kl_divergence(q, q) == 0


def test_clamp_limits_mean_and_log_variance():
    gaussian = DiagonalGaussian.from_parameters(torch.tensor([-20.0, 1.0, 20.0, 9.0]), clamp=8.0)
    assert gaussian.mean.tolist() == [-8.0, 1.0]
    assert gaussian.log_variance.tolist() == [8.0, 8.0]


def test_gradients():
    parameters = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    x, noise = torch.randn(2, 3, 3, dtype=torch.float64)

    def terms(parameters):
        q = DiagonalGaussian.from_parameters(parameters)
        p = DiagonalGaussian(q.log_variance.tanh(), q.mean.tanh())
        return q.log_prob(x), q.sample(noise), kl_divergence(q, p)

    assert torch.autograd.gradcheck(terms, parameters)

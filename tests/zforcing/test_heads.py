import itertools

import pytest
import torch
from builders import HEADS, small_frames
from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily, Normal

from zforcing import BernoulliHead, CategoricalHead, GaussianHead, GaussianMixtureHead


def gaussian(p, head):
    mean, log_variance = p.chunk(2, -1)
    return Independent(Normal(mean, (log_variance / 2).exp()), 1)


def mixture(p, head):
    k, d = head.components, head.data_size
    logits, means, log_variances = p.split([k, k * d, k * d], -1)
    parts = Normal(means.unflatten(-1, (k, d)), (log_variances.unflatten(-1, (k, d)) / 2).exp())
    return MixtureSameFamily(Categorical(logits=logits), Independent(parts, 1))


REFERENCES = {
    "gaussian": gaussian,
    "mixture": mixture,
    "bernoulli": lambda p, head: Independent(Bernoulli(logits=p), 1),
    "categorical": lambda p, head: Categorical(logits=p),
}


@pytest.mark.parametrize("name", HEADS)
def test_log_prob_agrees_with_torch(name):
    head = HEADS[name]()
    parameters = torch.randn(6, 4, head.parameter_size, dtype=torch.float64)
    y = small_frames(head, 6, 4)
    expected = REFERENCES[name](parameters, head).log_prob(y)
    torch.testing.assert_close(head.log_prob(parameters, y), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", HEADS)
def test_samples_follow_the_density(name):
    head = HEADS[name]()
    parameters = torch.randn(head.parameter_size, dtype=torch.float64)
    y = head.sample(parameters.expand(40_000, 1, -1), torch.Generator().manual_seed(1)).squeeze(1)
    reference = REFERENCES[name](parameters, head)
    if head.categorical:
        expected, found = reference.probs, torch.bincount(y, minlength=5) / len(y)
    else:
        expected, found = torch.stack([reference.mean, reference.variance]), torch.stack([y.mean(0), y.var(0)])
    torch.testing.assert_close(found, expected.to(found.dtype), rtol=0.06, atol=0.06)


@pytest.mark.parametrize("name", HEADS)
def test_sampling_uses_the_given_generator_alone(name):
    head = HEADS[name]()
    parameters = torch.randn(5, 2, head.parameter_size)
    state = torch.get_rng_state()
    first, second = (head.sample(parameters, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(state, torch.get_rng_state())
    assert first.shape == (5, 2) if head.categorical else (5, 2, 3)


def test_discrete_heads_sum_to_one():
    bernoulli, categorical = BernoulliHead(3), CategoricalHead(4)
    outcomes = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3)), dtype=torch.float64)
    p = torch.randn(3, dtype=torch.float64).expand(8, 3)
    assert bernoulli.log_prob(p, outcomes).exp().sum() == pytest.approx(1)
    p = torch.randn(4, dtype=torch.float64).expand(4, 4)
    assert categorical.log_prob(p, torch.arange(4)).exp().sum() == pytest.approx(1)


def test_a_mixture_of_one_is_a_gaussian():
    one, plain = GaussianMixtureHead(3, components=1), GaussianHead(3)
    parameters, y = torch.randn(4, 7), torch.randn(4, 3)
    torch.testing.assert_close(one.log_prob(parameters, y), plain.log_prob(parameters[:, 1:], y))


def test_generation_starts_from_zeros():
    assert torch.equal(GaussianHead(3).start(2), torch.zeros(2, 3))
    assert torch.equal(CategoricalHead(5).start(2), torch.zeros(2, dtype=torch.long))


@pytest.mark.parametrize("name", HEADS)
def test_nothing_is_more_likely_than_the_mode(name):
    head = HEADS[name]()
    parameters = torch.randn(50, head.parameter_size, dtype=torch.float64)
    if name == "mixture":  # components that lie apart
        parameters[:, 2:8] *= 20
    mode = head.mode(parameters)
    best = head.log_prob(parameters, mode)
    assert mode.shape == small_frames(head, 1, 50)[0].shape
    for _ in range(20):
        other = head.sample(parameters)
        assert (head.log_prob(parameters, other) <= best + 1e-9).all()

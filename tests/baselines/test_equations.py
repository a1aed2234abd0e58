"""Each baseline against its equations, written out step by step on single sequences."""

import pytest
import torch
from builders import small_batch, small_model, small_noise

from zforcing.distributions import DiagonalGaussian, kl_divergence
from zforcing.networks import lstm_step


def gaussian(parameters):
    return DiagonalGaussian.from_parameters(parameters, clamp=8.0)


def vrnn(model, batch, noise):
    h = c = torch.zeros(batch.size, model.hidden_size, dtype=torch.float64)
    for t in range(batch.steps):
        y = model.features_y(batch.targets[t])
        prior = (
            gaussian(model.prior_network(h)) if model.prior_network else DiagonalGaussian(h[:, :2] * 0, h[:, :2] * 0)
        )
        posterior = gaussian(model.posterior_network(torch.cat((h, y), 1)))
        z = model.features_z(posterior.sample(noise[t]))
        yield prior, posterior, model.emission(torch.cat((h, z), 1))
        h, c = lstm_step(y @ model.weight_y + z @ model.weight_z + h @ model.weight_h + model.bias, c)


def srnn(model, batch, noise):
    d, hidden = [], None
    for u in batch.inputs:
        hidden = model.gru(model.features(u)[None], hidden)[1]
        d.append(hidden[0])
    read = [torch.cat((d[t], model.features(batch.targets[t])), 1) for t in range(batch.steps)]
    if model.filter_network is not None:
        a = [model.filter_network(x) for x in read]
    else:
        a, state = [None] * batch.steps, None
        for t in reversed(range(batch.steps)):
            state = model.backward_network.rnn(read[t][None], state)[1]
            a[t] = state[0]
    z = torch.zeros(batch.size, model.latent_size, dtype=torch.float64)
    for t in range(batch.steps):
        prior = gaussian(model.prior_network(torch.cat((z, d[t]), 1)))
        posterior = gaussian(model.posterior_network(torch.cat((z, a[t]), 1)))
        if model.residual:
            posterior = DiagonalGaussian(prior.mean + posterior.mean, posterior.log_variance)
        z = posterior.sample(noise[t])
        yield prior, posterior, model.emission(torch.cat((z, d[t]), 1))


def storn(model, batch, noise):
    cell = model.transition
    h = c = torch.zeros(batch.size, model.hidden_size, dtype=torch.float64)
    state = None
    for t in range(batch.steps):
        recognised, state = model.recognition(model.embedding(batch.targets[t])[None], state)
        posterior = gaussian(model.posterior_network(recognised[0]))
        z = posterior.sample(noise[t])
        joined = torch.cat((cell.generator(z), model.embedding(batch.inputs[t])), 1)
        gates = joined @ cell.weight_ih + cell.bias_ih + h @ cell.weight_hh + cell.bias_hh
        h, c = lstm_step(gates, c)
        yield DiagonalGaussian(z * 0, z * 0), posterior, model.emission(h)


EQUATIONS = {
    "vrnn": vrnn,
    "vrnn_standard": vrnn,
    "srnn": srnn,
    "srnn_plain": srnn,
    "srnn_filter": srnn,
    "storn": storn,
}


@pytest.mark.parametrize("head", ["gaussian", "categorical"])
@pytest.mark.parametrize("name", EQUATIONS)
def test_a_model_is_its_equations(name, head):
    model = small_model(name, head)
    batch = small_batch(model.head)
    noise = small_noise(model, batch)
    terms = model(batch, noise)
    for t, (prior, posterior, emission) in enumerate(EQUATIONS[name](model, batch, noise)):
        expected = model.head.log_prob(emission, batch.targets[t]), kl_divergence(posterior, prior)
        torch.testing.assert_close((terms.log_px[t], terms.kl[t]), expected, rtol=1e-9, atol=1e-9)


def reads(name, t):
    """Which of y_1 ... y_T reach the posterior at t through anything but the latents."""
    model = small_model(name)
    inputs = torch.randn(6, 1, 3, dtype=torch.float64)
    targets = torch.randn(6, 1, 3, dtype=torch.float64, requires_grad=True)
    terms = model(type(small_batch(model.head))(inputs, targets))
    gradient = torch.autograd.grad(terms.posterior.mean[t].sum(), targets)[0]
    return (gradient.abs().sum((1, 2)) > 0).tolist()


def test_what_each_posterior_reads():
    assert reads("vrnn", 3) == [True] * 4 + [False] * 2
    assert reads("storn", 3) == [True] * 4 + [False] * 2
    assert reads("srnn_filter", 3) == [True] * 4 + [False] * 2
    assert reads("srnn", 3) == [True] * 6


@pytest.mark.parametrize("name", ["vrnn", "srnn", "srnn_filter", "storn"])
def test_the_auxiliary_cost_changes_no_other_term(name):
    with_cost, without = small_model(f"{name}_aux"), small_model(name)
    shared = without.state_dict()
    without.load_state_dict({key: value for key, value in with_cost.state_dict().items() if key in shared})
    batch = small_batch(without.head)
    noise = small_noise(without, batch)
    one, other = with_cost(batch, noise), without(batch, noise)
    assert torch.equal(one.log_px, other.log_px)
    assert torch.equal(one.kl, other.kl)
    assert (one.aux_nll != 0).all()
    assert (other.aux_nll == 0).all()

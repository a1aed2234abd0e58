import pytest
import torch
from builders import SIZES, small_batch, small_model, small_noise

from zforcing import Batch, GaussianHead, ZForcing
from zforcing.checks import ConfigurationError


def gradient_of(term, tensor):
    return torch.autograd.grad(term, tensor, retain_graph=True, allow_unused=True)[0]


def test_the_posterior_reads_the_whole_future():
    """All of y_{>=t} reaches the posterior at t, and of the past only what h_{t-1} carries."""
    model = small_model()
    inputs = torch.randn(6, 1, 3, dtype=torch.float64)
    targets = torch.randn(6, 1, 3, dtype=torch.float64, requires_grad=True)
    batch = Batch(inputs, targets)
    terms = model(batch, small_noise(model, batch))
    for t in range(6):
        seen = gradient_of(terms.posterior.mean[t].sum(), targets).abs().sum((1, 2))
        assert (seen[t:] > 0).all()


def test_the_auxiliary_cost_holds_its_target_constant():
    model = small_model()
    hidden, z, b = (torch.randn(4, 2, size, dtype=torch.float64, requires_grad=True) for size in (6, 2, 6))
    cost = model.auxiliary(hidden, z, b).sum()
    assert gradient_of(cost, b) is None
    assert gradient_of(cost, z).abs().sum() > 0
    assert gradient_of(cost, hidden).abs().sum() > 0


def test_the_auxiliary_cost_reaches_the_backward_network_through_z():
    model = small_model()
    terms = model(small_batch(model.head))
    weight = model.backward_network.rnn.weight_hh_l0
    assert gradient_of(terms.aux_nll.sum(), weight).abs().sum() > 0


def test_z_force_hides_the_state():
    model = small_model("zf_force")
    hidden, z, b = (torch.randn(4, 2, size, dtype=torch.float64, requires_grad=True) for size in (6, 2, 6))
    cost = model.auxiliary(hidden, z, b)
    torch.testing.assert_close(cost, model.auxiliary(torch.randn_like(hidden), z, b))
    assert gradient_of(cost.sum(), hidden).abs().sum() == 0


def test_gaussian_and_l2_auxiliary_cost_by_their_equations():
    for name in ("zf", "zf_l2"):
        auxiliary = small_model(name).auxiliary
        hidden, z, b = (torch.randn(4, 2, size, dtype=torch.float64) for size in (6, 2, 6))
        mean, log_variance = auxiliary.network(torch.cat((hidden, z), -1)).clamp(-8, 8).chunk(2, -1)
        if name == "zf":
            normal = torch.distributions.Normal(mean.tanh(), (log_variance / 2).exp())
            expected = -normal.log_prob(b).sum(-1)
        else:
            expected = ((b - mean.tanh()) ** 2).sum(-1)
        torch.testing.assert_close(auxiliary(hidden, z, b), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["zf", "zf_l2", "zf_force"])
def test_gradients_of_the_auxiliary_cost(name):
    """With its target held constant, as the cost holds it, the gradient is a true one."""
    auxiliary = small_model(name).auxiliary
    hidden, z, b = (torch.randn(4, 2, size, dtype=torch.float64, requires_grad=True) for size in (6, 2, 6))
    parameters = tuple(auxiliary.parameters())
    names = [name for name, _ in auxiliary.named_parameters()]

    def cost(hidden, z, *values):
        named = dict(zip(names, values, strict=True))
        return torch.func.functional_call(auxiliary, named, (hidden, z, b))

    assert torch.autograd.gradcheck(cost, (hidden, z, *parameters))


CHANGES = {
    "z_force": ({"z_force": True}, {"aux_nll"}),
    "aux_loss": ({"aux_loss": "l2"}, {"aux_nll"}),
    "backward_reads_padding": ({"backward_reads_padding": True}, {"kl", "log_px", "aux_nll", "backward_nll"}),
    "dropout": ({"dropout": 0.5}, {"kl", "log_px", "aux_nll", "backward_nll"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_option_changes_what_it_should_and_nothing_else(change):
    options, affected = CHANGES[change]
    plain = ZForcing(GaussianHead(3), **SIZES).double().train()
    changed = ZForcing(GaussianHead(3), **SIZES, **options).double().train()
    changed.load_state_dict(plain.state_dict())
    mask = torch.ones(5, 2)
    mask[3:, 1] = 0
    batch = small_batch(plain.head, 5, 2, mask)
    noise = small_noise(plain, batch)
    before, after = plain(batch, noise), changed(batch, noise)
    for term in ("kl", "log_px", "aux_nll", "backward_nll"):
        assert torch.equal(getattr(before, term), getattr(after, term)) == (term not in affected), term


@pytest.mark.parametrize("option", ["embedding_size", "hidden_size", "latent_size", "mlp_size", "backward_layers"])
def test_each_size_changes_the_parameters(option):
    def count(**sizes):
        return sum(p.numel() for p in ZForcing(GaussianHead(3), **(SIZES | sizes)).parameters())

    assert count(**{option: SIZES.get(option, 1) + 1}) > count()
    for wrong in (0, -1, "4", 2.5, True):
        with pytest.raises(ConfigurationError, match=option):
            count(**{option: wrong})


def test_dropout_acts_in_training_alone():
    model = ZForcing(GaussianHead(3), **SIZES, dropout=0.5)
    frames = torch.randn(4, 2, 3)
    batch, noise = Batch(frames, frames), torch.zeros(4, 2, 2)
    assert torch.equal(model.eval()(batch, noise).log_px, model(batch, noise).log_px)
    assert not torch.equal(model.train()(batch, noise).log_px, model(batch, noise).log_px)


def test_an_unknown_auxiliary_loss_is_refused():
    with pytest.raises(ConfigurationError, match="'gaussian', 'l2'"):
        ZForcing(GaussianHead(3), aux_loss="l1")

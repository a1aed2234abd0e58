"""What every model promises, whatever its equations."""

import pytest
import torch
from builders import HEADS, MODELS, SIZES, prefix_mask, small_batch, small_frames, small_model, small_noise

from baselines import LSTM, SRNN, STORN
from zforcing import Batch, ZForcing
from zforcing.bounds import elbo
from zforcing.checks import ConfigurationError

TERMS = ("log_px", "kl", "aux_nll", "backward_nll", "log_pz", "log_qz")
every_model = pytest.mark.parametrize("name", MODELS)
every_head = pytest.mark.parametrize("head", HEADS)


def total(terms):
    return sum((term * weight).sum() for weight, term in enumerate((getattr(terms, n) for n in TERMS), 1))


@every_model
@every_head
def test_shapes_and_finiteness(name, head):
    model = small_model(name, head)
    batch = small_batch(model.head)
    terms = model(batch)
    for term in TERMS:
        assert getattr(terms, term).shape == (7, 3)
        assert getattr(terms, term).isfinite().all()
    assert terms.z.shape == (7, 3, model.latent_size)
    assert (terms.kl >= 0).all()


@every_model
@every_head
def test_the_same_noise_gives_the_same_bits(name, head):
    model = small_model(name, head)
    batch = small_batch(model.head)
    noise = small_noise(model, batch)
    first, second = model(batch, noise), model(batch, noise)
    assert all(torch.equal(getattr(first, term), getattr(second, term)) for term in TERMS)


@every_model
@every_head
def test_padding_changes_nothing(name, head):
    model = small_model(name, head)
    lengths, steps = [7, 4, 1, 0], 7
    batch = small_batch(model.head, steps, 4, prefix_mask(lengths, steps))
    noise = small_noise(model, batch)
    terms = model(batch, noise)
    for column, length in enumerate(lengths):
        assert all((getattr(terms, term)[length:, column] == 0).all() for term in TERMS)
        if length:
            alone = Batch(batch.inputs[:length, column : column + 1], batch.targets[:length, column : column + 1])
            expected = model(alone, noise[:length, column : column + 1])
            for term in TERMS:
                found = getattr(terms, term)[:length, column]
                torch.testing.assert_close(found, getattr(expected, term)[:, 0], rtol=1e-10, atol=1e-10)


@every_model
def test_not_a_number_in_the_padding_reaches_no_gradient(name):
    model = small_model(name)
    batch = small_batch(model.head, 5, 2, prefix_mask([5, 2], 5))
    batch.inputs[3:, 1] = float("nan")
    batch.targets[2:, 1] = float("inf")
    total(model(batch)).backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


@every_model
@every_head
def test_gradients_of_the_whole_step(name, head):
    model = small_model(name, head, scale=0.3)
    batch = small_batch(model.head, 3, 2, prefix_mask([3, 2], 3))
    noise = small_noise(model, batch)
    names, parameters = zip(*model.named_parameters(), strict=True)

    def step(*values):
        # The auxiliary cost is left out: it holds its target constant on purpose, so it has no true gradient.
        terms = torch.func.functional_call(model, dict(zip(names, values, strict=True)), (batch, noise))
        outputs = (terms.log_px, terms.kl, terms.backward_nll, terms.log_pz, terms.log_qz)
        return tuple(output for output in outputs if output.requires_grad)

    assert torch.autograd.gradcheck(step, parameters, fast_mode=True)


@every_model
@every_head
def test_free_generation_is_the_forward_pass_on_its_own_output(name, head):
    model = small_model(name, head)
    steps, size = 6, 4
    frames = model.generate(steps, size, torch.Generator().manual_seed(5))
    start = model.head.start(size).to(frames.dtype)[None]
    emissions = record_emissions(model, Batch(torch.cat((start, frames[:-1])), frames), seed=5)
    replay = torch.Generator().manual_seed(5)
    for t in range(steps):
        model.draw_noise(1, size, replay)
        torch.testing.assert_close(model.head.sample(emissions[t], replay), frames[t], rtol=1e-9, atol=1e-9)


def draw_from_prior(model, batch, noise):
    """A forward pass whose latents depend on nothing that generation does not know."""
    return model(batch, noise, from_prior=True) if model.has_latent else model(batch, noise)


def record_emissions(model, batch, seed):
    """The parameters of p(y_t | ...) in a forward pass whose noise is what generation draws."""
    replay = torch.Generator().manual_seed(seed)
    noise = []
    for y in batch.targets:
        noise.append(model.draw_noise(1, batch.size, replay)[0])
        model.head.sample(torch.zeros(batch.size, model.head.parameter_size, dtype=torch.float64), replay)
        del y
    kept = []
    model.engine = "eager"  # the others do not call modules for every step
    handle = model.emission.register_forward_hook(lambda module, inputs, output: kept.append(output))
    draw_from_prior(model, batch, torch.stack(noise))
    handle.remove()
    return kept[0].detach()


@every_model
@every_head
def test_generation_goes_on_from_a_prefix(name, head):
    model = small_model(name, head)
    prefix = small_frames(model.head, 4, 2)
    first = model.generate(5, 2, torch.Generator().manual_seed(1), prefix)
    again = model.generate(5, 2, torch.Generator().manual_seed(1), prefix)
    assert first.shape == (5, *prefix.shape[1:])
    assert torch.equal(first, again)
    if head == "gaussian":  # a continuous sample shows every change of the state
        for other in (prefix.flip(0), torch.cat((prefix[:1], prefix[1:2] + 1, prefix[2:]))):
            assert not torch.equal(first, model.generate(5, 2, torch.Generator().manual_seed(1), other))
    with pytest.raises(ValueError, match="batch_size is 3"):
        model.generate(1, 3, prefix=prefix)


@every_model
@every_head
@pytest.mark.parametrize("most_likely", [False, True])
def test_generation_from_given_latents_is_the_forward_pass_with_them(name, head, most_likely):
    """The same latents and inputs give the same emission, whether latents are chosen or drawn from the posterior."""
    model = small_model(name, head)
    if not model.has_latent:
        with pytest.raises(ValueError, match="no latents to generate from"):
            model.generate(1, 1, latents=lambda t, prior: prior.mean)
        return
    steps, size = 5, 3
    z_TBZ = torch.randn(steps, size, model.latent_size, dtype=torch.float64)
    emitted = hear_emissions(model)
    frames = model.generate(
        steps, size, torch.Generator().manual_seed(2), latents=lambda t, prior: z_TBZ[t], most_likely=most_likely
    )
    generated = torch.stack(emitted)
    batch = Batch(torch.cat((model.head.start(size).to(frames.dtype)[None], frames[:-1])), frames)
    terms = model(batch, noise_for(model, batch, z_TBZ))
    torch.testing.assert_close(terms.z, z_TBZ, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(emitted[-1], generated, rtol=1e-9, atol=1e-9)
    if most_likely:
        assert torch.equal(frames, model.head.mode(generated))


def hear_emissions(model):
    """A list that every call of the emission adds its parameters to."""
    heard = []
    model.engine = "eager"
    model.emission.register_forward_hook(lambda module, inputs, output: heard.append(output.detach()))
    return heard


def noise_for(model, batch, z_TBZ):
    """The noise with which the posterior draws these latents: that of step t from the posterior given those before."""
    noise = torch.zeros_like(z_TBZ)
    for t in range(batch.steps):
        posterior = model(batch, noise).posterior
        noise[t] = (z_TBZ[t] - posterior.mean[t].detach()) / (0.5 * posterior.log_variance[t].detach()).exp()
    return noise


@every_model
@every_head
def test_an_encoding_is_the_posterior_without_noise(name, head):
    """Whatever else is in the batch; its states know of y_t, and an LSTM's of nothing later."""
    model = small_model(name, head)
    lengths, steps = [6, 3], 6
    batch = small_batch(model.head, steps, 2, prefix_mask(lengths, steps))
    encoding = model.encode(batch)
    assert encoding.latents.shape == (steps, 2, model.latent_size)
    assert not encoding.latents.requires_grad
    for column, length in enumerate(lengths):
        alone = Batch(batch.inputs[:length, column : column + 1], batch.targets[:length, column : column + 1])
        if model.has_latent:
            terms = model(alone, torch.zeros(length, 1, model.latent_size, dtype=torch.float64))
            torch.testing.assert_close(encoding.latents[:length, column], terms.z[:, 0], rtol=1e-10, atol=1e-10)
            torch.testing.assert_close(terms.z, terms.posterior.mean, rtol=0, atol=0)
        torch.testing.assert_close(
            encoding.states[:length, column], model.encode(alone).states[:, 0], rtol=1e-10, atol=1e-10
        )
    changed = batch.targets.clone()
    changed[4, 0] = (changed[4, 0] + 1) % (model.head.data_size if model.head.categorical else 2)
    other = model.encode(Batch(torch.cat((batch.inputs[:1], changed[:-1])), changed, batch.mask))
    moved_T = (other.states[:, 0] - encoding.states[:, 0]).abs().amax(1) > 1e-9
    assert moved_T[4]
    if not model.has_latent or name.startswith("srnn"):
        assert not moved_T[:4].any()


@every_model
def test_emissions_are_causal(name):
    """With z held fixed, neither the emission nor the prior at t sees y_{>t}."""
    model = small_model(name)
    frames = torch.randn(8, 1, 3, dtype=torch.float64, requires_grad=True)
    batch = Batch(frames[:-1], frames[1:])
    terms = draw_from_prior(model, batch, small_noise(model, batch))
    for t in range(batch.steps):
        # frames[t + 1] is y_t, and frames[0] the first input, which VRNN does not read
        seen = torch.autograd.grad(terms.log_px[t].sum(), frames, retain_graph=True)[0].abs().sum((1, 2))
        assert (seen[t + 2 :] == 0).all()
        assert (seen[1 : t + 2] > 0).all()
        prior = terms.prior.mean[t].sum() + terms.prior.log_variance[t].sum() if model.has_latent else None
        if prior is not None and prior.requires_grad and t > 1:
            seen = torch.autograd.grad(prior, frames, retain_graph=True)[0].abs().sum((1, 2))
            assert (seen[t + 1 :] == 0).all()
            assert (seen[1:t] > 0).all()


@every_model
@every_head
def test_a_sequence_in_two_segments_is_the_whole_sequence(name, head):
    """State is carried; a backward network alone starts anew at a segment's end, so its models are left out."""
    model = small_model(name, head)
    batch = small_batch(model.head)
    noise = small_noise(model, batch)
    if getattr(model, "backward_network", None) is not None:
        whole, first = draw_from_prior(model, batch, noise), draw_from_prior(model, cut(batch, 0, 3), noise[:3])
        second = model(cut(batch, 3, 7), noise[3:], state=first.state, from_prior=True)
    else:
        whole, first = model(batch, noise), model(cut(batch, 0, 3), noise[:3])
        second = model(cut(batch, 3, 7), noise[3:], state=first.state)
    joined = torch.cat((first.log_px, second.log_px))
    torch.testing.assert_close(joined, whole.log_px, rtol=1e-10, atol=1e-10)
    for ours, expected in zip(second.state, whole.state, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)


def cut(batch, begin, end):
    return Batch(batch.inputs[begin:end], batch.targets[begin:end])


def test_elbo_is_the_sum_over_time():
    model = small_model()
    terms = model(small_batch(model.head))
    torch.testing.assert_close(elbo(terms), terms.log_px.sum(0) - terms.kl.sum(0))


@pytest.mark.parametrize(
    ("inputs", "targets", "mask", "message"),
    [
        ((3, 2, 4), (2, 2, 4), None, "differ in T or B"),
        ((3,), (3,), None, r"must be \(T, B, D\)"),
        ((3, 2, 4), (3, 2, 4), (2, 3), r"must be \(T, B\)"),
    ],
)
def test_a_batch_of_wrong_shapes_is_refused(inputs, targets, mask, message):
    with pytest.raises(ValueError, match=message):
        Batch(torch.zeros(inputs), torch.zeros(targets), None if mask is None else torch.zeros(mask))


@pytest.mark.parametrize("build", [ZForcing, SRNN, STORN, LSTM])
def test_word_dropout_hides_inputs_in_training_alone(build):
    model = build(HEADS["categorical"](), word_dropout=1.0, **(SIZES if build is not LSTM else {})).double()
    batch = small_batch(model.head)
    noise = small_noise(model, batch)
    hidden = Batch(torch.where(batch.inputs == 0, 0, 2), batch.targets)
    assert torch.equal(model.train()(batch, noise).log_px, model(hidden, noise).log_px)
    assert not torch.equal(model.eval()(batch, noise).log_px, model(hidden, noise).log_px)
    with pytest.raises(ConfigurationError, match="word_dropout is for categorical data"):
        build(HEADS["gaussian"](), word_dropout=0.5)
    with pytest.raises(ConfigurationError, match="probability must be at most 1"):
        build(HEADS["categorical"](), word_dropout=1.5)


def test_noise_of_a_wrong_shape_is_refused():
    model = small_model()
    batch = small_batch(model.head)
    with pytest.raises(ValueError, match=r"noise \(7, 3, 5\) must be \(T, B, Z\) = \(7, 3, 2\)"):
        model(batch, torch.zeros(7, 3, 5))

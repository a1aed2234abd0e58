"""Every engine gives the terms and the gradients of plain autograd, in double precision, for every model and option."""

import pytest
import torch
from builders import HEADS, MODELS, prefix_mask, small_batch, small_model

from zforcing import Batch
from zforcing.engines import available
from zforcing.linear_gaussian import LinearGaussianModel, LinearGaussianSystem

FASTER = [name for name in available(torch.device("cpu")) if name != "eager"]
WEIGHTS = {"log_px": -1.0, "kl": 0.7, "aux_nll": 0.3, "backward_nll": 0.2}


def outcome(model, engine, batch, carried=None, from_prior=False):
    """All terms, the last state, and the gradient of everything that has one."""
    model.engine = engine
    model.zero_grad()
    torch.manual_seed(1)
    noise = model.draw_noise(batch.steps, batch.size)
    state = None if carried is None else tuple(x.clone().requires_grad_() for x in carried)
    extra = {"from_prior": True} if from_prior else {}
    terms = model(batch, noise, state, **extra)
    found = {name: getattr(terms, name) for name in (*WEIGHTS, "z", "log_pz", "log_qz")}
    found |= {f"state {number}": x for number, x in enumerate(terms.state)}
    loss = sum(weight * getattr(terms, name).sum() for name, weight in WEIGHTS.items())
    loss = loss + terms.z.square().sum() + sum(x.square().sum() for x in terms.state)
    loss.backward()
    found |= {f"gradient of {name}": parameter.grad for name, parameter in model.named_parameters()}
    found |= {f"gradient of state {number}": x.grad for number, x in enumerate(state or ())}
    return {name: torch.zeros(1) if x is None else x.detach().clone() for name, x in found.items()}


def assert_agreement(model, engine, batch, **options):
    expected, found = outcome(model, "eager", batch, **options), outcome(model, engine, batch, **options)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        scale = max(1e-3, float(value.abs().max()) if value.numel() else 0.0)
        difference = float((value - found[name]).abs().max()) if value.numel() else 0.0
        assert difference <= 1e-9 * scale, name


@pytest.mark.parametrize("engine", FASTER)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", MODELS)
def test_every_model_and_head(name, head, engine):
    model = small_model(name, head)
    assert_agreement(model, engine, small_batch(model.head, 6, 3, prefix_mask([6, 2, 4], 6)))


@pytest.mark.parametrize("engine", FASTER)
@pytest.mark.parametrize(("steps", "size"), [(1, 1), (1, 4), (2, 1), (3, 33), (4, 2), (50, 1), (50, 5)])
@pytest.mark.parametrize("name", ["zf", "zf_cond_ln", "vrnn", "srnn", "storn", "lstm"])
def test_every_length_and_batch_size(name, steps, size, engine):
    model = small_model(name)
    assert_agreement(model, engine, small_batch(model.head, steps, size))


@pytest.mark.parametrize("engine", FASTER)
@pytest.mark.parametrize("name", MODELS)
def test_carried_state_and_its_gradient(name, engine):
    model = small_model(name)
    batch = small_batch(model.head, 5, 4)
    with torch.no_grad():
        carried = tuple(torch.randn_like(x) for x in model(batch).state)
    assert_agreement(model, engine, batch, carried=carried)


@pytest.mark.parametrize("engine", FASTER)
@pytest.mark.parametrize("name", [name for name in MODELS if name != "lstm"])
def test_latents_from_the_prior(name, engine):
    model = small_model(name)
    assert_agreement(model, engine, small_batch(model.head, 5, 4), from_prior=True)


@pytest.mark.parametrize("engine", FASTER)
def test_the_released_reading_of_padding(engine):
    model = small_model("zf_deep")
    model.backward_network.reads_padding = True
    assert_agreement(model, engine, small_batch(model.head, 6, 3, prefix_mask([6, 2, 4], 6)))


@pytest.mark.parametrize("engine", FASTER)
@pytest.mark.parametrize("latents", [1, 2])
def test_a_model_of_another_kind(latents, engine):
    system = LinearGaussianSystem(
        *(torch.rand(latents).double() + 0.1 for _ in range(2)),
        torch.randn(3, latents).double(),
        torch.ones(3).double(),
    )
    targets = system.sample(7, 4, torch.Generator())
    assert_agreement(LinearGaussianModel(system), engine, Batch(targets, targets))


@pytest.mark.parametrize("engine", FASTER)
@pytest.mark.parametrize("name", ["zf", "srnn", "lstm"])
def test_without_gradient(name, engine):
    model = small_model(name)
    batch = small_batch(model.head, 6, 3, prefix_mask([6, 2, 4], 6))
    expected = outcome(model, "eager", batch)["log_px"]
    model.engine = engine
    torch.manual_seed(1)
    with torch.inference_mode():
        terms = model(batch, model.draw_noise(batch.steps, batch.size))
    torch.testing.assert_close(terms.log_px, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("engine", FASTER)
@pytest.mark.parametrize("name", ["zf", "zf_cond_ln", "vrnn", "srnn", "storn"])
def test_single_precision(name, engine):
    """The bound for float32: a thousandth of the largest element of each term and gradient, after 40 steps."""
    model = small_model(name, scale=0.3).float()
    batch = small_batch(model.head, 40, 8, prefix_mask(range(33, 41), 40))
    batch = Batch(batch.inputs.float(), batch.targets.float(), batch.mask)
    expected, found = outcome(model, "eager", batch), outcome(model, engine, batch)
    for term, value in expected.items():
        difference = float((value - found[term]).abs().max())
        assert difference <= 1e-3 * max(1e-2, float(value.abs().max())), term


@pytest.mark.parametrize("engine", FASTER)
def test_the_same_call_gives_the_same_bits(engine):
    model = small_model()
    batch = small_batch(model.head, 9, 33)
    first, second = outcome(model, engine, batch), outcome(model, engine, batch)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("engine", FASTER)
def test_an_engine_changes_no_random_stream(engine):
    model = small_model()
    batch = small_batch(model.head, 4, 2)
    states = []
    for name in ("eager", engine):
        model.engine = name
        torch.manual_seed(3)
        model(batch).kl.sum().backward()
        states.append(torch.get_rng_state())
    assert torch.equal(*states)

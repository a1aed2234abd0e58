"""Recomputed segments: the same numbers, and less kept."""

import pytest
import torch
from builders import MODELS, prefix_mask, small_batch, small_model, small_noise
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from zforcing.engines.loop import LOOPS

LATENT = [name for name in MODELS if name != "lstm"]
STEPS = 11


def terms_in_segments(model, batch, noise_TBZ, steps, state=None, from_prior=False):
    model.recomputed_steps = steps
    return model(batch, noise_TBZ, state, from_prior)


def numbers_and_gradients(model, batch, noise_TBZ, steps, state, from_prior):
    """All terms, and the gradient of a sum in which each of them counts differently."""
    leaves = [x.clone().requires_grad_() for x in state]
    terms = terms_in_segments(model, batch, noise_TBZ, steps, tuple(leaves), from_prior)
    parts = [terms.log_px, terms.kl, terms.aux_nll, terms.backward_nll, terms.log_pz, terms.log_qz, *terms.state]
    torch.stack([weight * part.sum() for weight, part in enumerate(parts, 1)]).sum().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    model.zero_grad(set_to_none=True)
    return [*parts, terms.z, terms.scored_TB], [*gradients, *(x.grad for x in leaves)]


@pytest.mark.parametrize(("steps", "from_prior"), [(1, False), (4, False), (4, True), (STEPS + 1, False)])
@pytest.mark.parametrize("name", LATENT)
def test_the_same_numbers_and_gradients(name, steps, from_prior):
    model = small_model(name)
    batch = small_batch(model.head, STEPS, mask=prefix_mask([STEPS, 9, 3], STEPS))
    noise_TBZ = small_noise(model, batch)
    state = tuple(x.detach() for x in model(batch, noise_TBZ).state)
    expected = numbers_and_gradients(model, batch, noise_TBZ, None, state, from_prior)
    found = numbers_and_gradients(model, batch, noise_TBZ, steps, state, from_prior)
    for of_found, of_expected in zip(found, expected, strict=True):
        for a, b in zip(of_found, of_expected, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("steps", [None, 4])
def test_it_is_the_forward_pass(steps):
    model = small_model("zf_force", "categorical")
    batch = small_batch(model.head, STEPS)
    noise_TBZ = small_noise(model, batch)
    found, expected = terms_in_segments(model, batch, noise_TBZ, steps), model(batch, noise_TBZ)
    torch.testing.assert_close(found.log_px, expected.log_px)
    torch.testing.assert_close(found.state, expected.state)


@pytest.mark.parametrize("engine", ["fused", "auto"])
def test_a_loop_may_be_generated_while_a_segment_runs(engine):
    model = small_model("zf_force", "categorical")
    model.engine = engine
    batch = small_batch(model.head, STEPS)
    noise_TBZ = small_noise(model, batch)
    gradients = []
    for steps in (4, None):
        LOOPS.clear()
        terms = terms_in_segments(model, batch, noise_TBZ, steps)
        (terms.kl - terms.log_px + terms.aux_nll).sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
        model.zero_grad(set_to_none=True)
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


class Counted(TorchDispatchMode):
    """Counts the bytes of all that is computed, and those that are still held."""

    def __init__(self):
        super().__init__()
        self.storages = {}
        self.computed = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self.computed += tensor.nbytes
                self.storages[storage.data_ptr()] = (StorageWeakRef(storage), storage.nbytes())
        return result

    @property
    def held(self):
        return sum(size for reference, size in self.storages.values() if not reference.expired())


def held_per_step(model, steps):
    """What one more step of a sequence holds after the forward pass, in bytes."""
    sizes = []
    for length in (40, 80):
        batch = small_batch(model.head, length)
        noise_TBZ = small_noise(model, batch)
        with Counted() as counted:
            terms = terms_in_segments(model, batch, noise_TBZ, steps)
            loss = (terms.kl - terms.log_px + terms.aux_nll).sum()
            del terms
        sizes.append(counted.held)
        del loss
    return (sizes[1] - sizes[0]) / 40


@pytest.mark.parametrize("name", ["zf", "zf_cond_ln", "srnn", "vrnn"])
def test_less_is_held(name):
    model = small_model(name)
    model.engine = "eager"
    assert held_per_step(model, 8) < 0.65 * held_per_step(model, None)


@pytest.mark.parametrize("segment", [None, 10])
@pytest.mark.parametrize("name", ["zf", "zf_cond_ln", "srnn", "vrnn", "storn"])
def test_the_cost_grows_linearly(name, segment):
    """Twice the steps take twice the work, forwards and backwards."""
    model = small_model(name)
    model.engine = "eager"
    costs = []
    for steps in (20, 40, 80):
        batch = small_batch(model.head, steps)
        noise_TBZ = small_noise(model, batch)
        with Counted() as counted:
            terms = terms_in_segments(model, batch, noise_TBZ, segment)
            (terms.kl - terms.log_px + terms.aux_nll + terms.backward_nll).sum().backward()
        costs.append(counted.computed)
    assert costs[2] - costs[1] == pytest.approx(2 * (costs[1] - costs[0]), rel=0.01)


def test_nothing_is_recomputed_without_a_gradient():
    model = small_model()
    batch = small_batch(model.head, STEPS)
    noise_TBZ = small_noise(model, batch)
    with torch.no_grad():
        found = terms_in_segments(model, batch, noise_TBZ, 4)
        assert torch.equal(found.log_px, model(batch, noise_TBZ).log_px)
    assert not found.log_px.requires_grad

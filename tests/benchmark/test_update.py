"""One update: left out on the device where it is not finite, and never waiting for it."""

import copy

import pytest
import torch
from builders import small_batch, small_model, small_noise
from torch.utils._python_dispatch import TorchDispatchMode

from benchmark.objective import Objective
from benchmark.schedules import Constant
from benchmark.update import Update, skips_on_device

OPTIMISERS = {
    "adam": lambda weights: torch.optim.Adam(weights, lr=0.1),
    "fused adam": lambda weights: torch.optim.Adam(weights, lr=0.1, fused=True),
    "sgd": lambda weights: torch.optim.SGD(weights, lr=0.1),
    "fused sgd": lambda weights: torch.optim.SGD(weights, lr=0.1, fused=True),
    "fused sgd, momentum": lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=0.9, fused=True),
}
OBJECTIVE = Objective(aux_weight=Constant(0.5))


def build(optimiser="fused adam", model="zf", carry_state=False):
    trained = small_model(model)
    trained.train()
    weights = trained.parameters()
    return Update(trained, OBJECTIVE, OPTIMISERS[optimiser](weights), gradient_clip=5.0, carry_state=carry_state)


def batch_of(update, broken=False):
    batch = small_batch(update.model.head)
    if broken:
        batch.targets[2, 1] = float("nan")
    return batch, small_noise(update.model, batch)


def run(update, broken=False, goes_on=False):
    batch, noise_TBZ = batch_of(update, broken)
    update(batch, noise_TBZ, torch.tensor([goes_on, False, goes_on]), 0)


def bits(update):
    """Weights and the optimiser's state."""
    return copy.deepcopy((update.model.state_dict(), update.optimiser.state_dict()))


def assert_same(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_step_that_is_not_finite_changes_no_bit(optimiser):
    update = build(optimiser)
    run(update)
    before = bits(update)
    run(update, broken=True)
    assert_same(bits(update), before)
    run(update)
    assert not torch.equal(bits(update)[0]["emission.weight"], before[0]["emission.weight"])
    assert [outcome.skipped for outcome in update.fetch()] == [False, True, False]


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_first_step_that_is_not_finite_is_as_if_it_had_not_been(optimiser):
    plain, skipping = build(optimiser), build(optimiser)
    skipping.model.load_state_dict(plain.model.state_dict())
    run(skipping, broken=True)
    for _ in range(2):
        batch, noise_TBZ = batch_of(plain)
        for update in (plain, skipping):
            update(batch, noise_TBZ, torch.zeros(3, dtype=torch.bool), 0)
    assert_same(bits(skipping), bits(plain))


def test_the_update_is_that_of_the_loss():
    """By hand: the gradient of the weighted loss, clipped, and one step."""
    update = build("sgd")
    weights = copy.deepcopy(update.model)
    batch, noise_TBZ = batch_of(update)
    loss, means = OBJECTIVE(weights(batch, noise_TBZ), 0)
    loss.backward()
    norm = torch.cat([w.grad.flatten() for w in weights.parameters() if w.grad is not None]).norm()
    assert norm > 5
    update(batch, noise_TBZ, torch.zeros(3, dtype=torch.bool), 0)
    for after, before in zip(update.model.parameters(), weights.parameters(), strict=True):
        if before.grad is not None:
            torch.testing.assert_close(after, before - 0.1 * before.grad * 5 / norm)
    (outcome,) = update.fetch()
    expected = {name: value.item() for name, value in means.items()} | {"gradient_norm": norm.item()}
    assert outcome.values == pytest.approx(expected)
    assert update.fetch() == []


def test_the_state_is_carried_where_a_sequence_goes_on():
    update = build(carry_state=True)
    run(update)
    last = update.state
    batch, noise_TBZ = batch_of(update)
    keep_B1 = torch.tensor([[1.0], [0.0], [1.0]], dtype=torch.float64)
    expected = update.model(batch, noise_TBZ, tuple(x * keep_B1 for x in last))
    update(batch, noise_TBZ, torch.tensor([True, False, True]), 0)
    assert_same(update.state, expected.state)
    assert not any(x.requires_grad for x in update.state)


def test_the_state_is_dropped_after_a_step_that_is_not_finite():
    update = build(carry_state=True)
    run(update)
    run(update, broken=True, goes_on=True)
    batch, noise_TBZ = batch_of(update)
    expected = update.model(batch, noise_TBZ)
    update(batch, noise_TBZ, torch.ones(3, dtype=torch.bool), 0)
    assert_same(update.state, tuple(x.detach() for x in expected.state))


class NoWaiting(TorchDispatchMode):
    """Fails on whatever brings a value from the device to the host."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        waits = ("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select")
        assert function.overloadpacket.__name__ not in waits, f"{function} waits for the device"
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("model", ["zf", "zf_cond_ln", "srnn", "vrnn_aux", "lstm"])
@pytest.mark.parametrize("optimiser", ["fused adam", "fused sgd"])
def test_nothing_waits_for_the_device(optimiser, model):
    update = build(optimiser, model)
    batch, noise_TBZ = batch_of(update)
    goes_on_B = torch.zeros(3, dtype=torch.bool)
    with NoWaiting():
        for number in range(2):
            update(batch, noise_TBZ, goes_on_B, number)
    assert len(update.fetch()) == 2


def test_what_would_wait_is_seen():
    update = build("sgd")
    assert not skips_on_device(update.optimiser)
    with pytest.raises(AssertionError, match="waits for the device"), NoWaiting():
        run(update)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_nothing_waits_for_a_gpu():
    model = small_model().float().cuda()
    update = Update(model, OBJECTIVE, torch.optim.Adam(model.parameters(), fused=True), gradient_clip=5.0)
    batch = small_batch(model.head)
    noise_TBZ = small_noise(model, batch).float().cuda()
    batch = type(batch)(batch.inputs.float(), batch.targets.float()).to("cuda")
    update(batch, noise_TBZ, torch.zeros(3, dtype=torch.bool), 0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        update(batch, noise_TBZ, torch.zeros(3, dtype=torch.bool), 1)
    finally:
        torch.cuda.set_sync_debug_mode("default")

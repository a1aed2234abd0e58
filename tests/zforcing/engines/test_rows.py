"""What does not depend on the step before is computed for all time steps at once, whatever the engine."""

import weakref

import pytest
import torch
import torch.nn.functional as F

from zforcing.engines import available, loop, run_at_once

FASTER = [name for name in available(torch.device("cpu")) if name != "eager"]
CODES = torch.randn(5, 3)


def outcome(engine, steps, size, function):
    generator = torch.Generator().manual_seed(0)
    shapes = (steps, size, 5), (steps, size, 6), (5, 6)
    leaves = [torch.randn(shape, generator=generator, dtype=torch.double).requires_grad_() for shape in shapes]
    found = run_at_once(lambda rows: function((rows[0] @ leaves[2], rows[1])), tuple(leaves[:2]), engine)
    sum(x.square().sum() for x in found).backward()
    return [*found, *(x.grad for x in leaves)]


def smooth(rows):
    x, y = rows
    return torch.tanh(x), (y - x).square().sum(-1), torch.expm1(x.narrow(-1, 0, 1) * y.mean(-1, keepdim=True))


@pytest.mark.parametrize("engine", FASTER)
@pytest.mark.parametrize(("steps", "size"), [(1, 1), (1, 300), (7, 1), (12, 100), (40, 32), (300, 3)])
def test_any_number_of_rows(engine, steps, size):
    expected, found = outcome("eager", steps, size, smooth), outcome(engine, steps, size, smooth)
    for a, b in zip(expected, found, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-10, atol=1e-12)


@pytest.mark.skipif("compiled" not in FASTER, reason="there is no C compiler")
def test_one_loop_serves_any_number_of_rows(monkeypatch):
    monkeypatch.setattr(loop, "LOOPS", {})
    for steps, size in ((1, 1), (4, 2), (40, 32)):
        outcome("compiled", steps, size, smooth)
    assert len(loop.LOOPS) == 1


@pytest.mark.parametrize("engine", FASTER)
def test_what_no_c_is_written_for(engine):
    def function(rows):
        return torch.logsumexp(rows[0], -1), torch.erf(rows[1])

    for a, b in zip(outcome("eager", 3, 2, function), outcome(engine, 3, 2, function), strict=True):
        torch.testing.assert_close(b, a)


@pytest.mark.parametrize("engine", FASTER)
def test_results_of_another_type_or_shape(engine):
    def function(rows):
        (x,) = rows
        distances = (x.unsqueeze(-2) - CODES).square().sum(-1)
        return x.tanh(), x > 0.2, distances.mean(-1), x.unsqueeze(-2) * CODES, torch.zeros(())

    x = torch.randn(4, 2, 3)
    for part in range(5):
        expected, (found,) = function((x,))[part], run_at_once(lambda rows, n=part: (function(rows)[n],), (x,), engine)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("engine", FASTER)
def test_a_refusal_keeps_no_tensor_alive(engine):
    alive = []
    for _ in range(3):
        x = torch.randn(3, 2, 5)
        alive.append(weakref.ref(x))
        run_at_once(lambda rows: (torch.erf(rows[0]),), (x,), engine)
    del x
    assert not any(reference() is not None for reference in alive)


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("engine", FASTER)
def test_small_and_large_values_keep_their_precision(engine, precision):
    sizes = torch.logspace(-12, 1.9, 400, dtype=torch.double).to(precision)
    x = torch.cat((-sizes, torch.zeros(1, dtype=precision), sizes)).view(1, -1, 1)
    y = (torch.arange(x.numel()) % 2).to(precision).view_as(x)

    def function(rows):
        x, y = rows
        return torch.expm1(x), F.binary_cross_entropy_with_logits(x, y, reduction="none")

    bound = 1e-5 if precision == torch.float32 else 1e-13
    found = run_at_once(function, (x, y), engine)
    torch.testing.assert_close(found[0], torch.expm1(x), rtol=bound, atol=0.0)
    # PyTorch's own cross entropy is less exact where it is small.
    torch.testing.assert_close(found[1], function((x, y))[1], rtol=bound, atol=bound / 10)

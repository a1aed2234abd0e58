"""Steps of other forms than those of the shipped models: the same numbers, or a sentence and another engine."""

import threading
import warnings

import pytest
import torch

from zforcing.engines import available, compiler, run_step

FASTER = [name for name in available(torch.device("cpu")) if name != "eager"]
BIAS, SQUARE, COLUMN = torch.randn(4), torch.randn(4, 4) / 2, torch.randn(4, 1)
ROW = torch.randn(4, 1).t()  # of strides (1, 1)
ROWS = torch.randn(3, 4)
MASK = torch.tensor([True, False, True, False])

STEPS = {
    "a second state is passed through": lambda h, c, x: (torch.tanh(h @ SQUARE + c), c + x),
    "a second state takes a bias": lambda h, c, x: (torch.tanh(h @ SQUARE + c + x), c + BIAS),
    "a second state takes a product": lambda h, c, x: (torch.tanh(h @ SQUARE + c), c + (h + x) @ SQUARE),
    "a sum with a factor": lambda h, c, x: (torch.add(x, h @ SQUARE, alpha=2), c),
    "a product with factors": lambda h, c, x: (torch.addmm(x, h, SQUARE, beta=0.5, alpha=2.0), c),
    "a difference with a factor": lambda h, c, x: (torch.rsub(h, x, alpha=3), c),
    "a broadcast product": lambda h, c, x: (torch.tanh(h @ SQUARE + x @ COLUMN), c),
    "a product with a single row": lambda h, c, x: (torch.tanh((h @ COLUMN) @ ROW + x), c),
    "default arguments": lambda h, c, x: (torch.nn.functional.leaky_relu(h) + x.clamp(min=0), c),
    "a mask": lambda h, c, x: (torch.where(MASK, h, x), c * h),
    "a constant": lambda h, c, x: (h * torch.tensor(0.5) + x, c),
    "columns": lambda h, c, x: (torch.cat((h[:, 2:], x[:, :2]), -1), c),
    "every second column": lambda h, c, x: (h[:, ::2].repeat(1, 2) + x, c),
    "a value for every sequence": lambda h, c, x: (torch.tanh(h + ROWS * x), c),
    "the number of sequences": lambda h, c, x: (h / len(h) + x, c),
    "the same row for every sequence": lambda h, c, x: (h + BIAS.tanh().expand(len(h), 4) * x, torch.ones(len(h), 4)),
    "a row repeated": lambda h, c, x: (h + BIAS.repeat(len(h), 1) * x, c),
    "a third dimension": lambda h, c, x: (h + (x.unsqueeze(1) - SQUARE).square().sum(-1), c),
    "a third dimension, averaged": lambda h, c, x: (h + (x.unsqueeze(1) * SQUARE).mean(1), c),
    "a stack of rows": lambda h, c, x: (torch.cat((h.unsqueeze(1), x.unsqueeze(1)), 1).sum(1), c),
    "a third dimension, expanded": lambda h, c, x: ((h.unsqueeze(1).expand(-1, 4, -1) + SQUARE).sum(1) / 8, c + x),
    "sequences of the batch crossed": lambda h, c, x: ((h.unsqueeze(0) * x.unsqueeze(1)).mean(1), c),
    "a value without a lower bound": lambda h, c, x: (h.clamp(-float("inf"), 0.5) + x, c),
    "the batch's mean": lambda h, c, x: (h - h.mean(0, keepdim=True) + x, c),
}


def outcome(step, engine, gradient=True):
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(3, 4, generator=generator) for _ in range(2)]
    x = torch.randn(5, 3, 4, generator=generator)
    leaves = [tensor.requires_grad_(gradient) for tensor in (*start, x, BIAS, SQUARE, COLUMN)]
    for leaf in leaves:
        leaf.grad = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        course = run_step(lambda inputs: step(*inputs), (start[0], start[1]), (x,), engine)
    if gradient:
        (course.visible.square().sum() + sum(last.sum() for last in course.last)).backward()
    found = [course.visible, *course.last, *(leaf.grad for leaf in leaves)]
    return [torch.zeros(()) if tensor is None else tensor.detach().clone() for tensor in found]


@pytest.mark.parametrize("gradient", [True, False])
@pytest.mark.parametrize("engine", FASTER)
@pytest.mark.parametrize("name", STEPS)
def test_other_steps(name, engine, gradient):
    for expected, found in zip(
        outcome(STEPS[name], "eager", gradient), outcome(STEPS[name], engine, gradient), strict=True
    ):
        torch.testing.assert_close(found, expected.expand_as(found), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("engine", FASTER)
def test_states_and_what_enters_are_told_apart(engine):
    a, b, c = torch.randn(5, 5, 4).unbind(0)[:3]
    two = run_step(lambda inputs: (inputs[0] + inputs[1], inputs[2]), (a, b), (c[None],), engine)
    one = run_step(lambda inputs: (inputs[0] + inputs[1], inputs[2]), (a,), (b[None], c[None]), engine)
    assert (len(two.path), len(one.path)) == (0, 1)


@pytest.mark.parametrize("engine", FASTER)
@pytest.mark.filterwarnings("ignore:autocast computes in several precisions")
def test_autocast_before_or_after_changes_nothing(engine):
    start, x = torch.randn(3, 4), torch.randn(5, 3, 4)

    def visible():
        return run_step(lambda inputs: (torch.tanh(inputs[0] @ SQUARE.detach() + inputs[1]),), (start,), (x,), engine)

    expected = visible().visible
    with torch.autocast("cpu", torch.bfloat16):
        visible()
    torch.testing.assert_close(visible().visible, expected, rtol=0.0, atol=0.0)


@pytest.mark.parametrize("engine", FASTER)
def test_threads_do_not_disturb_each_other(engine):
    weights = [torch.randn(64, 64) / 8 for _ in range(2)]
    x = torch.randn(30, 8, 64)

    def once(weight):
        with torch.inference_mode():
            return run_step(lambda inputs: (torch.tanh(inputs[0] @ weight + inputs[1]),), (x[0],), (x,), engine).visible

    expected, wrong = [once(weight) for weight in weights], []

    def work(number):
        wrong.extend(number for _ in range(50) if not torch.equal(once(weights[number]), expected[number]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif("compiled" not in FASTER, reason="there is no C compiler")
def test_a_damaged_library_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(compiler, "cache_folder", lambda: tmp_path)
    compiler.build("int one(void) { return 1; }")
    (library,) = tmp_path.iterdir()
    library.unlink()  # the loaded one stays as it is
    library.write_bytes(b"damaged")
    assert compiler.build("int one(void) { return 1; }").one() == 1


@pytest.mark.skipif("compiled" not in FASTER, reason="there is no C compiler")
def test_the_processor_is_part_of_a_librarys_name():
    assert "march" in compiler.compiler_version(compiler.find_compiler())

"""The time loop as one autograd function, generated from a model's step.

The loop holds the step alone. The gradient of every weight is one matrix product over all time steps after it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch.autograd.function import once_differentiable

from zforcing.distributions import DiagonalGaussian
from zforcing.engines.derivation import Derivation, derive
from zforcing.engines.tape import record, signature
from zforcing.recurrence import Pass, Trajectory

aten = torch.ops.aten
MOST_LOOPS = 64  # of different shapes that are kept

Function = Callable[..., tuple[Any, ...]]


def run(
    prepared: Pass,
    noise_TBZ: Tensor,
    from_prior: bool = False,
    generate: Callable[[Derivation, int], Loop] | None = None,
) -> Trajectory:
    """The same as `eager.run`; `generate` makes the loop, by default in Python."""
    recurrence, states, entering_type = prepared.recurrence, len(prepared.start), type(prepared.entering)
    draw = recurrence.prior if from_prior else recurrence.posterior

    def step(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """(z, mean, log variance, *state) from (*state, noise, *entering)."""
        state, noise_BZ, entering = inputs[:states], inputs[states], entering_type(*inputs[states + 1 :])
        drawn = draw(state[0], entering)
        z_BZ = drawn.sample(noise_BZ)
        return z_BZ, drawn.mean, drawn.log_variance, *recurrence.advance(state, z_BZ, entering)

    over_time = (noise_TBZ, *prepared.entering)
    first = (*prepared.start, *(x[0] for x in over_time))
    tape = record(step, first)
    wanted = tuple(torch.is_grad_enabled() and x.requires_grad for x in (*prepared.start, *over_time, *tape.weights))
    # The state of every step but the first depends on weights.
    wanted = ((any(wanted),) * states) + wanted[states:]
    key = (generate, tape.structure, tuple(map(signature, first)), wanted)
    if key not in LOOPS:
        if len(LOOPS) >= MOST_LOOPS:
            del LOOPS[next(iter(LOOPS))]
        LOOPS[key] = (generate or Loop)(derive(tape, first, wanted), states)
    results = _LoopFunction.apply(LOOPS[key], *prepared.start, *over_time, *tape.weights)
    z, mean, log_variance, after = results[:4]
    before = torch.cat((prepared.start[0][None], after[:-1]))
    return Trajectory(before, after, z, DiagonalGaussian(mean, log_variance), results[4:])


class Loop:
    """The loop over time and its derivative, in Python.

    Args:
        derivation: the step.
        states: how many tensors the state has; the step's inputs are (*state, *what enters), its outputs (z, mean,
            log variance, *state).
    """

    def __init__(self, derivation: Derivation, states: int) -> None:
        d = self.derivation = derivation
        self.states = states
        self.fixed = (*d.weights, *d.invariant)
        self.stacked = tuple({operand: None for reduction in d.reductions for operand in reduction.operands})
        self.before_loop = function(d.weights, d.invariant, d.invariant)
        self.forward_step = function((*d.inputs, *self.fixed), d.forward, (*d.outputs, *d.saved))
        self.backward_step = function(
            (*d.gradients, *d.saved, *self.fixed), d.backward, (*d.input_gradients, *self.stacked)
        )
        sums = tuple(reduction.node for reduction in d.reductions)
        self.after_loop = function((*sums, *self.fixed), d.after, d.weight_gradients)

    def forward(
        self, start: Sequence[Tensor], over_time: Sequence[Tensor], weights: Sequence[Tensor], keep: bool
    ) -> tuple[tuple[Tensor, ...], Any]:
        """(z, mean, log variance, visible state) of all steps and the last state; and what the gradient needs."""
        fixed = (*weights, *self.before_loop(*weights))
        outputs = 3 + self.states
        state = tuple(start)
        path, saved = [], []
        for entering in zip(*(x.unbind(0) for x in over_time), strict=True):
            results = self.forward_step(*state, *entering, *fixed)
            state = results[3:outputs]
            path.append(results[:4])
            if keep:
                saved.append(results[outputs:])
        return (*map(torch.stack, zip(*path, strict=True)), *(x.clone() for x in state)), (fixed, saved)

    def backward(self, kept: Any, gradients: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
        """The gradients of the start, of what enters and of the weights."""
        fixed, saved = kept
        carried = list(gradients[4:])
        found = []
        for now, own in zip(
            zip(*(g.unbind(0)[::-1] for g in gradients[:4]), strict=True), reversed(saved), strict=True
        ):
            results = self.backward_step(*now[:3], *carried, now[3], *own, *fixed)
            carried = [
                torch.zeros_like(old) if new is None else new
                for old, new in zip(carried, results[: self.states], strict=True)
            ]
            found.append(results[self.states :])
        over_time = [None if x[0] is None else torch.stack(x[::-1]) for x in zip(*found, strict=True)]
        entering = len(self.derivation.inputs) - self.states
        stacks = dict(zip(self.stacked, over_time[entering:], strict=True))
        return (*carried, *over_time[:entering], *self.weight_gradients(stacks, fixed))

    def weight_gradients(self, stacks: dict[fx.Node, Tensor | None], fixed: Sequence[Tensor]) -> tuple[Any, ...]:
        """The gradients of the weights, from the stacked operands of every sum over batch and time."""
        totals = []
        for reduction in self.derivation.reductions:
            operands = [stacks[operand].flatten(0, 1) for operand in reduction.operands]  # type: ignore[union-attr]
            if len(operands) == 2:
                totals.append(operands[0].t() @ operands[1])
            else:
                totals.append(operands[0].sum(*reduction.node.args[1:]))  # type: ignore[arg-type]
        return self.after_loop(*totals, *fixed)


LOOPS: dict[Hashable, Loop] = {}


class _LoopFunction(torch.autograd.Function):
    """A loop as one node of the autograd graph."""

    @staticmethod
    def forward(ctx: Any, loop: Loop, *tensors: Tensor) -> tuple[Tensor, ...]:
        counts = loop.states, len(loop.derivation.inputs)
        start, over_time, weights = tensors[: counts[0]], tensors[counts[0] : counts[1]], tensors[counts[1] :]
        keep = any(ctx.needs_input_grad)
        results, kept = loop.forward(start, over_time, weights, keep)
        ctx.loop, ctx.kept = (loop, kept) if keep else (None, None)
        return results

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        return None, *ctx.loop.backward(ctx.kept, gradients)


def function(inputs: Sequence[fx.Node], nodes: Sequence[fx.Node], outputs: Sequence[fx.Node | None]) -> Function:
    """A Python function of some nodes of a graph; an output that is None gives None."""
    graph = fx.Graph()
    copies = {node: graph.placeholder(node.name) for node in inputs}
    for node in nodes:
        copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(tuple(None if node is None else copies[node] for node in outputs))
    _fold_sums_into_products(graph)
    graph.eliminate_dead_code()
    generated: Function = fx.GraphModule(torch.nn.Module(), graph).forward
    return generated


def _fold_sums_into_products(graph: fx.Graph) -> None:
    """x + a b in one call where the product is used once."""
    for node in list(graph.nodes):
        if node.target is not aten.add.Tensor or len(node.all_input_nodes) != 2:
            continue
        products = [x for x in node.args if x.target is aten.mm.default and len(x.users) == 1]
        if products:
            product = products[-1]
            (other,) = (x for x in node.args if x is not product)
            with graph.inserting_before(node):
                node.replace_all_uses_with(graph.call_function(aten.addmm.default, (other, *product.args)))
            graph.erase_node(node)
            graph.erase_node(product)

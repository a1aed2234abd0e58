"""The loop over time in Python, generated from a step: PyTorch's operations without autograd around each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx

from zforcing.engines.derivation import Derivation
from zforcing.engines.expressions import Node

aten = torch.ops.aten

Function = Callable[..., tuple[Any, ...]]


class Loop:
    """The loop over time and its derivative.

    The step's inputs are (*state, *what enters), its outputs (*path, *state).

    Args:
        derivation: the step.
        states: how many tensors the state has.
    """

    example_rows: int | None = None  # how many rows of a batch the step is derived from; None for all

    def __init__(self, derivation: Derivation, states: int) -> None:
        d = self.derivation = derivation
        self.states = states
        self.paths = len(d.outputs) - states
        self.fixed = (*d.weights, *d.invariant)
        self.stacked = tuple({operand: None for reduction in d.reductions for operand in reduction.operands})
        self.before_loop = function(d.weights, d.invariant, d.invariant)
        self.forward_step = function((*d.inputs, *self.fixed), d.forward, (*d.outputs, *d.saved))
        self.backward_step = function(
            (*d.gradients, *d.saved, *self.fixed), d.backward, (*d.input_gradients, *self.stacked)
        )
        sums = tuple(reduction.node for reduction in d.reductions)
        self.after_loop = function((*sums, *self.fixed), d.after, d.weight_gradients)

    def same(self, other: Loop | str) -> bool:
        """Whether another loop, made for another number of rows, computes the same."""
        return self is other

    def forward(
        self, start: Sequence[Tensor], over_time: Sequence[Tensor], weights: Sequence[Tensor], keep: bool
    ) -> tuple[tuple[Tensor, ...], Any]:
        """(*path, visible state) of all steps and the last state; and what the gradient needs."""
        fixed = (*weights, *self.before_loop(*weights))
        outputs = self.paths + self.states
        state = tuple(start)
        seen, saved = [], []
        for entering in zip(*(x.unbind(0) for x in over_time), strict=True):
            results = self.forward_step(*state, *entering, *fixed)
            state = results[self.paths : outputs]
            seen.append(results[: self.paths + 1])
            if keep:
                saved.append(results[outputs:])
        return (*map(torch.stack, zip(*seen, strict=True)), *(x.clone() for x in state)), (fixed, saved)

    def backward(self, kept: Any, gradients: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
        """The gradients of the start, of what enters and of the weights."""
        fixed, saved = kept
        carried = list(gradients[self.paths + 1 :])
        over_time = zip(*(g.unbind(0) for g in gradients[: self.paths + 1]), strict=True)
        found = []
        for (*path, visible), own in zip(reversed(list(over_time)), reversed(saved), strict=True):
            results = self.backward_step(*path, *carried, visible, *own, *fixed)
            carried = [
                torch.zeros_like(old) if new is None else new
                for old, new in zip(carried, results[: self.states], strict=True)
            ]
            found.append(results[self.states :])
        stacked = [None if x[0] is None else torch.stack(x[::-1]) for x in zip(*found, strict=True)]
        entering = len(self.derivation.inputs) - self.states
        stacks = dict(zip(self.stacked, stacked[entering:], strict=True))
        return (*carried, *stacked[:entering], *self.weight_gradients(stacks, fixed))

    def weight_gradients(self, stacks: dict[Node, Tensor], fixed: Sequence[Tensor]) -> tuple[Any, ...]:
        """The gradients of the weights, from the stacked operands of every sum over batch and time."""
        totals = []
        for reduction in self.derivation.reductions:
            operands = [stacks[operand].flatten(0, 1) for operand in reduction.operands]
            if len(operands) == 2:
                totals.append(operands[0].t() @ operands[1])
            else:
                totals.append(operands[0].sum(*reduction.node.args[1:]))
        return self.after_loop(*totals, *fixed)


def function(inputs: Sequence[Node], nodes: Sequence[Node], outputs: Sequence[Node | None]) -> Function:
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
        if node.target is not aten.add.Tensor or node.kwargs or len(node.all_input_nodes) != 2:
            continue
        whole = node.meta["val"].shape
        products = [
            x for x in node.args if x.target is aten.mm.default and len(x.users) == 1 and x.meta["val"].shape == whole
        ]
        if products:
            product = products[-1]
            (other,) = (x for x in node.args if x is not product)
            with graph.inserting_before(node):
                node.replace_all_uses_with(graph.call_function(aten.addmm.default, (other, *product.args)))
            graph.erase_node(node)
            graph.erase_node(product)

"""From the tape of a step to the programs of the loop: forward, backward, and what runs once before or after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

from zforcing.engines.expressions import Node, makes_rows
from zforcing.engines.tape import Tape

aten = torch.ops.aten

INVARIANT, STEP, TOTAL = range(3)  # the same at all times, of one time step, summed over all time steps


@dataclass(frozen=True)
class Reduction:
    """A sum over the batch, and so over time, which is made once after the loop: of x, or of x^T y."""

    node: Node
    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Derivation:
    """One step and its derivative as a graph, sorted by when each node is computed.

    Attributes:
        graph: all nodes.
        inputs, weights, gradients: placeholders of the step's inputs, of its weights, and of the gradients of its
            outputs: those of the states from the step after, and last, if there is a state, that of the visible one
            from outside the loop.
        outputs: what the step returns.
        differentiable: for each output, whether it depends on anything whose gradient is asked for.
        input_gradients, weight_gradients: None where no gradient is asked for, or where there is none.
        invariant: nodes of weights alone, for once before the loop.
        forward, backward: the nodes of a time step.
        saved: nodes of the forward pass, or inputs, that the backward pass reads.
        reductions: the sums over batch and time.
        after: nodes of those sums, for once after the loop.
    """

    graph: fx.Graph
    inputs: tuple[Node, ...]
    weights: tuple[Node, ...]
    gradients: tuple[Node, ...]
    outputs: tuple[Node, ...]
    differentiable: tuple[bool, ...]
    input_gradients: tuple[Node | None, ...]
    weight_gradients: tuple[Node | None, ...]
    invariant: tuple[Node, ...]
    forward: tuple[Node, ...]
    backward: tuple[Node, ...]
    saved: tuple[Node, ...]
    reductions: tuple[Reduction, ...]
    after: tuple[Node, ...]


def derive(tape: Tape, first: tuple[Tensor, ...], states: int, wanted: tuple[bool, ...]) -> Derivation:
    """The programs of a recorded step, its derivative by PyTorch's own formulas.

    Args:
        tape: the step.
        first: its inputs; their values do not matter.
        states: how many tensors the state has, or 0; the last outputs are the next state, its first tensor the
            visible one.
        wanted: for each input, then for each weight, whether its gradient is asked for.

    Raises:
        NotImplementedError: the step mixes the sequences of a batch.
    """
    with torch.inference_mode(False), torch.enable_grad():
        tensors = (*first, *tape.weights)
        examples = [
            torch.zeros(x.shape, dtype=x.dtype, device=x.device, requires_grad=asked)
            for x, asked in zip(tensors, wanted, strict=True)
        ]

        def joint(*arguments: Tensor) -> list[Tensor | None]:
            tensors, gradients = arguments[: len(examples)], list(arguments[len(examples) :])
            outputs = tape.replay(tensors[: len(first)], tensors[len(first) :])
            leaves = [x for x in tensors if x.requires_grad]
            reached = [number for number, output in enumerate(outputs) if output.requires_grad]
            if not leaves or not reached:
                return [*outputs, *(None for _ in leaves)]
            if states:
                *gradients, visible = gradients
                gradients[-states] = gradients[-states] + visible
            found = torch.autograd.grad(
                [outputs[number] for number in reached],
                leaves,
                [gradients[number] for number in reached],
                allow_unused=True,
            )
            return [*outputs, *found]

        outputs = tape.replay(examples[: len(first)], examples[len(first) :])
        visible = outputs[len(outputs) - states :][:1]
        gradients = [torch.zeros_like(output) for output in (*outputs, *visible)]
        module = make_fx(joint)(*examples, *gradients)
    graph = module.graph
    _simplify(graph)
    graph.eliminate_dead_code()
    placeholders = tuple(node for node in graph.nodes if node.op == "placeholder")
    (results,) = next(node for node in graph.nodes if node.op == "output").args
    found = iter(results[len(outputs) :])
    found_for = tuple(next(found) if asked else None for asked in wanted)
    return _sorted(
        graph,
        inputs=placeholders[: len(first)],
        weights=placeholders[len(first) : len(examples)],
        gradients=placeholders[len(examples) :],
        outputs=tuple(results[: len(outputs)]),
        differentiable=tuple(output.requires_grad for output in outputs),
        input_gradients=found_for[: len(first)],
        weight_gradients=found_for[len(first) :],
    )


def _simplify(graph: fx.Graph) -> None:
    """Removes what does nothing, takes sums and products apart, and replaces autograd's one in-place call."""
    for node in list(graph.nodes):
        if node.target is aten.detach.default:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        elif node.target is aten.addmm.default and not node.kwargs:
            bias, *product = node.args
            with graph.inserting_before(node):
                node.args = (bias, graph.call_function(aten.mm.default, tuple(product)))
            node.args[1].meta["val"] = node.meta["val"]
            node.target, node.kwargs = aten.add.Tensor, {}
        elif node.target is aten.logical_and_.default:
            node.target = aten.logical_and.default
        elif node.target is aten.t.default and getattr(node.args[0], "target", None) is aten.t.default:
            node.replace_all_uses_with(node.args[0].args[0])
            graph.erase_node(node)


def _sorted(graph: fx.Graph, **parts: Any) -> Derivation:
    level: dict[Node, int] = dict.fromkeys((*parts["inputs"], *parts["gradients"]), STEP)
    level |= dict.fromkeys(parts["weights"], INVARIANT)
    rows = len(parts["inputs"][0].meta["val"])
    of_gradient = set(parts["gradients"])
    reductions: list[Reduction] = []
    for node in graph.nodes:
        if node.op in ("placeholder", "output"):
            continue
        operands = _reduced(node, level)
        if operands:
            reductions.append(Reduction(node, operands))
            level[node] = TOTAL
        else:
            own = STEP if makes_rows(node, rows) else INVARIANT
            level[node] = max((own, *(level[argument] for argument in node.all_input_nodes)))
        if of_gradient.intersection(node.all_input_nodes):
            of_gradient.add(node)
    for node, found in level.items():
        value = node.meta["val"]
        node.meta["one_per_row"] = found == STEP and isinstance(value, Tensor) and value.dim() == 1
    for gradient in parts["weight_gradients"]:
        if gradient is not None and level[gradient] == STEP:
            raise NotImplementedError("a weight with a batch dimension")
    ends = [node for node in (*parts["input_gradients"], *parts["outputs"]) if node is not None]
    ends += [operand for reduction in reductions for operand in reduction.operands]
    calls = [node for node in graph.nodes if node.op not in ("placeholder", "output")]
    needed = _needed(ends)
    forward = tuple(n for n in calls if level[n] == STEP and n not in of_gradient and n in needed)
    backward = tuple(n for n in calls if level[n] == STEP and n in of_gradient and n in needed)
    read = {argument for node in backward for argument in node.all_input_nodes}
    read |= {operand for reduction in reductions for operand in reduction.operands}
    read |= {gradient for gradient in parts["input_gradients"] if gradient is not None}
    known = set(forward) | set(parts["inputs"])
    return Derivation(
        graph=graph,
        **parts,
        invariant=tuple(node for node in calls if level[node] == INVARIANT),
        forward=forward,
        backward=backward,
        saved=tuple(node for node in graph.nodes if node in read and node in known),
        reductions=tuple(reductions),
        after=tuple(n for n in calls if level[n] == TOTAL and n not in {r.node for r in reductions}),
    )


def _needed(ends: Iterable[Node]) -> set[Node]:
    """The ends and everything they are computed from."""
    needed: set[Node] = set()
    waiting = list(ends)
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting.extend(node.all_input_nodes)
    return needed


def _reduced(node: Node, level: dict[Node, int]) -> tuple[Node, ...]:
    """The operands of a sum over the batch; none for any other node."""
    if node.target is aten.mm.default:
        left, right = node.args
        if level[left] == level[right] == STEP:
            if left.target is not aten.t.default:
                raise NotImplementedError("a product of two tensors of a time step")
            return left.args[0], right
    if node.target is aten.sum.dim_IntList and 0 in node.args[1] and level[node.args[0]] == STEP:
        return (node.args[0],)
    return ()

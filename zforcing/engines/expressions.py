"""The pointwise operations of a step's graph as C expressions, and which nodes only rename parts of others."""

from __future__ import annotations

import operator
from typing import Any

import torch

aten = torch.ops.aten
Node = Any  # torch.fx.Node; only a node's target says what its arguments are

# The arguments are C expressions; constants are written in full precision.
POINTWISE = {
    aten.add.Tensor: "{} + {}",
    aten.add.Scalar: "{} + {}",
    aten.sub.Tensor: "{} - {}",
    aten.sub.Scalar: "{} - {}",
    aten.rsub.Scalar: "{1} - {0}",
    aten.mul.Tensor: "{} * {}",
    aten.mul.Scalar: "{} * {}",
    aten.div.Tensor: "{} / {}",
    aten.div.Scalar: "{} / {}",
    aten.neg.default: "-{}",
    aten.exp.default: "EXP({})",
    aten.expm1.default: "expm1_of({})",
    aten.sigmoid.default: "1 / (1 + EXP(-{}))",
    aten.tanh.default: "1 - 2 / (1 + EXP(2 * {}))",
    aten.rsqrt.default: "1 / SQRT({})",
    aten.pow.Tensor_Scalar: "POW({}, {})",
    aten.leaky_relu.default: "{0} > 0 ? {0} : {0} * {1}",
    aten.clamp.default: "{0} < {1} ? {1} : {0} > {2} ? {2} : {0}",
    aten.binary_cross_entropy_with_logits.default: "cross_entropy({}, {})",
    aten.sigmoid_backward.default: "{0} * {1} * (1 - {1})",
    aten.tanh_backward.default: "{0} * (1 - {1} * {1})",
    aten.leaky_relu_backward.default: "{1} > 0 ? {0} : {0} * {2}",
    aten.ge.Scalar: "{} >= {}",
    aten.le.Scalar: "{} <= {}",
    aten.gt.Scalar: "{} > {}",
    aten.lt.Scalar: "{} < {}",
    aten.logical_and.default: "({} != 0) & ({} != 0)",
    aten.where.self: "({0} != 0) ? {1} : {2}",
}
# How many arguments an operation has here; PyTorch leaves out or adds those with defaults.
ARGUMENTS = {
    aten.add.Scalar: 2,
    aten.sub.Scalar: 2,
    aten.rsub.Scalar: 2,
    aten.leaky_relu.default: 2,
    aten.clamp.default: 3,
}
# The last arguments of an operation, where C is written for one value of them alone.
TAILS: dict[Any, tuple[Any, ...]] = {aten.binary_cross_entropy_with_logits.default: (None, None, 0)}
CONSTANT = {
    aten.zeros.default: "0",
    aten.zeros_like.default: "0",
    aten.new_zeros.default: "0",
    aten.ones.default: "1",
    aten.ones_like.default: "1",
    aten.new_ones.default: "1",
}
EXPENSIVE = (
    aten.exp.default,
    aten.expm1.default,
    aten.sigmoid.default,
    aten.tanh.default,
    aten.rsqrt.default,
    aten.pow.Tensor_Scalar,
    aten.binary_cross_entropy_with_logits.default,
)
ROW_SUMS = (aten.sum.dim_IntList, aten.mean.dim, aten.var.correction)


def expensive(node: Node) -> bool:
    """Worth keeping for the backward pass; everything else is computed again from what is kept."""
    square = node.target is aten.pow.Tensor_Scalar and node.args[1] in (1, 2)
    return node.target in EXPENSIVE and not square


def operands(node: Node) -> tuple[Any, ...] | None:
    """What the expression of a pointwise operation is made of; None where there is no expression."""
    if node.target not in POINTWISE or node.kwargs:
        return None
    count = len(node.args) - len(TAILS.get(node.target, ()))
    if count != ARGUMENTS.get(node.target, count) or node.args[count:] != TAILS.get(node.target, ()):
        return None
    return tuple(node.args[:count])


def width(node: Node) -> int:
    """How many numbers a row has: the size of the last dimension, if that is not the rows; 0 of what is no tensor."""
    value = node.meta["val"]
    if not isinstance(value, torch.Tensor):
        return 0
    return int(value.shape[-1]) if value.dim() and not node.meta.get("one_per_row") else 1


def makes_rows(node: Node, rows: int) -> bool:
    """Whether a node has the rows of a batch, though nothing that it is made of has them."""
    if node.target not in CONSTANT and node.target is not aten.expand.default:
        return False
    shape = node.meta["val"].shape
    return len(shape) > 0 and shape[0] == rows


def part(node: Node) -> tuple[Node, int] | None:
    """For a node that only renames columns of another one: that one, and its first column."""
    if node.target is operator.getitem:
        split, number = node.args
        source, sizes = split.args[:2]
        if split.target is aten.split.Tensor:
            return source, number * sizes
        if split.target is aten.split_with_sizes.default:
            return source, sum(sizes[:number])
        raise NotImplementedError(f"part of {split.target}")
    if node.target is aten.slice.Tensor and node.args[1] in (1, -1):
        source, _, first = (*node.args, 0)[:3]
        if first < 0 or len(node.args) > 4:
            raise NotImplementedError("a slice with a step, or from the end")
        return source, first
    if node.target in (aten.expand.default, aten.view.default, aten.unsqueeze.default):
        source = node.args[0]
        if width(source) in (1, width(node)):
            return source, 0
    return None


def components(node: Node) -> list[tuple[Node, int]]:
    """The nodes that a concatenation along the last dimension puts side by side, each with its first column."""
    parts: list[Any] = list(node.args[0])
    starts = [sum(map(width, parts[:number])) for number in range(len(parts))]
    return list(zip(parts, starts, strict=True))

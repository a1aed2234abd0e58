"""Writes the body of a time loop in C: matrix products by BLAS, and between them passes over the rows.

Only what a product, a later pass or the caller reads is written to memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import torch

from zforcing.engines.expressions import ROW_SUMS, Node, expensive, part, width
from zforcing.engines.passes import Array, Rows, Segment, pointer

aten = torch.ops.aten


class Use(NamedTuple):
    """How products read a weight."""

    weight: Node
    transposed: bool


class Product(NamedTuple):
    """X W."""

    operand: Node
    use: Use


class Slots(list[Hashable]):
    """What the pointers point to that a C function gets."""

    def array(self, key: Hashable, width: int, offset: str = "t", rows: bool = True) -> Array:
        """The array of a key, at a time step that may differ from use to use."""
        if key not in self:
            self.append(key)
        return Array(self.index(key), width, offset, rows)


@dataclass
class Lowering:
    """One program, forward or backward.

    Args:
        step: the nodes that this program may compute.
        known: what is in memory before it starts.
        invariant: the nodes that are the same at all time steps.
        stores: the nodes that have to be written, and where; None stands for zeros.
        slots: the pointers; those of temporary arrays, keyed by ('temporary', number, width), are added here.

    Attributes:
        uses: the weights that products read, in the order of the table that the C function gets.

    Raises:
        NotImplementedError: the step holds something that no C is written for.
    """

    step: frozenset[Node]
    known: dict[Node, Array]
    invariant: frozenset[Node]
    stores: Sequence[tuple[Node | None, Array]]
    slots: Slots
    uses: list[Use] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.homes: dict[Node, Array] = {}
        for node, array in self.stores:
            if node is not None:
                self.homes.setdefault(node, array)
        self.products: dict[Node, Product] = {}
        self.leaders: dict[Node, Node] = {}  # of products that add up in one array: the one it belongs to
        self._levels: dict[Node, int] = {}
        computed = self._computed()
        for node in reversed(computed):
            if node.target is aten.add.Tensor:
                self._join(node)
        for node in computed:
            if node.target is aten.mm.default:
                self._product(node, *node.all_input_nodes)
            elif node.target in ROW_SUMS and node.args[1] not in ([1], [-1]):
                raise NotImplementedError("a sum over the batch")
            elif node.target in ROW_SUMS or width(node) == 1:
                self._home(node)

    def _computed(self) -> list[Node]:
        """The nodes that the stores need, in order."""
        needed: set[Node] = set()
        waiting = [node for node, _ in self.stores if node is not None]
        while waiting:
            node = waiting.pop()
            if node in self.step and node not in needed and node not in self.known:
                needed.add(node)
                waiting.extend(node.all_input_nodes)
        some = next(iter(needed), None)
        return [node for node in some.graph.nodes if node in needed] if some else []

    def _join(self, node: Node) -> None:
        """Lets the products of a sum, whose terms nothing else reads, add up in one array."""
        terms, waiting = [], [] if node.kwargs else list(node.all_input_nodes)
        while waiting:
            term = waiting.pop()
            same = width(term) == width(node) and not term.kwargs
            alone = same and len(term.users) == 1 and term not in self.homes and term not in self.known
            if alone and term.target is aten.add.Tensor and len(term.all_input_nodes) == 2:
                waiting.extend(term.all_input_nodes)
            elif alone and term.target is aten.mm.default and term not in self.leaders:
                terms.append(term)
            elif node in self.homes:
                waiting.append(term)  # the sum has other terms
                break
        if len(terms) > 1:
            leader = min(terms, key=list(node.graph.nodes).index)
            self.leaders |= dict.fromkeys(terms, leader)
            if node in self.homes and not waiting:
                self.homes[leader] = self.homes[node]

    def _product(self, node: Node, operand: Node, weight: Node) -> None:
        if weight not in self.invariant:
            raise NotImplementedError("a product of two tensors of a time step")
        transposed = weight.target is aten.t.default
        if transposed:
            (weight,) = weight.all_input_nodes
        self.products[node] = Product(operand, Use(weight, transposed))
        self._home(self.leaders.get(node, node))
        if self._in_memory(operand) is None:
            self._home(operand)

    def _home(self, node: Node) -> Array:
        if node not in self.homes:
            key = ("temporary", len(self.slots), width(node))
            self.homes[node] = self.slots.array(key, width(node), "0")
        return self.homes[node]

    def _in_memory(self, node: Node) -> tuple[Array, int] | None:
        """Where a node's columns are, if they are in memory once computed."""
        if node in self.known:
            return self.known[node], 0
        if node in self.homes:
            return self.homes[node], 0
        renamed = part(node)
        if renamed is not None and width(renamed[0]) > 1:
            found = self._in_memory(renamed[0])
            if found is not None:
                return found[0], found[1] + renamed[1]
        return None

    def level(self, node: Node) -> int:
        """How many products, one after another, have to be made before a node can be computed."""
        if node not in self._levels:
            if node in self.known or node not in self.step:
                self._levels[node] = 0
            elif node in self.products:
                together = [x for x, leader in self.leaders.items() if leader is self.leaders.get(node)] or [node]
                self._levels[node] = max(self.level(self.products[x].operand) for x in together) + 1
            else:
                self._levels[node] = max((self.level(x) for x in node.all_input_nodes), default=0)
        return self._levels[node]

    def code(self) -> str:
        """The body of the loop over time, `t` being the step."""
        rows = Rows(self)
        levels = defaultdict(list)
        for segment in self._segments(rows):
            levels[self.level(segment.node) if segment.node else 0].append(segment)
        products = defaultdict(list)
        for node, product in self.products.items():
            products[self.level(product.operand) + 1].append(node)
        text: list[str] = []
        started: set[Array] = set()
        for level in range(max((*levels, *products), default=0) + 1):
            text.extend(self._call(node, started) for node in products[level])
            text.extend(rows.passes(levels[level]))
        return "\n".join(text)

    def _call(self, node: Node, started: set[Array]) -> str:
        product, home = self.products[node], self.homes[self.leaders.get(node, node)]
        found = self._in_memory(product.operand)
        assert found is not None
        operand, column = found
        if product.use not in self.uses:
            self.uses.append(product.use)
        accumulate = int(node in self.leaders and home in started)
        started.add(home)
        return (
            f"product(&tables[{self.uses.index(product.use)}], (int)batch, {pointer(operand)} + {column}, "
            f"{operand.width}, {pointer(home)}, {width(product.operand)}, {width(node)}, {accumulate});"
        )

    def _segments(self, rows: Rows) -> Iterable[Segment]:
        """What has to be written by loops: whatever is not written by products."""
        stored = {node for node, _ in self.stores}
        of_products = {self.homes[self.leaders.get(node, node)] for node in self.products}
        homes = [(node, home) for node, home in self.homes.items() if node not in stored]
        for node, array in (*self.stores, *homes):
            if array in of_products:
                continue
            if node is None:
                yield Segment(None, 0, array.width, array)
                continue
            cuts = sorted({0, width(node), *rows.cuts(node)})
            for first, end in pairwise(cuts):
                yield Segment(node, first, end - first, array)


def kept(reads: Iterable[Node], step: frozenset[Node], stored: Iterable[Node]) -> set[Node]:
    """What the forward pass has to keep so that `reads` can be computed again: products, and what is expensive."""
    stored, keep, seen = set(stored), set(), set()
    waiting = list(reads)
    while waiting:
        node = waiting.pop()
        if node in seen or node not in step:
            continue
        seen.add(node)
        if node in stored:
            continue
        if expensive(node) or node.target in (*ROW_SUMS, aten.mm.default):
            keep.add(node)
        else:
            waiting.extend(node.all_input_nodes)
    return keep

"""Writes the body of a time loop in C: matrix products by BLAS, and between them loops over rows and columns.

Everything pointwise between two products is one pass over the rows, in registers. Only what a product, a later pass or
the caller reads is written to memory.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import torch

from zforcing.engines.expressions import (
    ARGUMENTS,
    CONSTANT,
    EXPENSIVE,
    POINTWISE,
    ROW_SUMS,
    Node,
    components,
    part,
    width,
)

aten = torch.ops.aten
FEWEST_ELEMENTS = 4096  # in a pass for which a second thread pays


class Array(NamedTuple):
    """Rows in memory: a pointer of the table that the C function gets, and where time step t begins in it."""

    slot: int
    width: int
    offset: str = "0"  # in rows of the batch
    rows: bool = True  # False for one row that all sequences share


class Product(NamedTuple):
    """X W; W is stored transposed if `transposed`."""

    operand: Node
    weight: Node
    transposed: bool


class Use(NamedTuple):
    """How products read a weight."""

    weight: Node
    transposed: bool


class Segment(NamedTuple):
    """Columns of a node that are written to an array; `node` None writes zeros."""

    node: Node | None
    first: int
    width: int
    array: Array
    column: int


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
        self.products[node] = Product(operand, weight, transposed)
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
        rows = _Rows(self)
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
        use = Use(product.weight, product.transposed)
        if use not in self.uses:
            self.uses.append(use)
        accumulate = int(node in self.leaders and home in started)
        started.add(home)
        return (
            f"product(&tables[{self.uses.index(use)}], (int)batch, {pointer(operand)} + {column}, {operand.width}, "
            f"{pointer(home)}, {width(product.operand)}, {width(node)}, {accumulate});"
        )

    def _segments(self, rows: _Rows) -> Iterable[Segment]:
        """What has to be written by loops: whatever is not written by products."""
        stored = {node for node, _ in self.stores}
        of_products = {self.homes[self.leaders.get(node, node)] for node in self.products}
        homes = [(node, home) for node, home in self.homes.items() if node not in stored]
        for node, array in (*self.stores, *homes):
            if array in of_products:
                continue
            if node is None:
                yield Segment(None, 0, array.width, array, 0)
                continue
            cuts = sorted({0, width(node), *rows.cuts(node)})
            for first, end in pairwise(cuts):
                yield Segment(node, first, end - first, array, first)


class _Rows:
    """Writes the passes over the rows."""

    def __init__(self, program: Lowering) -> None:
        self.program = program
        self.ready: set[Node] = set()
        self.waiting: Counter[Node | None] = Counter()

    def cuts(self, node: Node) -> set[int]:
        """The columns at which what a node is computed from changes: the borders of concatenations."""
        program = self.program
        if node in program.known or node not in program.step or node in program.products:
            return set()
        if node.target is aten.cat.default:
            found = {start for _, start in components(node)}
            for component, start in components(node):
                found |= {start + cut for cut in self.cuts(component)}
            return found
        renamed = part(node)
        if renamed is not None:
            source, first = renamed
            if width(source) == 1:
                return set()
            return {cut - first for cut in self.cuts(source) if 0 < cut - first < width(node)}
        if node.target in ROW_SUMS:
            return set()
        return {cut for x in node.all_input_nodes if width(x) == width(node) for cut in self.cuts(x)}

    def order(self, node: Node, level: int, seen: dict[Node, int]) -> int:
        """How many passes of one level have to be made before a node can be computed."""
        program = self.program
        if node not in program.step or node in (*program.known, *program.products) or program.level(node) < level:
            return 0
        if node not in seen:
            seen[node] = max(
                (
                    self.order(x, level, seen) + int(x.target in ROW_SUMS or (width(x) == 1 and width(node) > 1))
                    for x in node.all_input_nodes
                ),
                default=0,
            )
        return seen[node]

    def passes(self, segments: Sequence[Segment]) -> Iterable[str]:
        """One parallel loop over the rows, in it the loops over columns."""
        if not segments:
            return
        program, seen = self.program, {}  # type: tuple[Lowering, dict[Node, int]]
        groups = defaultdict(list)
        for segment in segments:
            order = 0 if segment.node is None else self.order(segment.node, program.level(segment.node), seen)
            is_sum = segment.node is not None and segment.node.target in ROW_SUMS
            groups[order, is_sum, segment.width if not is_sum else id(segment.node)].append(segment)
        self.waiting.update(segment.node for segment in segments)
        body = []
        for key in sorted(groups, key=lambda key: (key[0], not key[1])):
            if key[1]:
                body.append(self._row_sum(groups[key][0]))
            else:
                body.append(self._columns(groups[key]))
            self.waiting.subtract(segment.node for segment in groups[key])
            self.ready |= {segment.node for segment in groups[key] if segment.node and not self.waiting[segment.node]}
        work = sum(segment.width for segment in segments)
        yield (
            f"#pragma omp parallel for schedule(static) if (batch * {work} > {FEWEST_ELEMENTS})\n"
            "for (long b = 0; b < batch; b++) {\n" + "\n".join(body) + "\n}"
        )

    def _columns(self, segments: Sequence[Segment]) -> str:
        count = segments[0].width
        scope = _Scope(self, count)
        for segment in segments:
            value = "0" if segment.node is None else scope.value(segment.node, segment.first)
            scope.lines.append(f"{element(segment.array, segment.column, count)} = {value};")
        return f"#pragma omp simd\nfor (long j = 0; j < {count}; j++) {{\n" + "\n".join(scope.lines) + "\n}"

    def _row_sum(self, segment: Segment) -> str:
        node = segment.node
        assert node is not None
        (source,) = node.all_input_nodes
        count = width(source)
        target = f"{pointer(segment.array)}[b]"
        total = self._total(source, "x")
        if node.target is aten.var.correction:
            divisor = count - int(node.kwargs.get("correction", 1))
            squares = self._total(source, "(x - mean) * (x - mean)")
            mean = f"const real mean = total / {count};\ntotal = 0;"
            return f"{{ real total = 0;\n{total}\n{mean}\n{squares}\n{target} = total / {divisor}; }}"
        divisor = count if node.target is aten.mean.dim else 1
        return f"{{ real total = 0;\n{total}\n{target} = total / {divisor}; }}"

    def _total(self, source: Node, value: str) -> str:
        """Adds a value, made of the element x, of every column to `total`."""
        text = []
        for first, end in pairwise(sorted({0, width(source), *self.cuts(source)})):
            scope = _Scope(self, end - first)
            x = scope.value(source, first)
            scope.lines.append(f"const real x = {x};\ntotal += {value};")
            text.append(
                f"#pragma omp simd reduction(+:total)\nfor (long j = 0; j < {end - first}; j++) {{\n"
                + "\n".join(scope.lines)
                + "\n}"
            )
        return "\n".join(text)


class _Scope:
    """The registers of one loop over columns."""

    def __init__(self, rows: _Rows, count: int) -> None:
        self.rows = rows
        self.count = count
        self.lines: list[str] = []
        self.names: dict[tuple[Node, int], str] = {}

    def value(self, node: Node, first: int) -> str:
        """The C expression of a node's column first + j."""
        program = self.rows.program
        if node in program.known:
            return element(program.known[node], first, self.count)
        if node in program.leaders and program.leaders[node] is not node:
            return "0"  # it is added into its leader's array
        if node in program.products or (node in program.homes and node in self.rows.ready):
            return element(program.homes[node], first, self.count)
        if (node, first) not in self.names:
            self.names[node, first] = self._compute(node, first)
        return self.names[node, first]

    def _compute(self, node: Node, first: int) -> str:
        renamed = part(node)
        if renamed is not None:
            source, offset = renamed
            return self.value(source, 0 if width(source) == 1 and width(node) > 1 else first + offset)
        if node.target is aten.cat.default:
            component, start = max((x for x in components(node) if x[1] <= first), key=lambda x: x[1])
            return self.value(component, first - start)
        if node.target in CONSTANT:
            return CONSTANT[node.target]
        if node.target is aten.scalar_tensor.default:
            return _constant(node.args[0])
        if (
            node.target in POINTWISE
            and not node.kwargs
            and len(node.args) == ARGUMENTS.get(node.target, len(node.args))
        ):
            wide = width(node) > 1
            arguments = [
                self.value(x, 0 if wide and width(x) == 1 else first) if isinstance(x, torch.fx.Node) else _constant(x)
                for x in node.args
            ]
            expression = POINTWISE[node.target].format(*arguments)
        else:
            raise NotImplementedError(str(node.target))
        name = f"v{len(self.lines)}"
        self.lines.append(f"const real {name} = {expression};")
        return name


def pointer(array: Array) -> str:
    return f"(a[{array.slot}] + ({array.offset}) * {array.width} * batch)" if array.rows else f"a[{array.slot}]"


def element(array: Array, first: int, count: int) -> str:
    """Column first + j of row b."""
    column = f"{first}" if array.width == 1 else f"j + {first}"
    return f"{pointer(array)}[{f'b * {array.width} + ' if array.rows else ''}{column}]"


def _constant(value: object) -> str:
    # Without the cast single precision would be computed in double.
    if not isinstance(value, (int, float)):
        raise NotImplementedError(f"the constant {value!r}")
    return f"(real){float(value)!r}"


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
        if node.target in (*EXPENSIVE, *ROW_SUMS, aten.mm.default):
            keep.add(node)
        else:
            waiting.extend(node.all_input_nodes)
    return keep

"""Writes the passes over rows and columns in C: everything pointwise between two products, in registers."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import torch

from zforcing.engines.expressions import CONSTANT, POINTWISE, ROW_SUMS, Node, components, operands, part, width

if TYPE_CHECKING:
    from zforcing.engines.lowering import Lowering

aten = torch.ops.aten
FEWEST_ELEMENTS = 4096  # in a pass for which a second thread pays


class Array(NamedTuple):
    """Rows in memory: a pointer of the table that the C function gets, and where time step t begins in it."""

    slot: int
    width: int
    offset: str = "0"  # in rows of the batch
    rows: bool = True  # False for one row that all sequences share


class Segment(NamedTuple):
    """Columns of a node, written to the same columns of an array; `node` None writes zeros."""

    node: Node | None
    first: int
    width: int
    array: Array


class Rows:
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
        scope = _Scope(self)
        for segment in segments:
            value = "0" if segment.node is None else scope.value(segment.node, segment.first)
            scope.lines.append(f"{element(segment.array, segment.first)} = {value};")
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
            scope = _Scope(self)
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

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.lines: list[str] = []
        self.names: dict[tuple[Node, int], str] = {}

    def value(self, node: Node, first: int) -> str:
        """The C expression of a node's column first + j."""
        program = self.rows.program
        if node in program.known:
            return element(program.known[node], first)
        if node in program.leaders and program.leaders[node] is not node:
            return "0"  # it is added into its leader's array
        if node in program.products or (node in program.homes and node in self.rows.ready):
            return element(program.homes[node], first)
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
        found = operands(node)
        if found is None:
            raise NotImplementedError(str(node.target))
        wide = width(node) > 1
        arguments = [
            self.value(x, 0 if wide and width(x) == 1 else first) if isinstance(x, torch.fx.Node) else _constant(x)
            for x in found
        ]
        expression = POINTWISE[node.target].format(*arguments)
        name = f"v{len(self.lines)}"
        self.lines.append(f"const real {name} = {expression};")
        return name


def pointer(array: Array) -> str:
    return f"(a[{array.slot}] + ({array.offset}) * {array.width} * batch)" if array.rows else f"a[{array.slot}]"


def element(array: Array, first: int) -> str:
    """Column first + j of row b."""
    column = f"{first}" if array.width == 1 else f"j + {first}"
    return f"{pointer(array)}[{f'b * {array.width} + ' if array.rows else ''}{column}]"


def _constant(value: object) -> str:
    # Without the cast single precision would be computed in double.
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise NotImplementedError(f"the constant {value!r}")
    return f"(real){float(value)!r}"

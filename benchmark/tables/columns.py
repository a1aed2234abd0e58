"""Columns of tables. A column never mixes units, nor bounds with exact numbers or with bounds of another kind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmark.statistics import Interval

NOT_FINITE = "not finite"
EXACT, LOWER, UPPER, NOT_STATED = "exact", "lower bound", "upper bound", "not stated if exact"


class Kind(NamedTuple):
    """What the numbers of one column have in common.

    Attributes:
        name: of the quantity, empty if the unit says it.
        unit: such as 'nats/seq'.
        bound: whether exact or which bound; empty for what is no likelihood.
        form: how a mean is printed.
        single: how the number of one run is printed, if not like a mean.
    """

    name: str
    unit: str
    bound: str = ""
    form: str = ".1f"
    single: str = ""

    @property
    def heading(self) -> str:
        return ", ".join(part for part in (self.name, self.unit, self.bound) if part)


@dataclass(frozen=True)
class Number:
    """A mean, perhaps with an interval, and what it is.

    Attributes:
        kind: its unit and bound.
        mean, half_width: of an interval; None for a single number.
        written: a reported number as its source writes it.
        suffix: what follows the number.
        clear: printed in bold.
    """

    kind: Kind
    mean: float
    half_width: float | None = None
    written: str | None = None
    suffix: str = ""
    clear: bool = False

    @property
    def mean_text(self) -> str:
        form = self.kind.form if self.half_width is not None else self.kind.single or self.kind.form
        return self.written or _in_words(self.mean, form)

    @property
    def half_width_text(self) -> str:
        return "" if self.half_width is None else format(self.half_width, self.kind.form.lstrip("+"))


Cell = Number | str
Line = Mapping[str, Cell | None]


class Column(NamedTuple):
    """A heading and a cell for each row; None is an empty one."""

    heading: str
    cells: list[Cell | None]


def column(heading: str, cells: Sequence[Cell | None]) -> Column:
    """A column of cells that may be set below each other.

    Raises:
        ValueError: they are in different units, or not all exact or bounds of one kind.
    """
    kinds = {(cell.kind.unit, cell.kind.bound) for cell in cells if isinstance(cell, Number)}
    if len(kinds) > 1:
        mixed = " and ".join(sorted(", ".join(filter(None, kind)) for kind in kinds))
        raise ValueError(f"the column {heading!r} would mix {mixed}; give each a column of its own")
    return Column(heading, list(cells))


def columns(lines: Sequence[Line], order: Sequence[str] = ()) -> list[Column]:
    """The columns of a table with these lines: first those of `order`, then others as they come; empty ones left out.

    Raises:
        ValueError: a column would mix units or bounds.
    """
    headings = dict.fromkeys([*order, *(heading for line in lines for heading in line)])
    built = [column(heading, [line.get(heading) for line in lines]) for heading in headings]
    return [one for one in built if any(cell not in (None, "") for cell in one.cells)]


def number(kind: Kind, interval: Interval, suffix: str = "", clear: bool = False) -> Number:
    """A cell with the mean of an interval; what is shown as zero is never clear."""
    shown = float(format(interval.mean, kind.form)) != 0
    return Number(kind, interval.mean, interval.half_width, suffix=suffix, clear=clear and shown)


def _in_words(value: float, form: str) -> str:
    """A number without a negative zero, or that there is none, as where a run diverged."""
    if not math.isfinite(value):
        return NOT_FINITE
    text = format(value, form)
    return format(0.0, form) if float(text) == 0 else text

"""What a sweep runs, as gin files say it: grids of experiments and values, expanded to a list of cells."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import gin

from zforcing.checks import require

SEED = "experiment.seed"
FIRST_SEED = 1234  # the released code's default, and that of gin/base/run.gin


class Point(NamedTuple):
    """One run of a sweep: its gin files, its bindings, and its seed unless that is the experiment's own."""

    files: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    seed: int | None = None

    @property
    def arguments(self) -> list[str]:
        """What `benchmark.run` is given for it."""
        seed = [] if self.seed is None else ["--seed", str(self.seed)]
        return [*_flagged("--gin", self.files), *_flagged("--set", self.overrides), *seed]


@gin.register
@dataclass(frozen=True)
class Grid:
    """Every experiment with every combination of the values of the axes.

    Args:
        experiments: gin files; a list of files where an experiment takes several. What only some experiments take, such
            as a weight of the auxiliary cost, is an axis of a grid of their own.
        axes: the values of each binding, for example {'experiment.seed': [1, 2]}; the values of the last one vary
            fastest, and the experiments faster still. A value that starts with '@' or '%' is a reference or a macro.
    """

    experiments: Sequence[str | Sequence[str]]
    axes: Mapping[str, Sequence[object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(_is_list(self.experiments), "Grid.experiments must be a list of gin files that is not empty")
        for experiment in self.experiments:
            files = [experiment] if isinstance(experiment, str) else experiment
            require(
                _is_list(files) and all(isinstance(file, str) for file in files),
                f"Grid.experiments must hold gin files, or lists of them, got {experiment!r}",
            )
        require(isinstance(self.axes, Mapping), f"Grid.axes must be a dictionary of lists, got {self.axes!r}")
        for name, values in self.axes.items():
            require(isinstance(name, str), f"Grid.axes must have names of bindings as keys, got {name!r}")
            require(_is_list(values), f"Grid.axes: {name} must have a list of values that is not empty, got {values!r}")
            twice = [value for index, value in enumerate(values) if value in values[:index]]
            require(not twice, f"Grid.axes: {name} must have different values, got {', '.join(map(repr, twice))} twice")
        seeds = self.axes.get(SEED, ())
        require(all(type(seed) is int for seed in seeds), f"Grid.axes: {SEED} must be whole numbers, got {seeds!r}")

    def points(self) -> Iterable[Point]:
        """The runs of the grid in their order."""
        for values in itertools.product(*self.axes.values()):
            bound = dict(zip(self.axes, values, strict=True))
            seed = bound.pop(SEED, None)
            assert seed is None or isinstance(seed, int)
            overrides = tuple(f"{name}={_literal(value)}" for name, value in bound.items())
            for experiment in self.experiments:
                files = (experiment,) if isinstance(experiment, str) else tuple(experiment)
                yield Point(files, overrides, seed)


@gin.configurable(denylist=["seeds"])
def sweep(seeds: int | None = None, grids: Sequence[Grid] = ()) -> list[Point]:
    """All runs of a sweep, seed by seed, so that one that is stopped half-way leaves whole tables of fewer seeds.

    Args:
        seeds: so many seeds, the first of them 1234, in place of those that the grids name.
        grids: instances, for example [@Grid()].
    """
    require(
        _is_list(grids) and all(isinstance(grid, Grid) for grid in grids),
        f"sweep.grids must be a list such as [@Grid()], got {grids!r}; the first --gin is a sweep of gin/sweeps",
    )
    if seeds is not None:
        chosen = range(FIRST_SEED, FIRST_SEED + seeds)
        grids = [Grid(grid.experiments, {**grid.axes, SEED: list(chosen)}) for grid in grids]
    points = [point for grid in grids for point in grid.points()]
    return sorted(points, key=lambda point: FIRST_SEED if point.seed is None else point.seed)


def _flagged(flag: str, values: Iterable[str]) -> list[str]:
    return [part for value in values for part in (flag, value)]


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0


def _literal(value: object) -> str:
    """The value as gin reads it."""
    return value if isinstance(value, str) and value.startswith(("@", "%")) else repr(value)

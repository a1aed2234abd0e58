"""What a sweep's gin file expands to."""

import re

import pytest

from benchmark.config import load_config
from benchmark.errors import UserError
from benchmark.grid import Grid, Point, sweep
from benchmark.plan import read_points
from zforcing.checks import ConfigurationError


def test_a_grid_is_every_experiment_with_every_combination_of_values():
    grid = Grid(["a.gin", ["b.gin", "c.gin"]], {"x": [0.5, "@One()"], "Two.y": ["text", None]})
    assert [point.arguments for point in grid.points()] == [
        [*files, "--set", f"x={x}", "--set", f"Two.y={y}"]
        for x in ("0.5", "@One()")
        for y in ("'text'", "None")
        for files in (["--gin", "a.gin"], ["--gin", "b.gin", "--gin", "c.gin"])
    ]


def test_a_sweep_goes_seed_by_seed():
    """So that one that is stopped half-way leaves whole tables of fewer seeds."""
    grids = [Grid(["a.gin"], {"experiment.seed": [3, 7], "x": [1, 2]}), Grid(["b.gin"], {"experiment.seed": [7, 3]})]
    expected = [("a.gin", 1), ("a.gin", 2), ("b.gin", None)]
    assert sweep(None, grids) == [
        Point((file,), () if x is None else (f"x={x}",), seed) for seed in (3, 7) for file, x in expected
    ]


def test_the_number_of_seeds_may_be_chosen():
    grids = [Grid(["a.gin"], {"experiment.seed": [3, 7]}), Grid(["b.gin"])]
    assert [(point.files, point.seed) for point in sweep(2, grids)] == [
        ((file,), seed) for seed in (1234, 1235) for file in ("a.gin", "b.gin")
    ]
    assert [point.seed for point in sweep(None, grids)] == [3, 7, None]


@pytest.mark.parametrize(
    ("experiments", "axes", "message"),
    [
        ([], {}, "Grid.experiments must be a list of gin files that is not empty"),
        ("a.gin", {}, "Grid.experiments must be a list"),
        ([["a.gin", 3]], {}, "Grid.experiments must hold gin files"),
        (["a.gin"], ["x"], "Grid.axes must be a dictionary"),
        (["a.gin"], {"x": 0.5}, "x must have a list of values that is not empty, got 0.5"),
        (["a.gin"], {"x": []}, "x must have a list of values"),
        (["a.gin"], {"x": [0.0, 1, 0]}, "x must have different values, got 0 twice"),
        (["a.gin"], {"experiment.seed": ["1"]}, "experiment.seed must be whole numbers"),
    ],
)
def test_a_grid_that_says_nothing_is_refused(experiments, axes, message):
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        Grid(experiments, axes)


def test_what_is_no_sweep_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"sweep\.grids must be a list .* the first --gin is a sweep of gin/sweeps"):
        read_points("gin/timit_zf.gin", None)
    file = tmp_path / "sweep.gin"
    file.write_text("include 'gin/base/sweep.gin'\nGrid.experiments = ['a.gin']\nother/Grid.axes = {}\n")
    with pytest.raises(UserError, match=r"without effect: seeds, other/Grid\.axes"):
        read_points(str(file), None)


def test_the_ablation_crosses_models_schedules_and_weights():
    points = read_points("gin/sweeps/ablation.gin", 1)
    assert len(points) == 4 * 2 * 4
    values = {}
    for point in points:
        load_config(point.files, point.overrides)
        name = point.files[0].removeprefix("gin/timit_").split("_")[0].removesuffix(".gin")
        values.setdefault(name, []).append(point.overrides)
    assert {name: len(rows) for name, rows in values.items()} == {"zf": 8, "vrnn": 8, "srnn": 8, "storn": 8}
    weights = [(f"auxiliary_weight={weight}",) for weight in (0.0, 0.0005, 0.0025, 0.01)]
    for rows in values.values():
        assert sorted(rows) == sorted([*weights, *weights])

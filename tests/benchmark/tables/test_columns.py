import pytest

from benchmark.statistics import Interval
from benchmark.tables.columns import EXACT, LOWER, Kind, Number, column, columns, number

NATS = Kind("", "nats/seq", LOWER)
BITS = Kind("", "bits/sample", "upper bound", ".3f")


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        (NATS._replace(unit="nats/step"), "nats/seq, lower bound and nats/step, lower bound"),
        (NATS._replace(bound=EXACT), "nats/seq, exact and nats/seq, lower bound"),
        (NATS._replace(bound=f"{LOWER}, FIVO"), "nats/seq, lower bound and nats/seq, lower bound, FIVO"),
        (NATS._replace(bound=""), "nats/seq and nats/seq, lower bound"),
    ],
)
def test_mixed_units_and_bounds_are_refused(other, complaint):
    cells = [Number(NATS, 1.0), "", None, Number(other, 2.0)]
    with pytest.raises(ValueError, match=f"'log-likelihood' would mix {complaint}; give each a column of its own"):
        column("log-likelihood", cells)
    with pytest.raises(ValueError, match="would mix"):
        columns([{"log-likelihood": cell} for cell in cells])


def test_numbers_of_one_kind_make_a_column():
    cells = [Number(NATS, 1.0), None, Number(NATS._replace(form=".3f"), 2.0)]
    assert column("log-likelihood", cells).cells == cells


def test_columns_are_in_order_and_empty_ones_left_out():
    lines = [{"z": "1", "b": None}, {"a": Number(BITS, 1.0), "z": ""}]
    assert [(one.heading, one.cells) for one in columns(lines, ["missing", "a"])] == [
        ("a", [None, Number(BITS, 1.0)]),
        ("z", ["1", ""]),
    ]


def test_numbers_as_text():
    signed = Kind("difference", "nats/seq", form="+.1f")
    assert signed.heading == "difference, nats/seq"
    assert BITS.heading == "bits/sample, upper bound"
    cell = number(signed, Interval(-0.04, 2.04))
    assert (cell.mean_text, cell.half_width_text) == ("+0.0", "2.0")
    assert (number(BITS, Interval(1.0, None)).mean_text, number(BITS, Interval(1.0, None)).half_width_text) == (
        "1.000",
        "",
    )
    assert Number(BITS, 80.6, written="80.60").mean_text == "80.60"

"""Table and figure of speed, from the rows that `benchmark.speed` measured."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

Row = dict[str, Any]

LSTM_PAIR = "two nn.LSTM"
FLOOR = "FLOP floor"
DISTURBED = "†"
LEGEND = f"""\
One training step: gradients cleared, forward, all terms of the objective, backward, gradient clipped, Adam; random
data. All rows of a size were measured in turn in one run, warmed up; medians of at least the stated number of
repetitions during which other processes took less than 4 % of the CPU ({DISTURBED} marks rows for which the machine
was not quiet enough). Two nn.LSTM (embedding to hidden size), forward and backward alone, are 1. {FLOOR}: the
matrix products of the step at the rate of a float32 product of 2048 x 2048 matrices in the same run. Memory: the most
that a step needs beside the weights, in a process of its own. Segments: the activations of so many steps at a time,
computed again in the backward pass (`experiment.recomputed_steps`).
"""


def speed_report(rows: list[Row]) -> str:
    """Ratios of all sizes side by side, then each size in full, as Markdown."""
    parts = [LEGEND, ratio_table(rows)]
    for group in _groups(rows):
        first = group[0]
        title = f"{first['size']} on {first['device_name']}: T = {first['steps']}, B = {first['batch_size']}"
        repetitions = min(row["repetitions"] for row in group)
        parts.append(f"{title}; {_environment(first)}; {repetitions} repetitions or more\n\n{_detail_table(group)}")
    return "\n".join(parts)


def ratio_table(rows: list[Row]) -> str:
    """Time relative to the two LSTMs, a column for each size and a row for each model and engine."""
    columns: dict[tuple[str, str], dict[str, str]] = {}
    several = len({row["device"] for row in rows}) > 1
    for row in rows:
        column = f"{row['size']}, {row['device']}" if several else row["size"]
        ratio = row["ratio_to_lstm_pair"]
        floor = ratio / row["ratio_to_floor"]
        columns.setdefault((row["model"], row["engine"]), {})[column] = f"{ratio:.2f}{_mark(row)}"
        if row["model"] != LSTM_PAIR:
            columns.setdefault((row["model"], FLOOR), {})[column] = f"{floor:.2f}"
    table = [{"model": model, "engine": engine, **ratios} for (model, engine), ratios in columns.items()]
    models = list(dict.fromkeys(row["model"] for row in table))
    table.sort(key=lambda row: (models.index(row["model"]), row["engine"] == FLOOR))
    return _markdown(table)


def _groups(rows: list[Row]) -> Iterable[list[Row]]:
    """Rows that were measured together."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["device"], row["size"]), []).append(row)
    return groups.values()


def _environment(row: Row) -> str:
    tf32 = f"TF32 {'on' if row['tf32'] else 'off'}" + (" (on in cuDNN)" if row["tf32_cudnn"] else "")
    return f"torch {row['torch']}, {tf32}"


def _detail_table(rows: list[Row]) -> str:
    return _markdown(
        [
            {
                "model": row["model"],
                "engine": row["engine"],
                "ms per step": f"{1e3 * row['median_s']:.4g}{_mark(row)}",
                "min to max": f"{1e3 * row['min_s']:.4g} to {1e3 * row['max_s']:.4g}",
                "x LSTMs": f"{row['ratio_to_lstm_pair']:.2f}",
                "x floor": f"{row['ratio_to_floor']:.2f}",
                "sequences/s": f"{row['sequences_per_second']:,.0f}",
                "frames/s": f"{row['frames_per_second']:,.0f}",
                "MiB": "" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 2**20:,.0f}",
            }
            for row in rows
        ]
    )


def _mark(row: Row) -> str:
    return "" if row["clean"] else f" {DISTURBED}"


def _markdown(table: list[dict[str, str]]) -> str:
    text: str = pd.DataFrame(table).fillna("").to_markdown(index=False, disable_numparse=True)
    return text + "\n"


def scaling_figure(rows: list[Row], suffix: str) -> bytes:
    """Time over T and over B, and memory over T if it is known, on logarithmic axes beside straight proportion.

    Args:
        rows: measured at one size with other T or other B; the T and B that most rows have stand in the titles.
        suffix: 'png' or 'svg'.

    Returns:
        The file; the same bytes for the same rows.
    """
    data = pd.DataFrame(rows)
    data["milliseconds"] = 1e3 * data["median_s"]
    data["MiB"] = data["peak_bytes"].astype(float) / 2**20
    data["run by"] = data["model"].where(data["model"] == LSTM_PAIR, data["model"] + ", " + data["engine"])
    steps, batch_size = (data[column].mode().iloc[0] for column in ("steps", "batch_size"))
    over_steps, over_batch = data[data["batch_size"] == batch_size], data[data["steps"] == steps]
    order = list(dict.fromkeys(data["run by"]))
    style: dict[Any, Any] = {"svg.hashsalt": "speed", "svg.fonttype": "none"}
    with sns.axes_style("whitegrid"), mpl.rc_context(style):
        memory_known = bool(data["MiB"].notna().all())
        figure = Figure(figsize=(13, 4.2), layout="constrained")
        panels = figure.subplots(1, 2 + memory_known)
        _panel(panels[0], over_steps, "steps", "milliseconds", f"a training step, B = {batch_size}", order)
        _panel(panels[1], over_batch, "batch_size", "milliseconds", f"a training step, T = {steps}", order)
        if memory_known:
            _panel(panels[2], over_steps, "steps", "MiB", f"peak memory, B = {batch_size}", order)
        handles, labels = panels[0].get_legend_handles_labels()
        for axes in panels:
            axes.get_legend().remove()
        figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
        return _bytes(figure, suffix)


def _panel(axes: Axes, data: pd.DataFrame, x: str, y: str, title: str, order: list[str]) -> None:
    lines = {"hue": "run by", "hue_order": order, "style": "run by", "style_order": order}
    sns.lineplot(data, x=x, y=y, **lines, markers=True, dashes=False, ax=axes, errorbar=None)
    values = sorted(data[x].unique())
    highest = 1.6 * data.loc[data[x] == values[-1], y].max()
    ends = [values[0], values[-1]]
    proportional = [highest * value / values[-1] for value in ends]
    axes.plot(ends, proportional, color="0.6", linestyle="--", label="proportional", zorder=0)
    names = {"steps": "T, time steps", "batch_size": "B, sequences"}
    axes.set(xscale="log", yscale="log", xlabel=names[x], ylabel=y, title=title)
    axes.set_xticks(values, [str(value) for value in values])
    axes.minorticks_off()
    axes.legend()


def _bytes(figure: Figure, suffix: str) -> bytes:
    """The figure without anything that changes from one time to the next."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    metadata: dict[str, Any] = {"Software": None} if suffix == "png" else {"Date": None}
    figure.savefig(buffer, format=suffix, dpi=110, metadata=metadata)
    return buffer.getvalue()

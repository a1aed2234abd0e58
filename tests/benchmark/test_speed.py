import itertools
import json
import os
import signal
import subprocess
import sys

import pytest
import torch

from benchmark import measurement, timing, workload
from benchmark.errors import Interrupted, UserError
from benchmark.speed import MODELS, SCALING_BATCH_SIZES, SCALING_STEPS, SIZES, main
from benchmark.speed_report import LEGEND, LSTM_PAIR, ratio_table, scaling_figure, speed_report
from benchmark.stop import StopSignals

FIELDS = {"model", "engine", "size", "device", "median_s", "min_s", "max_s", "repetitions", "ratio_to_lstm_pair"}
FIELDS |= {"commit", "ratio_to_floor", "peak_bytes", "sequences_per_second", "frames_per_second", "clean"}
SEGMENTS = {"LONG": ["ZForcing, segments of 56"]}
TINY = ["embedding_size=3", "hidden_size=5", "latent_size=2", "mlp_size=4"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Repetitions of one call on a machine where nothing else seems to run, and memory that is not measured."""
    monkeypatch.setattr(timing, "SHORTEST", 0.0)
    monkeypatch.setattr(workload, "PRODUCT_SIZE", 64)
    monkeypatch.setattr(timing, "_busy_seconds", lambda cores: 0.0)
    monkeypatch.setattr(measurement, "peak_bytes", lambda case, device, engine, check_stop: 2**21)
    yield
    torch.use_deterministic_algorithms(False)


def tiny_arguments(tmp_path, *more):
    settings = [argument for setting in TINY for argument in ("--set", setting)]
    return [*settings, "--device", "cpu", "--repetitions", "2", "--out", str(tmp_path / "speed"), *more]


def test_every_model_and_engine_of_every_size_has_a_row(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(measurement, "available", lambda device: ("eager", "other"))
    monkeypatch.setattr(measurement, "training_step", lambda work, engine: lambda: None)
    main(tiny_arguments(tmp_path, "--set", "RandomSequences.steps=4", "--set", "batch_size=3"))
    rows = json.loads((tmp_path / "speed/speed.json").read_text())
    expected = [
        (size, *pair)
        for size in SIZES
        for pair in [(LSTM_PAIR, "torch"), *itertools.product([*MODELS, *SEGMENTS.get(size, [])], ("eager", "other"))]
    ]
    assert [(row["size"], row["model"], row["engine"]) for row in rows] == expected
    report = (tmp_path / "speed/speed.md").read_text()
    assert report in capsys.readouterr().out
    assert report == speed_report(rows)
    for row in rows:
        assert set(row) >= FIELDS
        assert (row["device"], row["repetitions"], row["clean"], row["peak_bytes"]) == ("cpu", 2, True, 2**21)
        assert 0 < row["min_s"] <= row["median_s"] <= row["max_s"]
        assert row["sequences_per_second"] == pytest.approx(3 / row["median_s"])
        assert row["frames_per_second"] == pytest.approx(12 / row["median_s"])
    pair, first = rows[0], rows[1]
    assert pair["ratio_to_lstm_pair"] == 1
    assert first["ratio_to_lstm_pair"] == pytest.approx(first["median_s"] / pair["median_s"])
    assert first["ratio_to_floor"] / pair["ratio_to_floor"] == pytest.approx(
        first["median_s"] / first["flop"] / (pair["median_s"] / pair["flop"])
    )


def test_a_machine_that_is_not_quiet_is_told_of(tmp_path, monkeypatch, capsys):
    busy = itertools.count(step=1000.0)
    monkeypatch.setattr(timing, "_busy_seconds", lambda cores: next(busy))
    monkeypatch.setattr(measurement, "training_step", lambda work, engine: lambda: None)
    main(tiny_arguments(tmp_path, "--size", "SMALL", "--model", "VRNN", "--engine", "eager"))
    rows = json.loads((tmp_path / "speed/speed.json").read_text())
    assert [(row["clean"], row["repetitions"]) for row in rows] == [(False, 2)] * 2
    assert "other processes disturbed 2 of 2 rows: repeat it on a quiet machine" in capsys.readouterr().out


def test_an_experiment_of_ones_own_with_its_scaling(tmp_path):
    own = ["--gin", "gin/music_srnn.gin", "--size", "SMALL", "--engine", "eager", "--scaling", "--json"]
    # The points of the figure set T and B themselves.
    short = ["--set", "RandomSequences.data_size=2"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("benchmark.speed.SCALING_STEPS", (2, 40))
        patched.setattr("benchmark.speed.SCALING_BATCH_SIZES", (1,))
        main(tiny_arguments(tmp_path, *own, str(tmp_path / "numbers.json"), *short))
    rows = json.loads((tmp_path / "numbers.json").read_text())
    assert [(row["model"], row["engine"]) for row in rows] == [(LSTM_PAIR, "torch"), ("SRNN", "eager")]
    points = json.loads((tmp_path / "speed/scaling.json").read_text())
    assert {(row["steps"], row["batch_size"]) for row in points} == {(2, 32), (40, 32), (40, 1)}
    names = {path.name for path in (tmp_path / "speed").iterdir()}
    assert names == {"speed.md", "scaling.json", "scaling.png", "scaling.svg"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "steam"], "--engine steam: not available on cpu; choose from eager"),
        (["--repetitions", "0"], "--repetitions must be at least 1, got 0"),
        (["--gin", "gin/timit_zf.gin", "--model", "VRNN"], "--gin names the model already"),
        (["--gin", "gin/absent.gin"], "gin/absent.gin: there is no such gin file"),
        (["--set", "hiden_size=3"], "without effect: hiden_size"),
        (["--device", "cuda:99"], "--device cuda:99: this machine has"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        main([*tiny_arguments(tmp_path), *arguments])
    assert not list((tmp_path / "speed").glob("*"))


@pytest.mark.parametrize("arguments", [["--size", "HUGE"], ["--model", "GPT"]])
def test_an_unknown_choice_lists_the_known_ones(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "choose from" in capsys.readouterr().err


def test_a_stop_leaves_nothing_half_written(tmp_path, monkeypatch):
    calls = itertools.count()

    def check(self):
        if next(calls) > 3:
            raise Interrupted(signal.SIGINT)

    monkeypatch.setattr(StopSignals, "check", check)
    with pytest.raises(Interrupted):
        main(tiny_arguments(tmp_path, "--size", "SMALL"))
    assert not list((tmp_path / "speed").iterdir())


def test_an_interrupt_ends_with_its_status(tmp_path):
    command = [sys.executable, "-m", "benchmark.speed", *tiny_arguments(tmp_path, "--size", "SMALL")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, **pipes) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert "interrupted by SIGINT" in errors
    assert "Traceback" not in errors


def row(model, engine, median_s, **more):
    return {
        "model": model,
        "engine": engine,
        "size": "SMALL",
        "steps": 40,
        "batch_size": 32,
        "median_s": median_s,
        "min_s": median_s / 2,
        "max_s": median_s * 2,
        "repetitions": 5,
        "clean": True,
        "sequences_per_second": 32 / median_s,
        "frames_per_second": 1280 / median_s,
        "ratio_to_lstm_pair": median_s / 0.05,
        "ratio_to_floor": median_s / 0.04,
        "peak_bytes": 3 * 2**20,
        "device": "cpu",
        "device_name": "CPU, 2 threads",
        "tf32": False,
        "tf32_cudnn": False,
        "torch": "2.13.0",
        **more,
    }


ROWS = [
    row(LSTM_PAIR, "torch", 0.05),
    row("ZForcing", "eager", 0.2, clean=False, peak_bytes=None),
    row("ZForcing", "fused", 0.15, repetitions=7),
    row("VRNN", "eager", 0.1),
]

GOLDEN = """\
| model       | engine     | SMALL   |
|:------------|:-----------|:--------|
| two nn.LSTM | torch      | 1.00    |
| ZForcing    | eager      | 4.00 †  |
| ZForcing    | fused      | 3.00    |
| ZForcing    | FLOP floor | 0.80    |
| VRNN        | eager      | 2.00    |
| VRNN        | FLOP floor | 0.80    |

SMALL on CPU, 2 threads: T = 40, B = 32; torch 2.13.0, TF32 off; 5 repetitions or more

| model       | engine   | ms per step   | min to max   | x LSTMs   | x floor   | sequences/s   | frames/s   | MiB   |
|:------------|:---------|:--------------|:-------------|:----------|:----------|:--------------|:-----------|:------|
| two nn.LSTM | torch    | 50            | 25 to 100    | 1.00      | 1.25      | 640           | 25,600     | 3     |
| ZForcing    | eager    | 200 †         | 100 to 400   | 4.00      | 5.00      | 160           | 6,400      |       |
| ZForcing    | fused    | 150           | 75 to 300    | 3.00      | 3.75      | 213           | 8,533      | 3     |
| VRNN        | eager    | 100           | 50 to 200    | 2.00      | 2.50      | 320           | 12,800     | 3     |
"""


def test_the_report_of_made_up_rows():
    assert speed_report(ROWS) == f"{LEGEND}\n{GOLDEN}"


def test_sizes_and_devices_stand_side_by_side():
    cuda = {"device": "cuda", "device_name": "a GPU", "tf32_cudnn": True}
    rows = [*ROWS, *(r | {"size": "LONG"} for r in ROWS[:2]), *(r | cuda for r in ROWS)]
    header = ratio_table(rows).splitlines()[0]
    assert [cell.strip() for cell in header.split("|")[3:-1]] == ["SMALL, cpu", "LONG, cpu", "SMALL, cuda"]
    report = speed_report(rows)
    assert report.count(" on CPU, 2 threads: ") == 2
    assert "SMALL on a GPU: T = 40, B = 32; torch 2.13.0, TF32 off (on in cuDNN); 5 repetitions" in report


@pytest.mark.parametrize("peak_known", [True, False])
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_figure_is_the_same_every_time(suffix, peak_known):
    points = [(steps, 32) for steps in SCALING_STEPS] + [(40, size) for size in SCALING_BATCH_SIZES]
    rows = [
        row(model, engine, seconds * steps * size, steps=steps, batch_size=size)
        | {"peak_bytes": steps * size * 2**10 if peak_known else None}
        for steps, size in points
        for model, engine, seconds in ((LSTM_PAIR, "torch", 1e-5), ("ZForcing", "eager", 3e-5))
    ]
    figures = [scaling_figure(rows, suffix) for _ in range(2)]
    assert figures[0] == figures[1]
    assert 10_000 < len(figures[0]) < 200_000

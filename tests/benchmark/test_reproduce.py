"""Parts of the paper with one command; the cells themselves are what test_sweep.py is about."""

from pathlib import Path

import gin
import pytest
from made_up_records import made_up_record, write_records

from benchmark import reproduce, sweep
from benchmark.config import load_config
from benchmark.errors import UserError
from benchmark.plan import read_points
from benchmark.sweep import Plan, Sweep, parse_arguments

ROOT = Path(__file__).parents[2]
SWEEPS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "gin/sweeps").glob("*.gin"))


@pytest.fixture
def checked(monkeypatch):
    """The command lines that are checked; no cell is built."""
    lines = []

    def of(arguments):
        return Sweep(parse_arguments(arguments), Plan([], 0))

    monkeypatch.setattr(reproduce, "check", lambda arguments: lines.append(arguments) or of(arguments))
    return lines


@pytest.mark.parametrize("file", SWEEPS)
def test_every_sweep_names_experiments_that_load(file):
    points = read_points(file, 1)
    for point in points:
        load_config(point.files, point.overrides)
    assert len({tuple(point.arguments) for point in points}) == len(points)
    assert {point.seed for point in points} == {1234}


@pytest.mark.parametrize("file", [file for file in SWEEPS if "ablation" not in file])
def test_every_sweep_has_all_four_rows_of_z_forcing(file):
    """Without and with annealed KL weight and auxiliary cost, in this order, so that every row has its partner."""
    rows = []
    for point in read_points(file, 1):
        load_config(point.files, point.overrides)
        text = gin.config_str()
        if "experiment.model = @ZForcing" in text:
            rows.append(tuple(f"Objective.{weight} = " in text for weight in ("kl_weight", "aux_weight")))
    assert rows == [(False, False), (True, False), (False, True), (True, True)]


def test_all_shipped_sweeps_belong_to_a_part():
    named = {f"gin/sweeps/{name}.gin" for names in reproduce.PARTS.values() for name in names}
    assert named | {files[0] for files in reproduce.SHORTER.values()} == set(SWEEPS)


@pytest.mark.parametrize("part", reproduce.PARTS)
@pytest.mark.parametrize("scale", reproduce.SEEDS)
def test_every_part_has_files_at_every_scale(part, scale, checked):
    assert reproduce.reproduce(reproduce.parse_arguments([part, "--scale", scale, "--dry-run"])) == 0
    assert len(checked) == len(reproduce.PARTS[part])
    for arguments in checked:
        options = parse_arguments(arguments)
        assert all((ROOT / file).is_file() for file in options.gin)
        assert f"gin/scale/{scale}.gin" in options.gin
        assert (options.out, options.seeds) == (
            f"results/reproduced/{part}_{scale}",
            {"demo": 2, "small": 3, "paper": 5}[scale],
        )
        assert options.dry_run


def test_what_is_given_reaches_every_sweep(checked):
    given = ["--seeds", "4", "--jobs", "3", "--data", "corpora", "--device", "cpu", "--out", "here", "--dry-run"]
    reproduce.reproduce(reproduce.parse_arguments(["speech", *given]))
    for arguments in checked:
        options = parse_arguments(arguments)
        assert (options.seeds, options.jobs, options.data, options.device) == (4, 3, "corpora", "cpu")
        assert (options.out, options.executor) == ("here", "local")


@pytest.mark.parametrize("status", [0, sweep.FAILED])
def test_tables_figures_and_report_are_made_even_if_a_cell_failed(status, checked, monkeypatch, tmp_path, capsys):
    def finish(checked):
        write_records(Path(checked.options.out), [made_up_record("Z-Forcing", seed) for seed in (1, 2)])
        return status

    monkeypatch.setattr(reproduce, "finish", finish)
    assert reproduce.reproduce(reproduce.parse_arguments(["mnist", "--out", str(tmp_path)])) == status
    assert {path.name for path in tmp_path.iterdir()} >= {"records", "tables", "figures", "report.html"}
    assert ("some cells failed" in capsys.readouterr().err) == bool(status)


def test_without_a_record_the_failures_are_the_last_word(checked, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(reproduce, "finish", lambda checked: sweep.FAILED)
    assert reproduce.reproduce(reproduce.parse_arguments(["mnist", "--out", str(tmp_path)])) == sweep.FAILED
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().err.startswith("no cell is done")


def test_latents_are_studied_once(monkeypatch, tmp_path):
    """Interpolations by the first seed of every row that has latents, probes of all runs whose phones are known.

    Of the runs of this command alone: others in the folder may be of other data.
    """
    lstm = [made_up_record("RNN-Gauss", seed, "LSTM") for seed in (1, 2)]
    plain = [made_up_record("Z-Forcing", seed) for seed in (1, 2)]
    embedded = made_up_record("Z-Forcing", 1, source="embedded")
    embedded["run_id"] = "timit_embedded-seed1-00000000"
    records = [*lstm, *plain]
    gone = made_up_record("a run whose folder is gone")
    write_records(tmp_path, [*records, embedded, gone])
    run_ids = [record["run_id"] for record in (*records, gone)]
    folders = {record["run_id"]: tmp_path / "runs" / record["run_id"] for record in (*records, embedded)}
    for folder in folders.values():
        (folder / "interpolation").mkdir(parents=True)
        (folder / "model.pt").touch()
    called = []
    for name in ("interpolate", "probe"):
        monkeypatch.setattr(f"benchmark.{name}.main", lambda arguments, name=name: called.append((name, arguments)))
    options = reproduce.parse_arguments(["speech", "--out", str(tmp_path), "--device", "cpu", "--data", "corpora"])
    common = ["--out", str(tmp_path), "--device", "cpu", "--data", "corpora"]
    reproduce.study_latents(options, run_ids)
    interpolated, *probed = called
    assert interpolated == ("interpolate", [plain[0]["run_id"], *common])
    assert sorted(probed) == sorted(("probe", [record["run_id"], *common]) for record in (*lstm, *plain))
    (folders[plain[0]["run_id"]] / "interpolation/interpolated.json").touch()
    (tmp_path / "probes").mkdir()
    for record in (*lstm, plain[0]):
        (tmp_path / f"probes/{record['run_id']}.json").touch()
    called.clear()
    reproduce.study_latents(options, run_ids)
    assert called == [("probe", [plain[1]["run_id"], *common])]


def test_what_cannot_be_studied_is_said(monkeypatch, tmp_path, capsys):
    records = [made_up_record("Z-Forcing", seed) for seed in (1, 2)]
    write_records(tmp_path, records)
    for record in records:
        (tmp_path / "runs" / record["run_id"]).mkdir(parents=True)
        (tmp_path / "runs" / record["run_id"] / "model.pt").touch()

    def fail(arguments):
        raise UserError("it does not converge")

    monkeypatch.setattr("benchmark.interpolate.main", lambda arguments: None)
    monkeypatch.setattr("benchmark.probe.main", fail)
    options = reproduce.parse_arguments(["speech", "--out", str(tmp_path)])
    reproduce.study_latents(options, [record["run_id"] for record in records])
    assert capsys.readouterr().err.splitlines() == [
        f"probe {record['run_id']}: it does not converge" for record in records
    ]

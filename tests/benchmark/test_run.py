"""The runner through its real entry point, on a corpus of a few seconds."""

import functools
import itertools
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import fmean

import pytest
import torch

from benchmark import train
from benchmark.checkpoint import checkpoints
from benchmark.command import run_command
from benchmark.errors import Interrupted, InUse, UserError
from benchmark.feed import TrainingFeed
from benchmark.run import main
from benchmark.run_folder import RunFolder
from benchmark.sequence_scores import read_sequences
from benchmark.stop import StopSignals

UPDATES = 12  # of a tiny run: 3 epochs of 4 batches


def out(arguments):
    return Path(arguments[arguments.index("--out") + 1])


def run_folder(arguments):
    return next(path for path in (out(arguments) / "runs").iterdir() if path.is_dir())


def elsewhere(arguments, folder):
    """The same run in another results folder."""
    return [*arguments[:-1], str(folder)]


def finished(arguments):
    """Runs to the end; the bytes of the record, and the log without its order of arrival."""
    main(arguments)
    folder = run_folder(arguments)
    return (folder / "record.json").read_bytes(), (folder / "metrics.jsonl").read_bytes()


@pytest.fixture
def every_step(tiny):
    """A tiny run that saves a checkpoint after every update."""
    return [*tiny[:-2], "--set", "Training.checkpoint_seconds=0", *tiny[-2:]]


def interrupted_after(count, arguments, monkeypatch):
    """A run that is stopped at the safe point after `count` others."""
    calls = itertools.count(1)

    def check(self):
        if next(calls) > count:
            raise Interrupted(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(StopSignals, "check", check)
        with pytest.raises(Interrupted):
            main(arguments)


def test_what_a_run_leaves(tiny, capsys):
    main(tiny)
    folder = run_folder(tiny)
    assert {path.name for path in folder.iterdir()} == {
        *("checkpoints", "config.gin", "learning_curves.png", "metrics.jsonl", "model.pt", "operative.gin"),
        *("record.json", "samples", "table.md", "tensorboard", "test_sequences.csv", "timing.json"),
    }
    assert {p.name for p in (folder / "samples").iterdir()} >= {"original_0.wav", "generated_1.wav", "waveforms.png"}
    record = json.loads((folder / "record.json").read_text())
    assert (out(tiny) / "records" / f"{folder.name}.json").read_bytes() == (folder / "record.json").read_bytes()
    assert record["dataset"]["source"] == "full"
    assert record["training"]["updates"] == UPDATES
    assert record["weights"]["first"].keys() == record["weights"]["last"].keys() >= {"kl_weight", "aux_weight"}
    assert set(record["results"]["test"]) == {"utterance", "chunk40"}
    for protocol, values in read_sequences(folder).items():
        metrics = record["results"]["test"][protocol]
        assert fmean(values) == pytest.approx(metrics["elbo_nats_per_seq"], rel=1e-12)
        assert len(values) == metrics["sequences"]
    assert [v["update"] for v in record["training"]["validation"]] == [0, 4, 8, 12]
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["update"] for line in lines if line["type"] == "train"] == [2, 4, 6, 8, 10, 12]
    printed = capsys.readouterr().out
    assert "source 'full'" in printed
    assert "Z-Forcing + kla, aux (this run)" in printed
    assert "70469" in printed
    assert "Comparable with care" in printed


def test_the_configuration_that_is_saved_gives_the_same_run(tiny, tmp_path):
    main(tiny)
    folder = run_folder(tiny)
    again = ["--gin", str(folder / "config.gin"), *tiny[-4:-1], str(tmp_path / "again")]
    main(again)
    assert run_folder(again).name == folder.name
    assert (run_folder(again) / "operative.gin").read_text() == (folder / "operative.gin").read_text()


def test_the_best_weights_are_those_of_the_best_validation(tiny):
    main([*tiny[:-2], "--set", "learning_rate=0.05", *tiny[-2:]])
    record = json.loads((run_folder(tiny) / "record.json").read_text())
    history = {v["update"]: v["elbo_nats_per_seq"] for v in record["training"]["validation"]}
    best = record["training"]["best_update"]
    assert history[best] == max(history.values())
    assert record["results"]["valid"]["utterance"]["elbo_nats_per_seq"] == history[best]


def test_one_seed_gives_the_same_bits(tiny, tmp_path):
    assert finished(tiny) == finished(elsewhere(tiny, tmp_path / "again"))


def test_another_seed_gives_another_run(tiny):
    main(tiny)
    main([*tiny, "--seed", "7"])
    results = [json.loads(path.read_text()) for path in (out(tiny) / "records").iterdir()]
    assert len({r["run_id"] for r in results}) == 2
    assert len({r["results"]["test"]["utterance"]["elbo_nats_per_seq"] for r in results}) == 2


def test_a_finished_run_is_shown_and_not_repeated(tiny, capsys):
    main(tiny)
    before = (run_folder(tiny) / "record.json").stat().st_mtime_ns
    copy = next((out(tiny) / "records").iterdir())
    copy.unlink()
    capsys.readouterr()
    main(tiny)
    assert "finished already" in capsys.readouterr().out
    assert copy.is_file()
    assert (run_folder(tiny) / "record.json").stat().st_mtime_ns == before
    main([*tiny, "--fresh"])
    assert (run_folder(tiny) / "record.json").stat().st_mtime_ns > before


@pytest.mark.parametrize("model", ["gin/timit_zf.gin", "gin/timit_lstm.gin"])
def test_interrupted_at_every_safe_point(every_step, tmp_path, monkeypatch, model):
    """Stopped again and again, each time a little later, the run ends with the same bytes."""
    lacking = {"latent_size=3", "mlp_size=6"} if "lstm" in model else set()
    settings = [pair for pair in zip(every_step[2::2], every_step[3::2], strict=True) if pair[1] not in lacking]
    arguments = ["--gin", model, *itertools.chain(*settings)]
    expected = finished(arguments)
    again = elsewhere(arguments, tmp_path / "again")
    calls = itertools.count(1)
    allowed = 0

    def stop_after(self):
        if next(calls) > allowed:
            raise Interrupted(signal.SIGINT)

    monkeypatch.setattr(StopSignals, "check", stop_after)
    while True:
        allowed += 1
        calls = itertools.count(1)
        try:
            assert finished(again) == expected
            break
        except Interrupted:
            continue
    assert allowed > 5


def test_a_run_whose_batches_are_made_ahead_ends_with_the_same_bits(every_step, tmp_path, monkeypatch):
    expected = finished(every_step)
    monkeypatch.setattr(train, "TrainingFeed", functools.partial(TrainingFeed, ahead=True))
    again = elsewhere(every_step, tmp_path / "again")
    for count in (4, 9):
        interrupted_after(count, again, monkeypatch)
    assert finished(again) == expected
    assert not any(thread.name.startswith("feed") for thread in threading.enumerate())


COMMAND = [sys.executable, "-m", "benchmark.run"]


def start(arguments, **options):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*COMMAND, *arguments], env=environment, **(pipes | options))


def wait_for_update(arguments, process, update):
    """Until a checkpoint of that update is there, or the process has ended."""
    while process.poll() is None:
        names = list((out(arguments) / "runs").glob("*/checkpoints/update-*.pt"))
        if any(int(path.name.split("-")[1]) >= update for path in names):
            return
        time.sleep(0.002)


def test_killed_at_many_points(every_step, tmp_path):
    expected = finished(every_step)
    again = elsewhere(every_step, tmp_path / "again")
    for update in (0, 3, 4, 7, UPDATES):
        with start(again) as process:
            wait_for_update(again, process, update)
            process.kill()
    with start(again) as process:
        printed, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "going on from update" in printed
    folder = run_folder(again)
    assert ((folder / "record.json").read_bytes(), (folder / "metrics.jsonl").read_bytes()) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(tiny, number):
    longer = [*tiny[:-2], "--set", "Training.skip_limit=7", *tiny[-2:]]
    longer[longer.index("epochs=3")] = "epochs=100000"
    with start(longer) as process:
        wait_for_update(longer, process, 0)
        time.sleep(0.3)
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode == 128 + number
    assert f"interrupted by {number.name}; repeat the command to go on" in errors
    assert "Traceback" not in errors
    assert int(checkpoints(run_folder(longer) / "checkpoints")[0].name.split("-")[1]) > 0


def test_a_damaged_newest_checkpoint_is_reported(every_step, tmp_path, monkeypatch, capsys):
    expected = finished(every_step)
    again = elsewhere(every_step, tmp_path / "again")
    interrupted_after(8, again, monkeypatch)
    newest = checkpoints(run_folder(again) / "checkpoints")[0]
    newest.write_bytes(newest.read_bytes()[:-100])
    assert finished(again) == expected
    assert f"checkpoint {newest.name} is damaged" in capsys.readouterr().out


def test_a_second_process_stops(tiny, capsys):
    main([*tiny, "--seed", "3"])
    identifier = run_folder(tiny).name
    with RunFolder(out(tiny), identifier), pytest.raises(SystemExit) as caught:
        run_command(lambda: main([*tiny, "--seed", "3"]))
    assert caught.value.code == InUse.status
    assert f"error: another process is working on {run_folder(tiny)};" in capsys.readouterr().err
    assert (run_folder(tiny) / "record.json").is_file()


def test_a_full_disk_keeps_the_last_good_checkpoint(every_step, tmp_path):
    """A limit on the size of files stands for the full disk: the system refuses to write in the same way."""
    expected = finished(every_step)
    again = elsewhere(every_step, tmp_path / "again")
    size = checkpoints(run_folder(every_step) / "checkpoints")[0].stat().st_size

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 5000, size - 5000))

    with start(again, preexec_fn=limited) as process:
        _, errors = process.communicate()
    assert process.returncode == 2
    assert "the disk is full" in errors
    assert "Traceback" not in errors
    assert not list(run_folder(again).rglob("*.partial"))
    assert finished(again) == expected


def test_non_finite_steps_are_skipped_counted_and_too_many_fail(tiny, monkeypatch, capsys):
    from benchmark.objective import Objective

    weigh = Objective.weigh
    calls = itertools.count()

    def sometimes_infinite(self, terms, weights):
        loss, means = weigh(self, terms, weights)
        return (loss * float("inf") if next(calls) % UPDATES in (1, 6) else loss), means

    monkeypatch.setattr(Objective, "weigh", sometimes_infinite)
    main(tiny)
    record = json.loads((run_folder(tiny) / "record.json").read_text())
    assert record["training"]["skipped_updates"] == 2
    assert record["training"]["updates"] == UPDATES
    assert "2 of 12 updates were not finite and were skipped" in capsys.readouterr().out
    assert all(torch.isfinite(p).all() for p in torch.load(run_folder(tiny) / "model.pt").values())
    with pytest.raises(
        UserError, match="2 steps had a non-finite loss or gradient, the last 1 in a row, up to update 6"
    ):
        main([*tiny[:-2], "--set", "Training.skip_limit=1", *tiny[-2:]])


def test_the_learning_rate_decays_on_a_plateau_and_training_stops_early(tiny):
    tiny[tiny.index("validate_every=4")] = "validate_every=1"
    main([*tiny[:-2], "--set", "learning_rate=1.0", "--set", "patience=4", *tiny[-2:]])
    folder = run_folder(tiny)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    rates = [line["learning_rate"] for line in lines if line["type"] == "train"]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < rates[0]
    record = json.loads((folder / "record.json").read_text())
    assert record["training"]["stopped_early"]
    assert record["training"]["updates"] < UPDATES


def test_the_learning_rate_of_the_language_model_is_halved_every_epoch_after_the_fourth(tmp_path):
    settings = ("embedding_size=4", "hidden_size=4", "batch_size=80", "Training.epochs=7", "Training.log_every=1")
    arguments = ["--gin", "gin/ptb_lstm.gin", "--set", "PennTreebank.source='embedded'", "--out", str(tmp_path / "out")]
    main([*arguments, *(part for setting in settings for part in ("--set", setting))])
    (log,) = tmp_path.glob("out/runs/*/metrics.jsonl")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    rates = [line["learning_rate"] for line in lines if line["type"] == "train"]
    assert sorted(set(rates), reverse=True) == [1.0, 0.5, 0.25, 0.125]
    assert rates.count(1.0) == 4 * rates.count(0.5) == 4 * rates.count(0.125)


def test_a_dry_run_shows_everything_and_writes_nothing(tiny, capsys):
    main([*tiny, "--dry-run"])
    printed = capsys.readouterr().out
    for part in ("source 'full'", "parameters", "memory: about", "ZForcing.latent_size = %latent_size"):
        assert part in printed
    assert not out(tiny).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "tpu9"], "use auto, cpu, cuda or cuda:N"),
        (["--device", "cuda:99"], "CUDA device"),
        (["--data", "/absent"], "--data names /absent"),
        (["--out", "/proc/nowhere"], "check that the path exists"),
        (["--set", "latent_sise=3"], "without effect"),
    ],
)
def test_a_mistake_ends_in_one_sentence_and_status_2(tiny, arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: main([*tiny, *arguments]))
    errors = capsys.readouterr().err
    assert caught.value.code == 2
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert message in errors


def test_a_run_that_diverges_fails(tiny):
    with pytest.raises(UserError, match="the last 11 in a row"):
        main([*tiny[:-2], "--set", "learning_rate=1e30", *tiny[-2:]])


def test_a_run_that_learns_nothing_says_so(tiny, capsys):
    main([*tiny[:-2], "--set", "learning_rate=1e-30", *tiny[-2:]])
    assert "training improved nothing" in capsys.readouterr().out


def test_a_lost_log_is_reported(every_step, monkeypatch, capsys):
    interrupted_after(8, every_step, monkeypatch)
    (run_folder(every_step) / "metrics.jsonl").unlink()
    main(every_step)
    assert "metrics.jsonl is shorter than it was" in capsys.readouterr().out


def test_tensorboard_holds_every_step_once(every_step, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for count in (5, 9):
        interrupted_after(count, every_step, monkeypatch)
    main(every_step)
    events = EventAccumulator(str(run_folder(every_step) / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [2, 4, 6, 8, 10, 12]


def test_an_interrupt_while_torch_is_imported(tiny):
    with start(tiny) as process:
        time.sleep(0.7)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_a_damaged_record_is_made_again(tiny, capsys):
    main(tiny)
    path = run_folder(tiny) / "record.json"
    (published,) = (run_folder(tiny).parents[1] / "records").iterdir()
    content = path.read_bytes()
    for damaged in (b"{", b"{}", content.replace(b'"schema": 2', b'"schema": 1')):
        path.write_bytes(damaged)
        published.write_bytes(damaged)
        capsys.readouterr()
        main(tiny)
        assert re.search(r"going on from update (\d+) of \1\n", capsys.readouterr().out)
        assert path.read_bytes() == published.read_bytes() == content

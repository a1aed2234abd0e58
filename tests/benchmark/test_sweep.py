"""Sweeps through their real entry point, on a corpus of a few seconds."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from made_up_records import made_up_record, write_records
from run_at_work import newest_update

from benchmark import local_executor, plan, run, sharing, sweep
from benchmark.cell import Cell, CellProcess
from benchmark.command import run_command
from benchmark.errors import Interrupted, InUse, UserError
from benchmark.local_executor import run_locally
from benchmark.run_folder import RunFolder
from benchmark.sharing import Sharing
from benchmark.sweep_display import SweepDisplay

SWEEP = """
import benchmark.grid
sweep.grids = [@Grid()]
Grid.experiments = ['gin/timit_zf_plain.gin']
Grid.axes = {{'experiment.seed': [1, 2], '{name}': {values}}}
"""


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def planned_here(monkeypatch):
    """The cells are checked in this process, because importing torch anew takes seconds."""

    def make_plan(arguments):
        _, *lines = plan.plan(arguments)
        return sweep.Plan([Cell(**line["cell"]) for line in lines], 0)

    monkeypatch.setattr(sweep, "make_plan", make_plan)


@pytest.fixture
def tiny_sweep(tiny, tmp_path):
    """Makes the arguments of a sweep over two seeds and the values of one binding."""

    def arguments(name, values):
        file = tmp_path / "sweep.gin"
        file.write_text(SWEEP.format(name=name, values=values))
        return ["--gin", str(file), *tiny[2:], "--jobs", "1"]

    return arguments


popen = subprocess.Popen


def out(arguments):
    return Path(arguments[arguments.index("--out") + 1])


def cells_of(arguments):
    return [Cell(**line["cell"]) for line in list(plan.plan(arguments))[1:]]


def records(folder):
    return {path.name: path.read_bytes() for path in (folder / "records").iterdir()}


def states(printed):
    return re.findall(r"^ *\d+  (\w+)  ", printed, re.MULTILINE)


PLANNED = """
from benchmark import sweep
from benchmark.cell import Cell
from benchmark.command import run_command
sweep.make_plan = lambda arguments: sweep.Plan({cells!r}, 0)
run_command(sweep.main)
"""


def start(arguments, cells):
    """The sweep as a process, whose cells have been checked already."""
    command = [sys.executable, "-c", PLANNED.format(cells=cells), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.usefixtures("planned_here")
def test_a_dry_run_lists_every_cell_and_writes_nothing(tiny_sweep, capsys):
    arguments = tiny_sweep("learning_rate", [1e-3, 2e-3])
    assert sweep.run_sweep([*arguments, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert states(printed) == ["missing"] * 4
    assert "4 cells: 4 missing" in printed
    assert not out(arguments).exists()
    first, second, third, _ = cells = cells_of(arguments)
    for cell in cells:
        assert f"{cell.run_id}  --gin gin/timit_zf_plain.gin" in printed
    write_records(out(arguments), [made_up_record() | {"run_id": first.run_id}])
    (out(arguments) / "runs" / second.run_id / "checkpoints").mkdir(parents=True)
    (out(arguments) / "runs" / second.run_id / "checkpoints/update-1.pt").touch()
    with RunFolder(out(arguments), third.run_id):
        sweep.run_sweep([*arguments, "--dry-run"])
    assert states(capsys.readouterr().out) == ["done", "interrupted", "running", "missing"]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("learning_rat", [1], r"cell 1 \(.*--set learning_rat=1 .*\) cannot run: without effect: learning_rat"),
        ("ZForcing.latent_sise", [1], r"cell 1 .* cannot run: .*latent_sise"),
        ("ZForcing.latent_size", [-1], r"cell 1 .* cannot run: latent_size must be a whole number of at least 1"),
        ("learning_rate", [1.0, 1], r"Grid\.axes: learning_rate must have different values, got 1 twice"),
    ],
)
@pytest.mark.usefixtures("planned_here")
def test_a_mistake_in_an_axis_ends_in_one_sentence(tiny_sweep, name, values, message):
    arguments = tiny_sweep(name, values)
    with pytest.raises(UserError, match=message):
        sweep.run_sweep(arguments)
    assert not out(arguments).exists()


@pytest.mark.usefixtures("planned_here")
def test_the_same_run_twice_is_a_mistake(tiny_sweep, tmp_path):
    arguments = tiny_sweep("learning_rate", [1e-3])
    file = tmp_path / "sweep.gin"
    file.write_text(file.read_text().replace("[@Grid()]", "[@Grid(), @Grid()]"))
    with pytest.raises(UserError, match=r"cells 1 and 2 of .* are the same run timit_zf_plain-seed1-\w{8}: remove one"):
        sweep.run_sweep(arguments)


def test_a_mistake_ends_with_status_2(tiny_sweep, capsys):
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: sweep.main([*tiny_sweep("learning_rate", [1]), "--set", "latent_sise=3"]))
    errors = capsys.readouterr().err
    assert caught.value.code == 2
    assert errors.startswith("error: cell 1 (")
    assert errors.count("\n") == 1
    assert "without effect: latent_sise" in errors
    with pytest.raises(UserError, match="--jobs must be at least 1, got 0"):
        sweep.main([*tiny_sweep("learning_rate", [1]), "--jobs", "0"])


@pytest.mark.usefixtures("planned_here")
def test_killed_children_and_parents_lose_nothing(tiny_sweep, tmp_path, capsys):
    arguments = [*tiny_sweep("learning_rate", [1e-3]), "--seeds", "1", "--set", "Training.checkpoint_seconds=0"]
    arguments[arguments.index("epochs=3")] = "epochs=40"
    (cell,) = cells = cells_of(arguments)
    run.main([*cell.arguments, *arguments[arguments.index("--data") :][:2], "--out", str(tmp_path / "whole")])
    folder = RunFolder(out(arguments), cell.run_id)

    with start(arguments, cells) as process:
        wait_until(lambda: newest_update(folder.path) >= 5 and folder.held)
        os.kill(int(subprocess.check_output(["pgrep", "-P", str(process.pid)])), signal.SIGKILL)
        printed, _ = process.communicate()
    assert process.returncode == sweep.FAILED
    assert f"[1] {cell.run_id} failed: killed by SIGKILL" in printed
    assert "0 of 1 cells are done" in printed
    with start(arguments, cells) as process:
        wait_until(lambda: newest_update(folder.path) >= 20 and folder.held)
        process.kill()
    wait_until(lambda: not folder.held)
    assert folder.state == "interrupted"
    assert sweep.run_sweep(arguments) == 0
    assert states(capsys.readouterr().out) == ["interrupted"]
    assert records(out(arguments)) == records(tmp_path / "whole")
    assert (folder.path / "output.log").read_text().count("going on from update") == 2


@pytest.mark.usefixtures("planned_here")
def test_failed_cells_are_listed_with_the_reason_and_run_again(tiny_sweep, monkeypatch, capsys):
    arguments = tiny_sweep("learning_rate", [1e-3, 2e-3])
    first, second, third, fourth = cells_of(arguments)
    scripts = {
        first.number: "echo 'error: training failed: lower the learning rate' >&2; echo later; exit 2",
        second.number: "echo half; echo; echo 'ValueError: unforeseen'; exit 1",
        third.number: "kill -TERM $$",
        fourth.number: "true",
    }

    def start(command, **options):
        number = next(cell.number for cell in cells_of(arguments) if set(cell.arguments) <= set(command))
        return popen(["sh", "-c", scripts[number]], **options)

    monkeypatch.setattr(subprocess, "Popen", start)
    assert sweep.run_sweep(arguments) == sweep.FAILED
    errors = capsys.readouterr().err.splitlines()
    folder = first.folder(out(arguments)).path
    reasons = [line.partition(" failed: ")[2] for line in errors]
    assert reasons[0] == f"training failed: lower the learning rate ({folder / 'output.log'})"
    assert [reason.partition(" (")[0] for reason in reasons[1:3]] == ["ValueError: unforeseen", "killed by SIGTERM"]
    assert reasons[3].startswith(f"it ran as another run than {fourth.run_id}")
    scripts[first.number] = "exit 3"
    sweep.run_sweep(arguments)
    assert f"{first.title} failed: exit status 3 (" in capsys.readouterr().err


@pytest.mark.usefixtures("planned_here")
def test_a_cell_that_cannot_be_started_is_listed_and_the_others_run(tiny_sweep, monkeypatch, capsys, tmp_path):
    """Nor is one a failure that is done, although its process was killed at the very end."""
    arguments = tiny_sweep("learning_rate", [1e-3])
    first, second = cells_of(arguments)
    write_records(tmp_path, [made_up_record() | {"run_id": first.run_id}])
    folder = out(arguments) / "records"
    script = f"mkdir -p {folder}; cp {tmp_path}/records/{first.run_id}.json {folder}; kill -KILL $$"
    monkeypatch.setattr(subprocess, "Popen", lambda command, **rest: popen(["sh", "-c", script], **rest))
    blocked = out(arguments) / "runs" / second.run_id
    blocked.parent.mkdir(parents=True)
    blocked.touch()
    assert sweep.run_sweep(arguments) == sweep.FAILED
    printed = capsys.readouterr()
    assert f"{first.title}: done" in printed.out
    assert "1 of 2 cells are done" in printed.out
    assert printed.err == f"{second.title} failed: it cannot be started: [Errno 17] File exists: '{blocked}'\n"


class Display(SweepDisplay):
    """Keeps which cells ended and which ran at a time."""

    def __init__(self, cells, out):
        super().__init__(cells, 0, out)
        self.numbers, self.together = [], []

    def show(self, running, waiting):
        self.together.append([cell.number for cell in running])

    def ended(self, cell, failure):
        super().ended(cell, failure)
        self.numbers.append(cell.number)


class Sleeper(CellProcess):
    """A process that does nothing but take its time."""

    def __init__(self, cell, out, common, environment):
        self.cell, self.folder = cell, cell.folder(out)
        self.log = out / f"{cell.number}.log"
        self._before = 0
        self._process = subprocess.Popen(self.command)

    @property
    def command(self):
        return ["sleep", self.cell.label]

    @property
    def failure(self):
        status = self._process.returncode
        return f"killed by {signal.Signals(-status).name}" if status else None


@pytest.fixture
def sleepers(monkeypatch):
    monkeypatch.setattr(local_executor, "CellProcess", Sleeper)
    monkeypatch.setattr(local_executor, "POLL_SECONDS", 0.01)
    return [Cell(number, f"run-{number}", seconds, (), 1, "cpu") for number, seconds in enumerate(("0.3", "0", "0"), 1)]


def test_cells_run_side_by_side_in_their_order(sleepers, tmp_path):
    display = Display(sleepers, tmp_path)
    run_locally(sleepers, tmp_path, [], Sharing(2, 1), display, lambda: None)
    assert display.numbers == [2, 3, 1]
    assert max(map(len, display.together)) == 2


def test_a_cell_that_another_process_works_on_is_waited_for(sleepers, tmp_path, capsys):
    display = Display(sleepers, tmp_path)
    other = sleepers[0].folder(tmp_path)
    other.__enter__()

    def let_go():
        if display.numbers == [2, 3]:
            other.finish(made_up_record() | {"run_id": "run-1"})
            other.__exit__(None, None, None)

    run_locally(sleepers, tmp_path, [], Sharing(1, 1), display, let_go)
    assert display.numbers == [2, 3, 1]
    assert not any(1 in together for together in display.together)
    assert capsys.readouterr().out.count("[1] run-1: another process is working on it") == 1
    assert not display.failures


def test_a_cell_that_another_process_took_first_is_run_again(sleepers, tmp_path, monkeypatch):
    """It was refused, and by now nobody holds the run."""
    display = Display(sleepers[:1], tmp_path)
    endings = iter([f"exit {InUse.status}", "exit 0"])

    class Refused(Sleeper):
        @property
        def command(self):
            return ["sh", "-c", next(endings)]

    monkeypatch.setattr(local_executor, "CellProcess", Refused)
    run_locally(sleepers[:1], tmp_path, [], Sharing(1, 1), display, lambda: None)
    assert display.numbers == [1]
    assert not display.failures
    assert next(endings, None) is None


@pytest.mark.usefixtures("planned_here")
def test_the_threads_of_a_cell_do_not_depend_on_what_is_done(tiny_sweep, monkeypatch):
    """They move numbers in their last digits, so that an interrupted sweep would end with others."""
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(sharing, "usable_cores", lambda: 8)
    arguments = [*tiny_sweep("learning_rate", [1e-3, 2e-3]), "--jobs", "4"]
    given = []
    monkeypatch.setattr(sweep, "run_locally", lambda todo, out, common, shared, *rest: given.append((todo, shared)))
    sweep.run_sweep(arguments)
    write_records(out(arguments), [made_up_record() | {"run_id": cell.run_id} for cell in cells_of(arguments)[:3]])
    sweep.run_sweep(arguments)
    assert [(len(todo), shared.threads) for todo, shared in given] == [(4, 2), (1, 2)]


def test_a_look_at_a_run_does_not_keep_it_from_starting(tmp_path):
    """A dry run elsewhere holds every run for a moment."""
    held = threading.Event()

    def look():
        with RunFolder(tmp_path, "run"):
            held.set()
            time.sleep(0.2)

    other = threading.Thread(target=look)
    other.start()
    held.wait()
    with RunFolder(tmp_path, "run"):
        other.join()
    with RunFolder(tmp_path, "run") as folder, pytest.raises(UserError, match="another process is working on"):
        RunFolder(tmp_path, "run").__enter__()
    assert not folder.held


def test_a_stop_reaches_every_child(sleepers, tmp_path):
    cells = [cell._replace(label="100") for cell in sleepers]
    display = Display(cells, tmp_path)

    def stop():
        if display.together:
            raise Interrupted(signal.SIGINT)

    started = time.monotonic()
    with pytest.raises(Interrupted):
        run_locally(cells, tmp_path, [], Sharing(3, 1), display, stop)
    assert display.together[-1] == [1, 2, 3]
    assert time.monotonic() - started < 10


def test_a_sweep_that_is_interrupted_stops_its_cells(tiny_sweep):
    arguments = [*tiny_sweep("learning_rate", [1e-3]), "--set", "Training.checkpoint_seconds=0"]
    arguments[arguments.index("epochs=3")] = "epochs=100000"
    with start(arguments, cells_of(arguments)) as process:
        wait_until(lambda: list(out(arguments).glob("runs/*/checkpoints/*.pt")))
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGINT
    assert "interrupted by SIGINT; repeat the command to go on" in printed
    (log,) = out(arguments).glob("runs/*/output.log")
    assert "interrupted by SIGTERM" in log.read_text()

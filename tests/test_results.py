"""What is committed under results/ follows from the committed records; a user's own records are left aside."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from benchmark.evaluation import selection_metric
from benchmark.later import with_later
from benchmark.records import read_records
from benchmark.speed_report import ratio_table, speed_report
from benchmark.tables import all_tables

ROOT = Path(__file__).parents[1]
LIST = ["git", "-C", str(ROOT), "ls-files", "results"]
LISTED = subprocess.run(LIST, capture_output=True, text=True).stdout.splitlines() if (ROOT / ".git").exists() else []
COMMITTED = [ROOT / path for path in LISTED]
RECORDS = [path for path in COMMITTED if path.parent.name == "records"]
FOLDERS = sorted({path.parents[1] for path in RECORDS})
SPEED = [path for path in COMMITTED if path.name == "speed.json"]


def tables_of(folder):
    """What the committed records, probes and bounds of a results folder give, by file name."""
    return all_tables(with_later(folder, read_records(path for path in RECORDS if path.parents[1] == folder)))


@pytest.mark.parametrize("folder", FOLDERS)
def test_committed_tables_are_those_of_the_records(folder):
    committed = {path.name: path.read_text() for path in COMMITTED if path.parent == folder / "tables"}
    expected = tables_of(folder)
    assert committed.keys() == expected.keys(), f"run python -m benchmark.tables --out {folder}"
    for name, text in expected.items():
        assert committed[name] == text, f"{name}: run python -m benchmark.tables --out {folder}"


def cells(line):
    return [cell.strip().strip("*") for cell in line.strip().strip("|").split("|")]


@pytest.mark.skipif(not FOLDERS, reason="not a git checkout")
def test_the_numbers_of_the_readme_are_of_committed_tables():
    """Every line with a ± stands in a table, perhaps with further columns between its own."""
    pages = [text for folder in FOLDERS for name, text in tables_of(folder).items() if name.endswith(".md")]
    lines = [cells(line) for page in pages for line in page.splitlines() if line.startswith("|")]
    shown = [cells(line) for line in (ROOT / "README.md").read_text().splitlines() if re.match(r"\|.*±", line)]
    assert len(shown) >= 8
    for line in shown:
        wanted = [cell for cell in line if cell]
        assert any(in_order(wanted, full) for full in lines), line


def in_order(wanted, full):
    rest = iter(full)
    return all(cell in rest for cell in wanted)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_committed_records_can_be_traced(path):
    record = json.loads(path.read_text())
    assert re.fullmatch(r"[0-9a-f]{40}", record["environment"]["commit"]), "the run was made from changed files"
    assert not re.search(r"(?<![\w.:])/(?:home|root|work|tmp|Users)/", str(record))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_training_gains_much(path):
    training = json.loads(path.read_text())["training"]
    untrained, *later = [selection_metric(metrics) for metrics in training["validation"]]
    assert max(later) > untrained + 0.2 * abs(untrained)


@pytest.mark.parametrize("path", SPEED)
def test_speed_is_reported_as_it_was_measured(path):
    rows = json.loads(path.read_text())
    assert path.with_name("speed.md").read_text() == speed_report(rows)
    assert ratio_table(rows) in (ROOT / "README.md").read_text()
    assert all(row["clean"] for row in rows), "measure again on a machine that does nothing else"
    assert all(re.fullmatch(r"[0-9a-f]{40}", row["commit"]) for row in rows), "measured with changed files"

"""What is committed under results/ follows from the committed records; a user's own records are left aside."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from benchmark.evaluation import selection_metric
from benchmark.records import group_records, read_records
from benchmark.speed_report import ratio_table, speed_report
from benchmark.tables import overview_table, records_table

ROOT = Path(__file__).parents[1]
LIST = ["git", "-C", str(ROOT), "ls-files", "results"]
LISTED = subprocess.run(LIST, capture_output=True, text=True).stdout.splitlines() if (ROOT / ".git").exists() else []
COMMITTED = [ROOT / path for path in LISTED]
RECORDS = [path for path in COMMITTED if path.parent.name == "records"]
FOLDERS = {
    folder: group_records(read_records(path for path in RECORDS if path.parents[1] == folder))
    for folder in sorted({path.parents[1] for path in RECORDS})
}
GROUPS = [(folder, name) for folder, groups in FOLDERS.items() for name in groups]
SPEED = [path for path in COMMITTED if path.name == "speed.json"]


@pytest.mark.parametrize(("folder", "name"), GROUPS)
def test_committed_tables_are_those_of_the_records(folder, name):
    assert (folder / f"tables/{name}.md").read_text() == records_table(FOLDERS[folder][name])


@pytest.mark.parametrize("folder", FOLDERS)
def test_committed_overviews_are_those_of_the_records(folder):
    records = [record for records in FOLDERS[folder].values() for record in records]
    assert (folder / "tables/overview.md").read_text() == overview_table(records)


@pytest.mark.skipif(not GROUPS, reason="not a git checkout")
def test_the_readme_shows_a_committed_table():
    shown = re.findall(r"(?:^\|.*\n)+", (ROOT / "README.md").read_text(), re.MULTILINE)
    tables = [records_table(records) for groups in FOLDERS.values() for records in groups.values()]
    assert any(re.search(r"(?:^\|.*\n)+", table, re.MULTILINE).group() in shown for table in tables)


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

"""The rules that hold the parts together."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "zforcing": ("baselines", "benchmark"),
    "baselines": ("benchmark",),
    "benchmark": ("baselines", "zforcing.z_forcing", "zforcing.reference"),
}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_go_one_way(package):
    for path in (ROOT / package).rglob("*.py"):
        for name in imports(path):
            assert not any(name == f or name.startswith(f"{f}.") for f in FORBIDDEN[package]), (path, name)


def test_gin_holds_configurations_alone():
    """A package gin/ in the repository would shadow gin-config."""
    assert {path.suffix for path in (ROOT / "gin").rglob("*") if path.is_file()} == {".gin"}


@pytest.mark.parametrize(
    "module",
    [
        "benchmark.tables",
        "benchmark.compare",
        "benchmark.plots",
        "benchmark.report",
        "benchmark.reproduce",
        "benchmark.speed_report",
    ],
)
def test_what_reads_records_needs_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_run_starts_without_what_only_its_end_needs():
    """Each of these takes up to a second to import."""
    slow = ("matplotlib", "seaborn", "pandas", "scipy.signal", "scipy.stats", "nltk")
    code = f"import sys, benchmark.session, benchmark.data.timit; sys.exit(str(sys.modules.keys() & set({slow})))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.stderr.strip() == "set()"

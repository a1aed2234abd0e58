"""What the status shows for data that are there, missing or broken."""

import signal
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest
from audiobooks import write_audiobook
from corpora import write_ldc_tree, write_sample_tree

from benchmark import data
from benchmark.command import run_command
from benchmark.data import CORPORA, VARIANTS
from benchmark.data.__main__ import main
from benchmark.data.blizzard import Blizzard
from benchmark.data.catalogue import CATALOGUE, Package, RemoteFile
from benchmark.data.prepare import prepare_blizzard
from benchmark.errors import Interrupted, UserError


@pytest.fixture(autouse=True)
def only_timit(monkeypatch, no_data):
    """The other data sets have tests of their own."""
    for registry in (CORPORA, VARIANTS):
        for name in set(registry) - {"timit"}:
            monkeypatch.delitem(registry, name)


def rows(capsys):
    """The table as lists of cells, by the first cell, and the line above it."""
    above, _, *lines = capsys.readouterr().out.rstrip().split("\n")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    header = cells[0]
    return above, {row[0]: dict(zip(header, row, strict=True)) for row in cells[2:]}


def test_an_empty_folder_shows_the_embedded_default(tmp_path, capsys):
    main(["status", "--data", str(tmp_path)])
    above, table = rows(capsys)
    assert above == f"data folder: {tmp_path}"
    row = table["timit"]
    assert (row["source"], row["where"], row["files"]) == ("embedded", "made in code", "")
    assert (row["train"], row["valid"], row["test"]) == ("96", "16", "16")
    assert row["fingerprint"] == data.load_dataset("timit").fingerprint[:12]


def test_without_a_folder(capsys):
    main(["status"])
    above, table = rows(capsys)
    assert "neither --data nor ZFORCING_DATA is set" in above
    assert table["timit"]["source"] == "embedded"


def test_the_variable_is_used_and_the_place_shown(tmp_path, monkeypatch, capsys):
    write_sample_tree(tmp_path / "nltk_data/corpora/timit")
    monkeypatch.setenv("ZFORCING_DATA", str(tmp_path))
    main(["status"])
    above, table = rows(capsys)
    assert above == f"data folder: {tmp_path}"
    row = table["timit"]
    assert (row["source"], row["where"]) == ("sample", "nltk_data/corpora/timit")
    assert (row["train"], row["valid"], row["test"]) == ("120", "20", "20")
    assert "16 speakers" in row["what is there"]


def test_prepared_recordings_are_compared_by_size_or_by_checksum(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(CORPORA, "blizzard", Blizzard)
    inventory = prepare_blizzard(write_audiobook(tmp_path / "source"), tmp_path / "blizzard", workers=1)
    second = inventory.recordings[1]
    with (tmp_path / "blizzard" / second.file).open("r+b") as file:
        file.write(b"\x01\x02\x03")
    capsys.readouterr()

    def files(*options):
        main(["status", "--data", str(tmp_path), *options])
        return rows(capsys)[1]["blizzard"]["files"]

    assert files() == "4 of the right size (--verify compares checksums)"
    assert files("--verify") == f"3 verified, {second.file} ({second.name}) differs: remove it and repeat prepare"

    (tmp_path / "blizzard" / second.file).unlink()
    prepare_blizzard(tmp_path / "source", tmp_path / "blizzard", workers=1)
    capsys.readouterr()
    assert files("--verify") == "4 verified"


def test_a_broken_corpus_is_a_sentence_in_its_row(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(CORPORA, "broken", Broken)
    monkeypatch.setitem(CORPORA, "faulty", Faulty)
    write_ldc_tree(tmp_path / "TIMIT")
    main(["status", "--data", str(tmp_path)])
    _, table = rows(capsys)
    assert (table["timit"]["source"], table["timit"]["where"], table["timit"]["train"]) == ("full", "TIMIT", "")
    assert "error: timit: " in table["timit"]["what is there"]
    assert "40 training and 20 test files instead of 4620 and 1680" in table["timit"]["what is there"]
    assert table["broken"]["what is there"] == "error: cut short / in line 2; replace it"
    assert table["faulty"]["what is there"] == "error: ZeroDivisionError: integer modulo"


class Broken:
    def find(self, root):
        return "full", root / "broken"

    def load(self, root):
        raise UserError("cut short | in line 2;\nreplace it")


class Faulty(Broken):
    def find(self, root):
        raise ZeroDivisionError("integer modulo")


@dataclass
class Several:
    """A data set with two corpora."""

    corpus: str = "first"

    def find(self, root):
        return "full", Path("/elsewhere") / self.corpus

    def load(self, root):
        return types.SimpleNamespace(
            counts={"train": 1, "valid": 2, "test": len(self.corpus), "left out": 5},
            fingerprint=self.corpus * 9,
            description="notes",
        )


def test_every_corpus_of_a_data_set_is_a_row_with_its_files(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(CORPORA, "several", Several)
    monkeypatch.setitem(VARIANTS, "several", {name: {"corpus": name} for name in ("first", "second")})
    sha256_of_x = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    files = (
        RemoteFile("s/1", ("http://a",), sha256_of_x, 1, "first"),
        RemoteFile("s/2", ("http://a",), None, None, "first"),
        RemoteFile("s/3", ("http://a",), sha256_of_x, 1, "second"),
        RemoteFile("s/4", ("http://a",), sha256_of_x, 1, "second"),
    )
    monkeypatch.setitem(CATALOGUE, "several", Package("several", "full", files))
    (tmp_path / "s").mkdir()
    for name, content in (("1", "x"), ("2", "x"), ("3", "y")):
        (tmp_path / "s" / name).write_text(content)
    main(["status", "--data", str(tmp_path)])
    _, table = rows(capsys)
    assert table["several first"]["files"] == "1 verified, 1 of unknown checksum"
    assert table["several second"]["files"] == "s/3 differs"
    assert table["several second"]["where"] == "/elsewhere/second"
    assert table["several second"]["test"] == "6"
    assert table["several second"]["what is there"] == "notes; 5 left out"
    assert table["several second"]["fingerprint"] == "secondsecond"


def test_a_signal_is_no_fault_of_a_corpus(tmp_path, monkeypatch):
    def interrupted(self, root):
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(CORPORA["timit"], "find", interrupted)
    with pytest.raises(Interrupted):
        main(["status", "--data", str(tmp_path)])


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: main(["status", "--data", str(tmp_path / "absent")]))
    assert caught.value.code == 2
    assert "--data names" in capsys.readouterr().err


@pytest.fixture
def prepared(monkeypatch):
    """What reaches prepare_blizzard."""
    calls = []
    module = types.ModuleType("benchmark.data.prepare")
    module.prepare_blizzard = lambda source, out, workers: calls.append((source, out, workers))
    monkeypatch.setitem(sys.modules, "benchmark.data.prepare", module)
    return calls


def test_prepare_passes_its_arguments_on(tmp_path, monkeypatch, prepared):
    main(["prepare", "blizzard", "--source", "in", "--out", "to", "--workers", "3"])
    monkeypatch.setenv("ZFORCING_DATA", str(tmp_path))
    main(["prepare", "blizzard", "--source", "in"])
    assert prepared == [(Path("in"), Path("to"), 3), (Path("in"), tmp_path / "blizzard", None)]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ([], "name it with --out DIR"),
        (["--out", "to", "--workers", "0"], "workers must be a whole number of at least 1"),
    ],
)
def test_prepare_needs_a_place_and_a_worker(prepared, extra, message, capsys):
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: main(["prepare", "blizzard", "--source", "in", *extra]))
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert not prepared


@pytest.mark.parametrize("command", [[], ["status"], ["fetch"], ["prepare"]])
def test_every_command_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    assert "example: python -m benchmark.data" in capsys.readouterr().out

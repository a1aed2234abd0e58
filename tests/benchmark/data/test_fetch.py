"""The command that fetches, through its real entry point, from a server on this machine."""

import contextlib
import hashlib
import io
import os
import resource
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from filelock import FileLock
from mirror import answer, serving, stall

from benchmark.command import run_command
from benchmark.data.__main__ import main
from benchmark.data.catalogue import CATALOGUE, LICENSED, Package, RemoteFile

AMAT = {file.path: np.random.default_rng(n).bytes(200_000) for n, file in enumerate(CATALOGUE["binarized-mnist"].files)}


@pytest.fixture(autouse=True)
def _alone(monkeypatch, no_data):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def mirror():
    with serving(dict(AMAT)) as mirror:
        yield mirror


@pytest.fixture
def package(monkeypatch):
    """Puts a package of files with known digests into the catalogue."""

    def add(name, contents):
        def remote(path, content):
            return RemoteFile(path, (), f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))

        files = tuple(remote(path, content) for path, content in contents.items())
        monkeypatch.setitem(CATALOGUE, name, Package("timit", "sample", files))

    return add


def failure(arguments, capsys):
    """The one sentence that a mistake ends in."""
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: main(arguments))
    captured = capsys.readouterr()
    assert caught.value.code == 2
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err, captured.out


def arguments(root, mirror, *names):
    return ["fetch", *names, "--data", str(root), "--mirror", mirror.address + "/"]


def contents(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def fetched(root):
    return {path: content for path, content in contents(root).items() if path != ".fetch.lock"}


def test_a_package_arrives_once(tmp_path, mirror, capsys):
    main(arguments(tmp_path / "new/root", mirror, "binarized-mnist"))
    assert fetched(tmp_path / "new/root") == AMAT
    printed = capsys.readouterr().out
    assert printed.count("downloaded, 200,000 bytes, could not be verified, because its checksum is not known") == 3
    assert f"everything is below {tmp_path / 'new/root'}" in printed
    main(arguments(tmp_path / "new/root", mirror, "binarized-mnist", "binarized-mnist"))
    assert capsys.readouterr().out.count("there already") == 3
    assert len(mirror.requests) == 3


def test_the_variable_names_the_folder(tmp_path, mirror, monkeypatch):
    monkeypatch.setenv("ZFORCING_DATA", str(tmp_path))
    main(["fetch", "binarized-mnist", "--mirror", mirror.address])
    assert fetched(tmp_path) == AMAT


def test_a_name_with_a_space_is_quoted(tmp_path, mirror, package):
    package("music", {"music/JSB Chorales.pickle": b"notes"})
    mirror.files["music/JSB Chorales.pickle"] = b"notes"
    main(arguments(tmp_path, mirror, "music"))
    assert fetched(tmp_path) == {"music/JSB Chorales.pickle": b"notes"}


def test_a_wrong_file_that_is_there_is_kept_and_the_rest_fetched(tmp_path, mirror, package, capsys):
    mirror.files |= {"x/a": b"right", "x/b": b"too"}
    package("x", {"x/a": b"right", "x/b": b"too"})
    (tmp_path / "x").mkdir()
    (tmp_path / "x/a").write_bytes(b"my own")
    error, printed = failure(arguments(tmp_path, mirror, "x"), capsys)
    assert "1 of 2 files could not be fetched: x/a;" in error
    assert "its checksum differs from the published file's; it was left as it is" in printed
    assert fetched(tmp_path) == {"x/a": b"my own", "x/b": b"too"}


def test_a_file_that_no_mirror_has_does_not_stop_the_others(tmp_path, mirror, capsys):
    missing = next(iter(AMAT))
    del mirror.files[missing]
    error, printed = failure(arguments(tmp_path, mirror, "binarized-mnist"), capsys)
    assert f"1 of 3 files could not be fetched: {missing};" in error
    assert "answers 404" in printed
    assert fetched(tmp_path) == {path: content for path, content in AMAT.items() if path != missing}
    mirror.files[missing] = AMAT[missing]
    main(arguments(tmp_path, mirror, "binarized-mnist"))
    assert fetched(tmp_path) == AMAT


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_an_archive_is_unpacked_beside_itself(tmp_path, mirror, package, capsys):
    path, content = "nltk_data/corpora/timit.zip", zipped({"timit/README": b"1", "timit/dr1-fvmh0/sa1.wav": b"2"})
    mirror.files[path] = content
    package("timit-sample", {path: content})
    main(arguments(tmp_path, mirror, "timit-sample"))
    folder = "nltk_data/corpora/timit"
    assert fetched(tmp_path) == {path: content, f"{folder}/README": b"1", f"{folder}/dr1-fvmh0/sa1.wav": b"2"}
    assert "checksum verified, unpacked to timit/" in capsys.readouterr().out
    (tmp_path / path).unlink()
    main(arguments(tmp_path, mirror, "timit-sample"))
    assert "is there already without its archive" in capsys.readouterr().out
    assert len(mirror.requests) == 1


def test_an_archive_that_leaves_its_folder_is_refused(tmp_path, mirror, package, capsys):
    path, content = "nltk_data/corpora/timit.zip", zipped({"timit/README": b"1", "timit/../../../../evil": b"2"})
    mirror.files[path] = content
    package("timit-sample", {path: content})
    error, printed = failure(arguments(tmp_path / "root", mirror, "timit-sample"), capsys)
    assert "lies outside the folder 'timit'" in printed
    assert "1 of 1 files" in error
    assert set(fetched(tmp_path)) == {f"root/{path}", "root/.fetch.lock"}


@pytest.mark.parametrize("name", LICENSED)
def test_what_is_licensed_is_explained(tmp_path, mirror, name, capsys):
    error, _ = failure(arguments(tmp_path, mirror, name), capsys)
    assert f"nothing was fetched: {LICENSED[name]}" in error
    assert "https://" in error
    assert not mirror.requests
    assert not contents(tmp_path)


def test_what_is_licensed_does_not_hinder_the_rest(tmp_path, mirror, capsys):
    """Nor does it pass as fetched: the exit status says that something is missing."""
    error, _ = failure(arguments(tmp_path, mirror, "timit", "binarized-mnist", "blizzard"), capsys)
    assert f"binarized-mnist: everything is below {tmp_path}; not fetched: TIMIT is licensed" in error
    assert LICENSED["blizzard"] in error
    assert {path: fetched(tmp_path)[path] for path in AMAT} == AMAT

    (tmp_path / next(iter(AMAT))).unlink()
    mirror.files.clear()
    error, _ = failure(arguments(tmp_path, mirror, "timit", "binarized-mnist"), capsys)
    assert "1 of 3 files could not be fetched" in error
    assert "goes on with them; TIMIT is licensed" in error


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["mnits"], "nothing called 'mnits' to fetch; known: mnist,"),
        (["mnist"], "--data DIR or set ZFORCING_DATA"),
        (["mnist", "--data", "/proc/nowhere"], "/proc/nowhere: "),
        (["mnist", "--data", "{root}/file"], "file: "),
        (["mnist", "--data", "{root}", "--mirror", "ftp://a"], "it has to begin with http:// or https://"),
        (["mnist", "--data", "{root}", "--mirror", "mirror"], "it has to begin with http:// or https://"),
        (["mnist", "--data", "{root}", "--mirror", "http://[::1"], "--mirror http://[::1: not an address"),
        (["mnist", "--data", "{root}", "--mirror", "http://a/b c"], "--mirror http://a/b c: not an address"),
    ],
)
def test_a_mistake_ends_in_one_sentence_and_status_2(tmp_path, extra, message, capsys):
    (tmp_path / "file").write_text("")
    assert message in failure(["fetch", *(part.format(root=tmp_path) for part in extra)], capsys)[0]


def test_two_commands_do_not_write_the_same_files(tmp_path, mirror, capsys):
    with FileLock(tmp_path / ".fetch.lock"):
        assert "another process is fetching" in failure(arguments(tmp_path, mirror, "ptb"), capsys)[0]


def start(arguments, **options):
    command = [sys.executable, "-m", "benchmark.data", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, **pipes, **options)


def wait_for(partial, size):
    """Until so many bytes have arrived."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            if partial.stat().st_size >= size:
                return
        time.sleep(0.005)
    raise AssertionError(f"{partial} has not grown to {size} bytes")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_command_that_was_stopped_goes_on(tmp_path, mirror, number):
    path = list(AMAT)[1]
    partial = (tmp_path / path).with_name(f".{path.rpartition('/')[2]}.partial")
    mirror.script = [answer, stall(after=150_000)]
    with start(arguments(tmp_path, mirror, "binarized-mnist")) as process:
        wait_for(partial, 150_000)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert errors.startswith("interrupted")
        assert errors.endswith("repeat the command to go on\n")
        assert "Traceback" not in errors
    assert not (tmp_path / path).exists()
    main(arguments(tmp_path, mirror, "binarized-mnist"))
    assert mirror.requests[2:] == [(path, "bytes=150000-", '"1"'), (list(AMAT)[2], None, None)]
    assert fetched(tmp_path) == AMAT


def test_a_full_disk_is_one_sentence_and_keeps_what_arrived(tmp_path, mirror):
    """A limit on the size of files stands for the full disk: the system refuses to write in the same way."""

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    with start(arguments(tmp_path, mirror, "binarized-mnist"), preexec_fn=limited) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.startswith("error: the disk is full")
    assert errors.count("\n") == 1
    main(arguments(tmp_path, mirror, "binarized-mnist"))
    assert mirror.ranges[1] == "bytes=100000-"
    assert fetched(tmp_path) == AMAT


def test_the_catalogue_is_in_order():
    files = [file for package in CATALOGUE.values() for file in package.files]
    assert len({file.path for file in files}) == len(files)
    assert {package.source for package in CATALOGUE.values()} == {"full", "sample"}
    assert not set(CATALOGUE) & set(LICENSED)
    assert {package.dataset for package in CATALOGUE.values()} == {"timit", "seqmnist", "ptb", "music"}
    for file in files:
        assert file.addresses
        assert all(address.startswith(("http://", "https://")) and " " not in address for address in file.addresses)
        if file.digest:
            algorithm, _, digest = file.digest.partition(":")
            assert len(bytes.fromhex(digest)) == hashlib.new(algorithm, usedforsecurity=False).digest_size

"""One file, from servers on this machine that cut, stall, lie and move."""

import gzip
import hashlib
import socket

import numpy as np
import pytest
from mirror import another_range, cut, endless, ignore_range, redirect, serving, stall, status

from benchmark.data.catalogue import RemoteFile
from benchmark.data.download import Patience, download
from benchmark.errors import UserError

CONTENT = np.random.default_rng(0).bytes(300_000)
PATIENCE = Patience(timeout=0.3, attempts=3, pause=0.01)


@pytest.fixture(autouse=True)
def _direct(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def mirror():
    with serving({"a/file.bin": CONTENT}) as mirror:
        yield mirror


def remote(content=CONTENT, known=True, path="a/file.bin"):
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}" if known else None
    return RemoteFile(path, (), digest, len(content) if known else None)


def fetch(folder, *mirrors, file=None, patience=PATIENCE):
    """Downloads the file from the mirrors; the state, and what was reported."""
    file, lines = file or remote(), []
    addresses = tuple(f"{mirror.address}/{file.path}" for mirror in mirrors)
    try:
        return download(file, folder / file.path, addresses, lines.append, patience), lines
    finally:
        fetch.lines = lines


def only_the_file(folder):
    return [path.name for path in (folder / "a").iterdir()] == ["file.bin"]


@pytest.mark.parametrize("known", [True, False])
def test_a_download(tmp_path, mirror, known):
    state, lines = fetch(tmp_path, mirror, file=remote(known=known))
    assert (state, lines) == ("verified" if known else "unknown", [])
    assert (tmp_path / "a/file.bin").read_bytes() == CONTENT
    assert only_the_file(tmp_path)
    assert mirror.ranges == [None]


@pytest.mark.parametrize("known", [True, False])
def test_a_cut_connection_is_resumed_with_a_range(tmp_path, mirror, known):
    mirror.script = [cut(after=100_000), cut(after=50_000)]
    _, lines = fetch(tmp_path, mirror, file=remote(known=known))
    assert (tmp_path / "a/file.bin").read_bytes() == CONTENT
    assert mirror.requests[1:] == [("a/file.bin", f"bytes={n}-", '"1"') for n in (100_000, 150_000)]
    assert "the connection was cut after 100,000 of 300,000 bytes" in lines[0]


def test_attempts_are_bounded_and_the_next_call_goes_on(tmp_path, mirror):
    mirror.script = [cut(after=1000)] * 3
    with pytest.raises(UserError, match=r"a/file\.bin: none of 1 address.*--mirror URL"):
        fetch(tmp_path, mirror)
    assert len(mirror.requests) == 3
    assert not (tmp_path / "a/file.bin").exists()
    assert (tmp_path / "a/.file.bin.partial").read_bytes() == CONTENT[:3000]
    fetch(tmp_path, mirror)
    assert mirror.ranges[3:] == ["bytes=3000-"]
    assert (tmp_path / "a/file.bin").read_bytes() == CONTENT
    assert only_the_file(tmp_path)


def test_a_server_that_stalls_is_left_after_the_timeout(tmp_path, mirror):
    mirror.script = [stall(after=70_000)]
    _, lines = fetch(tmp_path, mirror)
    assert "timed out" in lines[0]
    assert mirror.ranges[1] is not None
    assert (tmp_path / "a/file.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("behaviour", [ignore_range, another_range])
def test_a_server_without_ranges_starts_anew(tmp_path, mirror, behaviour, known):
    mirror.script = [cut(after=1000), behaviour]
    fetch(tmp_path, mirror, file=remote(known=known))
    assert mirror.ranges[1] == "bytes=1000-"
    assert (tmp_path / "a/file.bin").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_not_mixed(tmp_path, mirror):
    """The digest is unknown: only the version tells."""
    mirror.script = [cut(after=1000)] * 3
    with pytest.raises(UserError):
        fetch(tmp_path, mirror, file=remote(known=False))
    mirror.files["a/file.bin"], mirror.version = CONTENT[::-1], '"2"'
    fetch(tmp_path, mirror, file=remote(known=False))
    assert (tmp_path / "a/file.bin").read_bytes() == CONTENT[::-1]


def test_without_version_and_digest_nothing_is_resumed(tmp_path, mirror):
    mirror.version = None
    mirror.script = [cut(after=1000)]
    fetch(tmp_path, mirror, file=remote(known=False))
    assert mirror.ranges == [None, None]
    assert (tmp_path / "a/file.bin").read_bytes() == CONTENT


def leave(folder, partial, address="http://elsewhere/a/file.bin"):
    """What an earlier command left."""
    (folder / "a").mkdir()
    (folder / "a/.file.bin.partial").write_bytes(partial)
    (folder / "a/.file.bin.origin").write_text(f'{{"address": "{address}", "version": null}}')


@pytest.mark.parametrize(
    ("partial", "asked"),
    [
        (CONTENT[:1234], ["bytes=1234-"]),
        (CONTENT, ["bytes=300000-"]),
        (b"stale" + CONTENT[5:1234], ["bytes=1234-", None]),
        (CONTENT + b"larger", ["bytes=300006-", None]),
        (b"x" * len(CONTENT), ["bytes=300000-", None]),
        (b"", [None]),
    ],
    ids=["begun", "complete", "stale", "larger", "wrong", "empty"],
)
def test_what_an_earlier_command_left(tmp_path, mirror, partial, asked):
    leave(tmp_path, partial)
    assert fetch(tmp_path, mirror)[0] == "verified"
    assert mirror.ranges == asked
    assert (tmp_path / "a/file.bin").read_bytes() == CONTENT
    assert only_the_file(tmp_path)


@pytest.mark.parametrize("note", ["", "[]", "{}", "\udcff"])
def test_a_damaged_note_starts_anew(tmp_path, mirror, note):
    leave(tmp_path, CONTENT[:1234])
    (tmp_path / "a/.file.bin.origin").write_bytes(note.encode("utf-8", "surrogateescape"))
    fetch(tmp_path, mirror)
    assert mirror.ranges == [None]
    assert (tmp_path / "a/file.bin").read_bytes() == CONTENT


def test_wrong_content_is_refused_and_the_next_mirror_tried(tmp_path, mirror):
    with serving({"a/file.bin": CONTENT[::-1]}) as wrong:
        _, lines = fetch(tmp_path, wrong, mirror)
        assert len(wrong.requests) == 1
        with pytest.raises(UserError):
            fetch(tmp_path / "alone", wrong)
    assert (tmp_path / "a/file.bin").read_bytes() == CONTENT
    assert "holds something else (the checksum differs)" in lines[0]
    assert not list((tmp_path / "alone/a").iterdir())


def test_mirrors_fall_through_with_a_sentence_each(tmp_path, mirror):
    with socket.socket() as free, serving({}) as empty, serving({"a/file.bin": CONTENT}) as broken:
        free.bind(("127.0.0.1", 0))
        closed = type("Closed", (), {"address": f"http://127.0.0.1:{free.getsockname()[1]}"})
        broken.script = [status(503)] * 3
        _, lines = fetch(tmp_path, closed, empty, broken, mirror)
        assert [len(server.requests) for server in (empty, broken)] == [1, 3]
    reasons = ["cannot be reached", "answers 404", *["answers 503"] * 3]
    assert all(reason in line for reason, line in zip(reasons, lines, strict=True))
    assert (tmp_path / "a/file.bin").read_bytes() == CONTENT


def test_a_machine_without_a_network_is_told_at_once(tmp_path, monkeypatch):
    def no_network(*arguments, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    with pytest.raises(UserError, match="none of 2 address"):
        fetch(tmp_path, *[type("Host", (), {"address": f"http://host{n}.invalid"}) for n in range(2)])
    assert [line.endswith("cannot be reached ([Errno -2] Name or service not known)") for line in fetch.lines] == [
        True
    ] * 2


def test_the_next_mirror_goes_on_where_the_last_one_failed(tmp_path, mirror):
    with serving({"a/file.bin": CONTENT}) as weak:
        weak.script = [cut(after=1000), status(404)]
        fetch(tmp_path, weak, mirror)
    assert mirror.requests == [("a/file.bin", "bytes=1000-", None)]
    assert (tmp_path / "a/file.bin").read_bytes() == CONTENT


def test_redirects_are_followed_with_the_range(tmp_path, mirror):
    with serving({"a/file.bin": CONTENT}) as old:
        old.script = [cut(after=1000), redirect(f"{mirror.address}/a/file.bin")]
        fetch(tmp_path, old)
    assert mirror.ranges == ["bytes=1000-"]
    assert (tmp_path / "a/file.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("file:///etc/hostname", "is not allowed"),
        ("ftp://127.0.0.1/file", "unknown url type"),
        ("/a/file.bin", "infinite loop"),
    ],
)
def test_redirects_to_nowhere_end(tmp_path, mirror, place, reason):
    mirror.script = [redirect(place)] * 20
    with pytest.raises(UserError):
        fetch(tmp_path, mirror)
    assert len(fetch.lines) == 1
    assert reason in fetch.lines[0]
    assert "\n" not in fetch.lines[0]
    assert not list((tmp_path / "a").iterdir())


def test_a_server_that_never_stops_is_left(tmp_path, mirror):
    mirror.script = [endless]
    with pytest.raises(UserError):
        fetch(tmp_path, mirror)
    assert "sends more than" in fetch.lines[0]
    assert not list((tmp_path / "a").iterdir())


@pytest.mark.parametrize("level", [1, 9])
def test_a_gz_file_is_verified_by_what_it_holds(tmp_path, mirror, level):
    mirror.files["a/file.gz"] = gzip.compress(CONTENT[:1000] * 100, level)
    assert fetch(tmp_path, mirror, file=remote(CONTENT[:1000] * 100, path="a/file.gz"))[0] == "verified"


@pytest.mark.parametrize(
    "content", [b"no gzip", gzip.compress(CONTENT)[:-9], gzip.compress(bytes(10**6)), b""], ids=lambda c: str(len(c))
)
def test_a_gz_file_that_is_damaged_or_holds_too_much_is_refused(tmp_path, mirror, content):
    mirror.files["a/file.gz"] = content
    with pytest.raises(UserError):
        fetch(tmp_path, mirror, file=remote(path="a/file.gz"))
    assert "the checksum differs" in fetch.lines[0]

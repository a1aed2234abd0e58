"""Archives of other people: whole or not at all, and never outside their folder."""

import stat
import struct
import zipfile

import pytest

from benchmark.data import archive
from benchmark.data.archive import unpack
from benchmark.errors import UserError

FILES = {"timit/README": b"a sample", "timit/dr1-fvmh0/sa1.wav": bytes(5000)}


def write(folder, members, path="corpora/timit.zip"):
    """A zip archive; a member is a name and content, or a ZipInfo and content."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as content:
        for member, data in members:
            content.writestr(member, data)
    return target


def special(name, kind):
    member = zipfile.ZipInfo(name)
    member.external_attr = (kind | 0o777) << 16
    return member


def everything(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_a_harmless_archive_is_unpacked_once(tmp_path):
    path = write(tmp_path, [(special("timit/", stat.S_IFDIR), b""), *FILES.items()])
    folder = unpack(path)
    assert {
        f"timit/{p.relative_to(folder).as_posix()}": p.read_bytes() for p in folder.rglob("*") if p.is_file()
    } == FILES
    before = (folder / "README").stat().st_ino
    assert unpack(path) == folder
    assert (folder / "README").stat().st_ino == before
    assert everything(tmp_path / "corpora") == {"timit.zip", "timit", "timit/dr1-fvmh0", *FILES}


HOSTILE = {
    "parent": ("../evil", b"", "outside"),
    "hidden parent": ("timit/../../evil", b"", "outside"),
    "absolute": ("/tmp/evil", b"", "outside"),
    "another folder": ("other/evil", b"", "outside"),
    "another file": ("evil", b"", "outside"),
    "file in place of the folder": ("timit", b"", "outside"),
    "backslash": ("timit\\..\\..\\evil", b"", "outside"),
    "backslash within": ("timit/..\\evil", b"", "outside"),
    "link": (special("timit/link", stat.S_IFLNK), b"/etc", "is a link"),
    "device": (special("timit/device", stat.S_IFCHR), b"", "special file"),
    "bomb": ("timit/zeros", bytes(200_000), "too much"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused_as_a_whole(tmp_path, monkeypatch, case):
    monkeypatch.setattr(archive, "LARGEST", 100_000)
    member, data, reason = HOSTILE[case]
    path = write(tmp_path, [*FILES.items(), (member, data)])
    with pytest.raises(UserError, match=rf"timit\.zip: refused, .*{reason}.*nothing was unpacked"):
        unpack(path)
    assert everything(tmp_path) == {"corpora", "corpora/timit.zip"}


def test_too_many_files_and_names_that_are_there_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_FILES", 10)
    with pytest.raises(UserError, match="11 files of 0 bytes are too much"):
        unpack(write(tmp_path, [(f"timit/{number}", b"") for number in range(11)]))
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = write(tmp_path, [("timit/a", b"1"), ("timit/a", b"2")])
    with pytest.raises(UserError, match="share names"):
        unpack(path)


def test_an_archive_that_understates_its_size_is_refused(tmp_path):
    """The directory at its end says 10 bytes, the data unpack to a million."""
    path = write(tmp_path, [("timit/zeros", bytes(10**6))])
    content = bytearray(path.read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 10)
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged archive"):
        unpack(path)
    assert everything(tmp_path) == {"corpora", "corpora/timit.zip"}


@pytest.mark.parametrize(
    "damage", [lambda c: b"", lambda c: b"no archive", lambda c: c[:-30], lambda c: c[:60] + c[90:]]
)
def test_a_damaged_archive_is_one_sentence(tmp_path, damage):
    path = write(tmp_path, FILES.items())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"timit\.zip: damaged archive"):
        unpack(path)
    assert everything(tmp_path) == {"corpora", "corpora/timit.zip"}


@pytest.mark.parametrize("name", ["timit/README/within", "timit/" + 300 * "a"])
def test_names_that_cannot_be_written_are_damage(tmp_path, name):
    path = write(tmp_path, [*FILES.items(), (name, b"")])
    with pytest.raises(UserError, match=r"timit\.zip: damaged archive"):
        unpack(path)
    assert everything(tmp_path) == {"corpora", "corpora/timit.zip"}


def test_an_empty_archive_is_damaged(tmp_path):
    with pytest.raises(UserError, match="it is empty"):
        unpack(write(tmp_path, []))


def test_an_encrypted_archive_is_refused(tmp_path):
    path = write(tmp_path, FILES.items())
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="encrypted"):
        unpack(path)


def test_a_folder_that_is_there_is_never_overwritten(tmp_path):
    path = write(tmp_path, FILES.items())
    folder = unpack(path)
    (folder / "README").write_bytes(b"changed by its owner")
    with pytest.raises(UserError, match=r"1 of the 2 files of timit\.zip are missing or have another size, .*README"):
        unpack(path)
    assert (folder / "README").read_bytes() == b"changed by its owner"


def test_what_an_interrupted_unpacking_left_is_removed(tmp_path):
    path = write(tmp_path, FILES.items())
    (tmp_path / "corpora/.timit.unpacking/timit").mkdir(parents=True)
    (tmp_path / "corpora/.timit.unpacking/timit/half").write_bytes(b"1")
    folder = unpack(path)
    assert everything(tmp_path / "corpora") == {"timit.zip", "timit", "timit/dr1-fvmh0", *FILES}
    assert not (folder / "half").exists()

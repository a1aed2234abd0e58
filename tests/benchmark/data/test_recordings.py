import hashlib
import random
import unicodedata
from pathlib import Path

import pytest
from audiobooks import noise, write, write_audiobook

from benchmark.data.recordings import Recording, assign_splits, find_recordings, recording_name, take_inventory
from benchmark.data.speech import SampleSums
from benchmark.errors import UserError

NAMES = [f"book{number % 7}/chapter{number}" for number in range(200)]


def test_splits_follow_the_written_rule():
    splits = assign_splits(NAMES)
    ranked = sorted(NAMES, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert [name for name in ranked if splits[name] == "valid"] == ranked[:10]
    assert [name for name in ranked if splits[name] == "test"] == ranked[-10:]
    assert sum(split == "train" for split in splits.values()) == 180


def test_splits_do_not_depend_on_order():
    shuffled = random.Random(0).sample(NAMES, len(NAMES))
    assert assign_splits(shuffled) == assign_splits(NAMES)
    assert list(assign_splits(shuffled)) == sorted(NAMES)


@pytest.mark.parametrize("count", [3, 19, 20, 41])
def test_every_split_has_a_recording(count):
    splits = list(assign_splits(NAMES[:count]).values())
    assert splits.count("valid") == splits.count("test") == max(1, count // 20)


def test_a_name_is_the_same_on_every_file_system():
    composed, decomposed = (unicodedata.normalize(form, "Bücher/Élan.MP3") for form in ("NFC", "NFD"))
    assert recording_name(Path(composed)) == recording_name(Path(decomposed)) == "bücher/élan"
    assert recording_name(Path("A/b.c.wav")) == "a/b.c"
    assert recording_name(Path("bad\udcff.wav")) == "bad\\udcff"


def test_recordings_are_found_at_any_depth_and_once(tmp_path):
    write_audiobook(tmp_path, 4)
    write(tmp_path / "book0/chapter_00.flac", noise(9))  # the same name as Book0/Chapter_00.wav
    (tmp_path / "Book0/notes.txt").write_text("no audio")
    (tmp_path / "Book0/._Chapter_00.wav").write_bytes(b"what some systems leave beside a file")
    found, skipped = find_recordings(tmp_path)
    assert list(found) == ["book0/chapter_00", "book0/chapter_02", "book1/chapter_01", "book1/chapter_03"]
    assert found["book0/chapter_00"] == tmp_path / "Book0/Chapter_00.wav"
    assert [(s.name, s.reason) for s in skipped] == [
        ("book0/chapter_00.flac", "of the same name as Book0/Chapter_00.wav, which is read")
    ]


def recording(name, content="", samples=16000):
    return Recording(name, samples, hashlib.sha256((content or name).encode()).hexdigest(), SampleSums(samples, 1, 9))


def test_a_copy_under_another_name_is_left_out():
    inventory = take_inventory("x", [recording(name, content="same" if name in "bd" else "") for name in "edcba"], [])
    assert [r.name for r in inventory.recordings] == ["a", "b", "c", "e"]
    assert [(s.name, s.reason) for s in inventory.skipped] == [("d", "the same samples as b")]


def test_the_inventory_adds_up():
    inventory = take_inventory("x", [recording(name) for name in NAMES], [])
    assert inventory.hours == pytest.approx(200 / 3600)
    assert inventory.training_sums == SampleSums(180 * 16000, 180, 180 * 9)
    other = take_inventory("x", [recording(name, samples=16001) for name in NAMES], [])
    assert other.fingerprint != inventory.fingerprint


def test_three_recordings_are_needed():
    with pytest.raises(UserError, match=r"x holds 2 usable recording\(s\) and 1 unusable one\(s\), for example b"):
        take_inventory("x", [recording("a"), recording("b", "a"), recording("c")], [])

import numpy as np
import pytest
from corpora import noise, write_ldc_tree, write_riff

from benchmark.data import load_dataset
from benchmark.data.phones import CLASSES, NO_CLASS, Phone, class_of, frame_classes, read_phones
from benchmark.errors import UserError

PHONES_OF_TIMIT = """
aa ae ah ao aw ax ax-h axr ay b bcl ch d dcl dh dx eh el em en eng epi er ey f g gcl h# hh hv ih ix iy jh k kcl l m n
ng nx ow oy p pau pcl q r s sh t tcl th uh uw ux v w y z zh
"""


def test_the_folding_of_lee_and_hon():
    names = PHONES_OF_TIMIT.split()
    assert len(names) == 61
    assert len(CLASSES) == len(set(CLASSES)) == 39
    assert list(CLASSES) == sorted(CLASSES)
    found = {name: class_of(name) for name in names}
    assert [name for name, index in found.items() if index == NO_CLASS] == ["q"]
    assert set(found.values()) == {*range(39), NO_CLASS}
    assert CLASSES[class_of("zh")] == CLASSES[class_of("sh")] == "sh"
    assert {CLASSES[class_of(name)] for name in ("h#", "pau", "epi", "bcl", "kcl", "cl")} == {"sil"}
    with pytest.raises(KeyError):
        class_of("xx")


def test_a_frame_is_of_the_phone_that_covers_most_of_it():
    phones = [
        Phone(0, 149, "h#"),
        Phone(149, 210, "s"),
        Phone(210, 400, "iy"),
        Phone(400, 500, "t"),
        Phone(500, 640, "q"),
    ]
    names = [CLASSES[index] if index >= 0 else None for index in frame_classes(phones, 100, 8)]
    assert names == ["sil", "s", "iy", "iy", "t", None, None, None]
    tie = frame_classes([Phone(0, 50, "s"), Phone(50, 100, "t")], 100, 1)
    assert CLASSES[tie[0]] == "s"
    halves = frame_classes([Phone(0, 90, "q"), Phone(90, 100, "t")], 100, 1)
    assert halves[0] == NO_CLASS


@pytest.mark.parametrize(
    ("text", "message"),
    [("0 100 s\n100 x t\n", "line 2 is not"), ("0 100\n", "line 1 is not"), ("0 100 xx\n", "with a phone of TIMIT")],
)
def test_a_damaged_transcript_is_refused(tmp_path, text, message):
    (tmp_path / "SA1.PHN").write_text(text)
    with pytest.raises(UserError, match=message):
        read_phones(tmp_path / "sa1.wav")


def test_a_missing_transcript_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"sa1\.phn is missing, the phones of SA1\.WAV\.wav; complete the copy"):
        read_phones(tmp_path / "SA1.WAV.wav")


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize("upper", [True, False], ids=["upper", "lower"])
def test_every_scored_frame_of_a_corpus_has_the_class_of_its_target(tmp_path, upper):
    root = write_ldc_tree(tmp_path, train_speakers=3, test_speakers=1, files=8, upper=upper)
    for path in [p for p in root.rglob("*") if p.suffix.lower() == ".phn"]:
        path.write_text("0 200 h#\n200 400 s\n400 2500 ix\n")
    data = load_dataset("timit", root, require_all_files=False)
    for split in ("train", "valid", "test"):
        assert len(data.classes(split)) == data.counts[split]
        for classes, steps in zip(data.classes(split), data.utterances[split].steps, strict=True):
            assert [CLASSES[index] for index in classes] == ["s", *["ih"] * (steps - 1)]
    assert data.utterances["test"] is data.test
    assert np.shares_memory(data.utterances["train"].recordings[3], data.train.recordings[0])
    path = next(p for p in root.rglob("*") if p.suffix.lower() == ".phn" and "test" in p.parts[-4].lower())
    path.unlink()
    with pytest.raises(UserError, match="is missing"):
        data.classes("test")


@pytest.mark.usefixtures("no_data")
def test_whole_training_utterances_are_those_of_the_files(tmp_path):
    """The joined stream is cut where its files end."""
    root = write_ldc_tree(tmp_path, train_speakers=3, test_speakers=1, files=8)
    write_riff(root / "TRAIN/DR1/FR000/SX0.WAV", noise(99, 4100))
    data = load_dataset("timit", root, require_all_files=False)
    lengths = sorted(len(recording) for recording in data.utterances["train"].recordings)
    assert lengths[-1] == 4100
    assert set(lengths[:-1]) == {2500}


@pytest.mark.usefixtures("no_data")
def test_synthesised_speech_knows_its_phones(tmp_path):
    data = load_dataset("timit")
    classes = np.concatenate(data.classes("test"))
    assert (classes != NO_CLASS).all()
    assert len(np.unique(classes)) > 20
    first = data.classes("test")[0]
    assert CLASSES[first[0]] == CLASSES[first[-1]] == "sil"
    energy = np.square(data.test[0].targets).mean(1)
    silent = first == CLASSES.index("sil")
    assert energy[silent].mean() < 0.1 * energy[~silent].mean()

import numpy as np
import pytest
from corpora import noise, write_ldc_tree, write_riff, write_sample_tree, write_sphere

from benchmark.data import load_dataset
from benchmark.data.timit import SAMPLE_SPEAKERS, Timit
from benchmark.errors import UserError

pytestmark = pytest.mark.usefixtures("no_data")


@pytest.mark.parametrize("upper", [True, False], ids=["upper", "lower"])
@pytest.mark.parametrize("write", [write_sphere, write_riff])
@pytest.mark.parametrize("place", [".", "TIMIT", "corpora/lisa/data/timit"])
def test_the_full_corpus_is_found_in_any_form(tmp_path, upper, write, place):
    write_ldc_tree(tmp_path / place, upper=upper, write=write)
    data = load_dataset("timit", tmp_path, require_all_files=False)
    assert data.source == "full"
    assert data.counts == {"train": 38, "valid": 2, "test": 20}


def test_the_form_does_not_change_the_data(tmp_path):
    fingerprints = set()
    for upper, write in ((True, write_sphere), (False, write_riff)):
        root = write_ldc_tree(tmp_path / str(upper), upper=upper, write=write)
        fingerprints.add(load_dataset("timit", root, require_all_files=False).fingerprint)
    assert len(fingerprints) == 1


def test_a_converted_copy_beside_a_compressed_original_is_used(tmp_path):
    root = write_ldc_tree(tmp_path, write=lambda path, x: write_sphere(path, x, coding="pcm,embedded-shorten-v2.00"))
    with pytest.raises(UserError, match=r"shorten.*sph2pipe"):
        load_dataset("timit", root, require_all_files=False)
    for number, path in enumerate(sorted(root.rglob("*.WAV"))):
        write_riff(path.with_name(path.name + ".wav"), noise(number))
    assert load_dataset("timit", root, require_all_files=False).counts["test"] == 20


def test_an_incomplete_corpus_is_refused_with_its_counts(tmp_path):
    with pytest.raises(UserError, match="40 training and 20 test files instead of 4620 and 1680"):
        load_dataset("timit", write_ldc_tree(tmp_path))


def names_of_ldc():
    return [f"dr{s % 8 + 1}/f{s:04d}/sx{f}" for s in range(462) for f in range(10)]


def test_the_validation_rule_of_the_full_corpus():
    names = names_of_ldc()
    valid, unused = Timit()._validation(names)
    assert (len(valid), len(unused)) == (231, 0)
    assert Timit()._validation(reversed(names))[0] == valid


def test_validation_speakers_can_be_kept_out_of_training():
    names = names_of_ldc()
    valid, unused = Timit(disjoint_speakers=True)._validation(names)
    assert (len(valid), len(unused)) == (231, 9)
    train = set(names) - valid - unused
    assert not {name.split("/")[1] for name in train} & {name.split("/")[1] for name in valid}


@pytest.mark.parametrize("write", [write_sphere, write_riff])
def test_the_sample_has_a_fixed_speaker_split(tmp_path, write):
    write_sample_tree(tmp_path / "nltk_data/corpora/timit", write)
    data = load_dataset("timit", tmp_path)
    assert data.source == "sample"
    assert data.counts == {"train": 120, "valid": 20, "test": 20}
    assert data.description.endswith("not those of the known copy")
    assert all(len(speakers) >= 2 for speakers in SAMPLE_SPEAKERS.values())


def test_an_incomplete_sample_is_refused(tmp_path):
    write_sample_tree(tmp_path)
    next(tmp_path.rglob("s3.wav")).unlink()
    with pytest.raises(UserError, match="159 recordings instead of 160"):
        load_dataset("timit", tmp_path)


def test_the_embedded_default_needs_nothing_and_is_always_the_same():
    first, second = load_dataset("timit"), load_dataset("timit")
    assert first.source == "embedded"
    assert first.fingerprint == second.fingerprint
    assert first.counts == {"train": 96, "valid": 16, "test": 16}


def test_the_full_corpus_is_preferred_to_the_sample(tmp_path):
    write_ldc_tree(tmp_path / "TIMIT")
    write_sample_tree(tmp_path / "nltk_data/corpora/timit")
    assert load_dataset("timit", tmp_path, require_all_files=False).source == "full"
    assert load_dataset("timit", tmp_path, source="sample").source == "sample"
    assert load_dataset("timit", tmp_path, source="embedded").source == "embedded"


@pytest.mark.parametrize("source", ["full", "sample"])
def test_a_source_that_is_missing_says_where_it_looked(tmp_path, source):
    with pytest.raises(UserError, match=f"'{source}' was not found; looked for .* below {tmp_path}"):
        load_dataset("timit", tmp_path, source=source)
    with pytest.raises(UserError, match="ZFORCING_DATA"):
        load_dataset("timit", source=source)


DAMAGES = {
    "truncated SPHERE": (lambda p: write_sphere(p, noise(1), count=9999), "cut short: 2500 samples, its header says"),
    "truncated RIFF": (lambda p: p.write_bytes(riff_bytes(p)[:-1000]), "cut short: 2000 samples, its header says 2500"),
    "empty": (lambda p: p.write_bytes(b""), "cannot be read as audio"),
    "text": (lambda p: p.write_text("not audio"), "cannot be read as audio"),
    "two channels": (lambda p: write_riff(p, np.stack([noise(1)] * 2, 1)), "2 channel"),
    "8 bits": (lambda p: write_riff(p, noise(1), subtype="PCM_U8"), "PCM_U8"),
    "44.1 kHz": (lambda p: write_riff(p, noise(1), rate=44100), "44100 Hz"),
    "short": (lambda p: write_riff(p, noise(1, 300)), "shorter than two frames"),
}


def riff_bytes(path):
    write_riff(path, noise(1))
    return path.read_bytes()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_recording_is_one_sentence(tmp_path, damage):
    write_ldc_tree(tmp_path)
    breaks, message = DAMAGES[damage]
    breaks(next(tmp_path.rglob("SX3.WAV")))
    with pytest.raises(UserError, match=message):
        load_dataset("timit", tmp_path, require_all_files=False)


def test_wrong_names_and_folders(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no data set 'timitt'; known: timit, "):
        load_dataset("timitt")
    with pytest.raises(UserError, match=r"--data names .*absent"):
        load_dataset("timit", tmp_path / "absent")
    monkeypatch.setenv("ZFORCING_DATA", str(tmp_path / "absent"))
    with pytest.raises(UserError, match="ZFORCING_DATA names"):
        load_dataset("timit")

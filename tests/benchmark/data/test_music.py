import math

import mido
import numpy as np
import pytest
from corpora import PIECES, write_pieces
from pictures import share_of

from benchmark.data import load_dataset, music
from benchmark.data.chords import compose, piano_roll
from benchmark.data.midi import write_midi
from benchmark.errors import UserError
from zforcing.checks import ConfigurationError

pytestmark = pytest.mark.usefixtures("no_data")

NAMES = {
    "jsb": "JSB Chorales.pickle",
    "nottingham": "Nottingham.pickle",
    "musedata": "MuseData.pickle",
    "piano_midi": "Piano-midi.de.pickle",
}


def load(root, **options):
    return load_dataset("music", root, **({"require_all_sequences": False} | options))


def notes(targets):
    """The MIDI numbers that sound in each step."""
    return [tuple(np.flatnonzero(frame) + 21) for frame in targets]


@pytest.mark.parametrize("place", [".", "music"])
@pytest.mark.parametrize("corpus", NAMES)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_each_corpus_is_found_in_any_protocol(tmp_path, place, corpus, protocol):
    write_pieces(tmp_path / place / NAMES[corpus], protocol=protocol)
    data = load(tmp_path, corpus=corpus)
    assert (data.name, data.source, data.kind, data.data_size) == (f"music_{corpus}", "full", "binary", 88)
    assert data.counts == {"train": 2, "valid": 1, "test": 2}
    for split in ("train", "valid", "test"):
        sequences = getattr(data, split)
        assert [notes(sequences[index].targets) for index in range(len(sequences))] == PIECES[split]


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_notes_that_are_numpys_integers(tmp_path, kind):
    """The published files may hold them; `PIECES` has plain ones."""
    pieces = {
        split: [[tuple(map(kind, frame)) for frame in piece] for piece in of_split]
        for split, of_split in PIECES.items()
    }
    write_pieces(tmp_path / NAMES["jsb"], pieces)
    write_pieces(tmp_path / NAMES["nottingham"])
    assert load(tmp_path).fingerprint == load(tmp_path, corpus="nottingham").fingerprint


def test_every_frame_is_scored_rests_too(tmp_path):
    write_pieces(tmp_path / NAMES["jsb"])
    inputs, targets = load(tmp_path).train[0]
    assert targets.shape == (3, 88)
    assert notes(targets)[2] == ()
    assert not inputs[0].any()
    assert np.array_equal(inputs[1:], targets[:-1])


def test_training_sequences_are_cut_and_the_others_are_not(tmp_path):
    write_pieces(tmp_path / NAMES["jsb"])
    data = load(tmp_path, segment_steps=2)
    assert data.train.steps.tolist() == [2, 1, 2, 2, 1]
    assert data.train.successor.tolist() == [1, -1, 3, 4, -1]
    assert data.test.steps.tolist() == [2, 4]
    assert notes(data.train[1].inputs) == [(60,)]
    assert load(tmp_path, segment_steps=None).train.steps.tolist() == [3, 5]
    assert load(tmp_path, segment_steps=2).fingerprint == load(tmp_path).fingerprint


def test_empty_sequences_are_left_out_and_counted(tmp_path):
    write_pieces(tmp_path / NAMES["jsb"], PIECES | {"test": [[], *PIECES["test"], []]})
    data = load(tmp_path)
    assert data.counts == {"train": 2, "valid": 1, "test": 2, "empty, left out": 2}
    assert data.test.steps.tolist() == [2, 4]


def test_known_counts_are_those_of_the_file(tmp_path, monkeypatch):
    path = write_pieces(tmp_path / NAMES["jsb"], PIECES | {"test": [[], *PIECES["test"]]})
    with pytest.raises(UserError, match="2/1/3 sequences and 6 test steps instead of 229/76/77 and 4725"):
        load(tmp_path, require_all_sequences=True)
    monkeypatch.setitem(music.CORPORA, "jsb", music.Known("JSB", path.name, (2, 1, 3), 6))
    assert load(tmp_path, require_all_sequences=True).counts["test"] == 2
    monkeypatch.setitem(music.CORPORA, "jsb", music.Known("JSB", path.name, (2, 1, 3), 7))
    with pytest.raises(UserError, match="6 test steps instead of 2/1/3 and 7"):
        load(tmp_path, require_all_sequences=True)


DAMAGES = {
    "low": (PIECES | {"test": [[(60,), (20, 60)]]}, "test sequence 0, step 1: 20 is not a MIDI number from 21 to 108"),
    "high": (PIECES | {"valid": [[(60,)], [(109,)]]}, "valid sequence 1, step 0: 109 is not a MIDI number"),
    "negative": (PIECES | {"test": [[(-60,)]]}, "-60 is not"),
    "huge": (PIECES | {"test": [[(2**100_000,)]]}, "a value of type int is not"),
    "name": (PIECES | {"test": [[("C4",)]]}, "'C4' is not"),
    "long name": (PIECES | {"test": [[("C" * 1000,)]]}, "'CCCCCCCCCCCCCCCCCCCC' is not"),
    "tuple": (PIECES | {"test": [[((60,),)]]}, "a value of type tuple is not"),
    "frame": (PIECES | {"test": [[60]]}, "test sequence 0, step 0: expected a list"),
    "crowd": (PIECES | {"test": [[(60,) * 89]]}, "expected a list of at most 88 notes"),
    "sequence": (PIECES | {"test": [60]}, "test sequence 0 is no list of time steps"),
    "text": (PIECES | {"test": ["abc"]}, "test sequence 0 is no list of time steps"),
    "split": ({"train": PIECES["train"], "test": PIECES["test"]}, "no lists of sequences named train, valid and test"),
    "splits": (PIECES | {"valid": 3}, "no lists of sequences"),
    "list": ([1, 2], "no lists of sequences"),
    "nothing": (PIECES | {"valid": []}, "the valid split holds no notes"),
    "rests": (PIECES | {"valid": [[]]}, "the valid split holds no notes"),
    "float": (PIECES | {"test": [[(60.5,)]]}, "holds the instruction BINFLOAT"),
    "truth": (PIECES | {"test": [[(True,)]]}, "holds the instruction NEWTRUE"),
    "numpy": (PIECES | {"test": [[(np.float64(60),)]]}, "holds the instruction REDUCE.*nothing of it was run"),
    "numpy's high": (PIECES | {"test": [[(np.int64(109),)]]}, "109 is not a MIDI number"),
}


@pytest.mark.parametrize("source", ["auto", "full"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_one_sentence(tmp_path, damage, source):
    content, message = DAMAGES[damage]
    write_pieces(tmp_path / NAMES["jsb"], content)
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path, source=source)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("repeated", ["frames", "sequences"])
def test_a_small_file_cannot_unfold_into_a_large_one(tmp_path, repeated):
    """A pickle refers to one object many times at the price of a reference."""
    frame = (60,)
    sequence = [frame] * 2000
    pieces = PIECES | {"train": [[frame] * 1_100_000] if repeated == "frames" else [sequence] * 600}
    write_pieces(tmp_path / NAMES["jsb"], pieces)
    with pytest.raises(UserError, match="the train split has more than 1000000 time steps"):
        load(tmp_path)


def test_the_embedded_default_needs_nothing_and_is_always_the_same():
    first, second = load_dataset("music"), load_dataset("music", corpus="nottingham")
    assert first.source == "embedded"
    assert first.fingerprint == second.fingerprint
    assert first.counts == {"train": 60, "valid": 20, "test": 20}
    assert "in place of JSB Chorales" in first.description
    assert not {bits.tobytes() for bits in first.train.packed} & {bits.tobytes() for bits in first.test.packed}


def test_embedded_pieces_are_chords_in_a_key():
    pieces = [compose(np.random.default_rng(seed)) for seed in range(20)]
    for piece in pieces:
        voices = piece.sum(1)
        assert set(voices.tolist()) <= {0, 2, 3, 4}
        assert (voices >= 3).mean() > 0.9
        assert len({note % 12 for note in np.nonzero(piece)[1]}) <= 7
    assert any((piece.sum(1) == 0).any() for piece in pieces)


def test_a_source_that_is_missing_says_where_it_looked(tmp_path):
    with pytest.raises(UserError, match=r"'full' was not found; looked for JSB Chorales.pickle, in .*music"):
        load(tmp_path, source="full")
    with pytest.raises(UserError, match="ZFORCING_DATA"):
        load(None, source="full")
    write_pieces(tmp_path / NAMES["jsb"])
    assert load(tmp_path, source="embedded").source == "embedded"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"corpus": "bach"}, "corpus must be one of 'jsb', 'nottingham', 'musedata', 'piano_midi'"),
        ({"source": "sample"}, "source must be one of"),
        ({"segment_steps": 0}, "segment_steps must be a whole number"),
        ({"segment_steps": "100"}, "segment_steps must be a whole number"),
    ],
)
def test_a_wrong_setting_is_named(options, message):
    with pytest.raises(ConfigurationError, match=message):
        load(None, **options)


def test_units_of_a_fair_coin():
    """A model that gives every note one half pays 88 ln 2 nats per step."""
    data = load_dataset("music")
    steps = int(data.test.steps.sum())
    assert data.derived_units(-88 * math.log(2) * steps, steps) == pytest.approx(
        {"nll_nats_per_step": 88 * math.log(2)}
    )


def test_midi_holds_notes_that_go_on(tmp_path):
    roll = piano_roll([[60, 64], [60], [], [60, 108], [21]])
    file = mido.MidiFile(write_midi(tmp_path / "new/x.mid", roll, 21, 0.25))
    assert file.length == pytest.approx(5 * 0.25)
    sounding, time, heard = set(), 0.0, {}
    for message in file:
        time += message.time
        if message.type == "note_on":
            assert message.note not in sounding
            sounding.add(message.note)
        elif message.type == "note_off":
            sounding.remove(message.note)
        heard[round(time / 0.25, 6)] = set(sounding)
    assert heard == {0: {60, 64}, 1: {60}, 2: set(), 3: {60, 108}, 4: {21}, 5: set()}


def test_samples_are_midi_files_and_a_figure(tmp_path):
    data = load_dataset("music")
    original = data.test[0].targets[None, :12]
    paths = data.write_samples(tmp_path, original, original)
    assert [path.name for path in paths] == ["original_0.mid", "generated_0.mid", "piano_rolls.png"]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert share_of("tab:orange", paths[2]) == pytest.approx(share_of("tab:blue", paths[2]), rel=0.1)
    assert share_of("tab:blue", paths[2]) > 0.01

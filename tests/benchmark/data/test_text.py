import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from baselines import LSTM
from benchmark.data import load_dataset
from benchmark.data.batches import collate
from benchmark.data.text import BEGINNING, END, UNKNOWN, Vocabulary, read_lines, sentences, stream
from benchmark.errors import UserError
from benchmark.evaluation import Evaluation
from zforcing import CategoricalHead

LINES = [["b", "a", "b"], ["c", "<unk>"], ["a", "b", "d"]]
TEXT = np.array([3, 4, 3, END, 5, UNKNOWN, END, 4, 3, 6, END])


def test_symbols_are_ordered_by_frequency_and_then_alphabet():
    vocabulary = Vocabulary(LINES)
    assert vocabulary.symbols == ("<bos>", "<eos>", "<unk>", "b", "a", "c", "d")
    assert (vocabulary.symbols[BEGINNING], vocabulary.symbols[END], vocabulary.symbols[UNKNOWN]) == (
        "<bos>",
        "<eos>",
        "<unk>",
    )
    assert Vocabulary(reversed(LINES)).symbols == vocabulary.symbols
    assert (len(vocabulary), vocabulary.seen) == (7, 6)


def test_the_unknown_symbol_has_its_place_without_occurring():
    vocabulary = Vocabulary([["b", "a"]])
    assert vocabulary.symbols == ("<bos>", "<eos>", "<unk>", "a", "b")
    assert vocabulary.seen == 3


def test_encoding_ends_every_line():
    encoded = Vocabulary(LINES).encode(LINES)
    assert encoded.dtype == np.int64
    assert encoded.tolist() == TEXT.tolist()


@given(st.lists(st.lists(st.text("abcdefgh\u00e9 ", min_size=1), min_size=1)))
def test_decoding_undoes_encoding(lines):
    vocabulary = Vocabulary(lines)
    assert vocabulary.decode(vocabulary.encode(lines).tolist()) == lines


def test_words_that_training_lacks():
    assert Vocabulary(LINES).encode([["e", "a"]]).tolist() == [UNKNOWN, 4, END]
    with pytest.raises(UserError, match=r"'e' does not occur in training, and <unk> does not either"):
        Vocabulary([["a", "b"]]).encode([["a"], ["b", "e"]])


def test_sentences_start_anew():
    split = sentences(TEXT)
    assert split.steps.tolist() == [4, 3, 4]
    assert split.group.tolist() == [0, 1, 2]
    assert split.successor.tolist() == [-1, -1, -1]
    assert split[0].inputs.tolist() == [BEGINNING, 3, 4, 3]
    assert split[0].targets.tolist() == [3, 4, 3, END]
    assert split[2].inputs.tolist() == [BEGINNING, 4, 3, 6]
    assert split[1].inputs.dtype == split[1].targets.dtype == np.int64
    batch = collate(split, [0, 1])
    assert batch.inputs.shape == batch.targets.shape == (4, 2)
    assert batch.mask.sum(0).tolist() == [4, 3]


def test_long_sentences_are_left_out():
    split = sentences(TEXT, longest=2)
    assert (len(split), split.groups) == (1, 1)
    assert split[0].targets.tolist() == [5, UNKNOWN, END]
    assert len(sentences(TEXT, longest=3)) == 3


@pytest.mark.parametrize("segment_steps", [1, 3, 4, 11, 50])
def test_following_the_successors_gives_the_stream_back(segment_steps):
    split = stream(TEXT, segment_steps)
    assert split.groups == 1
    assert split.steps.sum() == len(TEXT)
    assert (split.steps[:-1] == segment_steps).all()
    index, order = 0, []
    while index != -1:
        order.append(index)
        index = split.successor[index]
    assert order == list(range(len(split)))
    assert np.array_equal(np.concatenate([split[i].targets for i in order]), TEXT)
    inputs = np.concatenate([split[i].inputs for i in order])
    assert inputs[0] == BEGINNING
    assert np.array_equal(inputs[1:], TEXT[:-1])


@pytest.mark.parametrize("make", [sentences, lambda text: stream(text, 5)], ids=["sentence", "stream"])
def test_chunks_hold_the_same_symbols_in_groups(make):
    whole = make(TEXT)
    chunks = whole.chunked(2)
    assert chunks.groups == whole.groups
    assert chunks.steps.max() == 2
    assert (chunks.successor == -1).all()
    for group in range(whole.groups):
        for field in ("inputs", "targets"):
            pieces = [getattr(chunks[i], field) for i in np.flatnonzero(chunks.group == group)]
            parts = [getattr(whole[i], field) for i in np.flatnonzero(whole.group == group)]
            assert np.array_equal(np.concatenate(pieces), np.concatenate(parts))


@pytest.mark.parametrize("level", ["sentence", "stream"])
@pytest.mark.parametrize("unit", ["word", "character"])
def test_a_uniform_model_has_the_perplexity_of_its_symbols(no_data, level, unit):
    data = load_dataset("ptb", level=level, unit=unit)
    model = LSTM(CategoricalHead(data.data_size), embedding_size=2, hidden_size=2).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    metrics = Evaluation(batch_size=64)(model, data, "test", data.protocols[0], seed=0)
    words = sum(len(line) for line in data.vocabulary.decode(data.test.targets.tolist()))
    assert metrics["steps"] == words + data.counts["test"]
    assert metrics["sequences"] == (data.counts["test"] if level == "sentence" else 1)
    if unit == "word":
        assert metrics["ppl"] == pytest.approx(data.data_size, rel=1e-12)
    else:
        assert metrics["bits_per_character"] == pytest.approx(math.log2(data.data_size), rel=1e-12)


def test_perplexity_by_hand(no_data):
    data = load_dataset("ptb")
    assert data.derived_units(-30 * math.log(5), 30) == {"ppl": pytest.approx(5)}
    assert data.derived_units(-1e6, 10) == {"ppl": math.inf}
    assert replace(data, unit="character").derived_units(-30 * math.log(8), 30) == {
        "bits_per_character": pytest.approx(3)
    }


def test_samples_are_cut_where_the_sentence_ends(no_data, tmp_path):
    data = load_dataset("ptb")
    original = data.test[0].targets[None]
    generated = np.array([[3, END, 4, END], [4, 3, 3, 3], [END, 3, 3, END]])
    (path,) = data.write_samples(tmp_path / "samples", original, generated)
    a, b = data.vocabulary.symbols[3:5]
    sentence = " ".join(data.vocabulary.decode(original[0].tolist())[0])
    assert path.read_text() == (
        f"original 0\n{sentence}\n\ngenerated 0\n{a}\n\ngenerated 1\n{b} {a} {a} {a}\n\ngenerated 2\n\n"
    )


def test_samples_of_a_stream_keep_their_lines(no_data):
    words = load_dataset("ptb", level="stream")
    a, b = words.vocabulary.symbols[3:5]
    assert words.text(np.array([3, 4, END, 4, 3])) == f"{a} {b}\n{b} {a}"
    characters = load_dataset("ptb", level="stream", unit="character")
    assert characters.text(characters.test.targets) == words.text(words.test.targets)


READABLE = {
    "plain": (b" a b \n c \n", [["a", "b"], ["c"]], 0),
    "no last line end": (b"a b\nc", [["a", "b"], ["c"]], 0),
    "Windows": (b"a b\r\nc\r\n", [["a", "b"], ["c"]], 0),
    "old Mac": (b"a b\rc\r", [["a", "b"], ["c"]], 0),
    "byte order mark": (b"\xef\xbb\xbfa b\n", [["a", "b"]], 0),
    "accents": ("caf\u00e9\n".encode(), [["caf\u00e9"]], 0),
    "empty lines": (b"\na\n  \n\nb\n\n", [["a"], ["b"]], 4),
}


@pytest.mark.parametrize("case", READABLE)
def test_lines_are_read(tmp_path, case):
    content, lines, empty = READABLE[case]
    path = tmp_path / "text"
    path.write_bytes(content)
    assert read_lines(path) == (lines, empty)


UNREADABLE = {
    "empty": (b"", "holds no sentence"),
    "blank": (b" \n\n", "holds no sentence"),
    "Latin 1": ("a\ncaf\u00e9\n".encode("latin-1"), "line 2 is not UTF-8; convert"),
    "UTF-16": ("a b\n".encode("utf-16"), "is UTF-16, not UTF-8; convert it with iconv -f utf-16"),
    "UTF-16, the other order": (b"\xfe\xff" + "a b\n".encode("utf-16-be"), "is UTF-16, not UTF-8"),
    "UTF-16 without mark": ("a b\n".encode("utf-16-le"), "NUL characters"),
    "eos in the text": (b"a <eos>\nb <eos>\n", "line 1 holds <eos>, which is added"),
    "bos in the text": (b"a\n<bos> b\n", "line 2 holds <bos>, which is added"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_no_text_is_one_sentence(tmp_path, case):
    content, message = UNREADABLE[case]
    path = tmp_path / "ptb.train.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"ptb.train.txt: .*{message}"):
        read_lines(path)

import numpy as np
import pytest
from text_corpora import TRAIN, treebank_files, write_mikolov_tree, write_treebank_folder, write_treebank_zip

from benchmark.data import load_dataset
from benchmark.data.grammar import SPLITS, generate_corpus
from benchmark.data.ptb import PennTreebank
from benchmark.data.text import BEGINNING, UNKNOWN
from benchmark.data.treebank import read_sample, replace_rare_words
from benchmark.errors import UserError
from zforcing.checks import ConfigurationError

pytestmark = pytest.mark.usefixtures("no_data")


def load(root, **options):
    return load_dataset("ptb", root, require_all_files=False, **options)


@pytest.mark.parametrize("place", [".", "ptb", "simple-examples/data"])
def test_mikolovs_files_are_found(tmp_path, place):
    write_mikolov_tree(tmp_path / place)
    data = load(tmp_path)
    assert (data.source, data.kind, data.protocols) == ("full", "categorical", ("sentence",))
    assert data.counts == {"train": 3, "valid": 2, "test": 1}
    assert data.vocabulary.symbols == ("<bos>", "<eos>", "<unk>", "b", "a", "N", "c")
    assert (data.data_size, data.statistics) == (7, {"vocabulary": 6})
    assert "11 / 5 / 4 words with <eos>, vocabulary 6" in data.description
    assert data.test[0].inputs.tolist() == [0, 6, 3, 4]
    assert data.test[0].targets.tolist() == [6, 3, 4, 1]


def test_the_beginning_is_an_input_alone(tmp_path):
    write_mikolov_tree(tmp_path)
    for level in ("sentence", "stream"):
        data = load(tmp_path, level=level)
        for split in (data.train, data.valid, data.test):
            assert (split.targets != BEGINNING).all()
            assert (split.inputs == BEGINNING).sum() == (len(split) if level == "sentence" else 1)


def test_a_stream_in_segments(tmp_path):
    write_mikolov_tree(tmp_path)
    data = load(tmp_path, level="stream", segment_steps=4)
    assert data.protocols == ("stream",)
    assert data.counts == {"train": 3, "valid": 2, "test": 1}
    assert data.train.steps.tolist() == [4, 4, 3]
    assert data.train.successor.tolist() == [1, 2, -1]
    assert data.train.successor.dtype == np.int64
    assert (data.train.groups, data.valid.groups) == (1, 1)
    assert len(data.valid) == 1  # segments of 1,000
    assert data.scored("valid", "stream") is data.valid


def test_characters(tmp_path):
    write_mikolov_tree(tmp_path)
    data = load(tmp_path, unit="character")
    assert data.vocabulary.symbols[:3] == ("<bos>", "<eos>", "<unk>")
    assert set(data.vocabulary.symbols[3:]) == set("ab<unk> cN")
    assert data.text(data.train[0].targets) == "a b <unk>"
    assert len(data.train[0].targets) == len("a b <unk>") + 1
    assert UNKNOWN not in data.train.targets
    assert "20 / 6 / 6 characters with <eos>, vocabulary 11" in data.description
    write_mikolov_tree(tmp_path, test="a z\n")
    with pytest.raises(UserError, match="'z' does not occur in training"):
        load(tmp_path, unit="character")


def test_the_vocabulary_is_that_of_training(tmp_path):
    write_mikolov_tree(tmp_path, valid="a zebra\n")
    data = load(tmp_path)
    assert "zebra" not in data.vocabulary.symbols
    assert data.valid[0].targets.tolist() == [4, UNKNOWN, 1]
    write_mikolov_tree(tmp_path, train="a b\nb\n", test="a zebra\n", valid="a\n")
    with pytest.raises(UserError, match="'zebra' does not occur in training, and <unk> does not either"):
        load(tmp_path)


def test_long_training_sentences_can_be_left_out_and_are_named(tmp_path):
    write_mikolov_tree(tmp_path)
    everything, limited = load(tmp_path), load(tmp_path, longest=2)
    assert len(limited.train) == 1
    assert len(limited.test) == 1
    assert limited.vocabulary.symbols == everything.vocabulary.symbols
    assert "2 training sentences of more than 2 words left out" in limited.description
    assert "left out" not in everything.description
    with pytest.raises(ConfigurationError, match="longest leaves no training sentence"):
        load(tmp_path, longest=1)


def test_the_fingerprint_tells_contents_apart_and_nothing_else(tmp_path):
    first = load(write_mikolov_tree(tmp_path / "a"))
    windows = load(write_mikolov_tree(tmp_path / "b", train=TRAIN.replace("\n", "\r\n")))
    other = load(write_mikolov_tree(tmp_path / "c", train=TRAIN.replace("c", "a")))
    assert first.fingerprint == windows.fingerprint
    assert first.fingerprint != other.fingerprint


def test_empty_lines_are_counted(tmp_path):
    write_mikolov_tree(tmp_path, train=TRAIN + "\n\n")
    data = load(tmp_path)
    assert data.counts["train"] == 3
    assert "2 empty lines left out" in data.description


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_a_missing_split_is_named(tmp_path, split):
    write_mikolov_tree(tmp_path / "ptb", **{split: None})
    with pytest.raises(UserError, match=rf"{tmp_path}/ptb lacks ptb.{split}.txt; complete the copy"):
        load_dataset("ptb", tmp_path)


def test_a_damaged_split_is_named(tmp_path):
    write_mikolov_tree(tmp_path, valid="caf\u00e9\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"ptb.valid.txt: line 1 is not UTF-8"):
        load(tmp_path)


def test_other_files_than_mikolovs_are_refused_with_their_counts(tmp_path, monkeypatch):
    write_mikolov_tree(tmp_path)
    with pytest.raises(UserError, match=r"ptb.train.txt holds 3 lines and 11 tokens with <eos> instead of 42,068 and"):
        load_dataset("ptb", tmp_path)
    monkeypatch.setattr("benchmark.data.ptb.LINES", {"train": 3, "valid": 2, "test": 1})
    monkeypatch.setattr("benchmark.data.ptb.TOKENS", {"train": 11, "valid": 5, "test": 4})
    with pytest.raises(UserError, match=r"holds 6 different words with <eos> instead of 10,000"):
        load_dataset("ptb", tmp_path)
    monkeypatch.setattr("benchmark.data.ptb.VOCABULARY", 6)
    assert load_dataset("ptb", tmp_path).source == "full"


@pytest.mark.parametrize("write", [write_treebank_zip, write_treebank_folder])
@pytest.mark.parametrize("place", [".", "corpora", "nltk_data/corpora"])
def test_the_sample_is_found_in_both_forms(tmp_path, write, place):
    write(tmp_path / place)
    data = load(tmp_path)
    assert data.source == "sample"
    assert data.counts == {"train": 32, "valid": 4, "test": 4}  # files 9 and 19; 10 and 20


def test_the_form_of_the_sample_does_not_change_it(tmp_path):
    archive, folder = write_treebank_zip(tmp_path / "a"), write_treebank_folder(tmp_path / "b")
    assert load(archive).fingerprint == load(folder).fingerprint


def test_the_sample_is_made_like_mikolovs_files(tmp_path):
    files = treebank_files()
    files["wsj_0009.mrg"] = files["wsj_0009.mrg"].replace("Trading", "Zebras").replace("bonds", "Bonds")
    write_treebank_zip(tmp_path, files)
    splits = read_sample(tmp_path / "treebank.zip", require_all=False)
    assert splits["train"][:2] == [
        ["mr.", "agnew", "has", "N", "N", "of", "N", "30-year", "bonds"],
        ["trading", "ended"],
    ]
    assert splits["valid"][:2] == [
        ["mr.", "vinken", "has", "N", "N", "of", "N", "30-year", "bonds"],
        ["<unk>", "ended"],
    ]


def test_rare_words_are_counted_in_training_alone():
    splits = {"train": [["a", "a", "b", "c"]], "valid": [["b", "b", "c", "c", "a", "d"]], "test": [["d", "d"]]}
    assert replace_rare_words(splits) == {
        "train": [["a", "a", "<unk>", "<unk>"]],
        "valid": [["<unk>", "<unk>", "<unk>", "<unk>", "a", "<unk>"]],
        "test": [["<unk>", "<unk>"]],
    }


BAD_FILES = {
    "an open bracket": "( (S (NN Trading) )",
    "a closed bracket too many": "( (S (NN Trading)) ) )",
    "plain text": "Trading ended .",
    "no UTF-8": "( (S (NN caf\u00e9)) )".encode("latin-1"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_damaged_tree_is_one_sentence(tmp_path, case):
    write_treebank_folder(tmp_path, treebank_files() | {"wsj_0003.mrg": BAD_FILES[case]})
    with pytest.raises(UserError, match=r"wsj_0003.mrg: .*fetch the corpus again"):
        load(tmp_path)


def test_a_damaged_archive_is_one_sentence(tmp_path):
    write_treebank_zip(tmp_path)
    content = (tmp_path / "treebank.zip").read_bytes()
    position = content.index(b"wsj_0001.mrg") + 40
    for damaged in (content[:-200], content[:position] + bytes(30) + content[position + 30 :], b""):
        (tmp_path / "treebank.zip").write_bytes(damaged)
        with pytest.raises(UserError, match=r"treebank.zip: is a damaged archive .*; fetch it again"):
            load(tmp_path)


def test_an_incomplete_sample_is_refused(tmp_path):
    write_treebank_zip(tmp_path)
    with pytest.raises(UserError, match="holds 40 sentences instead of 3914"):
        load_dataset("ptb", tmp_path)
    write_treebank_zip(tmp_path, treebank_files(count=9))
    with pytest.raises(UserError, match="no sentence for the test split"):
        load(tmp_path)


def test_the_embedded_default_needs_nothing_and_is_always_the_same():
    first, second = load_dataset("ptb"), load_dataset("ptb")
    assert first.source == "embedded"
    assert first.counts == SPLITS
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint == "91f36bacece50af922080070dee33fabb8188a8803e98ea37b8da22f59676912"


def test_the_embedded_sentences_are_like_the_corpus():
    corpus = generate_corpus()
    words = {split: {word for line in lines for word in line} for split, lines in corpus.items()}
    assert words["valid"] | words["test"] <= words["train"]
    assert {"<unk>", "N", "$", "mr.", "n't"} <= words["train"]
    lengths = [len(line) for line in corpus["train"]]
    assert min(lengths) >= 2
    assert 7 < np.mean(lengths) < 12
    assert len({tuple(line) for line in corpus["train"]}) > 2000


def test_the_full_corpus_is_preferred_to_the_sample(tmp_path):
    write_mikolov_tree(tmp_path / "ptb")
    write_treebank_zip(tmp_path / "nltk_data/corpora")
    assert load(tmp_path).source == "full"
    assert load(tmp_path, source="sample").source == "sample"
    assert load(tmp_path, source="embedded").source == "embedded"


@pytest.mark.parametrize("source", ["full", "sample"])
def test_a_source_that_is_missing_says_where_it_looked(tmp_path, source):
    with pytest.raises(UserError, match=f"'{source}' was not found; looked for .* below {tmp_path}"):
        load_dataset("ptb", tmp_path, source=source)
    with pytest.raises(UserError, match="ZFORCING_DATA"):
        load_dataset("ptb", source=source)


WRONG = {
    "source": "best",
    "level": "paragraph",
    "unit": "byte",
    "segment_steps": 0,
    "longest": "45",
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_are_named(name):
    with pytest.raises(ConfigurationError, match=f"{name} must be"):
        PennTreebank(**{name: WRONG[name]})


def test_a_stream_holds_no_long_sentences():
    with pytest.raises(ConfigurationError, match="longest must be None at level 'stream'"):
        PennTreebank(level="stream", longest=45)

"""Which reported numbers are set beside a run, and what is said about them."""

import json

import pytest

from benchmark import published
from benchmark.errors import UserError
from benchmark.published import (
    comparability,
    comparable_in_a_word,
    of_protocol,
    published_rows,
    reported_bound,
    reported_number,
    shown_rows,
    source,
)


def record(dataset, protocol, metric, origin="full"):
    return {
        "dataset": {"name": dataset, "source": origin, "description": "some data"},
        "results": {"test": {protocol: {metric: 1.0}}},
    }


def models(*of_record):
    of_run = record(*of_record)
    return {row["model"] for row in shown_rows(of_run) if of_protocol(of_run, row)}


def all_rows():
    return json.loads(published.PUBLISHED.read_text())


STATUS = (
    "confirmed in the paper",
    "confirmed in a secondary source",
    "confirmed in the released code",
    "two sources disagree",
    "not re-checked against the paper",
)
REQUIRED = {"dataset", "model", "value", "unit", "bound", "split", "paper", "table", "quoted_in", "status"}
OPTIONAL = {"protocol", "sequences", "note", "estimator"}

# The paper's table 1, nats per sequence on Blizzard and TIMIT: none was re-checked.
TABLE_1 = {
    "Z-Forcing": (14435, 68132),
    "Z-Forcing + kla": (14226, 68903),
    "Z-Forcing + aux": (15430, 69530),
    "Z-Forcing + kla, aux": (15024, 70469),
}


def test_the_rows_of_the_papers_table_1_are_marked_and_what_others_quote_stands_beside_them():
    rows = {(row["dataset"], row["model"]): row for row in all_rows()}
    for model, values in TABLE_1.items():
        for dataset, value in zip(("blizzard", "timit"), values, strict=True):
            row = rows[dataset, model]
            assert (row["value"], row["bound"], row["split"]) == (value, "lower bound", "test")
            assert (row["paper"], row["table"]) == ("Goyal et al. 2017", "table 1")
            assert row["status"] == "not re-checked against the paper"
            assert source(row) == "Goyal et al. 2017, table 1 (not re-checked against the paper)"
    for dataset, value in (("blizzard", 14315), ("timit", 68852)):
        row = rows[dataset, "Z-Forcing (preprint)"]
        assert (row["value"], row["status"]) == (value, "confirmed in a secondary source")
        assert "quoted in Variational Bi-LSTMs (ICLR 2018 submission), table 1" in source(row)


def test_only_the_submission_that_was_read_in_full_is_said_to_be_confirmed_in_itself():
    for row in all_rows():
        own = row["paper"] is not None and (row["quoted_in"] or "").startswith(row["paper"])
        assert (row["status"] == "confirmed in the paper") == own
    (row,) = [row for row in published_rows("timit") if row["model"] == "Variational Bi-LSTM"]
    assert source(row) == (
        "Variational Bi-LSTMs (ICLR 2018 submission), table 1 (confirmed in the paper; KL 3204.7 (table 6))"
    )


def test_values_that_disagree_are_both_shown():
    shown = [row for row in published_rows("blizzard") if row["model"] == "VRNN-GMM"]
    assert {row["value"]: row["status"] for row in shown} == dict.fromkeys((9392, 9107), "two sources disagree")
    assert len({source(row) for row in shown}) == 2


def test_every_row_is_in_a_known_unit_and_says_what_is_known_of_it():
    for row in all_rows():
        assert row["unit"] in published.UNITS
        assert row["bound"] in ("exact", "lower bound", "upper bound", "not stated")
        assert row["split"] in ("valid", "test", "not stated")
        assert row["paper"] or row["quoted_in"]
        assert row["status"] in STATUS
        assert (row["quoted_in"] is None) == (row["status"] == "not re-checked against the paper")
        assert isinstance(row["value"], (int, float))
        assert set(row) <= REQUIRED | OPTIONAL
        assert set(row) >= REQUIRED


# Numbers that could not be confirmed anywhere, by data set.
UNCONFIRMED = {
    "blizzard": {14435, 14226, 15430, 15024},
    "timit": {68132, 68903, 69530, 70469},
    "seqmnist": {80.60, 78.50},
    "ptb": {114.5, 82.7},
}


def test_nothing_more_is_said_to_be_confirmed_than_was():
    unconfirmed = [row for row in all_rows() if row["status"] == "not re-checked against the paper"]
    assert {(row["dataset"], row["value"]) for row in unconfirmed} == {
        (dataset, value) for dataset, values in UNCONFIRMED.items() for value in values
    }
    rows = {(row["dataset"], row["model"], row["value"]): row for row in all_rows()}
    assert rows["timit", "Z-Forcing (preprint)", 68852]["status"] == "confirmed in a secondary source"
    assert rows["blizzard", "VRNN-GMM", 9392]["status"] == rows["blizzard", "VRNN-GMM", 9107]["status"]


def test_images_read_in_rows_are_not_set_beside_those_read_pixel_by_pixel():
    assert {"Z-Forcing", "Z-Forcing + aux", "DRAW", "NADE"} < models("seqmnist", "image", "nll_nats_per_image")
    rows = record("seqmnist", "image28", "nll_nats_per_image")
    shown = {row["model"]: comparable_in_a_word(rows, row) for row in shown_rows(rows)}
    assert {"Z-Forcing", "Z-Forcing + aux"} < shown.keys()
    assert set(shown.values()) == {"no: protocol image"}
    assert comparability(rows) == (
        "NOT COMPARABLE with the numbers reported for seqmnist, which are in NLL in nats per image, protocol image; "
        "our protocol is image28."
    )


def test_the_levels_and_units_of_text_are_kept_apart():
    streams, sentences = models("ptb", "stream", "ppl"), models("ptb", "sentence", "ppl")
    characters = models("ptb", "stream", "bits_per_character")
    assert "LSTM (Zaremba, small)" in streams
    assert "VAE (Bowman)" in sentences
    assert {"Z-Forcing", "Zoneout"} < characters
    assert not streams & sentences
    assert not (streams | sentences) & characters
    text = comparability(record("ptb", "stream", "ppl"))
    assert text.startswith("Comparable with care: same text and unit")
    assert (
        "Not comparable are numbers in NLL in nats per sentence of words, protocol sentence; bits per character" in text
    )


def test_only_the_test_split_is_shown():
    zaremba = [row["value"] for row in published_rows("ptb") if row["model"] == "LSTM (Zaremba, large)"]
    assert sorted(zaremba) == [78.4, 82], "the released code says 82 without a split"


def test_a_bound_of_another_kind_says_so_in_its_row():
    jsb = record("music_jsb", "sequence", "nll_nats_per_step")
    rows = {row["value"]: row for row in shown_rows(jsb)}
    assert reported_number(rows[-6.91]) == ("nll_nats_per_step", 6.91)
    assert reported_bound(rows[-6.91]) == "lower bound, FIVO"
    assert "FIVO bound, tighter than an ELBO" in source(rows[-6.91])
    assert source(rows[-6.91]).startswith("quoted in an ICLR 2020 text")
    assert "SRNN's own numbers are on other frames" in comparability(jsb)
    assert "is at hand" in comparability(record("music_nottingham", "sequence", "nll_nats_per_step"))


def test_a_number_of_which_it_is_not_known_whether_it_is_a_bound():
    row = next(row for row in published_rows("seqmnist") if row["model"] == "PixelVAE")
    assert reported_number(row) == ("nll_nats_per_image", 79.02)
    assert reported_bound(row) == "not stated"
    assert "whether exact or a bound is not stated" in source(row)


@pytest.mark.parametrize("origin", ["sample", "embedded"])
def test_another_source_is_not_comparable(origin):
    assert "NOT COMPARABLE" in comparability(record("timit", "utterance", "bits_per_sample", origin))
    assert "NOT COMPARABLE" not in comparability(record("timit", "utterance", "bits_per_sample"))
    row = published_rows("timit")[0]
    assert comparable_in_a_word(record("timit", "utterance", "bits_per_sample", origin), row) == "no: full corpus"
    assert comparable_in_a_word(record("timit", "utterance", "bits_per_sample"), row) == "with care"


def test_the_bound_of_a_number_of_which_less_is_better():
    """As in 'NLL <= 80.09'; an upper bound of the NLL is a lower one of the log-likelihood."""
    for row in all_rows():
        less_is_better = not row["unit"].startswith(("nats per sequence", "log-likelihood"))
        assert row["bound"] != ("lower bound" if less_is_better else "upper bound")
    row = next(row for row in published_rows("seqmnist") if row["model"] == "Z-Forcing + aux")
    assert (row["bound"], reported_bound(row)) == ("upper bound", "lower bound")


def test_sequences_that_differ_have_no_common_unit():
    """The NLL of a sentence does not stand beside that of a whole stream; a perplexity does, and says what it is of."""
    stream = record("ptb", "stream", "ppl")
    stream["results"]["test"]["stream"]["nats_per_seq"] = -400000.0
    of_bowman = {row["unit"]: row for row in shown_rows(stream) if "Bowman" in row["model"]}
    assert list(of_bowman) == ["perplexity per word"]
    assert comparable_in_a_word(stream, of_bowman["perplexity per word"]) == "no: protocol sentence"
    assert "of which split is not stated" in source(of_bowman["perplexity per word"])


def test_a_damaged_file_of_reported_numbers_is_named(tmp_path, monkeypatch):
    (tmp_path / "published.json").write_text("[")
    monkeypatch.setattr(published, "PUBLISHED", tmp_path / "published.json")
    with pytest.raises(UserError, match=r"published.json: cannot be read"):
        published_rows("timit")

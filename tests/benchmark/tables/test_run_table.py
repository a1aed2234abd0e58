import pytest
from made_up_records import made_up_record

from benchmark.tables import comparison_table


def cells(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [dict(zip(heads, row, strict=True)) for row in rows]


@pytest.mark.parametrize(("model", "column"), [("LSTM", "exact"), ("ZForcing", "lower bound")])
def test_a_run_stands_above_the_reported_numbers(model, column):
    record = made_up_record("Z-Forcing + aux", 5, model)
    text = comparison_table(record)
    first, second, *reported = cells(text)
    assert first["model"] == second["model"] == "Z-Forcing + aux (this run)"
    assert (first["protocol"], second["protocol"], first["from"]) == ("utterance", "chunk40", "seed 5")
    metric = "elbo_nats_per_seq" if column == "lower bound" else "log_likelihood_nats_per_seq"
    for row in (first, second):
        expected = record["results"]["test"][row["protocol"]][metric]
        assert row[f"nats/seq, {column}"] == f"{expected:.1f}"
    by_model = {row["model"]: row for row in reported}
    assert by_model["RNN-GMM"]["nats/seq, exact"] == "26643"
    assert by_model["Z-Forcing + kla, aux"]["nats/seq, lower bound"] == "70469"
    assert by_model["RNN-GMM"]["comparable"] == "no: full corpus"
    assert "not re-checked against the paper" in text
    assert text.endswith("ours on another source (made-up timit).")


def test_reported_numbers_are_in_the_columns_of_their_units():
    sentences = made_up_record(data="ptb", source="full")
    rows = cells(comparison_table(sentences))
    columns = ("nats/seq, lower bound", "perplexity, upper bound")
    bowman = [tuple(row[name] for name in columns) for row in rows if row["model"].startswith("VAE (Bowman)")]
    assert bowman == [("-101", ""), ("", "119"), ("-103.97", "")]
    comparable = {row["model"].partition(" (")[0]: row["comparable"] for row in rows[1:]}
    assert comparable == {"VAE": "with care", "LSTM": "no: protocol stream"}
    assert "KL 7.27" in comparison_table(sentences)


def test_nats_per_image_are_shown_once():
    images = made_up_record(data="seqmnist")
    row = cells(comparison_table(images))[0]
    value = images["results"]["test"]["image784"]["nll_nats_per_image"]
    assert row["NLL/image, upper bound"] == f"{value:.2f}"
    assert not any(heading.startswith(("nats/seq", "bits/pixel")) for heading in row)

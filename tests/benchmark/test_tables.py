import json

import pytest
from made_up import made_up_record

from benchmark import tables
from benchmark.errors import UserError


def record(source="sample", bound="elbo"):
    latent = {"elbo_nats_per_seq": 123.45, "kl_nats_per_seq": 6.78, "active_units": 3, "latent_units": 4}
    metrics = latent if bound == "elbo" else {"log_likelihood_nats_per_seq": 123.45}
    return {
        "label": "Z-Forcing + aux",
        "seed": 5,
        "dataset": {"name": "timit", "source": source, "description": "some speech"},
        "results": {
            "valid": {"utterance": {"bound": bound, **metrics}},
            "test": {"utterance": {"bound": bound, "sequences": 20, "bits_per_sample": 9.8765, **metrics}},
        },
        "training": {"updates": 96, "validation": [{"bound": bound, **dict.fromkeys(metrics, -70.0)}]},
    }


def row_of(table, label):
    return next([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if label in line)


def test_a_bound_is_marked_and_an_exact_number_is_not():
    assert row_of(tables.comparison_table(record()), "this run")[1:6] == [
        "≥ 123.5",
        "9.877",
        "6.8",
        "3/4",
        "timit, sample",
    ]
    exact = tables.comparison_table(record(bound="exact"))
    assert row_of(exact, "this run")[1:4] == ["123.5", "9.877", "timit, sample"]
    assert row_of(exact, "RNN-GMM")[1] == "26643"
    assert row_of(exact, "Z-Forcing + kla, aux ")[1] == "≥ 70469"


def test_reported_numbers_are_in_the_columns_of_their_units():
    sentences = record("full")
    metrics = {"bound": "elbo", "elbo_nats_per_seq": -99.0, "sequences": 3, "ppl": 110.0}
    sentences |= {"dataset": sentences["dataset"] | {"name": "ptb"}, "results": {"test": {"sentence": metrics}}}
    table = tables.comparison_table(sentences)
    assert row_of(table, "this run")[1:3] == ["≥ -99.0", "110.000"]
    cells = [[cell.strip() for cell in line.split("|")[2:4]] for line in table.splitlines() if "VAE (Bowman) " in line]
    assert cells == [["≥ -101", ""], ["", "≤ 119"]]
    assert row_of(table, "VAE (Bowman), run again")[1] == "≥ -103.97"
    assert "KL 7.27" in row_of(table, "VAE (Bowman), run again")[-1]


def test_records_of_one_corpus_make_one_table(tmp_path, capsys):
    (tmp_path / "records").mkdir()
    with pytest.raises(UserError, match="holds no record"):
        tables.main(["--out", str(tmp_path)])
    for seed in (6, 5):
        made_up = made_up_record() | record() | {"seed": seed, "run_id": f"run{seed}"}
        (tmp_path / f"records/run{seed}.json").write_text(json.dumps(made_up))
    tables.main(["--out", str(tmp_path)])
    lines = (tmp_path / "tables/timit_sample.md").read_text().splitlines()
    assert [line.split("|")[-2].strip() for line in lines[-2:]] == ["seed 5", "seed 6"]
    overview = (tmp_path / "tables/overview.md").read_text()
    assert row_of(overview, "Z-Forcing + aux")[1:6] == [
        "Z-Forcing + aux",
        "≥ -70.0",
        "≥ 123.5",
        "≥ 123.5",
        "9.877 bits/sample",
    ]
    (tmp_path / "records/broken.json").write_text("{}")
    with pytest.raises(UserError, match=r"broken.json: not a record"):
        tables.main(["--out", str(tmp_path)])

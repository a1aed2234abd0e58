import json

import pytest

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


def test_what_cannot_be_compared_says_so():
    assert "NOT COMPARABLE" in tables.comparison_table(record("sample"))
    assert "NOT COMPARABLE" in tables.comparison_table(record("embedded"))
    assert "NOT COMPARABLE" not in tables.comparison_table(record("full"))


def test_the_reported_numbers():
    """What the papers are said to report, and how far each was verified."""
    rows = {(row["dataset"], row["model"], row["value"]): row for row in json.loads(tables.PUBLISHED.read_text())}
    for blizzard, timit in ((14435, 68132), (14226, 68903), (15430, 69530), (15024, 70469)):
        for dataset, value in (("blizzard", blizzard), ("timit", timit)):
            status = {row["status"] for key, row in rows.items() if key[0] == dataset and key[2] == value}
            assert status == {"not re-checked against the paper"}
    assert rows["timit", "Z-Forcing (preprint)", 68852]["status"] == "confirmed in a secondary source"
    assert rows["blizzard", "VRNN-GMM", 9392]["status"] == rows["blizzard", "VRNN-GMM", 9107]["status"]
    assert all(row["bound"] in ("exact", "lower bound") and row["unit"] for row in rows.values())


def test_a_damaged_file_of_reported_numbers_is_named(tmp_path, monkeypatch):
    (tmp_path / "published.json").write_text("[")
    monkeypatch.setattr(tables, "PUBLISHED", tmp_path / "published.json")
    with pytest.raises(UserError, match=r"published.json: cannot be read"):
        tables.comparison_table(record())


def test_records_of_one_corpus_make_one_table(tmp_path, capsys):
    (tmp_path / "records").mkdir()
    with pytest.raises(UserError, match="holds no record"):
        tables.main(["--out", str(tmp_path)])
    for seed in (6, 5):
        (tmp_path / f"records/run{seed}.json").write_text(json.dumps(record() | {"seed": seed}))
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

"""Tables of records that nobody made, with numbers whose means and intervals can be worked out by hand."""

import csv
import io
import json
import math
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from made_up_records import ANNEALED, CONSTANT, made_up_ablation, made_up_record, made_up_speech, write_records

from benchmark.errors import UserError
from benchmark.later import with_later
from benchmark.records import folder_records
from benchmark.rows import group_rows
from benchmark.statistics import t_interval
from benchmark.tables import all_tables, main, write_tables
from benchmark.tables.plain import plain_row

GOLDEN = Path(__file__).parents[2] / "golden"
NAME = "timit_sample_utterance"

# label, model, KL weight, auxiliary weight; bound and KL of seeds 1, 2, 3.
ROWS = (
    ("RNN-Gauss", "LSTM", CONSTANT, 0.0, (-50.0, -40.0, -30.0), None),
    ("Z-Forcing", "ZForcing", CONSTANT, 0.0, (100.0, 110.0, 120.0), (10.0, 11.0, 12.0)),
    ("Z-Forcing + aux", "ZForcing", CONSTANT, 0.0025, (103.0, 112.0, 121.0), (10.0, 12.0, 11.0)),
    ("Z-Forcing + kla", "ZForcing", ANNEALED, 0.0, (101.0, 109.0, 120.0), (20.0, 21.0, 22.0)),
    ("SRNN", "SRNN", ANNEALED, 0.0, (90.0, 91.0, 92.0), (5.0, 5.0, 5.0)),
    ("SRNN + aux", "SRNN", ANNEALED, 0.01, (80.0, 81.0, 82.5), (5.0, 5.0, 5.0)),
)


def golden_records():
    return [
        with_numbers(
            made_up_record(label, seed, model, kl_weight=kl, aux_weight=aux), bounds[index], kls and kls[index]
        )
        for label, model, kl, aux, bounds, kls in ROWS
        for index, seed in enumerate((1, 2, 3))
    ]


def with_numbers(record, bound, kl):
    """The record with round numbers in its test split, and without what was drawn at random."""
    metrics = {"bound": "exact", "sequences": 20, "steps": 4404, "log_likelihood_nats_per_seq": bound}
    if kl is not None:
        metrics = {
            "bound": "elbo",
            "sequences": 20,
            "steps": 4404,
            "elbo_nats_per_seq": bound,
            "kl_nats_per_seq": kl,
            "active_units": int(kl),
            "latent_units": 64,
            "mutual_information_nats": kl / 100,
        }
    metrics["bits_per_sample"] = 9.0 - bound / 1000
    return record | {"results": record["results"] | {"test": {"utterance": metrics}}}


@pytest.fixture(scope="module")
def golden():
    return all_tables(golden_records())


def cells(text):
    """The rows of the first table of a page, by heading."""
    lines = [line for line in text.split("\n## ")[0].splitlines() if line.startswith("|")]
    heads, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [dict(zip(heads, row, strict=True)) for row in rows]


def row_of(text, label):
    return next(row for row in cells(text) if row["model"] == label)


@pytest.mark.parametrize("suffix", ["md", "tex", "csv"])
def test_made_up_records_give_the_golden_files(golden, suffix):
    """Where a change is meant, write the new ones with UPDATE_GOLDEN=1 and read what has changed."""
    path = GOLDEN / f"{NAME}.{suffix}"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(golden[path.name])
    assert golden[path.name] == path.read_text()


def test_the_order_of_the_records_is_nothing_to_the_tables(golden):
    assert all_tables(reversed(golden_records())) == golden


def test_means_and_intervals_are_those_worked_out_by_hand(golden):
    """t(2) is 4.3027 at 95 %; the standard error of three numbers 10 apart is 10 / sqrt(3) = 5.7735."""
    plain = row_of(golden[f"{NAME}.md"], "Z-Forcing")
    assert plain["nats/seq, lower bound"] == "110.0 ± 24.8"
    assert plain["nats/seq, exact"] == ""
    assert plain["bits/sample, upper bound"] == "8.890 ± 0.025"
    assert plain["active, units"] == "11.0 ± 2.5 of 64"
    assert plain["n"] == "3"
    exact = row_of(golden[f"{NAME}.md"], "RNN-Gauss")
    assert exact["nats/seq, exact"] == "-40.0 ± 24.8"
    assert exact["nats/seq, lower bound"] == exact["KL, nats/seq"] == exact["plain row"] == ""


def test_differences_are_paired_by_seed_and_bold_only_where_they_are_clear(golden):
    """Differences of 3, 2, 1 have the interval 2 ± 2.48; those of -10, -10, -9.5 have -9.83 ± 0.72."""
    table = golden[f"{NAME}.md"]
    shown = {
        label: [
            row_of(table, label)[name] for name in ("bound vs plain, nats/seq", "KL vs plain, nats/seq", "plain row")
        ]
        for label, *_ in ROWS
    }
    assert shown == {
        "RNN-Gauss": ["", "", ""],
        "Z-Forcing": ["", "", "this"],
        "Z-Forcing + aux": ["+2.0 ± 2.5", "+0.0 ± 2.5", "4"],
        "Z-Forcing + kla": ["+0.0 ± 2.5", "**+10.0 ± 0.0**", "4"],
        "SRNN": ["", "", "this, KL weight 0.2 to 1"],
        "SRNN + aux": ["**-9.8 ± 0.7**", "+0.0 ± 0.0", "2, KL weight 0.2 to 1"],
    }
    assert r"$\mathbf{-9.8 \pm 0.7}$" in golden[f"{NAME}.tex"]
    assert golden[f"{NAME}.tex"].count("mathbf") == table.count("**+") + table.count("**-") == 2


def test_every_seed_is_listed_with_its_run_and_commit(golden):
    runs = golden[f"{NAME}.md"].split("## Runs")[1]
    for record in golden_records():
        line = next(line for line in runs.splitlines() if record["run_id"] in line)
        metrics = record["results"]["test"]["utterance"]
        bound = metrics.get("elbo_nats_per_seq", metrics.get("log_likelihood_nats_per_seq"))
        assert f" {bound:.1f} " in line
        assert f" {record['environment']['commit'][:12]} " in line
        assert f" {record['seed']} " in line
        assert record["run_id"].replace("_", r"\_") in golden[f"{NAME}.tex"]


def test_csv_leads_from_any_number_to_its_record(golden):
    lines = list(csv.DictReader(io.StringIO(golden[f"{NAME}.csv"])))
    records = {record["run_id"]: record for record in golden_records()}
    ours = [line for line in lines if line["origin"] == "ours"]
    for line in ours:
        record = records[line["run_id"]]
        assert float(line["value"]) == record["results"]["test"][line["protocol"]][line["metric"]]
        assert line["commit"] == record["environment"]["commit"]
        assert line["gin_files"].split() == record["gin_files"]
        assert line["data_fingerprint"] == record["dataset"]["fingerprint"]
        assert line["record"] == f"records/{record['run_id']}.json"
    numbers = [value for r in records.values() for value in r["results"]["test"]["utterance"].values()]
    assert len(ours) == sum(isinstance(value, (int, float)) for value in numbers)
    bounds = {(line["metric"], line["model"]): (line["unit"], line["bound"]) for line in ours}
    assert bounds["elbo_nats_per_seq", "SRNN"] == ("nats/seq", "lower bound")
    assert bounds["bits_per_sample", "SRNN"] == ("bits/sample", "upper bound")
    assert bounds["bits_per_sample", "LSTM"] == ("bits/sample", "exact")
    assert bounds["kl_nats_per_seq", "SRNN"] == ("nats/seq", "")
    reported = {line["label"]: line for line in lines if line["origin"] == "reported"}
    assert reported["Z-Forcing + aux"]["value"] == "69530"
    assert "not re-checked against the paper" in reported["Z-Forcing + aux"]["reference"]
    assert {line["comparable"] for line in reported.values()} == {"no: full corpus"}


def test_no_column_mixes_units_or_bounds():
    """Every number of every column, ours and reported, on data of every kind."""
    records = [
        made_up_record(label, seed, model, data=data, source="full")
        for data in ("timit", "seqmnist", "ptb", "music_jsb")
        for label, model in (("LSTM", "LSTM"), ("Z-Forcing", "ZForcing"))
        for seed in (1, 2)
    ]
    tables = {name: cells(text) for name, text in all_tables(records).items() if name.endswith(".md")}
    assert len(tables) == 6
    for name, rows in tables.items():
        for row in rows:
            exact = {heading for heading, cell in row.items() if cell and "exact" in heading.split(", ")}
            bounds = {heading for heading, cell in row.items() if cell and "bound" in heading.split(", ")[-1]}
            assert not (exact and bounds), (name, row)
            assert exact or bounds or row["from"].startswith("["), (name, row)
    chorales = tables["music_jsb_full_sequence.md"]
    fivo = {row["model"]: row["NLL/step, upper bound, FIVO"] for row in chorales}
    assert fivo == {
        "LSTM": "",
        "Z-Forcing": "",
        "VRNN (trained with FIVO, latents 32)": "6.91",
        "VHRNN (trained with FIVO)": "6.7",
    }


def test_seeds_that_are_not_shared_are_not_compared():
    records = [r for r in golden_records() if (r["label"], r["seed"]) not in {("Z-Forcing", 3), ("Z-Forcing + aux", 1)}]
    row = row_of(all_tables(records)[f"{NAME}.md"], "Z-Forcing + aux")
    assert (row["bound vs plain, nats/seq"], row["n"]) == ("+2.0 (n = 1)", "2")


def test_the_plain_row_is_that_of_the_same_model_and_settings():
    rows = group_rows(made_up_ablation(seeds=(1, 2)))
    for row in rows:
        plain = plain_row(row, rows)
        assert plain.model == row.model
        assert plain.weights["first"] == plain.weights["last"]
        assert (plain.weights["last"]["kl_weight"], plain.weights["last"]["aux_weight"]) == (1.0, 0.0)
    wider = made_up_record("Z-Forcing + aux", aux_weight=0.1)
    wider["config"] += "ZForcing.hidden_size = 999\n"
    *_, alone = rows_with = group_rows([*made_up_speech(seeds=(1,)), wider])
    alone = next(row for row in rows_with if "999" in row.label)
    assert plain_row(alone, rows_with) is None
    assert plain_row(next(row for row in rows_with if row.model == "LSTM"), rows_with) is None


def test_a_single_seed_has_no_interval_and_nothing_is_bold():
    tables = all_tables([record for record in golden_records() if record["seed"] == 2])
    row = row_of(tables[f"{NAME}.md"], "SRNN + aux")
    assert (row["nats/seq, lower bound"], row["bound vs plain, nats/seq"]) == ("81.0", "-10.0")
    assert "mathbf" not in tables[f"{NAME}.tex"]


def test_probes_are_columns(tmp_path):
    records = golden_records()
    path = tmp_path / "probes" / f"{records[-1]['run_id']}.json"
    path.parent.mkdir()
    what = {"latents": {"accuracy": 0.4321}, "states": {"accuracy": 0.5}}
    probe = {"run_id": path.stem, "commit": "c" * 40, "what": what, "majority": 0.2}
    path.write_text(json.dumps(probe))
    path.with_name(f"{path.stem}_frames500.json").write_text(json.dumps(probe | {"majority": 0.9}))
    tables = all_tables(with_later(tmp_path, records))
    row = row_of(tables[f"{NAME}.md"], "SRNN + aux")
    shown = {heading: cell for heading, cell in row.items() if heading.startswith("phones")}
    assert shown == {
        "phones from latents, share of frames": "0.432 (n = 1)",
        "phones from states, share of frames": "0.500 (n = 1)",
        "phones by majority, share of frames": "0.200 (n = 1)",
    }
    lines = [line for line in csv.DictReader(io.StringIO(tables[f"{NAME}.csv"])) if "phone" in line["metric"]]
    lines = [line for line in lines if line["origin"] == "ours"]
    assert {(line["record"], line["commit"]) for line in lines} == {(f"probes/{path.name}", "c" * 40)}
    path.write_text(json.dumps(probe | {"run_id": "another"}))
    with pytest.raises(UserError, match=r".json: the probe of another, not of"):
        with_later(tmp_path, records)
    path.write_text("{}")
    with pytest.raises(UserError, match=r".json: not the result of a probe"):
        with_later(tmp_path, records)


def write_bound(out, record, estimator="iwae", name="iwae100", **changes):
    """What `benchmark.evaluate` writes of a run."""
    bound = {
        **{"run_id": record["run_id"], "bound": estimator, "samples": 100, "protocol": "utterance", "sequences": 20},
        "commit": "b" * 40,
        "values": {"nats_per_seq": 90.5, "bits_per_sample": 9.5},
    }
    path = out / "bounds" / f"{record['run_id']}_{name}_test.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(bound | changes))
    return path


def test_tighter_bounds_are_columns_of_their_own(tmp_path):
    records = golden_records()
    path = write_bound(tmp_path, records[-1])
    write_bound(tmp_path, records[-1], "elbo", "elbo1", values={"nats_per_seq": 1.0})
    other = {"resampling": "multinomial", "threshold": 0.5}
    write_bound(tmp_path, records[-1], "fivo", "fivo100_multinomial_0.5", **other)
    tables = all_tables(with_later(tmp_path, records))
    row = row_of(tables[f"{NAME}.md"], "SRNN + aux")
    shown = {heading: cell for heading, cell in row.items() if "bound" in heading and "vs" not in heading and cell}
    assert list(shown) == [
        *("nats/seq, lower bound", "nats/seq, lower bound, IWAE-100"),
        *("bits/sample, upper bound", "bits/sample, upper bound, IWAE-100"),
    ]
    assert shown["nats/seq, lower bound, IWAE-100"] == "90.5 (n = 1)"
    assert shown["bits/sample, upper bound, IWAE-100"] == "9.500 (n = 1)"
    lines = list(csv.DictReader(io.StringIO(tables[f"{NAME}.csv"])))
    (line, _) = [line for line in lines if "iwae" in line["metric"] and line["origin"] == "ours"]
    assert (line["metric"], line["unit"], line["bound"]) == (
        *("iwae100_nats_per_seq", "nats/seq", "lower bound, IWAE-100"),
    )
    assert (line["record"], line["commit"]) == (f"bounds/{path.name}", "b" * 40)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"samples": None}, "not the result of benchmark.evaluate"),
        ({"values": [1]}, "not the result of benchmark.evaluate"),
        ({"run_id": "another"}, r"of \('another', "),
        ({"sequences": 5}, r"'utterance', 5\) in "),
        ({"protocol": "chunk40"}, "'chunk40', "),
        ({"values": {"furlongs": 1.0}}, "in furlongs, not of"),
    ],
)
def test_a_bound_of_something_else_is_refused(tmp_path, changes, complaint):
    records = golden_records()
    write_bound(tmp_path, records[-1], **changes)
    with pytest.raises(UserError, match=rf"_iwae100_test.json: .*{complaint}"):
        with_later(tmp_path, records)


def test_tables_of_earlier_records_are_removed(tmp_path):
    records = golden_records()
    write_tables(tmp_path, records)
    (tmp_path / "tables/notes.md").touch()
    kept = [record for record in records if "aux" not in record["label"]]
    paths = write_tables(tmp_path, kept)
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {"notes.md", *(path.name for path in paths)}
    assert not any(path.name.startswith("auxiliary_cost") for path in paths)


def test_the_command_writes_all_tables(tmp_path, capsys):
    write_records(tmp_path, golden_records())
    main(["--out", str(tmp_path)])
    expected = all_tables(folder_records(tmp_path))
    assert {path.name: path.read_text() for path in (tmp_path / "tables").iterdir()} == expected
    assert capsys.readouterr().out.split() == [str(tmp_path / "tables" / name) for name in expected]
    overview = row_of(expected["overview.md"], "Z-Forcing")
    assert overview["test, nats/seq, lower bound"] == "110.0 ± 24.8"
    assert overview["data"] == "timit, sample, utterance"
    assert overview["runs in"] == f"row 4 of {NAME}.md"


def test_the_csv_has_the_means_of_the_page(golden):
    lines = list(csv.DictReader(io.StringIO(golden[f"{NAME}.csv"])))
    assert {line["origin"] for line in lines} == {"ours", "ours, mean", "reported"}
    of_metric = [line for line in lines if line["label"] == "Z-Forcing + kla" and line["metric"] == "elbo_nats_per_seq"]
    by_seed = {line["seed"]: float(line["value"]) for line in of_metric if line["origin"] == "ours"}
    plain = {
        line["seed"]: float(line["value"])
        for line in lines
        if line["label"] == "Z-Forcing" and line["metric"] == "elbo_nats_per_seq" and line["origin"] == "ours"
    }
    (mean,) = [line for line in of_metric if line["origin"] == "ours, mean"]
    expected = t_interval(by_seed.values())
    change = t_interval(by_seed[seed] - plain[seed] for seed in plain)
    found = [float(mean[name]) for name in ("value", "half_width", "difference_to_plain", "difference_half_width")]
    assert found == pytest.approx([*expected, *change])
    assert (mean["n"], mean["difference_n"], mean["seed"]) == ("3", "3", "")
    assert not any(line["difference_to_plain"] for line in lines if line["label"] == "Z-Forcing")


def test_rows_of_other_data_say_so():
    records = golden_records()
    assert " data " not in all_tables(records)[f"{NAME}.md"].partition("**Reported")[0].splitlines()[8]
    moved = records[0] | {"dataset": records[0]["dataset"] | {"fingerprint": "fe" * 32}, "label": "another"}
    table = all_tables([*records[1:], moved])[f"{NAME}.md"]
    assert row_of(table, "another")["data"] == "fefefefe"
    assert row_of(table, "Z-Forcing")["data"] != "fefefefe"


def test_weights_that_training_did_not_reach_are_named():
    records = golden_records()
    assert "Training ended before" not in str(all_tables(records))
    for record in records:
        record["weights"] = record["weights"] | {"trained": record["weights"]["last"]}
    assert "Training ended before" not in str(all_tables(records))
    for record in records:
        if record["label"] == "Z-Forcing + aux":
            record["weights"]["trained"] = record["weights"]["last"] | {"aux_weight": 0.0005}
    page = all_tables(records)[f"{NAME}.md"]
    sentence = "Training ended before the weights did: Z-Forcing + aux, auxiliary weight 0.0005 of 0.0025."
    assert sentence in page
    records[-1]["weights"]["trained"] = records[-1]["weights"]["last"]
    assert sentence in all_tables(records)[f"{NAME}.md"], "other seeds did not get there"
    assert sentence in all_tables(records)["auxiliary_cost.md"]


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex")
def test_latex_compiles(tmp_path):
    records = [*golden_records(), *made_up_ablation(seeds=(1, 2), data="ptb")]
    awkward = made_up_record(r"50% of $x_1$ & {y}~#^2 \ <z>|*", data="music_jsb", source="full")
    awkward["run_id"] = "music_zf-seed1-0a1b2c3d"
    tables = {name: text for name, text in all_tables([*records, awkward]).items() if name.endswith(".tex")}
    assert len(tables) == 4
    for name, text in tables.items():
        (tmp_path / name).write_text(text)
    body = "\n".join(rf"\input{{{name}}}\clearpage" for name in tables)
    preamble = "\\documentclass{article}\n\\usepackage{booktabs,graphicx,longtable}\n\\begin{document}\n"
    (tmp_path / "all.tex").write_text(f"{preamble}{body}\n\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    for _ in range(3):  # the widths of long tables are known after the second time
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
        assert result.returncode == 0, result.stdout[-2000:]
    for complaint in ("Warning", "Overfull", "Missing"):
        assert complaint not in result.stdout


def test_a_run_that_diverged_is_called_so():
    """Whether the number stands by itself or is a signed difference."""
    records = golden_records()
    for record in records:
        if record["label"] == "Z-Forcing + aux" and record["seed"] == 2:
            record["results"]["test"]["utterance"] |= {"elbo_nats_per_seq": float("nan"), "kl_nats_per_seq": math.inf}
    tables = all_tables(records)
    for ending in (".md", ".tex"):
        text = tables[f"{NAME}{ending}"]
        assert text.count("not finite") >= 4
        assert not re.search(r"[+-]?\b(?:nan|inf)\b", text)

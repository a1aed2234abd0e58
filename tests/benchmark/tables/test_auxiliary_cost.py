import copy
import csv
import io

import pytest
from made_up_records import made_up_ablation, outcomes_of_weight

from benchmark.statistics import t_interval
from benchmark.tables import all_tables


def lines_of(page):
    table = page.partition("## Runs")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| ")]


def test_a_line_says_the_mean_of_the_paired_differences_and_its_rows():
    records = made_up_ablation(seeds=(1, 2, 3), models=("SRNN",))
    tables = all_tables(records)
    heading, *lines = lines_of(tables["auxiliary_cost.md"])
    assert len(lines) == 4
    line = dict(zip(heading, lines[0], strict=True))
    ours, theirs = (outcomes_of_weight(records, "SRNN", 1.0, weight) for weight in (0.0025, 0.0))
    change = t_interval(ours[seed]["elbo_nats_per_seq"] - theirs[seed]["elbo_nats_per_seq"] for seed in (1, 2, 3))
    text = f"{change.mean:+.1f} ± {change.half_width:.1f}"
    assert line["change of ELBO, nats/seq"] == (f"**{text}**" if change.excludes_zero else text)
    assert (line["KL weight"], line["auxiliary weight"], line["n"]) == ("1", "0.0025", "3")
    named = {row[0]: row[1] for row in lines_of(tables["timit_sample_utterance.md"])}
    with_cost, without = line["rows"].split(" against ")
    assert named[with_cost] == "SRNN + aux, auxiliary weight 0.0025, KL weight 1"
    assert named[without] == "SRNN + aux, auxiliary weight 0, KL weight 1"


def test_every_run_of_a_line_is_listed_with_its_commit():
    records = made_up_ablation(seeds=(1, 2), models=("SRNN",))
    without_cost = [record for record in records if not record["weights"]["last"]["aux_weight"]]
    for record in without_cost:
        record["environment"]["commit"] = "f" * 40
    tables = all_tables(records)
    listed = tables["auxiliary_cost.md"].partition("## Runs")[2]
    assert all(record["run_id"] in listed for record in records)
    lines = [line for line in listed.splitlines() if "| without" in line]
    assert len(lines) == 4 * 2
    assert all("ffffffffffff" in line for line in lines)
    escaped = tables["auxiliary_cost.tex"].replace("\\_", "_")
    assert all(record["run_id"] in escaped for record in records)


def test_each_number_of_the_csv_names_its_two_runs():
    records = {record["run_id"]: record for record in made_up_ablation(seeds=(1, 2), models=("VRNN",))}
    lines = list(csv.DictReader(io.StringIO(all_tables(records.values())["auxiliary_cost.csv"])))
    assert len(lines) == 4 * 4 * (1 + 2)  # effects, metrics, mean and seeds
    for line in lines:
        if line["seed"] == "mean":
            alike = [other for other in lines if (other["row"], other["metric"]) == (line["row"], line["metric"])]
            interval = t_interval(float(other["difference"]) for other in alike if other["seed"] != "mean")
            assert float(line["difference"]) == pytest.approx(interval.mean)
            assert float(line["half_width"]) == pytest.approx(interval.half_width)
            assert line["n"] == "2"
            continue
        found, other = (
            records[line[name]]["results"]["test"]["utterance"][line["metric"]] for name in ("run_id", "run_id_without")
        )
        assert (float(line["with"]), float(line["without"])) == (found, other)
        assert float(line["difference"]) == pytest.approx(found - other)
        assert records[line["run_id"]]["seed"] == records[line["run_id_without"]]["seed"] == int(line["seed"])
        assert line["commit_without"] == records[line["run_id_without"]]["environment"]["commit"]


def test_default_protocols_are_not_mixed():
    """PTB as a stream beside PTB in sentences, say."""
    sentences = made_up_ablation(seeds=(1, 2), models=("ZForcing",), data="ptb")
    stream = copy.deepcopy(made_up_ablation(seeds=(1, 2), models=("SRNN",), data="ptb"))
    for record in stream:
        for of_split in record["results"].values():
            of_split["stream"] = of_split.pop("sentence")
    tables = all_tables([*stream, *sentences])
    found = {line[1]: line[2] for line in lines_of(tables["auxiliary_cost.md"])[1:]}
    assert found == {"ptb, sample, sentence": "Z-Forcing", "ptb, sample, stream": "SRNN"}
    for line in csv.DictReader(io.StringIO(tables["auxiliary_cost.csv"])):
        assert (line["protocol"] == "stream") == (line["model"] == "SRNN")


def test_phones_are_compared_where_they_were_probed():
    records = made_up_ablation(seeds=(1, 2), weights=(0.0, 0.01), models=("ZForcing",))
    for record in records:
        share = 0.3 + 0.1 * (record["weights"]["last"]["aux_weight"] > 0)
        record["results"]["test"]["utterance"]["phone_accuracy_from_latents"] = share
    page = all_tables(records)["auxiliary_cost.md"]
    heading, line, _ = lines_of(page)
    cells = dict(zip(heading, line, strict=True))
    assert cells["change of phones from latents, share of frames"] == "**+0.100 ± 0.000**"
    assert "whole utterance" in page
    for record in records:
        if record["seed"] == 2:
            del record["results"]["test"]["utterance"]["phone_accuracy_from_latents"]
    heading, line, _ = lines_of(all_tables(records)["auxiliary_cost.md"])
    cells = dict(zip(heading, line, strict=True))
    assert cells["change of phones from latents, share of frames"] == "+0.100 (n = 1)"
    assert (cells["phones from latents without, share of frames"], cells["n"]) == ("0.300 (n = 1)", "2")

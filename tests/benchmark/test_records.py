"""What is read of a results folder, and what is refused."""

import json
import re

import pytest
from made_up_records import made_up_record, write_records

from benchmark import record_form
from benchmark.errors import UserError
from benchmark.records import chosen_records, group_records, read_records


def test_records_of_a_folder(tmp_path):
    with pytest.raises(UserError, match="holds no record"):
        chosen_records("program", "description", ["--out", str(tmp_path)])
    write_records(tmp_path, [made_up_record(seed=2), made_up_record(seed=1), made_up_record(data="ptb")])
    out, found = chosen_records("program", "description", ["--out", str(tmp_path)])
    assert (out, len(found)) == (tmp_path, 3)
    groups = group_records(found)
    assert {name: len(group) for name, group in groups.items()} == {"ptb_sample": 1, "timit_sample": 2}


def test_records_are_what_runs_write():
    for model in ("ZForcing", "LSTM"):
        assert record_form.complaint(made_up_record(model=model)) is None


GONE = object()
METRICS = "results.test.utterance"
RUN = made_up_record()["run_id"]


@pytest.mark.parametrize(
    ("place", "value", "wrong"),
    [
        ("", {}, "record has no schema"),
        ("", [], "record must be an object, is []"),
        ("", None, "record must be an object, is None"),
        ("schema", 1, "record.schema is 1, this version reads 2"),
        ("schema", GONE, "record has no schema"),
        ("seed", "1", "record.seed must be a whole number, is '1'"),
        ("seed", True, "record.seed must be a whole number, is True"),
        ("label", None, "record.label must be text, is None"),
        ("weights.last", {"kl_weight": 1.0}, "record.weights.last has no aux_weight"),
        ("weights.trained", {"kl_weight": None}, "record.weights.trained.kl_weight must be a number, is None"),
        ("environment.commit", GONE, "record.environment has no commit"),
        ("gin_files", [1], "record.gin_files.0 must be text, is 1"),
        ("results.test", GONE, "record.results has no test"),
        ("results.test", {}, "record.results.test is empty"),
        (f"{METRICS}.bound", GONE, f"record.{METRICS} has no bound"),
        (f"{METRICS}.bound", "upper", f"record.{METRICS}.bound must be elbo or exact, is 'upper'"),
        (f"{METRICS}.bound", "exact", f"record.{METRICS} has no log_likelihood_nats_per_seq"),
        (f"{METRICS}.elbo_nats_per_seq", None, f"record.{METRICS}.elbo_nats_per_seq must be a number, is None"),
        (f"{METRICS}.bits_per_sample", "9", f"record.{METRICS}.bits_per_sample must be a number, is '9'"),
        ("training.validation", [], "record.training.validation is empty"),
        ("training.validation", [{}], "record.training.validation.0 has no update"),
    ],
)
def test_what_is_no_record_is_refused_in_one_sentence(tmp_path, place, value, wrong):
    changed = {"": made_up_record()}
    *outer, last = ["", *place.split(".")] if place else [""]
    part = changed
    for name in outer:
        part = part[name]
    part[last] = value
    if value is GONE:
        del part[last]
    path = tmp_path / f"{RUN}.json"
    path.write_text(json.dumps(changed[""]))
    sentence = f"{path}: not a record ({wrong}); remove it, or repeat its run, which makes it again"
    with pytest.raises(UserError, match=f"^{re.escape(sentence)}$"):
        read_records([path])


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00"])
def test_what_is_no_json_is_refused(tmp_path, text):
    path = tmp_path / f"{RUN}.json"
    path.write_text(text)
    with pytest.raises(UserError, match=f"{RUN}.json: not a record"):
        read_records([path])


def test_a_run_is_read_once(tmp_path):
    write_records(tmp_path, [made_up_record()])
    (path,) = (tmp_path / "records").iterdir()
    for name, complaint in (("record", "which .*, too; remove one of them"), ("copy", "give it that name, or remove")):
        copy = path.with_stem(name)
        copy.write_bytes(path.read_bytes())
        with pytest.raises(UserError, match=f"the record of run {RUN}.*{complaint}"):
            read_records([path, copy])
        copy.unlink()
    path.rename(path.with_stem("record"))
    assert read_records([path.with_stem("record")])[0]["run_id"] == RUN

import json

import pytest
from made_up import made_up_record

from benchmark.errors import UserError
from benchmark.records import chosen_records, group_records, read_records
from benchmark.rows import group_rows, settings


def labels(*records):
    return [row.label for row in group_rows(records)]


def test_a_row_holds_all_seeds_of_a_configuration():
    records = [made_up_record(seed, bound=-100.0 - seed, kl=5.0) for seed in (3, 1, 2)]
    other = made_up_record(1, label="RNN-Gauss", model="LSTM")
    lstm, row = group_rows([*records, other])
    assert (row.label, row.dataset, row.source, row.model, row.head) == (
        "Z-Forcing",
        "timit",
        "sample",
        "ZForcing",
        "GaussianHead",
    )
    assert row.seeds == [1, 2, 3]
    assert row.protocols == ["utterance"]
    assert row.values("utterance", "elbo_nats_per_seq") == {1: -101.0, 2: -102.0, 3: -103.0}
    assert row.values("chunk40", "elbo_nats_per_seq") == {}
    assert lstm.values("utterance", "elbo_nats_per_seq") == {}
    assert row.weights["last"]["kl_weight"] == 1.0


def test_rows_of_one_label_say_what_tells_them_apart():
    weights = [0.0025, 0.1, 0.02]
    assert labels(*(made_up_record(label="Z-Forcing + aux", weights=(1.0, w)) for w in weights)) == [
        "Z-Forcing + aux, auxiliary weight 0.0025",
        "Z-Forcing + aux, auxiliary weight 0.02",
        "Z-Forcing + aux, auxiliary weight 0.1",
    ]
    one = made_up_record()
    assert labels(one, made_up_record(label="SRNN", weights=(1.0, 0.1))) == ["SRNN", "Z-Forcing"]
    assert labels(one, one | {"dataset": one["dataset"] | {"source": "full"}}) == ["Z-Forcing", "Z-Forcing"]


def test_a_binding_that_one_row_lacks():
    one = made_up_record()
    more = one | {"config": one["config"] + "VRNN.layers = 2\n"}
    assert labels(one, more) == ["Z-Forcing, VRNN layers 2", "Z-Forcing, VRNN layers unbound"]


def test_many_differences_are_named_by_the_files_that_make_them():
    one = made_up_record()
    bindings = "".join(f"macro_{n} = {n}\n" for n in range(5))
    small = one | {"config": one["config"] + bindings, "gin_files": [*one["gin_files"], "gin/scale/small.gin"]}
    demo = one | {"gin_files": [*one["gin_files"], "gin/scale/demo.gin"], "overrides": ["experiment.seed = 1"]}
    assert labels(small, demo) == ["Z-Forcing, demo", "Z-Forcing, small"]
    nameless = small | {"gin_files": demo["gin_files"], "run_id": "made-up-seed1-7e57ab1e"}
    assert labels(nameless, demo) == ["Z-Forcing, 0", "Z-Forcing, 7e57ab1e"]


@pytest.mark.parametrize(
    ("part", "change", "shown"),
    [
        ("environment", {"version": "0.1.0"}, ["Z-Forcing, version 0.1.0", "Z-Forcing, version 0.2.0"]),
        ("environment", {"torch": "2.12.0"}, ["Z-Forcing, torch 2.12.0", "Z-Forcing, torch 2.13.0"]),
        ("dataset", {"fingerprint": "fe" * 32}, ["Z-Forcing, data 01234567", "Z-Forcing, data fefefefe"]),
    ],
)
def test_numbers_that_need_not_agree_are_never_averaged(part, change, shown):
    one = made_up_record()
    assert sorted(labels(one, made_up_record(2) | {part: one[part] | change})) == shown


def test_commits_are_no_difference():
    one = made_up_record()
    other = made_up_record(2) | {"environment": one["environment"] | {"commit": "d" * 40}}
    assert labels(one, other) == ["Z-Forcing"]


def test_settings_are_read_without_the_seed():
    found = settings(made_up_record(seed=7)["config"])
    assert found == {
        "auxiliary_weight": "0.0",
        "hidden_size": "256",
        "experiment.name": "'made_up'",
        "experiment.schedule": "@annealing/Linear()",
    }


def test_records_of_a_folder(tmp_path):
    with pytest.raises(UserError, match="holds no record"):
        chosen_records("program", "description", ["--out", str(tmp_path)])
    (tmp_path / "records").mkdir()
    records = [made_up_record(seed) for seed in (2, 1)] + [made_up_record(dataset="blizzard", label="B")]
    for record in records:
        (tmp_path / f"records/{record['run_id']}.json").write_text(json.dumps(record))
    out, found = chosen_records("program", "description", ["--out", str(tmp_path)])
    assert (out, [record["seed"] for record in found]) == (tmp_path, [1, 1, 2])
    groups = group_records(found)
    assert {name: len(group) for name, group in groups.items()} == {"blizzard_sample": 1, "timit_sample": 2}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", "not a record .no config, "),
        ("[]", "not a record"),
        ("{", "not a record"),
        (json.dumps(made_up_record()), "the record of run z-forcing-seed1-0; give it that name"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path, text, complaint):
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(UserError, match=f"broken.json: {complaint}"):
        read_records([path])

import pytest
from made_up_records import made_up_ablation, made_up_record, made_up_speech

from benchmark.row import settings
from benchmark.rows import group_rows


def labels(*records):
    return [row.label for row in group_rows(records)]


def test_a_row_holds_all_seeds_of_a_configuration():
    records = {seed: made_up_record(seed=seed) for seed in (3, 1, 2)}
    lstm, row = group_rows([*records.values(), made_up_record("RNN-Gauss", model="LSTM")])
    parts = (row.label, row.dataset, row.source, row.model, row.head)
    assert parts == ("Z-Forcing", "timit", "sample", "ZForcing", "GaussianHead")
    assert row.seeds == [1, 2, 3]
    assert row.protocols == ["utterance", "chunk40"]
    for split in ("valid", "test"):
        assert row.values("chunk40", "elbo_nats_per_seq", split) == {
            seed: record["results"][split]["chunk40"]["elbo_nats_per_seq"] for seed, record in sorted(records.items())
        }
    assert row.values("utterance", "elbo_nats_per_seq") != row.values("chunk40", "elbo_nats_per_seq")
    assert row.values("unknown", "elbo_nats_per_seq") == lstm.values("utterance", "elbo_nats_per_seq") == {}
    assert row.weights["last"] == {"kl_weight": 1.0, "aux_weight": 0.0, "backward_weight": 0.0}


def test_rows_keep_the_labels_that_they_do_not_share():
    rows = group_rows(made_up_speech(seeds=(1, 2)))
    assert sorted(row.label for row in rows) == sorted({record["label"] for record in made_up_speech()})
    assert all(row.seeds == [1, 2] for row in rows)


def test_rows_of_one_label_say_what_tells_them_apart():
    weights = (0.0025, 0.1, 0.02)
    assert labels(*(made_up_record("Z-Forcing + aux", aux_weight=weight) for weight in weights)) == [
        "Z-Forcing + aux, auxiliary weight 0.0025",
        "Z-Forcing + aux, auxiliary weight 0.02",
        "Z-Forcing + aux, auxiliary weight 0.1",
    ]
    ablated = labels(*made_up_ablation(seeds=(1, 2)))
    assert len(set(ablated)) == len(ablated) == 18
    assert "SRNN + aux, auxiliary weight 0.01, KL weight 0.2 to 1" in ablated
    assert labels(made_up_record(), made_up_record(source="full")) == ["Z-Forcing", "Z-Forcing"]


def test_only_a_weight_that_rises_from_zero_is_named_by_its_end():
    falling, constant = (made_up_record(kl_weight=(1.0, last)) for last in (0.5, 1.0))
    assert labels(falling, constant) == ["Z-Forcing, KL weight 1", "Z-Forcing, KL weight 1 to 0.5"]


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
    assert labels(nameless, demo | {"run_id": "made-up-seed1-0"}) == ["Z-Forcing, 0", "Z-Forcing, 7e57ab1e"]


@pytest.mark.parametrize(
    ("part", "change", "shown"),
    [
        ("environment", {"version": "0.1.0"}, ["Z-Forcing, version 0.1.0", "Z-Forcing, version 0.2.0"]),
        ("environment", {"torch": "2.12.0"}, ["Z-Forcing, torch 2.12.0", "Z-Forcing, torch 2.13.0"]),
        ("dataset", {"fingerprint": "fe" * 32}, ["Z-Forcing, data 00000000", "Z-Forcing, data fefefefe"]),
    ],
)
def test_numbers_that_need_not_agree_are_never_averaged(part, change, shown):
    assert labels(made_up_record(), changed(part, change)) == shown


def test_commits_are_no_difference():
    assert labels(made_up_record(), changed("environment", {"commit": "d" * 40})) == ["Z-Forcing"]


def changed(part, change):
    record = made_up_record(seed=2)
    return record | {part: record[part] | change}


def test_settings_are_read_without_the_seed():
    text = "import torch\n\n# Macros:\nwidth = 3\nLinear.end = \\\n    @a_very_long_name()\nexperiment.seed = 7\n"
    assert settings(text) == {"width": "3", "Linear.end": "@a_very_long_name()"}

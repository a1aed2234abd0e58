import math
from itertools import cycle

import pytest
from made_up_records import made_up_ablation, made_up_record, made_up_speech, write_records
from matplotlib.mathtext import MathTextParser

from benchmark.errors import UserError
from benchmark.plots import comparable, main
from benchmark.rows import group_rows

ABLATED = ("auxiliary", "heat_map", "effects")


def drawn(out):
    return {path.name: path.read_bytes() for path in (out / "figures").iterdir()}


def test_the_same_records_give_the_same_bytes(tmp_path, capsys):
    """In whatever order files are listed and written; an SVG has no date and no random id."""
    records = made_up_ablation(seeds=(1, 2), weights=(0.0, 0.0025), models=("ZForcing",), points=3)
    records.append(made_up_record("RNN-Gauss", model="LSTM", points=3))
    for name, of_run in (("first", records), ("again", records[::-1])):
        main(["--out", str(write_records(tmp_path / name, of_run))])
    first, again = drawn(tmp_path / "first"), drawn(tmp_path / "again")
    kinds = ("training", "active_units", *ABLATED)
    assert set(first) == {f"timit_sample_{kind}.{suffix}" for kind in kinds for suffix in ("png", "svg")}
    assert first == again
    assert {str(tmp_path / "first/figures" / name) for name in first} <= set(capsys.readouterr().out.splitlines())


def test_what_makes_no_sense_is_not_drawn(tmp_path):
    main(["--out", str(write_records(tmp_path, [made_up_record("LSTM", model="LSTM", points=1)]))])
    assert set(drawn(tmp_path)) == {"timit_sample_training.png", "timit_sample_training.svg"}


def test_a_run_that_diverged_is_no_obstacle(tmp_path):
    """Neither if all of its model's runs did."""
    records = made_up_ablation(seeds=(1, 2), weights=(0.0, 0.0025), models=("ZForcing", "SRNN"), points=2)
    records += [made_up_record("RNN-Gauss", seed, "LSTM", points=2) for seed in (1, 2)]
    diverged = [record for record in records if record["model"] == "SRNN" or record is records[0]] + records[-1:]
    for record, value in zip(diverged, cycle([math.nan, math.inf, -math.inf])):
        for metrics in (*record["results"]["test"].values(), *record["training"]["validation"]):
            metrics |= {name: value for name in metrics if name.endswith("nats_per_seq")}
    main(["--out", str(write_records(tmp_path, records))])
    assert {f"timit_sample_{kind}.png" for kind in ("training", "active_units", *ABLATED)} <= set(drawn(tmp_path))


def test_dollars_in_labels_are_no_formulas(tmp_path, monkeypatch):
    def parse(*arguments):
        raise AssertionError("a formula")

    monkeypatch.setattr(MathTextParser, "parse", parse)
    records = made_up_ablation(seeds=(1,), weights=(0.0, 0.0025), models=("ZForcing",), points=2)
    records.append(made_up_record("RNN, $5 or $6", model="LSTM", points=2))
    for record in records:
        record["label"] = f"$x$ or $y$ {record['label']}"
        record["dataset"]["description"] = "of $3 or $4"
    main(["--out", str(write_records(tmp_path, records))])
    assert len(drawn(tmp_path)) == 10


def test_without_a_validation_after_the_first_there_are_no_curves(tmp_path):
    records = made_up_ablation(seeds=(1,), weights=(0.0, 0.0025), models=("ZForcing",), points=1)
    for record in records:
        del record["training"]["validation"][1:]
    main(["--out", str(write_records(tmp_path, records))])
    kinds = ("active_units", "heat_map", "effects")
    assert set(drawn(tmp_path)) == {f"timit_sample_{kind}.{suffix}" for kind in kinds for suffix in ("png", "svg")}


def test_figures_that_are_no_longer_drawn_are_removed(tmp_path):
    """But not what is no figure of these kinds, and not those of runs that may be elsewhere."""
    stream = made_up_record("LSTM", model="LSTM", data="ptb", source="full", points=1)
    main(["--out", str(write_records(tmp_path, [stream]))])
    kept = {"ptb_full_stream_samples.png", "further_kind.png", "training.png", "speed.svg"}
    for name in (*kept, "ptb_full_samples.png", "ptb_full_effects.svg"):
        (tmp_path / "figures" / name).touch()
    sentence = made_up_record("Z-Forcing", data="ptb", source="full", points=1)
    for of_split in stream["results"].values():
        of_split["stream"] = of_split.pop("sentence")
    main(["--out", str(write_records(tmp_path, [stream, sentence]))])
    new = ("ptb_full_stream_training", "ptb_full_sentence_training", "ptb_full_sentence_active_units")
    assert set(drawn(tmp_path)) == kept | {f"{name}.{suffix}" for name in new for suffix in ("png", "svg")}


def test_a_folder_without_records(tmp_path):
    with pytest.raises(UserError, match="holds no record"):
        main(["--out", str(tmp_path)])


def test_sources_and_protocols_are_never_in_one_figure():
    """Sentences and streams of the same corpus are sequences of other lengths."""
    stream = made_up_record("LSTM", model="LSTM", data="ptb", source="full")
    stream["config"] += "\nPennTreebank.level = 'stream'\n"
    for of_split in stream["results"].values():
        of_split["stream"] = of_split.pop("sentence")
    others = [made_up_record("LSTM", model="LSTM", data="ptb", source=source) for source in ("full", "sample")]
    groups = comparable(group_rows([stream, *others, *made_up_speech(seeds=(1,))]))
    sizes = {name: len(rows) for name, rows in groups.items()}
    assert sizes == {"ptb_full_sentence": 1, "ptb_full_stream": 1, "ptb_sample": 1, "timit_sample": 11}

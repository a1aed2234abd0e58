import json

import pytest

from benchmark import evaluate
from benchmark.errors import UserError
from benchmark.evaluate import main
from benchmark.later import with_later
from benchmark.run import main as run
from benchmark.streams import stream
from benchmark.tables import all_tables


def folder_of(arguments, tmp_path):
    run(arguments)
    return next(path for path in (tmp_path / "out/runs").iterdir() if path.is_dir())


def written(folder, kind, samples=1):
    return json.loads((folder.parents[1] / f"bounds/{folder.name}_{kind}{samples}_test.json").read_text())


def bound(folder, corpus, kind, samples=1):
    main([str(folder), "--bound", kind, "--samples", str(samples), "--data", str(corpus)])
    return written(folder, kind, samples)


def test_bounds_of_a_finished_run(tiny, tmp_path, capsys):
    folder = folder_of(tiny, tmp_path)
    record = json.loads((folder / "record.json").read_text())
    elbo = bound(folder, tmp_path / "corpus", "elbo")
    iwae = bound(folder, tmp_path / "corpus", "iwae", 50)
    fivo = bound(folder, tmp_path / "corpus", "fivo", 50)
    assert elbo["sequences"] == iwae["sequences"] == 8
    recorded = record["results"]["test"]["utterance"]["elbo_nats_per_seq"]
    assert elbo["values"]["nats_per_seq"] == pytest.approx(recorded, rel=0.01)  # other noise
    assert iwae["values"]["nats_per_seq"] > elbo["values"]["nats_per_seq"] - 0.5
    assert fivo["values"]["nats_per_seq"] > elbo["values"]["nats_per_seq"] - 0.5
    assert {elbo["protocol"], iwae["protocol"], fivo["protocol"]} == {"utterance"}
    assert (fivo["resampling"], fivo["threshold"]) == ("systematic", 0.5)
    assert bound(folder, tmp_path / "corpus", "iwae", 50) == iwae
    assert iwae["run_id"] == record["run_id"]
    tables = all_tables(with_later(tmp_path / "out", [record]))
    heading = "nats/seq, lower bound, IWAE-50"
    assert heading in next(text for name, text in tables.items() if name.endswith("utterance.md"))
    assert "bound, ELBO-1" not in str(tables)
    with pytest.raises(UserError, match="--samples must be at least 1"):
        main([str(folder), "--samples", "0"])
    with pytest.raises(UserError, match=r"--threshold must be from 0 \(never resample\) to 1, got 16.0"):
        main([str(folder), "--threshold", "16"])
    with pytest.raises(UserError, match="the run was made on LDC93S1, the full corpus, found is embedded"):
        main([str(folder), "--data", str(tmp_path / "out")])


STREAM = (
    *("embedding_size=6", "hidden_size=8", "latent_size=3", "mlp_size=6", "sample_steps=20", "max_updates=3"),
    *("batch_size=8", "PennTreebank.segment_steps=50"),
)


def test_a_stream_is_scored_with_its_state_carried(tmp_path, no_data, monkeypatch):
    settings = [argument for setting in STREAM for argument in ("--set", setting)]
    folder = folder_of(["--gin", "gin/ptb_vrnn.gin", *settings, "--out", str(tmp_path / "out")], tmp_path)
    recorded = json.loads((folder / "record.json").read_text())["results"]["test"]["stream"]
    assert recorded["steps"] > 2000, "several segments"
    monkeypatch.setattr(evaluate, "stream", lambda seed, _, index: stream(seed, "evaluation", index))
    main([str(folder), "--bound", "elbo"])
    found = written(folder, "elbo")
    assert found["sequences"] == recorded["sequences"] == 1
    assert found["values"]["nats_per_seq"] == pytest.approx(recorded["elbo_nats_per_seq"], rel=1e-9)
    assert found["values"]["ppl"] == pytest.approx(recorded["ppl"], rel=1e-9)
    assert "standard_error_over_sequences" not in found
    for kind in ("iwae", "fivo"):
        with pytest.raises(UserError, match=f"many samples of {kind}; score it with --bound elbo"):
            main([str(folder), "--bound", kind])


def test_a_folder_without_a_finished_run(tmp_path):
    with pytest.raises(UserError, match=r"is no finished run: it lacks record.json, config.gin, model.pt"):
        main([str(tmp_path)])

import json

import numpy as np
import pytest
from made_up_records import made_up_record

from benchmark.compare import main
from benchmark.errors import UserError
from benchmark.sequence_scores import NAME, read_sequences, sequences_csv
from benchmark.statistics import bootstrap_interval

HARD = np.random.default_rng(0).normal(-4000.0, 900.0, 50)
GAINED = np.random.default_rng(1).normal(20.0, 30.0, 50)
PROTOCOLS = ("utterance", "chunk40")


def finished_run(folder, scores, protocols=PROTOCOLS, **settings):
    folder.mkdir(parents=True)
    record = made_up_record(**settings)
    metrics = record["results"]["test"]["utterance"] | {"sequences": len(scores)}
    record["results"]["test"] = dict.fromkeys(protocols, metrics)
    (folder / "record.json").write_text(json.dumps(record))
    (folder / NAME).write_text(sequences_csv(dict.fromkeys(protocols, scores.tolist())))
    return str(folder)


def test_two_runs_are_compared_sequence_by_sequence(tmp_path, capsys):
    """A difference of 20 nats is clear although sequences differ by hundreds."""
    runs = finished_run(tmp_path / "aux", HARD + GAINED), finished_run(tmp_path / "plain", HARD)
    main(list(runs))
    first, line, second = capsys.readouterr().out.splitlines()
    low, high = bootstrap_interval((HARD + GAINED - HARD).tolist())
    assert first == "aux minus plain"
    assert line == (
        f"utterance, elbo: {GAINED.mean():+.2f} nats per sequence, 95 % bootstrap interval over test sequences "
        f"{low:+.2f} to {high:+.2f}; better on {(GAINED > 0).sum()} of 50"
    )
    assert 0 < low < GAINED.mean() < high
    assert second.startswith("chunk40, elbo: ")


def test_runs_that_cannot_be_compared_are_refused(tmp_path):
    run = finished_run(tmp_path / "run", HARD)
    exact = finished_run(tmp_path / "exact", HARD, model="LSTM")
    with pytest.raises(UserError, match="a lower bound and an exact log-likelihood are not compared"):
        main([run, exact])
    with pytest.raises(UserError, match="were scored on different data"):
        main([run, finished_run(tmp_path / "full", HARD, source="full")])
    with pytest.raises(UserError, match=r"is no finished run: it lacks record\.json"):
        main([run, str(tmp_path)])
    with pytest.raises(UserError, match="there is no run nothing"):
        main([run, "nothing"])
    with pytest.raises(UserError, match="by different protocols, utterance, chunk40 and chunk20; name two runs that"):
        main([run, finished_run(tmp_path / "chunks", HARD, ["chunk20"])])


def test_runs_are_named_by_id_or_folder(tmp_path, monkeypatch, capsys):
    for name in ("aux", "plain"):
        finished_run(tmp_path / "runs" / name, HARD)
    main(["aux", "plain", "--out", str(tmp_path)])
    by_id = capsys.readouterr().out
    monkeypatch.chdir(tmp_path / "runs/aux")
    main([".", "../plain"])
    assert by_id.startswith("aux minus plain\nutterance, elbo: +0.00 nats")
    assert capsys.readouterr().out == by_id


def test_damaged_files_are_named(tmp_path):
    run, other = (finished_run(tmp_path / name, HARD) for name in ("run", "other"))
    scores = tmp_path / "other" / NAME
    whole = scores.read_text()
    for damaged in (whole[:1000], whole.replace("chunk40", "chunk20")):
        scores.write_text(damaged)
        with pytest.raises(UserError, match=r"other/test_sequences.csv: damaged .*; repeat the run with --fresh"):
            main([run, other])
    for damaged in ('{"a": 1}', "[]", "{"):
        (tmp_path / "other/record.json").write_text(damaged)
        with pytest.raises(UserError, match=r"other/record.json: not a record"):
            main([run, other])


def test_bounds_by_sequence_are_kept_exactly(tmp_path):
    scores = {"utterance": [0.1 + 0.2, -1e5 / 3], "chunk40": [1.0]}
    (tmp_path / NAME).write_text(sequences_csv(scores))
    assert read_sequences(tmp_path) == scores
    (tmp_path / NAME).write_text("protocol,nats\nutterance,many\n")
    with pytest.raises(UserError, match=r"test_sequences.csv: damaged"):
        read_sequences(tmp_path)
    with pytest.raises(UserError, match="is missing"):
        read_sequences(tmp_path / "none")

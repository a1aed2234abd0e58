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


def finished_run(folder, scores, **settings):
    folder.mkdir()
    (folder / "record.json").write_text(json.dumps(made_up_record(**settings)))
    (folder / NAME).write_text(sequences_csv({"utterance": scores.tolist(), "chunk40": scores.tolist()}))
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
    with pytest.raises(UserError, match="is no finished run"):
        main([run, str(tmp_path)])


def test_bounds_by_sequence_are_kept_exactly(tmp_path):
    scores = {"utterance": [0.1 + 0.2, -1e5 / 3], "chunk40": [1.0]}
    (tmp_path / NAME).write_text(sequences_csv(scores))
    assert read_sequences(tmp_path) == scores
    (tmp_path / NAME).write_text("protocol,nats\nutterance,many\n")
    with pytest.raises(UserError, match=r"test_sequences.csv: damaged"):
        read_sequences(tmp_path)
    with pytest.raises(UserError, match="is missing"):
        read_sequences(tmp_path / "none")

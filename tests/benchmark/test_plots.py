import json

import numpy as np
import pytest

from benchmark.plots import plot_images, plot_learning_curves, plot_piano_rolls, plot_validation, plot_waveforms


@pytest.mark.parametrize("latent", [True, False])
def test_learning_curves_are_the_same_every_time(tmp_path, latent):
    validation = {"elbo_nats_per_seq": -3.0, "kl_nats_per_seq": 2.0, "active_units": 1}
    lines = [{"type": "train", "update": 10, "log_px": -5.0, "kl": 1.0 * latent, "aux_nll": 0.0, "kl_weight": 1.0}]
    lines += [
        {"type": "validation", "update": u, **(validation if latent else {"log_likelihood_nats_per_seq": -3.0})}
        for u in (0, 10)
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    paths = [plot_learning_curves(tmp_path / f"{n}.png", tmp_path / "metrics.jsonl", "title") for n in range(2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert len(paths[0].read_bytes()) > 10_000


def test_waveforms_of_any_length(tmp_path):
    silence, noise = np.zeros(100, np.int16), np.random.default_rng(0).integers(-99, 99, 5000).astype(np.int16)
    path = plot_waveforms(tmp_path / "w.png", {"original_0": silence, "generated_0": noise}, 16000, 50)
    assert len(path.read_bytes()) > 10_000


def test_images_of_which_a_part_is_missing(tmp_path):
    images = np.random.default_rng(0).integers(0, 2, (3, 28, 28)).astype(np.float32)
    part = images[:2].copy()
    part[:, 14:] = np.nan
    path = plot_images(tmp_path / "new/i.png", {"original": images, "generated": part})
    assert len(path.read_bytes()) > 5_000


def test_piano_rolls_of_any_length(tmp_path):
    silence, noise = np.zeros((5, 88), bool), np.random.default_rng(0).random((60, 88)) < 0.1
    path = plot_piano_rolls(tmp_path / "p.png", {"original_0": silence, "generated_0": noise}, 21)
    assert len(path.read_bytes()) > 10_000


def test_runs_are_drawn_together(tmp_path):
    def record(seed, point):
        return {"label": "model", "seed": seed, "training": {"validation": [{"update": u, **point} for u in (0, 5, 9)]}}

    latent = {"bound": "elbo", "elbo_nats_per_seq": -3.0, "kl_nats_per_seq": 2.0, "active_units": 1}
    exact = {"bound": "exact", "log_likelihood_nats_per_seq": -4.0}
    records = [record(1, latent), record(2, exact)]
    paths = [plot_validation(tmp_path / f"{n}.png", records, "title") for n in range(2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()

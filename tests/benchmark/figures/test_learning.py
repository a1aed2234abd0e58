import json

import pytest
from pictures import share_drawn

from benchmark.figures.learning import plot_learning_curves


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
    assert share_drawn(paths[0]) > 0.03

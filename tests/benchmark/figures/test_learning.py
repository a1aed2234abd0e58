import json

import numpy as np
import pytest
from matplotlib.image import imread
from pictures import share_of

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
    halves = np.array_split(imread(paths[0]), 2)
    panels = [panel for half in halves for panel in np.array_split(half, 4, axis=1)]
    drawn = [number for number, panel in enumerate(panels) if share_of("tab:blue", panel)]
    assert drawn == ([0, 1, 2, 3, 4, 5] if latent else [0, 3, 4]), "the others have nothing to show"

import pytest
import torch

from baselines import LSTM
from benchmark.data import CORPORA, load_dataset
from benchmark.samples import Samples
from zforcing import BernoulliHead, CategoricalHead, GaussianHead

HEADS = {"real": GaussianHead, "binary": BernoulliHead, "categorical": CategoricalHead}


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize("steps", [3, 1000])
@pytest.mark.parametrize("name", CORPORA)
def test_every_data_set_shows_its_samples(name, steps, tmp_path):
    """However many steps are asked for: fewer or more than a sequence has."""
    options = {"pixels_per_step": 28} if name == "seqmnist" else {}
    dataset = load_dataset(name, source="embedded", **options)
    model = LSTM(HEADS[dataset.kind](dataset.data_size), embedding_size=4, hidden_size=4)
    state = torch.get_rng_state()
    paths = Samples(count=2, steps=steps).write(model, dataset, tmp_path, seed=0)
    assert torch.equal(state, torch.get_rng_state())
    assert paths
    assert all(path.stat().st_size > 0 for path in paths)
    first = {path.name: path.read_bytes() for path in paths}
    again = Samples(count=2, steps=steps).write(model, dataset, tmp_path, seed=0)
    assert {path.name: path.read_bytes() for path in again} == first

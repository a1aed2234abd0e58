from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines import LSTM
from benchmark.data import load_dataset
from benchmark.data.batches import collate
from benchmark.evaluation import Evaluation, selection_metric, sequence_noise
from zforcing import GaussianHead, ZForcing

SIZES = {"embedding_size": 8, "hidden_size": 8, "latent_size": 3, "mlp_size": 8}


@pytest.fixture(scope="module")
def data():
    return load_dataset("timit", source="embedded")


@pytest.fixture
def model():
    return ZForcing(GaussianHead(200), **SIZES).double()


@pytest.fixture(autouse=True)
def double(monkeypatch):
    """Batches in float64, so that only real differences show."""
    monkeypatch.setattr("benchmark.evaluation.evaluation_batches", double_batches)


def double_batches(split, batch_size):
    from benchmark.data.batches import evaluation_batches
    from zforcing import Batch

    for indices, batch, goes_on in evaluation_batches(split, batch_size):
        yield indices, Batch(batch.inputs.double(), batch.targets.double(), batch.mask), goes_on


@pytest.mark.parametrize("protocol", ["utterance", "chunk40"])
def test_independent_of_the_batch_size(data, model, protocol):
    one, many = (Evaluation(batch_size=size)(model, data, "test", protocol, seed=3) for size in (1, 7))
    assert one.keys() == many.keys()
    assert one.pop("bound") == many.pop("bound") == "elbo"
    assert one == pytest.approx(many, rel=1e-10)


def test_utterances_by_hand(data, model):
    metrics = Evaluation()(model, data, "valid", "utterance", seed=3)
    total = steps = kl = 0
    for index in range(len(data.valid)):
        batch = collate(data.valid, [index])
        noise = sequence_noise(model, data.valid, [index], batch.steps, seed=3)
        terms = model(type(batch)(batch.inputs.double(), batch.targets.double()), noise)
        total += (terms.log_px - terms.kl).sum().item()
        kl += terms.kl.sum().item()
        steps += batch.steps
    assert metrics["elbo_nats_per_seq"] == pytest.approx(total / 16, rel=1e-10)
    assert metrics["kl_nats_per_seq"] == pytest.approx(kl / 16, rel=1e-10)
    assert metrics["bits_per_sample"] == pytest.approx(data.derived_units(total, steps)["bits_per_sample"], rel=1e-10)
    assert (metrics["sequences"], metrics["steps"], metrics["bound"]) == (16, steps, "elbo")
    assert metrics["elbo_nats_per_seq"] == selection_metric(metrics)
    difference = metrics["log_px_nats_per_seq"] - metrics["kl_nats_per_seq"]
    assert metrics["elbo_nats_per_seq"] == pytest.approx(difference, rel=1e-10)


def test_chunks_start_from_zero_and_add_up_to_utterances(data):
    model = LSTM(GaussianHead(200), embedding_size=8, hidden_size=8).double()
    metrics = Evaluation()(model, data, "test", "chunk40", seed=0)
    total = 0.0
    for index in range(len(data.test)):
        batch = collate(data.test, [index])
        for begin in range(0, batch.steps, 40):
            part = type(batch)(*(x[begin : begin + 40].double() for x in (batch.inputs, batch.targets)))
            total += model(part).log_px.sum().item()
    assert metrics["log_likelihood_nats_per_seq"] == pytest.approx(total / 16, rel=1e-10)
    assert metrics["bound"] == "exact"
    assert "kl_nats_per_seq" not in metrics
    assert metrics["sequences"] == 16
    assert metrics["log_likelihood_nats_per_seq"] == selection_metric(metrics)


@pytest.mark.parametrize("protocol", ["utterance", "chunk40"])
def test_the_standard_error_is_over_whole_utterances(data, model, protocol):
    evaluation = Evaluation()
    totals = evaluation.score(model, data, "test", protocol, seed=0)
    by_utterance = totals.by_sequence().numpy()
    expected = np.array([totals.bound_N.numpy()[totals.split.group == n].sum() for n in range(16)])
    assert by_utterance == pytest.approx(expected, rel=1e-12)
    metrics = evaluation.summarise(model, data, totals)
    assert metrics["standard_error_nats_per_seq"] == pytest.approx(by_utterance.std(ddof=1) / 4, rel=1e-12)
    assert metrics["elbo_nats_per_seq"] == pytest.approx(by_utterance.mean(), rel=1e-12)
    assert metrics == evaluation(model, data, "test", protocol, seed=0)


def test_active_units(data, model):
    """A latent whose posterior mean is constant is inactive."""
    with torch.no_grad():
        last = model.posterior_network[2]
        last.weight.zero_()
        last.weight[0] = 5 * torch.randn(8)  # the mean of the first latent alone depends on the data
    metrics = Evaluation()(model, data, "valid", "utterance", seed=0)
    assert (metrics["active_units"], metrics["latent_units"]) == (1, 3)


def test_the_seed_changes_the_latents_alone(data, model):
    first, second = (Evaluation()(model, data, "valid", "utterance", seed=seed) for seed in (0, 1))
    assert first["elbo_nats_per_seq"] != second["elbo_nats_per_seq"]
    assert first["steps"] == second["steps"]


def test_evaluation_leaves_the_model_and_the_global_stream_alone(data, model):
    model.train()
    state = torch.get_rng_state()
    Evaluation()(model, data, "valid", "utterance", seed=0)
    assert model.training
    assert torch.equal(state, torch.get_rng_state())


def test_a_carried_group_scores_like_one_long_sequence(data):
    """For a model without a backward network, pieces with carried state are the whole utterance."""
    model = LSTM(GaussianHead(200), embedding_size=8, hidden_size=8).double()
    whole = Evaluation()(model, data, "test", "utterance", seed=0)
    pieces = data.test.chunked(7)
    goes_on = np.append(pieces.group[1:] == pieces.group[:-1], False)
    pieces.successor[goes_on] = np.flatnonzero(goes_on) + 1
    carried = Evaluation(batch_size=5)(model, replace(data, test=pieces), "test", "utterance", seed=0)
    assert carried.pop("bound") == whole.pop("bound") == "exact"
    assert carried == pytest.approx(whole, rel=1e-10)


def test_what_is_lost_with_latents_from_the_prior(data, model):
    """Nothing, if the posterior is the prior; much, if the emission relies on what the posterior knows."""
    metrics = Evaluation()(model, data, "valid", "utterance", seed=0)
    assert "log_px_lost_with_prior_latents_nats_per_seq" not in metrics
    with torch.no_grad():
        for layer, prior in ((0, model.prior_network[0]), (2, model.prior_network[2])):
            model.posterior_network[layer].bias.copy_(prior.bias)
            model.posterior_network[layer].weight.zero_()
            model.posterior_network[layer].weight[:, : prior.in_features].copy_(prior.weight)
    same = Evaluation()(model, data, "valid", "utterance", seed=0, thorough=True)
    assert same["log_px_lost_with_prior_latents_nats_per_seq"] == pytest.approx(0, abs=1e-9)
    assert same["kl_nats_per_step"] == pytest.approx(0, abs=1e-12)
    with torch.no_grad():
        model.posterior_network[2].bias[0] += 3.0
    shifted = Evaluation()(model, data, "valid", "utterance", seed=0, thorough=True)
    assert abs(shifted["log_px_lost_with_prior_latents_nats_per_seq"]) > 1

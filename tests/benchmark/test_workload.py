import multiprocessing
import signal

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmark.data.batches import collate
from benchmark.data.random_sequences import RandomSequences
from benchmark.errors import Interrupted, UserError
from benchmark.peak_memory import peak_bytes
from benchmark.workload import ALL_TERMS, Case, build, count_flop, lstm_pair, training_step
from zforcing import Batch
from zforcing.checks import ConfigurationError
from zforcing.engines import available

CPU = torch.device("cpu")
TINY = ("embedding_size=3", "hidden_size=5", "latent_size=2", "mlp_size=4", "batch_size=2", "RandomSequences.steps=6")


def tiny_case(model="zf", size="small", data="timit"):
    return Case("SMALL", (f"gin/{data}_{model}.gin", "gin/speed/base.gin", f"gin/speed/{size}.gin"), TINY)


def batch_of(steps, size):
    return Batch(torch.zeros(steps, size, 3), torch.zeros(steps, size, 3))


@pytest.fixture(autouse=True)
def _algorithms():
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 9])
def test_flop_of_two_lstms_in_closed_form(steps):
    size, embedding_size, hidden_size = 2, 3, 5
    counted = count_flop(
        lambda batch: lstm_pair(batch, torch.float64, embedding_size, hidden_size)(), batch_of(steps, size)
    )
    entering = 3 * steps * embedding_size * 4 * hidden_size  # a product forward, two backward
    recurrent = (3 * steps - 1) * hidden_size * 4 * hidden_size  # the initial state needs no gradient
    assert counted == 2 * 2 * size * (entering + recurrent)


@pytest.mark.parametrize("steps", [1, 9])
def test_flop_of_a_linear_layer_in_closed_form(steps):
    layer = nn.Linear(3, 7).double()
    # No gradient of the data is needed: one product forward, one backward.
    assert (
        count_flop(lambda batch: layer(batch.inputs).sum().backward(), batch_of(steps, 4)) == 2 * 2 * steps * 4 * 3 * 7
    )


@pytest.mark.parametrize("model", ["zf", "vrnn", "srnn", "storn"])
def test_flop_continued_in_a_straight_line_are_those_of_the_whole_step(model):
    work = build(tiny_case(model), CPU)
    expected = work.flop()
    work.model.double().engine = "eager"
    with FlopCounterMode(display=False) as counter:
        work.loss(work.model, Batch(work.batch.inputs.double(), work.batch.targets.double())).backward()
    assert expected == counter.get_total_flops() > 0


def test_flop_of_z_forcing_in_closed_form():
    work = build(Case("SMALL", ("gin/timit_zf.gin", "gin/speed/base.gin", "gin/speed/small.gin")), CPU)
    steps, size, data, embedding, hidden, latent, net = 40, 32, 200, 128, 256, 64, 128
    gates = 4 * hidden
    per_step = (
        2 * data * embedding
        + (embedding + hidden) * gates + hidden * 2 * data  # backward network and its reconstruction
        + hidden * net + net * 2 * latent  # prior
        + 2 * hidden * net + net * 2 * latent  # posterior
        + (latent + embedding + hidden) * gates  # forward LSTM, its generator folded
        + (hidden + latent) * net + net * 2 * hidden  # auxiliary cost
        + hidden * 2 * data  # emission
    )  # fmt: skip
    folding = (latent + 1) * net * gates  # of the generator and its bias into the LSTM
    # Data need no gradient, nor does the initial state, except where the prior, batched over time, reads it.
    saved = steps * size * 2 * data * embedding + size * hidden * (2 * gates + net)
    assert work.flop() == 2 * (3 * (steps * size * per_step + folding) - saved)
    assert (work.batch.steps, work.batch.size) == (steps, size)


@pytest.mark.parametrize("engine", available(CPU))
@pytest.mark.parametrize("model", ["zf", "vrnn", "srnn", "storn"])
def test_a_step_computes_everything_and_moves_nothing(model, engine):
    work = build(tiny_case(model), CPU)
    before = [parameter.clone() for parameter in work.model.parameters()]
    training_step(work, engine)()
    assert work.model.engine == engine
    assert len(work.optimiser.state) > 0
    for old, parameter in zip(before, work.model.parameters(), strict=True):
        assert torch.equal(old, parameter)
        assert torch.isfinite(parameter.grad).all()


def test_every_term_is_on():
    work = build(tiny_case(), CPU)
    terms = work.model(work.batch)
    means = ALL_TERMS(terms, 0)[1]
    assert all(mean != 0 for mean in means.values())
    expected = -means["log_px"] + 0.5 * (means["kl"] + means["aux_nll"] + means["backward_nll"])
    assert means["loss"].item() == pytest.approx(expected.item())


@pytest.mark.parametrize("size", ["paper", "small", "long"])
def test_every_size_builds_on_any_data_set(size):
    for data in ("timit", "seqmnist", "ptb"):
        work = build(tiny_case(size=size, data=data), CPU)
        assert work.model.head.kind == ("binary" if size == "long" else "real")
        assert work.batch.inputs.shape == (6, 2, 1 if size == "long" else 200)


def test_an_override_that_nothing_reads_is_an_error():
    case = tiny_case()
    with pytest.raises(UserError, match="without effect: hiden_size"):
        build(Case("SMALL", case.files, (*TINY, "hiden_size=4")), CPU)


def test_a_model_without_latents_is_an_error():
    case = Case("SMALL", ("gin/timit_lstm.gin", "gin/speed/base.gin", "gin/speed/small.gin"))
    with pytest.raises(UserError, match="LSTM has no latents"):
        build(case, CPU)


def test_peak_memory_is_that_of_a_process_of_its_own():
    case = Case("SMALL", tiny_case().files, (*TINY[:1], "hidden_size=64", "batch_size=64", "RandomSequences.steps=200"))
    peak = peak_bytes(case, CPU, "eager", lambda: None)
    assert peak is None or 2e7 < peak < 2e9


def test_a_process_that_dies_while_it_measures_is_said_to_have_died():
    with pytest.raises(UserError, match="the measuring process died"):
        peak_bytes(Case("SMALL", ("gin/absent.gin",)), CPU, None, lambda: None)


def test_a_stop_is_heard_while_memory_is_measured():
    def stop():
        raise Interrupted(signal.SIGINT)

    with pytest.raises(Interrupted):
        peak_bytes(tiny_case(), CPU, None, stop)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(("kind", "data_size"), [("real", 3), ("binary", 3), ("categorical", 5)])
def test_random_sequences(kind, data_size):
    data = RandomSequences(kind, data_size, steps=7, sequences=4).load(None)
    again = RandomSequences(kind, data_size, steps=7, sequences=4).load(None)
    batch = collate(data.train, [0, 1, 2, 3])
    assert batch.inputs.shape[:2] == (7, 4)
    assert torch.equal(batch.inputs[1:], batch.targets[:-1])
    assert torch.equal(batch.inputs, collate(again.train, [0, 1, 2, 3]).inputs)
    pieces = data.train.chunked(3)
    assert pieces.steps.tolist() == [3, 3, 1] * 4
    assert pieces.group.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert (pieces[4].targets == data.train[1].targets[3:6]).all()
    if kind != "real":
        assert batch.inputs.min() == 0
        assert batch.inputs.max() <= (1 if kind == "binary" else data_size - 1)


def test_random_sequences_of_an_unknown_kind():
    with pytest.raises(ConfigurationError, match="kind must be one of"):
        RandomSequences(kind="complex")

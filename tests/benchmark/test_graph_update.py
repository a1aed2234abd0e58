"""Recorded updates: everything but CUDA's own recording, which a GPU is needed for."""

import contextlib

import pytest
import torch
from builders import prefix_mask, small_batch, small_model, small_noise

from benchmark.errors import UserError
from benchmark.graph_update import MOST_GRAPHS, WARM_UP, GraphUpdate, build_update
from benchmark.objective import Objective
from benchmark.schedules import Constant, Linear
from benchmark.update import Update
from zforcing import Batch

OBJECTIVE = Objective(kl_weight=Linear(start=0.2, end=1.0, step=0.03), aux_weight=Constant(0.3))


class PlainRecorder:
    """Does the work anew whenever it is replayed."""

    def __init__(self):
        self.recorded = self.replayed = 0

    def beside(self):
        return contextlib.nullcontext()

    def record(self, work):
        self.recorded += 1

        def replay():
            self.replayed += 1
            work()

        return replay


def build(kind, optimiser="adam", model="zf", carry_state=False, **options):
    trained = small_model(model).float().train()
    weights = trained.parameters()
    rate = 2.0**-7  # exact in every precision
    optimisers = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    return kind(trained, OBJECTIVE, optimisers[optimiser](weights, lr=rate, fused=True), 5.0, carry_state, **options)


def batch_of(update, steps=6, lengths=None, broken=False):
    mask = None if lengths is None else prefix_mask(lengths, steps).float()
    batch = small_batch(update.model.head, steps, 3)
    batch = Batch(batch.inputs.float(), batch.targets.float(), mask)
    if broken:
        batch.targets[2, 1] = float("nan")
    return batch, small_noise(update.model, batch).float()


KINDS = [{"steps": 6}, {"steps": 4}, {"steps": 6, "lengths": [6, 4, 3]}, {"steps": 6, "broken": True}]


def assert_same(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("carry_state", [False, True])
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
@pytest.mark.parametrize("model", ["zf", "srnn", "lstm"])
def test_recorded_updates_are_the_plain_ones(model, optimiser, carry_state):
    recorder = PlainRecorder()
    graph = build(GraphUpdate, optimiser, model, carry_state, recorder=recorder)
    plain = build(Update, optimiser, model, carry_state)
    plain.model.load_state_dict(graph.model.state_dict())
    for number in range(24):
        batch, noise_TBZ = batch_of(plain, **KINDS[number * 7 % 4])
        goes_on_B = torch.tensor([True, number % 5 > 0, False])
        for update in (graph, plain):
            update.optimiser.param_groups[0]["lr"] = 2.0 ** -(7 + number // 9)
            update(batch, noise_TBZ, goes_on_B, number)
    assert recorder.replayed > 8
    assert carry_state or recorder.recorded == 3
    assert_same(graph.model.state_dict(), plain.model.state_dict())
    assert_same(graph.optimiser.state_dict(), plain.optimiser.state_dict())
    if carry_state:
        assert_same(graph.state, plain.state)
    found, expected = graph.fetch(), plain.fetch()
    assert [x.skipped for x in found] == [x.skipped for x in expected]
    assert sum(x.skipped for x in found) == 6
    assert [x.values for x in found if not x.skipped] == [x.values for x in expected if not x.skipped]


def run(update, steps):
    batch, noise_TBZ = batch_of(update, steps)
    update(batch, noise_TBZ, torch.zeros(3, dtype=torch.bool), 0)


def test_a_rare_shape_runs_as_it_is():
    recorder = PlainRecorder()
    update = build(GraphUpdate, recorder=recorder)
    for _ in range(WARM_UP):
        run(update, 5)
    assert (recorder.recorded, recorder.replayed) == (0, 0)
    for _ in range(2):
        run(update, 5)
    assert (recorder.recorded, recorder.replayed) == (1, 2)


def test_shapes_that_are_too_many_run_as_they_are():
    recorder = PlainRecorder()
    update = build(GraphUpdate, recorder=recorder)
    for steps in range(1, MOST_GRAPHS + 3):
        for _ in range(WARM_UP + 1):
            run(update, steps)
    assert recorder.recorded == recorder.replayed == MOST_GRAPHS


def test_an_earlier_outcome_and_state_are_not_overwritten():
    update = build(GraphUpdate, carry_state=True, recorder=PlainRecorder())
    for _ in range(WARM_UP + 1):
        run(update, 5)
    values, state = update._values[-1], update.state
    kept = values.clone(), tuple(x.clone() for x in state)
    run(update, 5)
    assert_same((values, state), kept)


class Failing(PlainRecorder):
    def record(self, work):
        raise RuntimeError("operation not permitted when stream is capturing\nand a trace")


def test_what_cannot_be_recorded_runs_as_it_is_and_says_so(capsys):
    update = build(GraphUpdate, recorder=Failing())
    rate = update.optimiser.param_groups[0]["lr"]
    for _ in range(WARM_UP + 3):
        run(update, 5)
    assert len(update.fetch()) == WARM_UP + 3
    assert update.optimiser.param_groups[0]["lr"] is rate
    assert update.optimiser.param_groups[0]["capturable"] is False
    (said,) = capsys.readouterr().out.splitlines()
    assert "could not be captured: operation not permitted when stream is capturing" in said


def test_what_cannot_be_recorded_is_an_error_where_it_was_asked_for():
    update = build(GraphUpdate, recorder=Failing(), required=True)
    for _ in range(WARM_UP):
        run(update, 5)
    with pytest.raises(UserError, match=r"cannot be captured in a CUDA graph .*; set experiment.engine = 'fused'"):
        run(update, 5)


def test_without_a_gpu_updates_are_plain_and_graphs_are_refused():
    model = small_model()
    optimiser = torch.optim.Adam(model.parameters(), fused=True)
    for engine in ("auto", "eager", "fused"):
        model.engine = engine
        assert type(build_update(model, OBJECTIVE, optimiser, 1.0, False)) is Update
    model.engine = "graph"
    with pytest.raises(UserError, match="'graph' is for CUDA devices, this is cpu; set it to 'auto'"):
        build_update(model, OBJECTIVE, optimiser, 1.0, False)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("carry_state", [False, True])
@pytest.mark.parametrize("model", ["zf", "srnn", "vrnn", "storn", "lstm"])
def test_cuda_graphs_give_what_plain_updates_give(model, carry_state):
    def on_gpu(kind, **options):
        trained = small_model(model).float().cuda().train()
        optimiser = torch.optim.Adam(trained.parameters(), lr=2.0**-7, fused=True)
        return kind(trained, OBJECTIVE, optimiser, 5.0, carry_state, **options)

    graph, plain = on_gpu(GraphUpdate, required=True), on_gpu(Update)
    plain.model.load_state_dict(graph.model.state_dict())
    for number in range(24):
        batch, noise_TBZ = batch_of(plain, **KINDS[number * 7 % 4])
        for update in (graph, plain):
            update(batch.to("cuda"), noise_TBZ.cuda(), torch.tensor([True, False, True]), number)
    assert graph._recorded
    torch.testing.assert_close(graph.model.state_dict(), plain.model.state_dict(), rtol=1e-4, atol=1e-5)
    assert [x.skipped for x in graph.fetch()] == [x.skipped for x in plain.fetch()]

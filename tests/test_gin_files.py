"""Every shipped experiment builds and takes a step, at its own size and at every scale."""

import functools
from pathlib import Path

import gin
import pytest
import torch

from benchmark.config import load_config
from benchmark.data import timit
from benchmark.errors import UserError
from benchmark.run import parse_arguments
from benchmark.session import build_run
from benchmark.stop import StopSignals
from benchmark.update import skips_on_device

ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "gin").glob("*.gin"))
PAPER = "gin/scale/paper.gin"
SCALES = sorted({path.relative_to(ROOT).as_posix() for path in (ROOT / "gin/scale").glob("*.gin")} - {PAPER})


SYNTHESISED = functools.cache(timit._synthesise_corpus)


@pytest.fixture(autouse=True)
def _clean(no_data, monkeypatch):
    monkeypatch.setattr(timit, "_synthesise_corpus", SYNTHESISED)
    yield
    gin.clear_config()


def build(*files, settings=()):
    return build_run(parse_arguments([*(a for file in files for a in ("--gin", file)), *settings]), StopSignals())


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_takes_a_step_at_every_scale(experiment, scale):
    run = build(experiment, scale)
    before = [parameter.clone() for parameter in run.experiment.model.parameters()]
    batch, _ = run.trainer.batches.next()
    noise = run.experiment.model.draw_noise(batch.steps, batch.size, run.trainer.streams.sampling)
    loss, _ = run.experiment.objective(run.experiment.model(batch, noise), 10)
    loss.backward()
    run.trainer.optimiser.step()
    assert torch.isfinite(loss)
    assert any(not torch.equal(a, b) for a, b in zip(before, run.experiment.model.parameters(), strict=True))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_papers_scale_changes_nothing(experiment):
    """So that what holds of an experiment at its own size holds of it at this scale."""
    texts = []
    for files in ([experiment], [experiment, PAPER]):
        load_config(files)
        texts.append(gin.config_str())
    assert texts[0] == texts[1]
    assert f"experiment.name = '{Path(experiment).stem}'" in texts[0]


@pytest.fixture
def cheap_initialisation(monkeypatch):
    """Orthogonal matrices of the paper's sizes take seconds each."""
    monkeypatch.setattr(torch.nn.init, "orthogonal_", lambda weight: weight)


@pytest.mark.usefixtures("cheap_initialisation")
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_builds_at_its_own_size(experiment):
    run = build(experiment)
    assert sum(parameter.numel() for parameter in run.experiment.model.parameters()) > 500_000
    assert run.experiment.name in experiment
    assert skips_on_device(run.trainer.optimiser)


@pytest.mark.parametrize(
    ("part", "weight"), [("auxiliary_cost", "aux_weight"), ("vrnn_auxiliary", None), ("kl_annealing", None)]
)
def test_a_weight_without_its_term_is_refused(part, weight):
    files = ("gin/timit_vrnn.gin", f"gin/base/{part}.gin", "gin/scale/demo.gin")
    if weight is None:
        build(*files)
    else:
        with pytest.raises(UserError, match=rf"Objective\.{weight} weighs nothing, because this VRNN has no"):
            build(*files)


def test_a_backward_network_that_nothing_trains_is_refused():
    """A filtering SRNN does not read the future: the network that is added for the cost needs its reconstruction."""
    filtering = ("--set", "SRNN.smoothing=False")
    backward = (
        "--set",
        "Objective.backward_weight=@reconstruction/Constant()",
        "--set",
        "reconstruction/Constant.value=1.0",
    )
    files = ("gin/timit_srnn.gin", "gin/base/srnn_auxiliary.gin", "gin/scale/demo.gin")
    build(*files)
    with pytest.raises(UserError, match=r"Objective\.backward_weight must be above 0 for this SRNN"):
        build(*files, settings=filtering)
    build(*files, settings=(*filtering, *backward))
    build("gin/timit_srnn.gin", "gin/scale/demo.gin", settings=filtering)


@pytest.mark.parametrize(
    ("experiment", "part", "label"),
    [
        ("vrnn", "vrnn_auxiliary", "VRNN-Gauss + aux"),
        ("srnn", "srnn_auxiliary", "SRNN (smooth + Res_q) + aux"),
        ("vrnn", "kl_annealing", "VRNN-Gauss"),
        ("zf_kla", "auxiliary_cost", "Z-Forcing + kla, aux"),
        ("zf_aux", "kl_annealing", "Z-Forcing + aux"),
    ],
)
def test_a_label_mentions_the_auxiliary_cost(experiment, part, label):
    """Also where a part adds it that does not know the label."""
    run = build(f"gin/timit_{experiment}.gin", f"gin/base/{part}.gin", "gin/scale/demo.gin")
    assert run.experiment.label == label


@pytest.mark.usefixtures("cheap_initialisation")
def test_a_label_leaves_out_an_auxiliary_cost_of_no_weight():
    run = build("gin/timit_zf_aux.gin", "gin/scale/demo.gin", settings=("--set", "auxiliary_weight=0.0"))
    assert run.experiment.label == "Z-Forcing"


@pytest.mark.usefixtures("cheap_initialisation")
def test_the_main_experiment_has_the_released_codes_sizes():
    model = build("gin/timit_zf.gin").experiment.model
    assert (model.hidden_size, model.latent_size) == (1024, 256)
    assert model.embedding.layer.weight.shape == (512, 200)
    assert model.posterior_network[0].weight.shape == (512, 2048)


@pytest.mark.usefixtures("cheap_initialisation")
def test_blizzard_has_the_released_codes_sizes_and_rates():
    run = build("gin/blizzard_zf.gin")
    model, training = run.experiment.model, run.experiment.training
    assert (model.hidden_size, model.latent_size, training.batch_size) == (2048, 256, 128)
    assert model.embedding.layer.weight.shape == (1024, 200)
    assert model.posterior_network[0].weight.shape == (1024, 4096)
    assert run.trainer.optimiser.param_groups[0]["lr"] == 3e-4
    assert gin.query_parameter("torch.optim.lr_scheduler.ReduceLROnPlateau.min_lr") == 3e-4 / 4


@pytest.mark.parametrize(
    ("experiment", "steps", "norm"),
    [("timit_srnn", "Timit.segment_frames", 3000), ("music_srnn", "Music.segment_steps", 1)],
)
def test_srnns_settings_are_those_of_a_loss_per_sequence(experiment, steps, norm):
    """Its released code takes the mean over time steps, with an eps of 1e-4 and these largest norms."""
    load_config([f"gin/{experiment}.gin"])
    length = gin.query_parameter(steps)
    assert gin.query_parameter("torch.optim.Adam.eps") == pytest.approx(1e-4 * length)
    assert gin.query_parameter("Training.gradient_clip") == norm * length


@pytest.mark.usefixtures("cheap_initialisation")
def test_the_variants_differ_in_the_objective_alone():
    weights = {}
    for row in ("plain", "kla", "aux", "kla_aux"):
        run = build(f"gin/timit_zf_{row}.gin")
        weights[row] = [run.experiment.objective.weights(update) for update in (0, 50, 16_000)]
        gin.clear_config()
    assert [w["kl_weight"] for w in weights["plain"]] == [w["kl_weight"] for w in weights["aux"]] == [1, 1, 1]
    assert [w["aux_weight"] for w in weights["plain"]] == [w["aux_weight"] for w in weights["kla"]] == [0, 0, 0]
    assert [w["kl_weight"] for w in weights["kla"]] == pytest.approx([0.2, 0.2025, 1])
    assert [w["aux_weight"] for w in weights["aux"]] == pytest.approx([0, 0.0025, 0.0025])
    assert weights["kla_aux"] == [
        {**kla, "aux_weight": aux["aux_weight"]} for kla, aux in zip(weights["kla"], weights["aux"], strict=True)
    ]

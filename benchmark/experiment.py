"""The root of the configuration: from a gin file to the parts of one experiment."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gin
import torch

import benchmark.optimisers
import benchmark.schedules  # noqa: F401  registers what gin files refer to
from benchmark.data.dataset import Corpus, Dataset
from benchmark.evaluation import Evaluation
from benchmark.objective import Objective
from benchmark.samples import Samples
from benchmark.streams import derived_seed
from benchmark.training import Training
from zforcing.checks import require, require_choice, require_sizes
from zforcing.engines import ENGINES
from zforcing.heads import Head
from zforcing.interface import SequenceModel
from zforcing.recurrent_vae import RecurrentVAE


@dataclass(frozen=True)
class Experiment:
    """The parts of one run, built and ready to train.

    Attributes:
        name: readable, the start of the run's id.
        label: the row of a table that the run fills; it ends in "aux" if there is an auxiliary cost.
        seed: of all random streams.
        dataset, model, objective, training, evaluation, samples: the parts.
    """

    name: str
    label: str
    seed: int
    dataset: Dataset
    model: SequenceModel
    objective: Objective
    training: Training
    evaluation: Evaluation
    samples: Samples


Loader = Callable[[Corpus, Path | None], Dataset]


def load_corpus(corpus: Corpus, root: Path | None) -> Dataset:
    """Reads a corpus below `root`."""
    return corpus.load(root)


@gin.configurable(denylist=["root", "device", "load"])
def experiment(
    root: Path | None,
    device: torch.device,
    load: Loader = load_corpus,
    name: str = gin.REQUIRED,
    label: str = gin.REQUIRED,
    seed: int = gin.REQUIRED,
    dataset: Corpus = gin.REQUIRED,
    model: Callable[..., SequenceModel] = gin.REQUIRED,
    head: Callable[..., Head] = gin.REQUIRED,
    objective: Objective = gin.REQUIRED,
    training: Training = gin.REQUIRED,
    evaluation: Evaluation = gin.REQUIRED,
    samples: Samples = gin.REQUIRED,
    engine: str = "auto",
    recomputed_steps: int | None = None,
) -> Experiment:
    """Loads the data and builds the model on `device`.

    Args:
        root: where corpora are looked for.
        device: where the model computes.
        load: reads the corpus, for what builds many experiments on the same data.
        name, label, seed: see `Experiment`.
        dataset: how the corpus is read, for example @Timit().
        model: a class, for example @ZForcing, called with the head.
        head: a class, for example @GaussianHead, called with the size of the data.
        objective, training, evaluation, samples: instances, for example @Objective().
        engine: what runs the model's loops over time, one of `zforcing.engines.ENGINES` or 'auto'.
        recomputed_steps: see `RecurrentVAE`; for long sequences that do not fit into memory.
    """
    require_choice(("auto", *ENGINES), engine=engine)
    if recomputed_steps is not None:
        require_sizes(recomputed_steps=recomputed_steps)
    for part, kind in ((objective, Objective), (training, Training), (evaluation, Evaluation), (samples, Samples)):
        name_of_kind = kind.__name__
        require(isinstance(part, kind), f"experiment.{name_of_kind.lower()} must be @{name_of_kind}(), got {part!r}")
    require(hasattr(dataset, "load"), f"experiment.dataset must be a corpus such as @Timit(), got {dataset!r}")
    require(isinstance(label, str) and label != "", f"experiment.label must be a string, got {label!r}")
    require(type(seed) is int, f"experiment.seed must be a whole number, got {seed!r}")
    require(
        isinstance(name, str) and re.fullmatch(r"[\w-]+", name) is not None,
        f"experiment.name must be made of letters, digits, '_' and '-', got {name!r}",
    )
    loaded = load(dataset, root)
    torch.manual_seed(derived_seed(seed, "initialisation"))
    likelihood = head(data_size=loaded.data_size)
    require(
        likelihood.kind == loaded.kind,
        f"experiment.head: {type(likelihood).__name__} is for {likelihood.kind} data, {loaded.name} is {loaded.kind}",
    )
    built = model(head=likelihood).to(device)
    _require_what_is_weighed(built, objective)
    built.engine = engine
    if isinstance(built, RecurrentVAE):
        built.recomputed_steps = recomputed_steps
    else:
        require(recomputed_steps is None, f"experiment.recomputed_steps is for models with latents, not for {model}")
    return Experiment(
        name, _full_label(label, objective), seed, loaded, built, objective, training, evaluation, samples
    )


def _require_what_is_weighed(model: SequenceModel, objective: Objective) -> None:
    """A weight on a term that the model does not have would leave the term out without a word."""
    kind = type(model).__name__
    needed = {
        "aux_weight": ("auxiliary", "auxiliary cost"),
        "backward_weight": ("backward_network", "backward network"),
    }
    for weight, (attribute, part) in needed.items():
        require(
            not _weighs(objective, weight) or getattr(model, attribute, None) is not None,
            f"Objective.{weight} weighs nothing, because this {kind} has no {part}: bind {kind}.auxiliary = "
            f"@Auxiliary() if it takes one, or remove the weight",
        )
    auxiliary = getattr(model, "auxiliary", None)
    require(
        auxiliary is None
        or not auxiliary.own_network
        or not _weighs(objective, "aux_weight")
        or _weighs(objective, "backward_weight"),
        f"Objective.backward_weight must be above 0 for this {kind}: its backward network serves the auxiliary cost "
        f"alone, and nothing else trains it; bind it as gin/base/vrnn_auxiliary.gin does",
    )


def _weighs(objective: Objective, weight: str) -> bool:
    """Whether a weight is ever anything but 0."""
    return any(weights[weight] for weights in objective.extremes().values())


def _full_label(label: str, objective: Objective) -> str:
    """The label, with the auxiliary cost in it if there is one: any experiment may be given it, or weight 0."""
    if "aux" in label or not _weighs(objective, "aux_weight"):
        return label
    return f"{label}, aux" if label.endswith("+ kla") else f"{label} + aux"

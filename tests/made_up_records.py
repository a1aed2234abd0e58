"""Records as runs write them, with made-up numbers that are the same every time."""

import json
import math
import zlib
from dataclasses import dataclass

import numpy as np

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SEEDS = (1, 2, 3, 4, 5)
ANNEALED = (0.2, 1.0)
CONSTANT = (1.0, 1.0)
LATENT_UNITS = 64

CONFIG = """\
import zforcing.model

# Macros:
# ==============================================================================
anneal_step = 0.0016
auxiliary_step = 0.0001
auxiliary_weight = {auxiliary_weight}
learning_rate = 0.001

# Parameters for annealing/Linear:
# ==============================================================================
annealing/Linear.end = {kl_weight[1]}
annealing/Linear.start = {kl_weight[0]}
annealing/Linear.step = %anneal_step

# Parameters for auxiliary/Linear:
# ==============================================================================
auxiliary/Linear.end = %auxiliary_weight
auxiliary/Linear.start = 0.0
auxiliary/Linear.step = %auxiliary_step

# Parameters for experiment:
# ==============================================================================
experiment.head = @{head}
experiment.label = {label!r}
experiment.model = @{model}
experiment.name = {name!r}
experiment.seed = {seed}

# Parameters for Objective:
# ==============================================================================
Objective.aux_weight = @auxiliary/Linear()
Objective.kl_weight = @annealing/Linear()
"""


@dataclass(frozen=True)
class Data:
    """What a data set's numbers look like.

    Args:
        protocols: of its test split; validation during training is by the first.
        sequences, steps: of the test split.
        untrained, trained: nats per sequence before training, and about where it ends.
        units: further units, as functions of nats per sequence and per step.
    """

    protocols: tuple
    sequences: int
    steps: int
    untrained: float
    trained: float
    units: dict


DATA = {
    "timit": Data(
        ("utterance", "chunk40"),
        20,
        4404,
        -50000.0,
        -4000.0,
        {"bits_per_sample": lambda sequence, step: 9.2 - step / 200 / math.log(2)},
    ),
    "seqmnist": Data(
        ("image784",),
        10000,
        7840000,
        -540.0,
        -82.0,
        {
            "nll_nats_per_image": lambda sequence, step: -sequence,
            "nll_bits_per_pixel": lambda sequence, step: -sequence / 784 / math.log(2),
        },
    ),
    "ptb": Data(("sentence",), 3761, 82430, -200.0, -103.0, {"ppl": lambda sequence, step: math.exp(-step)}),
    "music_jsb": Data(("sequence",), 77, 4725, -3700.0, -430.0, {"nll_nats_per_step": lambda sequence, step: -step}),
}


def made_up_record(
    label="Z-Forcing",
    seed=1,
    model="ZForcing",
    head="GaussianHead",
    data="timit",
    source="sample",
    kl_weight=CONSTANT,
    aux_weight=0.0,
    backward_weight=0.0,
    gain=0.0,
    points=20,
):
    """A record of a run.

    The auxiliary weight and annealing raise bound and KL a little; what a seed does is nearly the same in every row, as
    the order of the data is, so that pairs by seed say more than rows do.

    Args:
        gain: of the trained bound beyond the data set's, as a share of what training gains.
        points: validations during training, after that of the untrained model.
    """
    form = DATA[data]
    name = f"{data}_{''.join(c if c.isalnum() else '_' for c in label.lower())}"
    identity = f"{name} {model} {kl_weight} {aux_weight} {seed}"
    of_seed = np.random.default_rng(seed).normal()
    noise = np.random.default_rng(zlib.crc32(identity.encode()))
    span = form.trained - form.untrained
    helped = math.log1p(aux_weight / 0.001)
    gain = gain + 0.004 * of_seed + 0.0015 * noise.normal() + 0.01 * helped
    kl = -0.2 * form.trained * (1 + 0.3 * helped + 0.2 * (kl_weight == ANNEALED))
    kl *= 1 + 0.04 * of_seed + 0.03 * noise.normal()

    def metrics(protocol, share=1.0, shift=0.0):
        bound = form.untrained + share * span * (1 + gain) + shift * span
        latent = None if model == "LSTM" else kl * share ** (0.3 if kl_weight == ANNEALED else 1.5)
        return _metrics(form, bound, latent, noise)

    shares = [1 - math.exp(-5 * point / points) for point in range(points + 1)]
    last = shares[-1]
    validation = [
        {"update": 96 * point, **metrics(form.protocols[0], share / last, 0.002 * noise.normal() * (point > 0))}
        for point, share in enumerate(shares)
    ]
    best = max(validation, key=lambda point: point.get("elbo_nats_per_seq", point.get("log_likelihood_nats_per_seq")))
    weights = {"kl_weight": kl_weight, "aux_weight": (0.0, aux_weight), "backward_weight": (backward_weight,) * 2}
    fill = {"label": label, "name": name, "model": model, "head": head, "seed": seed}
    config = CONFIG.format(**fill, auxiliary_weight=aux_weight, kl_weight=kl_weight)
    return {
        "schema": 2,
        "run_id": f"{name}-seed{seed}-{zlib.crc32(identity.encode()):08x}",
        **fill,
        "parameters": 1_399_968,
        "weights": {
            end: {term: pair[side] for term, pair in weights.items()} for side, end in enumerate(("first", "last"))
        },
        "dataset": {
            "name": data,
            "source": source,
            "description": f"made-up {data}",
            "counts": {"train": 120, "valid": 20, "test": form.sequences},
            "statistics": {},
            "fingerprint": f"{zlib.crc32(f'{data} {source}'.encode()):064x}",
        },
        "results": {
            split: {protocol: metrics(protocol, 1.0, shift + 0.001 * n) for n, protocol in enumerate(form.protocols)}
            for split, shift in (("valid", 0.0), ("test", -0.01))
        },
        "training": {
            "updates": 96 * points,
            "skipped_updates": 0,
            "stopped_early": False,
            "best_update": best["update"],
            "validation": validation,
        },
        "gin_files": [f"gin/{name}.gin"],
        "overrides": [],
        "config": config,
        "operative_config": config,
        "environment": {
            "version": "0.2.0",
            "commit": COMMIT,
            "python": "3.11.7",
            "torch": "2.13.0",
            "numpy": "2.4.6",
            "device": "x86_64",
            "device_kind": "cpu",
            "threads": 1,
            "engine": "compiled",
        },
    }


def _metrics(form, bound, kl, noise):
    """Metrics as an evaluation gives them; `kl` is None for a model without latents."""
    per_step = bound * form.sequences / form.steps
    head = {"bound": "exact" if kl is None else "elbo", "sequences": form.sequences, "steps": form.steps}
    name = "log_likelihood_nats_per_seq" if kl is None else "elbo_nats_per_seq"
    metrics = head | {name: bound} | {unit: convert(bound, per_step) for unit, convert in form.units.items()}
    if kl is None:
        return metrics
    active = round(LATENT_UNITS * min(1.0, 1 - math.exp(5 * kl / form.trained)))
    return metrics | {
        "log_px_nats_per_seq": bound + kl,
        "kl_nats_per_seq": kl,
        "aux_nll_nats_per_seq": 100.0 + noise.normal(),
        "kl_nats_per_step": kl * form.sequences / form.steps,
        "mutual_information_nats": min(5.0, 0.1 * kl),
        "active_units": max(0, active + int(noise.integers(-3, 1))),
        "latent_units": LATENT_UNITS,
        "log_px_lost_with_prior_latents_nats_per_seq": 3 * kl,
    }


def made_up_speech(seeds=SEEDS, **settings):
    """The rows of the paper's table 1, and VRNN with the auxiliary cost."""
    rows = [
        {"label": "RNN-Gauss", "model": "LSTM", "gain": -0.3},
        {"label": "RNN-GMM", "model": "LSTM", "head": "GaussianMixtureHead", "gain": -0.1},
        {"label": "VRNN-I", "model": "VRNN", "gain": -0.06},
        {"label": "VRNN-Gauss", "model": "VRNN", "gain": -0.03},
        {"label": "VRNN-GMM", "model": "VRNN", "head": "GaussianMixtureHead", "gain": -0.02},
        {"label": "SRNN (smooth + Res_q)", "model": "SRNN", "gain": -0.01},
        {"label": "Z-Forcing"},
        {"label": "Z-Forcing + kla", "kl_weight": ANNEALED, "gain": -0.01},
        {"label": "Z-Forcing + aux", "aux_weight": 0.0025},
        {"label": "Z-Forcing + kla, aux", "kl_weight": ANNEALED, "aux_weight": 0.0025},
        {"label": "VRNN-Gauss + aux", "model": "VRNN", "aux_weight": 0.0025, "backward_weight": 1.0, "gain": -0.03},
    ]
    return [made_up_record(seed=seed, **row, **settings) for row in rows for seed in seeds]


def made_up_ablation(seeds=SEEDS, weights=(0.0, 0.0025, 0.01), models=("ZForcing", "SRNN", "VRNN"), **settings):
    """Auxiliary weight x KL schedule x model, all under the label of their model, as a sweep writes them."""
    labels = {
        "ZForcing": "Z-Forcing + kla, aux",
        "SRNN": "SRNN + aux",
        "VRNN": "VRNN-Gauss + aux",
        "STORN": "STORN + aux",
    }
    of_model = {"SRNN": {"gain": -0.05}, "VRNN": {"gain": -0.03, "backward_weight": 1.0}}
    return [
        made_up_record(
            labels[model], seed, model, kl_weight=kl_weight, aux_weight=weight, **of_model.get(model, {}), **settings
        )
        for model in models
        for kl_weight in (CONSTANT, ANNEALED)
        for weight in weights
        for seed in seeds
    ]


def write_records(out, records):
    """Puts records into a results folder."""
    folder = out / "records"
    folder.mkdir(parents=True, exist_ok=True)
    for record in records:
        (folder / f"{record['run_id']}.json").write_text(json.dumps(record, indent=1) + "\n")
    return out


def outcomes_of_weight(records, model, kl_first, aux_weight):
    """The test metrics of the runs of a made-up ablation with these weights, by seed."""
    return {
        record["seed"]: record["results"]["test"]["utterance"]
        for record in records
        if record["model"] == model
        and record["weights"]["first"]["kl_weight"] == kl_first
        and record["weights"]["last"]["aux_weight"] == aux_weight
    }

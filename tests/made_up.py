"""Records of runs that nobody made, for what reads records."""

CONFIG = """import baselines.lstm

# Macros:
auxiliary_weight = {aux_weight}
hidden_size = 256

# Parameters for experiment:
experiment.name = 'made_up'
experiment.seed = {seed}
experiment.schedule = \\
    @annealing/Linear()
"""


def made_up_record(
    seed=1,
    label="Z-Forcing",
    bound=-100.0,
    kl=None,
    weights=(1.0, 0.0),
    dataset="timit",
    source="sample",
    model="ZForcing",
    protocol="utterance",
    unit="bits_per_sample",
    unit_value=9.0,
    kl_start=None,
    **changes,
):
    """A record with the form of a real one.

    Args:
        bound: in nats per sequence; a lower bound if `kl` is given, otherwise exact.
        weights: of the KL and the auxiliary cost, where they end.
        kl_start: the KL weight at first, if it is annealed.
        changes: items of the record to replace.
    """
    kl_weight, aux_weight = weights
    metrics = {"bound": "exact", "sequences": 20, "steps": 4404, "log_likelihood_nats_per_seq": bound, unit: unit_value}
    if kl is not None:
        metrics = {
            "bound": "elbo",
            "sequences": 20,
            "steps": 4404,
            "elbo_nats_per_seq": bound,
            unit: unit_value,
            "log_px_nats_per_seq": bound + kl,
            "kl_nats_per_seq": kl,
            "aux_nll_nats_per_seq": -5.0,
            "kl_nats_per_step": kl / 220,
            "mutual_information_nats": kl / 100,
            "active_units": 3,
            "latent_units": 4,
            "log_px_lost_with_prior_latents_nats_per_seq": kl / 2,
        }
    name = label.lower().replace(" ", "_").replace(",", "").replace("+", "and")
    weighed = {"kl_weight": kl_weight, "aux_weight": aux_weight, "backward_weight": 0.0}
    return {
        "schema": 2,
        "run_id": f"{name}-seed{seed}-{aux_weight:g}",
        "name": name,
        "label": label,
        "seed": seed,
        "model": model,
        "head": "GaussianHead",
        "parameters": 1000,
        "weights": {"first": {**weighed, "kl_weight": kl_start or kl_weight}, "last": weighed},
        "dataset": {
            "name": dataset,
            "source": source,
            "description": f"made-up {dataset}",
            "counts": {"train": 120, "valid": 20, "test": 20},
            "statistics": {},
            "fingerprint": "0123456789abcdef",
        },
        "results": {"valid": {protocol: metrics}, "test": {protocol: metrics}},
        "training": {
            "updates": 96,
            "skipped_updates": 0,
            "stopped_early": False,
            "best_update": 96,
            "validation": [{"update": 0, **metrics}, {"update": 96, **metrics}],
        },
        "gin_files": [f"gin/{name}.gin"],
        "overrides": [],
        "config": CONFIG.format(seed=seed, aux_weight=aux_weight),
        "operative_config": "",
        "environment": {"version": "0.2.0", "commit": "c" * 40, "torch": "2.13.0", "device_kind": "cpu"},
    } | changes

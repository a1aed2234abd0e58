"""The quantities of records: in which unit each is, whether exact or a bound, and how it is printed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sized
from typing import Any

from benchmark.later import PROBED, TIGHTER
from benchmark.published import NATS
from benchmark.record_form import BOUND_METRICS
from benchmark.row import Row
from benchmark.statistics import t_interval
from benchmark.tables.columns import EXACT, LOWER, UPPER, Kind, Number, number

# Unit and form of the likelihood in each unit it may be given in.
LIKELIHOODS = {
    NATS: ("nats/seq", ".1f"),
    "bits_per_sample": ("bits/sample", ".3f"),
    "nll_nats_per_image": ("NLL/image", ".2f"),
    "nll_bits_per_pixel": ("bits/pixel", ".4f"),
    "nll_nats_per_step": ("NLL/step", ".3f"),
    "ppl": ("perplexity", ".2f"),
    "bits_per_character": ("bits/character", ".3f"),
}
# Units that only rescale another one, which is shown instead.
RESCALED = {"nll_nats_per_image": (NATS, "nll_bits_per_pixel")}
TEST_SET = Kind("s.e. of the test set", "nats/seq")
KL = Kind("KL", "nats/seq")
ACTIVE = Kind("active", "units", single=".0f")
INFORMATION = Kind("MI", "nats", form=".2f")
LOST = Kind("lost with prior latents", "nats/seq")
DIAGNOSTICS = {
    "standard_error_nats_per_seq": TEST_SET,
    "kl_nats_per_seq": KL,
    "active_units": ACTIVE,
    "mutual_information_nats": INFORMATION,
    "log_px_lost_with_prior_latents_nats_per_seq": LOST,
    f"{PROBED}_from_latents": Kind("phones from latents", "share of frames", form=".3f"),
    f"{PROBED}_from_states": Kind("phones from states", "share of frames", form=".3f"),
    f"{PROBED}_of_majority": Kind("phones by majority", "share of frames", form=".3f"),
}
COUNT = "count"
# The unit that the end of a metric's name says.
ENDINGS = {
    "_nats_per_seq": "nats/seq",
    "_nats_per_step": "nats/step",
    "_nats": "nats",
    "_units": "units",
}


def likelihood_kind(unit: str, bound: str) -> Kind:
    """The kind of a likelihood in one of the units of LIKELIHOODS."""
    name, form = LIKELIHOODS[unit]
    return Kind("", name, bound, form)


def bound_in(unit: str, bound: str) -> str:
    """What a lower bound of the log-likelihood is in another unit: an upper one, where less is better."""
    return bound.replace(LOWER, UPPER) if unit != NATS else bound


def metric_kind(metric: str, bound: str) -> tuple[str, str]:
    """Unit and bound of any metric; `bound` is that of its record, 'elbo' or 'exact'."""
    of_record = EXACT if bound == "exact" else LOWER
    if metric in BOUND_METRICS.values():
        return LIKELIHOODS[NATS][0], of_record
    if metric in LIKELIHOODS:
        return LIKELIHOODS[metric][0], bound_in(metric, of_record)
    if tighter := TIGHTER.fullmatch(metric):
        unit = tighter["unit"]
        return LIKELIHOODS[unit][0], bound_in(unit, f"{LOWER}, {_estimator(tighter)}")
    if metric in DIAGNOSTICS:
        return DIAGNOSTICS[metric].unit, ""
    return next((unit for ending, unit in ENDINGS.items() if metric.endswith(ending)), COUNT), ""


def likelihoods(row: Row, protocol: str, split: str = "test") -> Iterator[Number]:
    """The likelihood in every unit that the records have, but for RESCALED, means over seeds; then tighter bounds."""
    bound = EXACT if row.is_exact else LOWER
    left_out = {unit for shown, units in RESCALED.items() if row.values(protocol, shown, split) for unit in units}
    shown = [unit for unit in LIKELIHOODS if unit not in left_out]
    for unit in shown:
        values = row.bound_values(protocol, split) if unit == NATS else row.values(protocol, unit, split)
        if values:
            yield _likelihood(row, unit, bound, values)
    for metric, tighter in tighter_bounds(row, protocol, split).items():
        if tighter["unit"] in shown:
            values = row.values(protocol, metric, split)
            yield _likelihood(row, tighter["unit"], f"{LOWER}, {_estimator(tighter)}", values)


def tighter_bounds(row: Row, protocol: str, split: str = "test") -> dict[str, re.Match[str]]:
    """The metrics of the row that are tighter bounds than the ELBO, with their parts."""
    metrics = [record["results"].get(split, {}).get(protocol, {}) for record in row.records]
    names = dict.fromkeys(name for of_run in metrics for name in of_run)
    return {name: tighter for name in names if (tighter := TIGHTER.fullmatch(name))}


def _likelihood(row: Row, unit: str, bound: str, values: Mapping[int, float]) -> Number:
    kind = likelihood_kind(unit, bound_in(unit, bound))
    return number(kind, t_interval(values.values()), fewer(len(values), row.seeds))


def _estimator(tighter: re.Match[str]) -> str:
    """Such as 'IWAE-100', of so many samples."""
    return f"{tighter['estimator'].upper()}-{tighter['samples']}"


def diagnostics(row: Row, protocol: str) -> dict[str, Number]:
    """KL, active units and what else says whether the latents are used, means over seeds, by heading."""
    found = {}
    for metric, kind in DIAGNOSTICS.items():
        values = row.values(protocol, metric)
        if values:
            units = set(row.values(protocol, "latent_units").values()) if kind is ACTIVE else set()
            suffix = f" of {units.pop()}" if len(units) == 1 else ""
            found[kind.heading] = number(kind, t_interval(values.values()), suffix + fewer(len(values), row.seeds))
    return found


def fewer(count: int, seeds: Sized) -> str:
    """What follows a mean of fewer seeds than its line has."""
    return f" (n = {count})" if count < len(seeds) else ""


def numeric(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The metrics that are numbers."""
    return {name: value for name, value in metrics.items() if isinstance(value, (int, float))}

"""A row of tables and figures: the runs of one configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.record_form import BOUND_METRICS

NAMES = ("experiment.name", "experiment.label")
WEIGHTS = {"aux_weight": "auxiliary weight", "kl_weight": "KL weight", "backward_weight": "backward weight"}
CONSTANT = re.compile(r"(@.*\b(Linear|Constant)\(\))?")  # a schedule that is constant if its ends are alike


@dataclass(frozen=True)
class Row:
    """The runs of one configuration on the same data.

    Attributes:
        label: of the configuration; no other row of the data set and source has it.
        dataset, source: what it was trained and scored on.
        model, head: names of their classes.
        weights: of the objective, at the 'first' update and where they end ('last').
        records: of the runs, by seed, no two of one seed.
    """

    label: str
    dataset: str
    source: str
    model: str
    head: str
    weights: dict[str, dict[str, float]]
    records: tuple[dict[str, Any], ...]

    @property
    def seeds(self) -> list[int]:
        return [record["seed"] for record in self.records]

    @property
    def protocols(self) -> list[str]:
        """The protocols of the test split, the data set's default first."""
        return list(self.records[0]["results"]["test"])

    def values(self, protocol: str, metric: str, split: str = "test") -> dict[int, Any]:
        """A metric by seed, of the runs that have it."""
        results = {record["seed"]: record["results"].get(split, {}).get(protocol, {}) for record in self.records}
        return {seed: metrics[metric] for seed, metrics in results.items() if metric in metrics}

    @property
    def is_exact(self) -> bool:
        """Whether the row's likelihoods are exact; else they are lower bounds."""
        return "exact" in self.values(self.protocols[0], "bound").values()

    def bound_values(self, protocol: str, split: str = "test") -> dict[int, float]:
        """The bound, or the exact log-likelihood, in nats per sequence by seed."""
        return self.values(protocol, BOUND_METRICS["exact" if self.is_exact else "elbo"], split)

    @property
    def settings(self) -> dict[str, str]:
        """The bindings of the configuration, as written, without the seed."""
        return settings(self.records[0]["config"])

    def settings_beside(self, *names: str) -> dict[str, str]:
        """The settings but names, these bindings, and those that serve nothing but to decide them."""
        bindings = self.settings
        left_out = {*NAMES}.union(*(_reached(bindings, name) for name in names))
        return {name: value for name, value in bindings.items() if name not in left_out}

    @property
    def settings_beside_the_objective(self) -> dict[str, str]:
        """The settings but names, the objective's weights, and the networks that the auxiliary cost adds to a model."""
        return self.settings_beside(*(f"Objective.{name}" for name in WEIGHTS), f"{self.model}.auxiliary")

    def pace(self, weight: str) -> frozenset[tuple[str, str]]:
        """The bindings that decide how one of the objective's weights gets where it ends; none if it is constant."""
        first, last = self.ends(weight)
        bindings, name = self.settings, f"Objective.{weight}"
        if first == last and CONSTANT.fullmatch(bindings.get(name, "")):
            return frozenset()
        reached = _reached(bindings, name) & bindings.keys()
        ends = {other for other in reached if other.endswith((".end", ".value"))}
        ends |= {bindings[other].removeprefix("%") for other in ends}
        return frozenset((other, bindings[other]) for other in reached - ends)

    @property
    def has_auxiliary_cost(self) -> bool:
        """Whether the auxiliary cost ever has a weight."""
        return any(self.ends("aux_weight"))

    @property
    def surroundings(self) -> dict[str, str]:
        """The data and the environment, as far as they may move a number."""
        record = self.records[0]
        environment = {name: str(record["environment"].get(name)) for name in ("version", "torch", "device_kind")}
        return {"data": record["dataset"]["fingerprint"], **environment}

    @property
    def unreached(self) -> dict[str, tuple[float, float]]:
        """Weights of the objective that did not get to where their schedules end: at the last update, and the end.

        Of several seeds that which got least far. Records of earlier versions do not say.
        """
        trained = [record["weights"]["trained"] for record in self.records if "trained" in record["weights"]]
        if not trained:
            return {}
        ends = {weight: self.ends(weight)[1] for weight in WEIGHTS}
        reached = {
            weight: max((of_run[weight] for of_run in trained), key=lambda value: abs(value - ends[weight]))
            for weight in WEIGHTS
        }
        return {weight: (reached[weight], ends[weight]) for weight in WEIGHTS if reached[weight] != ends[weight]}

    def ends(self, weight: str) -> tuple[float, float]:
        """One of the objective's weights, at the first update and where it ends."""
        return self.weights["first"][weight], self.weights["last"][weight]


def bound_of(metrics: Mapping[str, Any]) -> float:
    """The bound, or the exact log-likelihood, in nats per sequence."""
    return float(metrics[BOUND_METRICS[metrics["bound"]]])


def settings(config: str) -> dict[str, str]:
    """The bindings of a resolved configuration, as written, without the seed."""
    joined = config.replace("\\\n", "")  # gin breaks long values
    bindings = re.findall(r"^([\w./]+) =\s*(.*(?:\n[ \t]+.*)*)", joined, re.MULTILINE)
    return {name: " ".join(value.split()) for name, value in bindings if name != "experiment.seed"}


def describe_ends(ends: tuple[float, float]) -> str:
    """A weight at the first update and where it ends, such as '1' and '0.2 to 1'."""
    first, last = ends
    return f"{last:g}" if first == last else f"{first:g} to {last:g}"


def _reached(bindings: dict[str, str], start: str) -> set[str]:
    """Those that decide the value of one: of what it references, and macros that nothing else uses."""
    reached, waiting = {start}, [start]
    while waiting:
        for kind, name in re.findall(r"([@%])([\w./]+)", bindings.get(waiting.pop(), "")):
            names = [name] if kind == "%" else [other for other in bindings if other.startswith(f"{name}.")]
            waiting += [other for other in names if other in bindings and other not in reached]
            reached.update(waiting)
    others = " ".join(value for name, value in bindings.items() if name not in reached)
    return {name for name in reached if "." in name or not re.search(rf"%{re.escape(name)}\b", others)}

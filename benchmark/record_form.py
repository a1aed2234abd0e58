"""What a record must hold: all that tables, figures and reports rely on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

SCHEMA = 2  # of the records that `benchmark.record` writes
BOUND_METRICS = {"elbo": "elbo_nats_per_seq", "exact": "log_likelihood_nats_per_seq"}

# Takes a value and its name, and gives what is wrong with it; a later complaint may rely on there being no earlier one.
Check = Callable[[Any, str], Iterator[str]]


def complaint(record: object) -> str | None:
    """The first thing that keeps a value from being a record, in words."""
    return next(RECORD(record, "record"), None)


def _is(kinds: tuple[type, ...], words: str) -> Check:
    def check(value: Any, name: str) -> Iterator[str]:
        if type(value) not in kinds:
            yield f"{name} must be {words}, is {value!r:.40}"

    return check


def _each(part: Check, at_least: int = 0) -> Check:
    """A list, or an object with any names, of so many parts."""

    def check(value: Any, name: str) -> Iterator[str]:
        yield from _is((list, dict), "a list or an object")(value, name)
        if len(value) < at_least:
            yield f"{name} is empty"
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from part(item, f"{name}.{key}")

    return check


def _object(**parts: Check) -> Check:
    """An object with these parts, and any others."""

    def check(value: Any, name: str) -> Iterator[str]:
        yield from _is((dict,), "an object")(value, name)
        for key, part in parts.items():
            if key not in value:
                yield f"{name} has no {key}"
            yield from part(value[key], f"{name}.{key}")

    return check


TEXT = _is((str,), "text")
COUNT = _is((int,), "a whole number")
NUMBER = _is((int, float), "a number")
TEXTS = _each(TEXT)


def _schema(value: Any, name: str) -> Iterator[str]:
    if value != SCHEMA:
        yield f"{name} is {value!r:.40}, this version reads {SCHEMA}"


def _metrics(value: Any, name: str) -> Iterator[str]:
    """Numbers by name, and whether the likelihood among them is a bound or exact."""
    yield from _object(bound=TEXT, sequences=COUNT, steps=COUNT)(value, name)
    if value["bound"] not in BOUND_METRICS:
        yield f"{name}.bound must be {' or '.join(BOUND_METRICS)}, is {value['bound']!r:.40}"
    numbers = {metric: number for metric, number in value.items() if metric != "bound"}
    yield from _object(**{BOUND_METRICS[value["bound"]]: NUMBER})(numbers, name)
    yield from _each(NUMBER)(numbers, name)


def _validation(value: Any, name: str) -> Iterator[str]:
    yield from _object(update=COUNT)(value, name)
    yield from _metrics(value, name)


def _weights(value: Any, name: str) -> Iterator[str]:
    """At the first update and where they end; records of earlier versions lack those of the last update."""
    of_update = _object(kl_weight=NUMBER, aux_weight=NUMBER, backward_weight=NUMBER)
    yield from _object(first=of_update, last=of_update)(value, name)
    if "trained" in value:
        yield from of_update(value["trained"], f"{name}.trained")


RECORD = _object(
    schema=_schema,
    run_id=TEXT,
    label=TEXT,
    seed=COUNT,
    model=TEXT,
    head=TEXT,
    parameters=COUNT,
    weights=_weights,
    dataset=_object(
        name=TEXT, source=TEXT, description=TEXT, fingerprint=TEXT, counts=_each(COUNT), statistics=_each(NUMBER)
    ),
    results=_object(valid=_each(_metrics, at_least=1), test=_each(_metrics, at_least=1)),
    training=_object(
        updates=COUNT, skipped_updates=COUNT, best_update=COUNT, validation=_each(_validation, at_least=1)
    ),
    gin_files=TEXTS,
    overrides=TEXTS,
    config=TEXT,
    environment=_object(commit=TEXT, version=TEXT),
)

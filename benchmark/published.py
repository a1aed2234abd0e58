"""What papers report, and what of it may be set beside a run."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from benchmark import REPOSITORY
from benchmark.errors import UserError

PUBLISHED = REPOSITORY / "results/published.json"


class Unit(NamedTuple):
    """A unit of reported numbers.

    Args:
        metric: what a run's metrics hold if it is measured in this unit.
        shown_as: the metric in whose column it is shown.
        sign: what turns a reported number into that metric.
    """

    metric: str
    shown_as: str
    sign: int = 1


NATS = "nats_per_seq"
UNITS = {
    "nats per sequence, normalised data": Unit("bits_per_sample", NATS),
    "NLL in nats per image": Unit("nll_nats_per_image", "nll_nats_per_image"),
    "NLL in nats per sentence of words": Unit("ppl", NATS, -1),
    "perplexity per word": Unit("ppl", "ppl"),
    "bits per character": Unit("bits_per_character", "bits_per_character"),
    "log-likelihood in nats per time step": Unit("nll_nats_per_step", "nll_nats_per_step", -1),
}

SPEECH = (
    "same corpus and unit, but the papers' splits cannot be recovered (on TIMIT the test files are the same), their "
    "normalisation constants differ slightly (0.1 % of the standard deviation is about 49 nats on TIMIT), and which of "
    "the released code's two protocols gave a number is not stated; its Blizzard targets are not the next frame."
)
CARE = {
    "timit": SPEECH,
    "blizzard": SPEECH,
    "seqmnist": (
        "same images and unit, but the papers use the binary images that Larochelle drew and published; another draw, "
        "which the first line then says, gives another number."
    ),
    "ptb": (
        "same text and unit, with the end of a sentence counted, but which sentences a paper leaves out and when its "
        "word dropout is off is not always stated."
    ),
    "music_jsb": (
        "same frames and unit, but the reported bounds are FIVO's, tighter than an ELBO: python -m benchmark.evaluate "
        "--bound fivo gives a run's. SRNN's own numbers are on other frames and not listed."
    ),
}


def published_rows(dataset: str) -> list[dict[str, Any]]:
    """What papers report for the test split of a data set, or for one that is not stated.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(PUBLISHED.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{PUBLISHED}: cannot be read ({error}); restore it from the repository") from error
    return [row for row in rows if row["dataset"] == dataset and row["split"] != "valid"]


def shown_rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of the run's data set in a unit that it has; of another protocol if the unit is not of its sequences."""
    units = [name for metrics in record["results"]["test"].values() for name in metrics]
    return [
        row
        for row in published_rows(record["dataset"]["name"])
        if UNITS[row["unit"]].metric in units and (of_protocol(record, row) or UNITS[row["unit"]].shown_as != NATS)
    ]


def of_protocol(record: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether a reported number is of the run's protocol, as far as it states one."""
    return row.get("protocol") in (None, *record["results"]["test"])


def reported_number(row: dict[str, Any]) -> tuple[str, float]:
    """The metric that a reported number is a value of, and that value."""
    unit = UNITS[row["unit"]]
    return unit.shown_as, unit.sign * row["value"]


def reported_bound(row: dict[str, Any]) -> str:
    """'exact', 'not stated', or 'lower bound' of the log-likelihood, with its estimator if that is not the ELBO.

    An upper bound of a number of which less is better is a lower one of the log-likelihood.
    """
    estimator = f", {row['estimator']}" if "estimator" in row else ""
    return f"{row['bound'].replace('upper', 'lower')}{estimator}"


def source(row: dict[str, Any]) -> str:
    """Paper and table, where the number was read and how far it was verified, and what else is to be known of it."""
    unknown = ["whether exact or a bound is not stated"] if row["bound"] == "not stated" else []
    unknown += ["of which split is not stated"] if row["split"] == "not stated" else []
    named = ", ".join(filter(None, [row["paper"], row["table"]]))
    quoted = [f"quoted in {row['quoted_in']}"] if row["quoted_in"] not in (None, named) else []
    paper, *read = [named, *quoted] if named else quoted
    return f"{paper} ({'; '.join([row['status'], *read, *unknown, *filter(None, [row.get('note')])])})"


def comparable_in_a_word(record: dict[str, Any], row: dict[str, Any]) -> str:
    """Whether a reported number of the run's data set and unit may be set against the run's."""
    if not of_protocol(record, row):
        return f"no: protocol {row['protocol']}"
    if record["dataset"]["source"] != "full":
        return "no: full corpus"
    return "with care"


def comparability(record: dict[str, Any]) -> str:
    """In words, whether the run's numbers may be set against the reported ones."""
    dataset = record["dataset"]
    reported = published_rows(dataset["name"])
    comparable = [row for row in shown_rows(record) if of_protocol(record, row)]
    if not reported:
        return f"No reported number for {dataset['name']} is at hand."
    left_out = [row for row in reported if row not in comparable]
    kinds = sorted({f"{row['unit']}, protocol {row.get('protocol', 'not stated')}" for row in left_out})
    others = f"{'; '.join(kinds)}; our protocol is {', '.join(record['results']['test'])}."
    if not comparable:
        return f"NOT COMPARABLE with the numbers reported for {dataset['name']}, which are in {others}"
    further = f" Not comparable are numbers in {others}" if left_out else ""
    if dataset["source"] != "full":
        return (
            f"NOT COMPARABLE with the reported rows: they were measured on the full {dataset['name']} corpus, ours "
            f"on another source ({dataset['description']}).{further}"
        )
    care = CARE.get(dataset["name"], "same corpus, protocol and unit.")
    return f"Comparable with care: {care}{further}"

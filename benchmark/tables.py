"""Tables, from records."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from benchmark import REPOSITORY
from benchmark.errors import UserError

PUBLISHED = REPOSITORY / "results/published.json"
UNIT = "nats/seq"
FURTHER_UNITS = {
    "bits_per_sample": "bits/sample",
    "nll_nats_per_image": "NLL/image",
    "nll_nats_per_step": "NLL/step",
    "ppl": "perplexity",
    "bits_per_character": "bits/character",
}


def published_rows(dataset: str) -> list[dict[str, Any]]:
    """What papers report for a data set."""
    try:
        rows: list[dict[str, Any]] = json.loads(PUBLISHED.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{PUBLISHED}: cannot be read ({error}); restore it from the repository") from error
    return [row for row in rows if row["dataset"] == dataset]


def comparison_table(record: dict[str, Any]) -> str:
    """A run's test numbers above the reported ones, and whether they may be compared, as Markdown."""
    dataset = record["dataset"]
    ours = [
        {
            "model": f"{record['label']} (this run)",
            UNIT: _number(metrics),
            **{column: f"{metrics[name]:.3f}" for name, column in FURTHER_UNITS.items() if name in metrics},
            "KL": f"{metrics['kl_nats_per_seq']:.1f}" if "kl_nats_per_seq" in metrics else "",
            "active": f"{metrics['active_units']}/{metrics['latent_units']}" if "active_units" in metrics else "",
            "data": f"{dataset['name']}, {dataset['source']}",
            "protocol": protocol,
            "n": metrics["sequences"],
            "from": f"seed {record['seed']}",
        }
        for protocol, metrics in record["results"]["test"].items()
    ]
    theirs = [
        {
            "model": row["model"],
            UNIT: ("≥ " if row["bound"] == "lower bound" else "") + str(row["value"]),
            "data": f"{row['dataset']}, full",
            "protocol": "not stated",
            "n": row.get("sequences", ""),
            "from": f"{row['paper']} ({row['status']})",
        }
        for row in published_rows(dataset["name"])
    ]
    table = pd.DataFrame([*ours, *theirs]).fillna("")
    text: str = table.to_markdown(index=False, disable_numparse=True)
    return (
        f"Test split of {dataset['name']}: {dataset['description']}.\n"
        f"{UNIT}: nats per sequence (of normalised data, if real-valued), higher is better; ≥ marks a lower bound "
        f"(ELBO, one posterior sample), no mark an exact log-likelihood; KL in nats per sequence. Other units of a "
        f"lower bound are upper bounds.\n\n{text}\n\n{comparability(record)}"
    )


def comparability(record: dict[str, Any]) -> str:
    """In words, whether the run's numbers may be set against the reported ones."""
    dataset = record["dataset"]
    if not published_rows(dataset["name"]):
        return f"No reported number for {dataset['name']} is at hand."
    if dataset["source"] != "full":
        return (
            f"NOT COMPARABLE with the reported rows: they were measured on the full {dataset['name']} corpus, this run "
            f"on another source ({dataset['description']})."
        )
    return (
        "Comparable with care: same corpus, test files and unit, but the papers' validation split cannot be recovered, "
        "their normalisation constants differ slightly (0.1 % of the standard deviation is about 49 nats on TIMIT), "
        "and which of the released code's two protocols gave a number is not stated."
    )


def _number(metrics: dict[str, Any]) -> str:
    if metrics["bound"] == "elbo":
        return f"≥ {metrics['elbo_nats_per_seq']:.1f}"
    return f"{metrics['log_likelihood_nats_per_seq']:.1f}"

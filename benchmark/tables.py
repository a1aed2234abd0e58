"""Tables, from records: python -m benchmark.tables"""

from __future__ import annotations

from typing import Any

import pandas as pd

from benchmark.command import run_command
from benchmark.files import write_atomically
from benchmark.published import comparability, comparable_rows, reported_number, source
from benchmark.records import chosen_records, group_records

UNIT = "nats/seq"
LEGEND = (
    f"{UNIT}: nats per sequence (of normalised data, if real-valued), higher is better; ≥ marks a lower bound (ELBO, "
    "one posterior sample), no mark an exact log-likelihood; KL in nats per sequence. Other units of a lower bound are "
    "upper bounds. MI: estimated mutual information of one step's latents and the data, in nats."
)
FURTHER_UNITS = {
    "bits_per_sample": "bits/sample",
    "nll_nats_per_image": "NLL/image",
    "nll_nats_per_step": "NLL/step",
    "ppl": "perplexity",
    "bits_per_character": "bits/character",
}


def comparison_table(record: dict[str, Any]) -> str:
    """A run's test numbers above the reported ones, and whether they may be compared, as Markdown."""
    dataset = record["dataset"]
    ours = run_rows(record, f"{record['label']} (this run)")
    theirs = [_published_row(row) for row in comparable_rows(record)]
    text = _markdown(pd.DataFrame([*ours, *theirs]))
    return f"Test split of {dataset['name']}: {dataset['description']}.\n{LEGEND}\n\n{text}\n\n{comparability(record)}"


def _published_row(row: dict[str, Any]) -> dict[str, Any]:
    metric, number = reported_number(row)
    return {
        "model": row["model"],
        FURTHER_UNITS.get(metric, UNIT): number,
        "data": f"{row['dataset']}, full",
        "protocol": row.get("protocol", "not stated"),
        "n": row.get("sequences", ""),
        "from": source(row),
    }


def run_rows(record: dict[str, Any], model: str) -> list[dict[str, Any]]:
    """A run's numbers on the test split, a row for each protocol."""
    dataset = record["dataset"]
    return [
        {
            "model": model,
            UNIT: _number(metrics),
            **{column: f"{metrics[name]:.3f}" for name, column in FURTHER_UNITS.items() if name in metrics},
            "KL": f"{metrics['kl_nats_per_seq']:.1f}" if "kl_nats_per_seq" in metrics else "",
            "active": f"{metrics['active_units']}/{metrics['latent_units']}" if "active_units" in metrics else "",
            "MI": f"{metrics['mutual_information_nats']:.2f}" if "mutual_information_nats" in metrics else "",
            "data": f"{dataset['name']}, {dataset['source']}",
            "protocol": protocol,
            "n": metrics["sequences"],
            "from": f"seed {record['seed']}",
        }
        for protocol, metrics in record["results"]["test"].items()
    ]


def records_table(records: list[dict[str, Any]]) -> str:
    """Runs on one data set and source below each other, by protocol and label, as Markdown."""
    rows = [row for record in records for row in run_rows(record, record["label"])]
    table = pd.DataFrame(rows).sort_values(["protocol", "model", "from"], ascending=[False, True, True])
    return f"{LEGEND}\n\n{_markdown(table)}\n"


def overview_table(records: list[dict[str, Any]]) -> str:
    """All runs below each other, by data set, with what training gained, as Markdown."""
    rows = []
    for record in sorted(records, key=lambda record: (record["dataset"]["name"], record["label"], record["seed"])):
        dataset, training = record["dataset"], record["training"]
        protocol, test = next(iter(record["results"]["test"].items()))
        row = next(row for row in run_rows(record, record["label"]) if row["protocol"] == protocol)
        further = next((f"{row[column]} {column}" for column in FURTHER_UNITS.values() if column in row), "")
        rows.append(
            {
                "data": f"{dataset['name']}, {dataset['source']}, {protocol}",
                "model": row["model"],
                "valid (untrained)": _number(training["validation"][0]),
                "valid": _number(record["results"]["valid"][protocol]),
                "test": _number(test),
                "other unit": further,
                **{column: row[column] for column in ("KL", "active", "MI")},
                "updates": training["updates"],
                "seed": record["seed"],
            }
        )
    legend = f"valid, valid (untrained), test: {UNIT}, of the splits of that name. {LEGEND}"
    return f"{legend}\n\n{_markdown(pd.DataFrame(rows))}\n"


def _markdown(table: pd.DataFrame) -> str:
    """The table without columns that say nothing."""
    filled = table.fillna("")
    text: str = filled.loc[:, (filled != "").any()].to_markdown(index=False, disable_numparse=True)
    return text


def _number(metrics: dict[str, Any]) -> str:
    if metrics["bound"] == "elbo":
        return f"≥ {metrics['elbo_nats_per_seq']:.1f}"
    return f"{metrics['log_likelihood_nats_per_seq']:.1f}"


def main(arguments: list[str] | None = None) -> None:
    description = "Writes a table of the records of each data set and source, and an overview of all."
    out, records = chosen_records("python -m benchmark.tables", description, arguments)
    for name, group in group_records(records).items():
        path = out / "tables" / f"{name}.md"
        write_atomically(path, records_table(group).encode())
        print(path)
    path = out / "tables/overview.md"
    write_atomically(path, overview_table(records).encode())
    print(path)


if __name__ == "__main__":
    run_command(main)

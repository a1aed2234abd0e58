"""What is found for every data set: source, place, counts and checksums, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from benchmark.data import CORPORA, VARIANTS
from benchmark.data.catalogue import CATALOGUE
from benchmark.data.checksum import DIFFERS, UNKNOWN, VERIFIED, checksum_state
from benchmark.data.prepared import damaged_recordings, read_index
from benchmark.errors import Interrupted, UserError
from zforcing.checks import ConfigurationError

SPLITS = ("train", "valid", "test")
COLUMNS = ("data set", "source", "where", *SPLITS, "fingerprint", "files", "what is there")


def status_table(root: Path | None, verify: bool = False) -> str:
    """A row for every corpus, as Markdown. Each is loaded, which may take seconds; a broken one says so in its row.

    The fingerprint is the start of the data's own hash; 'files' compares those that `fetch` would download with the
    digests of the catalogue, and prepared recordings with their index.

    Args:
        root: the data folder.
        verify: read prepared recordings whole and compare their checksums, instead of their sizes alone.
    """
    variants = [(name, variant) for name in CORPORA for variant in VARIANTS.get(name, {"": {}})]
    rows = []
    with tqdm(variants, leave=False, dynamic_ncols=True, disable=None) as progress:
        for name, variant in progress:
            progress.set_description(f"{name} {variant}".strip())
            rows.append(_row(name, variant, root, verify))
    table: str = pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)
    return table


def _row(name: str, variant: str, root: Path | None, verify: bool) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {"data set": f"{name} {variant}".strip()}
    try:
        corpus = CORPORA[name](**VARIANTS.get(name, {}).get(variant, {}))
        row["source"], place = corpus.find(root)
        row["where"] = _below(root, place) if row["source"] != "embedded" else "made in code"
        prepared = _prepared_files(place, verify) if row["source"] != "embedded" else ""
        row["files"] = prepared or _files(name, variant, row["source"], root)
        dataset = corpus.load(root)
        further = [f"{count} {kind}" for kind, count in dataset.counts.items() if kind not in SPLITS]
        row |= {split: dataset.counts[split] for split in SPLITS} | {"fingerprint": dataset.fingerprint[:12]}
        row["what is there"] = "; ".join([dataset.description, *further])
    except (UserError, ConfigurationError) as error:
        row["what is there"] = _sentence(str(error))
    except Interrupted:
        raise
    except Exception as error:  # one broken corpus must not hide the others
        row["what is there"] = _sentence(f"{type(error).__name__}: {error}")
    return row


def _below(root: Path | None, place: Path) -> str:
    return place.relative_to(root).as_posix() if root and place.is_relative_to(root) else str(place)


def _sentence(error: str) -> str:
    """An error as one cell of the table."""
    return f"error: {' '.join(error.split())}".replace("|", "/")


def _files(name: str, variant: str, source: str, root: Path | None) -> str:
    """How the files that are at the catalogue's places compare with its digests, in words."""
    states: dict[str, list[str]] = {VERIFIED: [], DIFFERS: [], UNKNOWN: []}
    for package in CATALOGUE.values():
        for file in package.files if (package.dataset, package.source) == (name, source) else ():
            if root and file.variant == variant and (root / file.path).is_file():
                states[checksum_state(file, root / file.path)].append(file.path)
    words = {VERIFIED: "verified", UNKNOWN: "of unknown checksum"}
    parts = [f"{len(states[state])} {meaning}" for state, meaning in words.items() if states[state]]
    return ", ".join([*parts, *(f"{path} differs" for path in states[DIFFERS])])


def _prepared_files(place: Path, verify: bool) -> str:
    """How prepared recordings compare with their index, in words; nothing if the place is no prepared folder."""
    inventory = read_index(place)
    if inventory is None:
        return ""
    count = len(inventory.recordings)
    if not verify:
        return f"{count} of the right size (--verify compares checksums)"
    damaged = damaged_recordings(place, inventory)
    found = [f"{r.file} ({r.name}) differs: remove it and repeat prepare" for r in damaged]
    return ", ".join([f"{count - len(damaged)} verified", *found])

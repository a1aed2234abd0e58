"""Data sets: what is asked for, what is found, and what is said about it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark.data import music
from benchmark.data.blizzard import Blizzard
from benchmark.data.dataset import Corpus, Dataset, Sequence, Split
from benchmark.data.music import Music
from benchmark.data.ptb import PennTreebank
from benchmark.data.seqmnist import SequentialMnist
from benchmark.data.timit import Timit
from benchmark.errors import UserError

CORPORA: dict[str, Callable[..., Corpus]] = {
    "timit": Timit,
    "blizzard": Blizzard,
    "seqmnist": SequentialMnist,
    "ptb": PennTreebank,
    "music": Music,
}
VARIANTS: dict[str, dict[str, dict[str, Any]]] = {  # the options of each corpus of a data set that has several
    "music": {name: {"corpus": name} for name in music.CORPORA}
}

__all__ = ["CORPORA", "VARIANTS", "Dataset", "Sequence", "Split", "data_root", "load_dataset"]


def data_root(root: str | os.PathLike[str] | None = None) -> Path | None:
    """Where corpora are looked for: `root`, else the environment variable ZFORCING_DATA, else nowhere.

    Raises:
        UserError: the folder does not exist.
    """
    chosen = root or os.environ.get("ZFORCING_DATA")
    if not chosen:
        return None
    if not Path(chosen).is_dir():
        origin = "--data" if root else "ZFORCING_DATA"
        raise UserError(f"{origin} names {chosen}, which is not a folder; correct the path or leave it out")
    return Path(chosen)


def load_dataset(
    name: str, root: str | os.PathLike[str] | None = None, source: str = "auto", **options: Any
) -> Dataset:
    """Loads a data set by name.

    Args:
        name: a key of `CORPORA`.
        root: the folder with the corpora; ZFORCING_DATA when omitted.
        source: 'full', 'sample', 'embedded' or 'auto'.
        options: further arguments of the corpus, see its class.

    Raises:
        UserError: the name is unknown, or the source is missing, incomplete or damaged.
    """
    if name not in CORPORA:
        raise UserError(f"there is no data set {name!r}; known: {', '.join(CORPORA)}")
    return CORPORA[name](source=source, **options).load(data_root(root))

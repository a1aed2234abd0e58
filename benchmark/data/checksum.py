"""Whether a file holds what the catalogue says."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from benchmark.data.catalogue import RemoteFile

VERIFIED, DIFFERS, UNKNOWN = "verified", "differs", "unknown"
BLOCK = 1 << 20


def checksum_state(file: RemoteFile, path: Path) -> str:
    """'verified', 'differs', or 'unknown' if no digest is known, of `path` as a copy of `file`."""
    if file.digest is None:
        return UNKNOWN
    algorithm, _, expected = file.digest.partition(":")
    try:
        with gzip.open(path) if file.path.endswith(".gz") else path.open("rb") as content:
            found = _hexadecimal_digest(cast(BinaryIO, content), algorithm, file.size)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return DIFFERS
    return VERIFIED if found == expected else DIFFERS


def _hexadecimal_digest(content: BinaryIO, algorithm: str, size: int | None) -> str | None:
    """None as soon as there are more than `size` bytes: a small file may unpack to any length."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    length = 0
    while block := content.read(BLOCK):
        length += len(block)
        if size is not None and length > size:
            return None
        digest.update(block)
    return digest.hexdigest()

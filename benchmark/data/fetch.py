"""Fetches what the catalogue offers into the data folder, and says how to obtain what is licensed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

from filelock import FileLock, Timeout
from tqdm import tqdm

from benchmark.data.archive import unpack
from benchmark.data.catalogue import CATALOGUE, LICENSED, RemoteFile
from benchmark.data.checksum import DIFFERS, UNKNOWN, VERIFIED, checksum_state
from benchmark.data.download import PATIENCE, Patience, download
from benchmark.errors import UserError

STATE_IN_WORDS = {
    VERIFIED: "checksum verified",
    UNKNOWN: "could not be verified, because its checksum is not known",
}


def fetch(
    names: Sequence[str],
    root: Path | None,
    mirror: str | None = None,
    patience: Patience = PATIENCE,
    check_stop: Callable[[], None] = lambda: None,
) -> None:
    """Downloads the packages `names` of the catalogue to their places below `root`, which is made if needed.

    A file that is there and right is not downloaded again; one that is there and wrong is left as it is and reported.
    What fails, or is licensed, does not keep the rest from being fetched; it is an error in the end, because not
    everything that was asked for is there.

    Args:
        names: keys of `CATALOGUE` or of `LICENSED`.
        root: the data folder, which has to be named.
        mirror: replaces the addresses by `mirror`/path.
        patience: how long an address is tried.
        check_stop: raises Interrupted once the user or the system wants the process to end.

    Raises:
        UserError: a name is unknown or licensed, no folder is named, the mirror is no address, another process is
            fetching, or a file could not be had.
    """
    _check_known(names)
    licensed = "; ".join(how for name, how in LICENSED.items() if name in names)
    free = [name for name in dict.fromkeys(names) if name in CATALOGUE]
    if not free:
        raise UserError(f"nothing was fetched: {licensed}")
    if root is None:
        raise UserError("fetch needs a folder to write to; name it with --data DIR or set ZFORCING_DATA")
    if mirror is not None and not _is_address(mirror):
        raise UserError(f"--mirror {mirror}: not an address; it has to begin with http:// or https://")
    root.mkdir(parents=True, exist_ok=True)
    files = [file for name in free for file in CATALOGUE[name].files]
    try:
        with FileLock(root / ".fetch.lock", timeout=0):
            failed = [file.path for file in files if not _succeeds(file, root, mirror, patience, check_stop)]
    except Timeout:
        raise UserError(f"another process is fetching into {root}; wait for it or stop it, then repeat") from None
    if failed:
        raise UserError(
            f"{len(failed)} of {len(files)} files could not be fetched: {', '.join(failed)}; the lines above say why, "
            f"and repeating the command goes on with them{licensed and '; '}{licensed}"
        )
    if licensed:
        raise UserError(f"{', '.join(free)}: everything is below {root}; not fetched: {licensed}")
    print(f"everything is below {root}; python -m benchmark.data status shows what is found there")


def _check_known(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in CATALOGUE and name not in LICENSED]
    if unknown:
        raise UserError(
            f"there is nothing called {unknown[0]!r} to fetch; known: {', '.join(CATALOGUE)}, and "
            f"{', '.join(LICENSED)}, for which it says how to obtain them"
        )


def _is_address(mirror: str) -> bool:
    try:
        parts = urlsplit(mirror)
    except ValueError:  # a bracket that is not closed, for example
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not re.search(r"\s", mirror)


def _succeeds(
    file: RemoteFile, root: Path, mirror: str | None, patience: Patience, check_stop: Callable[[], None]
) -> bool:
    """Fetches one file and reports in a line what came of it."""
    check_stop()
    try:
        tqdm.write(f"{file.path}: {_fetch_file(file, root, mirror, patience, check_stop)}")
    except UserError as error:
        tqdm.write(str(error))
        return False
    return True


def _fetch_file(
    file: RemoteFile, root: Path, mirror: str | None, patience: Patience, check_stop: Callable[[], None]
) -> str:
    target = root / file.path
    unpacked = target.with_suffix("") if target.suffix == ".zip" else None
    if unpacked and unpacked.is_dir() and not target.exists():
        return f"{unpacked.name}/ is there already without its archive, so that nothing was downloaded or verified"
    if target.exists():
        state = checksum_state(file, target)
        if state == DIFFERS:
            raise UserError(
                f"{target}: there already, but its checksum differs from the published file's; it was left as it is: "
                f"move it away to fetch it anew"
            )
        result = f"there already, {STATE_IN_WORDS[state]}"
    else:
        addresses = (f"{mirror.rstrip('/')}/{quote(file.path)}",) if mirror else file.addresses
        state = download(file, target, addresses, tqdm.write, patience, check_stop)
        result = f"downloaded, {target.stat().st_size:,} bytes, {STATE_IN_WORDS[state]}"
    return f"{result}, unpacked to {unpack(target).name}/" if unpacked else result

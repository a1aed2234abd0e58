"""Downloads one file: goes on where it was cut, tries several addresses, and shows only a complete file by its name."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from tqdm import tqdm

from benchmark.data.catalogue import RemoteFile
from benchmark.data.checksum import DIFFERS, checksum_state
from benchmark.errors import UserError

BLOCK = 1 << 16
LARGEST = 1 << 30  # bytes that are taken from a server where the size is not known
TRANSIENT = (408, 425, 429)  # besides 5xx, the HTTP answers worth another attempt


@dataclass(frozen=True)
class Patience:
    """How long an address is tried.

    Args:
        timeout: seconds without a byte.
        attempts: at each address.
        pause: seconds before the second attempt, doubled before each further one.
    """

    timeout: float = 30.0
    attempts: int = 4
    pause: float = 1.0


PATIENCE = Patience()


class _Cut(Exception):
    """Another attempt at the same address may help."""


class _Refused(Exception):
    """This address will not give the file."""


def download(
    file: RemoteFile,
    target: Path,
    addresses: tuple[str, ...],
    report: Callable[[str], None],
    patience: Patience = PATIENCE,
    check_stop: Callable[[], None] = lambda: None,
) -> str:
    """Downloads `file` to `target`; what has arrived stays beside it in .NAME.partial until it is complete.

    Args:
        file: what is expected.
        target: where it appears once it is complete and its checksum does not differ.
        addresses: tried in this order.
        report: is told, in a sentence, what went wrong at an address.
        patience: how long each is tried.
        check_stop: called before each try; it may raise.

    Returns:
        'verified', or 'unknown' if there is no digest to compare with.

    Raises:
        UserError: no address gave the file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = _Partial(target)
    for address in addresses:
        for attempt in range(patience.attempts):
            if attempt:
                time.sleep(patience.pause * 2 ** (attempt - 1))
            check_stop()
            try:
                _receive(file, address, partial, patience.timeout)
                return _accept(file, target, partial)
            except _Cut as problem:
                report(f"{address}: {problem}")
            except _Refused as problem:
                report(f"{address}: {problem}")
                break
    raise UserError(
        f"{file.path}: none of {len(addresses)} address(es) gave the file; check the network, or name another mirror "
        f"with --mirror URL"
    )


class _Partial:
    """What has arrived, and a note on which address and version of the file it came from."""

    def __init__(self, target: Path) -> None:
        self.content = target.with_name(f".{target.name}.partial")
        self.origin = target.with_name(f".{target.name}.origin")
        self.resumed = False

    def position(self, address: str, verifiable: bool) -> tuple[int, str | None]:
        """How many bytes may be kept, and what the server has to confirm for them to fit the rest.

        Bytes of another address, or of a server that names no version, are kept only if a digest will tell.
        """
        try:
            size = self.content.stat().st_size
            origin = json.loads(self.origin.read_text())
            version = origin["version"] if origin["address"] == address else None
        except (OSError, ValueError, KeyError, TypeError):
            return 0, None
        return (size, version) if verifiable or version else (0, None)

    def start(self, address: str, version: str | None) -> None:
        """Empties it for a new download."""
        self.content.write_bytes(b"")
        self.origin.write_text(json.dumps({"address": address, "version": version}))
        self.resumed = False

    def discard(self) -> None:
        self.content.unlink(missing_ok=True)
        self.origin.unlink(missing_ok=True)


def _receive(file: RemoteFile, address: str, partial: _Partial, timeout: float) -> None:
    """Completes what has arrived, or starts anew where the server does not go on."""
    position, version = partial.position(address, file.digest is not None)
    partial.resumed = position > 0
    headers = {"User-Agent": "zforcing-benchmark", "Accept-Encoding": "identity"}
    if position:
        headers["Range"] = f"bytes={position}-"
        if version:
            headers["If-Range"] = version
    with _answer(urllib.request.Request(address, headers=headers), timeout) as response:
        begin, total = _content_range(response.headers)
        length = _whole_number(response.headers.get("Content-Length"))
        if response.status == 416 and position:
            if total == position:
                return
            partial.discard()
            raise _Cut(f"does not go on from byte {position}; starting anew")
        if response.status == 200:
            position, total = 0, length
            partial.start(address, _version(response.headers))
        elif response.status != 206 or not position or begin != position:
            partial.discard()
            raise _Cut(f"answers {response.status} with another part than asked for; starting anew")
        if total is None and length is not None:
            total = position + length
        received = _copy(response, file, partial, position, total)
    if total is not None and received < total:
        raise _Cut(f"the connection was cut after {received:,} of {total:,} bytes")


def _copy(
    response: http.client.HTTPResponse, file: RemoteFile, partial: _Partial, position: int, total: int | None
) -> int:
    """Appends the answer from `position` on; returns the bytes there are then."""
    largest = LARGEST if file.size is None else file.size + (1 << 20)
    name = file.path.rpartition("/")[2]
    with (
        partial.content.open("ab") as content,
        tqdm(
            desc=name,
            initial=position,
            total=total,
            unit="B",
            unit_scale=True,
            leave=False,
            mininterval=1,
            disable=None,
        ) as progress,
    ):
        while block := _read(response):
            content.write(block)
            progress.update(len(block))
            position += len(block)
            if position > largest:
                partial.discard()
                raise _Refused(f"sends more than {largest:,} bytes")
        content.flush()
        os.fsync(content.fileno())
    return position


def _accept(file: RemoteFile, target: Path, partial: _Partial) -> str:
    """Gives the file its name if it is the right one."""
    state = checksum_state(file, partial.content)
    if state == DIFFERS:
        partial.discard()
        if partial.resumed:
            raise _Cut("the parts do not fit together (the checksum differs); starting anew")
        raise _Refused("holds something else (the checksum differs)")
    partial.content.replace(target)
    partial.discard()
    return state


@contextlib.contextmanager
def _answer(request: urllib.request.Request, timeout: float) -> Iterator[http.client.HTTPResponse]:
    """The answer to a request, redirects followed; 416 is an answer, other errors of HTTP are raised as what they mean.

    An opener of its own, since the usual one also follows redirects to ftp.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    try:
        response = opener.open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            error.close()
            meaning = _Cut if error.code >= 500 or error.code in TRANSIENT else _Refused
            reason = " ".join(str(error.reason).split())  # that of too many redirects has several lines
            raise meaning(f"answers {error.code} {reason}") from error
        response = error
    except urllib.error.URLError as error:
        hopeless = isinstance(error.reason, (socket.gaierror, ConnectionRefusedError, ssl.SSLError, str))
        raise (_Refused if hopeless else _Cut)(f"cannot be reached ({error.reason})") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(f"cannot be reached ({_reason(error)})") from error
    with response:
        yield response


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(f"the connection was cut ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _content_range(headers: Message) -> tuple[int | None, int | None]:
    """The first byte and the whole length of 'bytes 10-19/20' or 'bytes */20'."""
    match = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", headers.get("Content-Range", "").strip())
    return (_whole_number(match[1]), _whole_number(match[2])) if match else (None, None)


def _whole_number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _version(headers: Message) -> str | None:
    """What If-Range accepts: a strong entity tag, or the date of the last change."""
    tag: str | None = headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")

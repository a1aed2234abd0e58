"""Reads images of MNIST: IDX files, gzipped or not, and the text files of Larochelle's binarised version."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import UserError

SIDE = 28
PIXELS = SIDE * SIDE
MAGIC = 2051  # unsigned bytes in three dimensions

IDX_PLACES = (".", "mnist", "MNIST/raw")
IDX_ENDINGS = ("-idx3-ubyte", ".idx3-ubyte", "-idx3-ubyte.gz", ".idx3-ubyte.gz")
IDX_NAMES = {
    part: [stem + ending for ending in IDX_ENDINGS]
    for part, stem in (("train", "train-images"), ("test", "t10k-images"))
}
IDX_COUNTS = {"train": 60_000, "test": 10_000}
IDX_SHA256 = {  # of the pixels, without the header
    "train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
}

AMAT_PLACES = (".", "binarized_mnist")
AMAT_NAMES = {part: [f"binarized_mnist_{part}.amat"] for part in ("train", "valid", "test")}
AMAT_COUNTS = {"train": 50_000, "valid": 10_000, "test": 10_000}
AMAT_SHA256 = {  # of the files, as TensorFlow Datasets lists them
    "train": "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
    "valid": "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
    "test": "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
}


def find_idx(root: Path) -> dict[str, Path]:
    """The training and test images below `root`, by part; only some parts if no place holds all, empty if none."""
    return _most_complete(root, IDX_PLACES, IDX_NAMES)


def find_amat(root: Path) -> dict[str, Path]:
    """The three text files, found in the same way."""
    return _most_complete(root, AMAT_PLACES, AMAT_NAMES)


def _most_complete(root: Path, places: tuple[str, ...], names: dict[str, list[str]]) -> dict[str, Path]:
    def files(place: str) -> dict[str, Path]:
        found = {
            part: [path for name in among if (path := root / place / name).is_file()] for part, among in names.items()
        }
        return {part: paths[0] for part, paths in found.items() if paths}

    return max((files(place) for place in places), key=len)


def read_idx(path: Path, part: str, require_all: bool) -> NDArray[np.uint8]:
    """Images of an IDX file, (N, 784) intensities from 0 to 255.

    Args:
        path: the file; whether it is gzipped is told by its content.
        part: 'train' or 'test'.
        require_all: refuse a file that does not hold the images of MNIST.

    Raises:
        UserError: the file is no IDX file of images of 28 x 28, is damaged, or is not MNIST's.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as file:
            count = _images_in_header(path, part, file.read(16), require_all)
            content = file.read(count * PIXELS + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: damaged gzip file ({str(error).rstrip('.')}); fetch it again") from error
    if len(content) != count * PIXELS:
        kind = "cut short" if len(content) < count * PIXELS else "longer than its header says"
        raise UserError(f"{path}: {kind}: its header promises {count} images of {PIXELS} bytes; fetch it again")
    if require_all and hashlib.sha256(content).hexdigest() != IDX_SHA256[part]:
        raise UserError(
            f"{path}: these are not the images of MNIST (other data sets use the same file names); fetch it again, or "
            f"set SequentialMnist.require_all_images = False to use what is there"
        )
    return np.frombuffer(content, np.uint8).reshape(count, PIXELS)


def _images_in_header(path: Path, part: str, header: bytes, require_all: bool) -> int:
    if len(header) < 16:
        raise UserError(f"{path}: cut short: {len(header)} bytes are no IDX file; fetch it again")
    magic, count, *sides = struct.unpack(">4I", header)
    if magic != MAGIC:
        raise UserError(
            f"{path}: begins with the number {magic}, an IDX file of images with {MAGIC}; put the right file there"
        )
    if sides != [SIDE, SIDE]:
        raise UserError(f"{path}: images of {sides[0]} x {sides[1]}, expected 28 x 28; put the right file there")
    expected = IDX_COUNTS[part]
    if not 0 < count <= expected or (require_all and count != expected):
        raise UserError(f"{path}: its header promises {count} images, MNIST has {expected} there; fetch it again")
    return count


def read_amat(path: Path, part: str, require_all: bool) -> NDArray[np.uint8]:
    """Images of a text file with one image of 784 zeros and ones per line, (N, 784).

    Raises:
        UserError: a line holds anything else, or the file is not Larochelle's.
    """
    expected = AMAT_COUNTS[part]
    digest = hashlib.sha256()
    rows: list[bytes] = []
    with path.open("rb") as file:
        while line := file.readline(8 * PIXELS):  # a line without an end is read in part and refused
            digest.update(line)
            values = line.split()
            if len(values) != PIXELS:
                raise UserError(
                    f"{path}: line {len(rows) + 1} holds {len(values)} values, not {PIXELS}; fetch it again"
                )
            if not set(values) <= {b"0", b"1"}:
                raise UserError(f"{path}: line {len(rows) + 1} holds a value that is neither 0 nor 1; fetch it again")
            rows.append(b"".join(values))
            if len(rows) > expected:
                break
    if not 0 < len(rows) <= expected or (require_all and len(rows) != expected):
        found = f"more than {expected}" if len(rows) > expected else len(rows)
        raise UserError(f"{path}: holds {found} images instead of {expected}; fetch it again")
    if require_all and digest.hexdigest() != AMAT_SHA256[part]:
        raise UserError(
            f"{path}: these are not the images that Larochelle binarised; fetch it again, or set "
            f"SequentialMnist.require_all_images = False to use what is there"
        )
    return (np.frombuffer(b"".join(rows), np.uint8) - ord("0")).reshape(-1, PIXELS)

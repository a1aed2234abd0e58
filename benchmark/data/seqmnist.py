"""Sequential MNIST: binary images of digits, read pixel by pixel in raster order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gin
import numpy as np
from numpy.typing import NDArray

from benchmark.data.binary import Packed, fingerprint, whole_sequences
from benchmark.data.dataset import Dataset, file_stems
from benchmark.data.digits import draw_digits
from benchmark.data.mnist_files import (
    AMAT_NAMES,
    IDX_NAMES,
    PIXELS,
    SIDE,
    find_amat,
    find_idx,
    read_amat,
    read_idx,
)
from benchmark.errors import UserError
from zforcing.checks import require, require_choice, require_sizes

BINARISATION_SEED = 2008  # of Salakhutdinov and Murray, who introduced the fixed draw
EMBEDDED_COUNTS = {"train": 1200, "valid": 400, "test": 400}
LOOKED_FOR = (
    "train-images-idx3-ubyte and t10k-images-idx3-ubyte, gzipped or not, in DIR, DIR/mnist or DIR/MNIST/raw, or "
    "binarized_mnist_{train,valid,test}.amat in DIR or DIR/binarized_mnist"
)


@dataclass(frozen=True)
class ImageDataset(Dataset):
    """Binary images of 28 x 28. `data_size` pixels make a step."""

    def derived_units(self, log_likelihood: float, steps: int) -> dict[str, float]:
        """Negative log-likelihood in nats per image and in bits per pixel, whatever the pixels in a step."""
        pixels = steps * self.data_size
        return {
            "nll_nats_per_image": -log_likelihood * PIXELS / pixels,
            "nll_bits_per_pixel": -log_likelihood / (pixels * math.log(2)),
        }

    def write_samples(
        self, folder: Path, original: list[NDArray[Any]], generated: list[NDArray[Any]], prefix: int = 0
    ) -> list[Path]:
        """The images of each kind side by side, and one figure of both; pixels that were not asked for are grey."""
        from benchmark.figures.media import plot_images, write_pixels

        images = {"original": _images(original), "generated": _images(generated)}
        paths = [write_pixels(folder / f"{kind}.png", of_kind) for kind, of_kind in images.items()]
        return [*paths, plot_images(folder / "images.png", images, prefix=prefix * self.data_size)]

    def write_interpolations(self, folder: Path, rows: dict[str, dict[str, NDArray[Any]]]) -> list[Path]:
        """Every image as a file of its own, and one figure with a row of images for each."""
        from benchmark.figures.media import plot_images, write_pixels

        images = {row: _images(list(sequences.values())) for row, sequences in rows.items()}
        paths = [
            write_pixels(folder / f"{stem}.png", image[None])
            for row, of_row in images.items()
            for stem, image in zip(file_stems(row, rows[row]), of_row, strict=True)
        ]
        titles = [name.removeprefix("weight ").split()[0] for name in next(iter(rows.values()))]
        return [*paths, plot_images(folder / "images.png", images, titles)]


def _images(sequences: list[NDArray[Any]]) -> NDArray[np.float32]:
    """(B, 28, 28) from the first steps, (T, D), of images; NaN beyond them."""
    pixels = np.stack(sequences).reshape(len(sequences), -1)
    images = np.full((len(pixels), PIXELS), np.nan, np.float32)
    images[:, : pixels.shape[1]] = pixels
    return images.reshape(-1, SIDE, SIDE)


@gin.register
@dataclass(frozen=True)
class SequentialMnist:
    """How sequential MNIST is read.

    50,000 / 10,000 / 10,000 images: the last 10,000 of MNIST's 60,000 training images are for validation. The input
    of a step are the pixels of the step before it, zeros at the first, so that all 784 pixels are scored.

    The literature uses the one draw that Larochelle published (2011, after Salakhutdinov and Murray 2008). Numbers on
    it and on our draw from the IDX files are not of the same bits; the description of a run says which was read.

    Args:
        source: 'full', 'embedded', or 'auto' for the first of them that is found.
        files: 'amat' for Larochelle's files, 'idx' for MNIST's own, or 'auto' for the first of them that is found.
        binarisation: of IDX files and embedded digits; 'fixed' draws each pixel once, 1 with probability
            intensity / 255, the same on every machine; 'threshold' cuts at one half.
        pixels_per_step: a divisor of 784. 1 is the protocol of the literature; 28 reads row by row, with the pixels
            of a row independent given the past and the latents.
        segment_steps: training images are cut into segments of at most so many steps; None leaves them whole. With
            `Training.carry_state` a segment starts from the last state of the one before it, without its gradient,
            else from zeros. Validation and test images are whole.
        require_all_images: refuse files that are not complete MNIST, by count and SHA-256.
    """

    source: str = "auto"
    files: str = "auto"
    binarisation: str = "fixed"
    pixels_per_step: int = 1
    segment_steps: int | None = None
    require_all_images: bool = True

    def __post_init__(self) -> None:
        require_choice(("auto", "full", "embedded"), source=self.source)
        require_choice(("auto", "amat", "idx"), files=self.files)
        require_choice(("fixed", "threshold"), binarisation=self.binarisation)
        require_sizes(pixels_per_step=self.pixels_per_step)
        if self.segment_steps is not None:
            require_sizes(segment_steps=self.segment_steps)
        require(PIXELS % self.pixels_per_step == 0, f"pixels_per_step must divide 784, got {self.pixels_per_step}")
        require(
            self.files != "amat" or self.binarisation == "fixed",
            "binarisation must be 'fixed' with files = 'amat', which are binary already",
        )

    def load(self, root: Path | None) -> ImageDataset:
        """Reads the images below `root`.

        Raises:
            UserError: the source that was asked for is not there, or what is there is incomplete or damaged.
        """
        form, files = self._find(root)
        drawn = "cut at one half" if self.binarisation == "threshold" else f"binarised once (seed {BINARISATION_SEED})"
        if form == "amat":
            description = "Larochelle's binarised MNIST"
            images = {part: read_amat(path, part, self.require_all_images) for part, path in files.items()}
            packed = {part: list(np.packbits(pixels_NP, axis=1)) for part, pixels_NP in images.items()}
        elif form == "idx":
            description = f"MNIST's IDX files, {drawn}"
            packed = self._binarise(self._read_idx(files))
        else:
            description = f"embedded digit-like strokes, made in code, {drawn}"
            packed = self._binarise(_draw_splits())
        return self._dataset("full" if files else "embedded", description, packed)

    def find(self, root: Path | None) -> tuple[str, Path]:
        """The source that is used, and its folder (none for 'embedded')."""
        _, files = self._find(root)
        return ("full", files["train"].parent) if files else ("embedded", Path())

    def _find(self, root: Path | None) -> tuple[str, dict[str, Path]]:
        """'amat' or 'idx' with its files, or 'embedded' with none."""
        found: dict[str, dict[str, Path]] = {}
        if root and self.source != "embedded":
            if self.files in ("auto", "amat") and self.binarisation == "fixed":
                found["amat"] = find_amat(root)
            if self.files in ("auto", "idx"):
                found["idx"] = find_idx(root)
        expected = {"amat": AMAT_NAMES, "idx": IDX_NAMES}
        for form, files in found.items():
            if len(files) == len(expected[form]):
                return form, files
        for form, files in found.items():
            missing = [names[0] for part, names in expected[form].items() if part not in files]
            if files:
                there = next(iter(files.values()))
                raise UserError(f"seqmnist: {there} is there, but {', '.join(missing)} is not; add what is missing")
        if self.source == "full":
            where = f"below {root}" if root else "nowhere, because neither --data nor ZFORCING_DATA is set"
            kind = "" if self.files == "auto" else f" with files = '{self.files}'"
            raise UserError(
                f"seqmnist: source 'full'{kind} was not found; looked for {LOOKED_FOR}, {where}; "
                f"python -m benchmark.data fetch mnist fetches it"
            )
        return "embedded", {}

    def _read_idx(self, files: dict[str, Path]) -> dict[str, NDArray[np.uint8]]:
        train, test = (read_idx(files[part], part, self.require_all_images) for part in ("train", "test"))
        held_out = len(train) // 6
        if not held_out:
            raise UserError(f"seqmnist: {files['train']} holds {len(train)} images, at least 6 are needed")
        return {"train": train[:-held_out], "valid": train[-held_out:], "test": test}

    def _binarise(self, intensities: dict[str, NDArray[np.uint8]]) -> dict[str, Packed]:
        return {
            part: list(threshold(images) if self.binarisation == "threshold" else draw_once(images, part))
            for part, images in intensities.items()
        }

    def _dataset(self, source: str, description: str, packed: dict[str, Packed]) -> ImageDataset:
        size = self.pixels_per_step
        splits = {part: whole_sequences(images, size) for part, images in packed.items()}
        if self.segment_steps is not None:
            splits["train"] = splits["train"].segments(self.segment_steps)
        return ImageDataset(
            name="seqmnist",
            source=source,
            description=description if size == 1 else f"{description}, {size} pixels a step",
            data_size=size,
            kind="binary",
            protocols=("image" if size == 1 else f"image{size}",),
            counts={part: len(images) for part, images in packed.items()},
            statistics={},
            fingerprint=fingerprint(packed),
            **splits,
        )


def threshold(images_NP: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Packed bits, 1 where the intensity is above one half of 255."""
    return np.packbits(images_NP > 127, axis=1)


def draw_once(images_NP: NDArray[np.uint8], part: str) -> NDArray[np.uint8]:
    """Packed bits, each drawn once with probability intensity / 255.

    The draws are raw 64 bit integers of PCG64, whose stream numpy keeps for ever, modulo 255: 2^64 leaves a rest of
    1, so that the probabilities are exact to 2^-64, and no rounding differs between machines.
    """
    generator = np.random.PCG64([BINARISATION_SEED, ("train", "valid", "test").index(part)])
    blocks = []
    for begin in range(0, len(images_NP), 1000):
        block = images_NP[begin : begin + 1000]
        draws = generator.random_raw(block.size).reshape(block.shape) % 255
        blocks.append(np.packbits(draws < block, axis=1))
    return np.concatenate(blocks)


def _draw_splits() -> dict[str, NDArray[np.uint8]]:
    random = np.random.default_rng(93)
    return {part: draw_digits(count, random) for part, count in EMBEDDED_COUNTS.items()}

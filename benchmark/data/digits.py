"""Digit-like strokes of 28 x 28 pixels, drawn in code, for machines without MNIST."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter1d

SIDE = 28
POINTS = 96  # of which a stroke is made

# The way of the pen for each digit, in a unit square, x to the right and y down.
STROKES = (
    ((0.52, 0.08), (0.3, 0.25), (0.25, 0.6), (0.42, 0.9), (0.65, 0.85), (0.76, 0.5), (0.68, 0.17), (0.52, 0.08)),
    ((0.38, 0.25), (0.53, 0.08), (0.51, 0.92)),
    ((0.25, 0.3), (0.36, 0.12), (0.58, 0.09), (0.73, 0.25), (0.66, 0.45), (0.25, 0.9), (0.5, 0.86), (0.8, 0.9)),
    ((0.27, 0.15), (0.55, 0.09), (0.72, 0.25), (0.6, 0.43), (0.44, 0.47), (0.7, 0.56), (0.71, 0.8), (0.25, 0.84)),
    ((0.35, 0.08), (0.22, 0.52), (0.5, 0.55), (0.78, 0.5), (0.67, 0.3), (0.62, 0.92)),
    ((0.74, 0.1), (0.36, 0.12), (0.31, 0.46), (0.55, 0.4), (0.75, 0.57), (0.68, 0.83), (0.45, 0.92), (0.25, 0.82)),
    ((0.66, 0.08), (0.4, 0.3), (0.27, 0.65), (0.38, 0.9), (0.62, 0.88), (0.73, 0.68), (0.55, 0.52), (0.3, 0.68)),
    ((0.24, 0.15), (0.5, 0.11), (0.77, 0.13), (0.58, 0.5), (0.45, 0.92)),
    ((0.68, 0.2), (0.48, 0.09), (0.3, 0.24), (0.72, 0.7), (0.5, 0.92), (0.28, 0.74), (0.68, 0.2)),
    ((0.7, 0.25), (0.5, 0.09), (0.3, 0.25), (0.4, 0.47), (0.64, 0.4), (0.71, 0.22), (0.68, 0.6), (0.58, 0.92)),
)  # fmt: skip


def draw_digits(count: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """`count` digits in random order, each slanted, turned, stretched, shifted and wobbled anew.

    Returns:
        (count, 784) intensities from 0 to 255.
    """
    strokes = np.stack([_points_along(np.array(stroke)) for stroke in STROKES])
    points = strokes[random.integers(len(strokes), size=count)] - 0.5
    wobble = gaussian_filter(random.normal(0, 0.25, points.shape), (0, 12, 0), mode="nearest")
    points = (points + wobble) @ _distortions(count, random)
    points = 20 * points + SIDE / 2 - 0.5 + random.uniform(-1.5, 1.5, (count, 1, 2))
    return _ink(points, random.uniform(1.6, 3.2, (count, 1, 1)))


def _points_along(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points at equal distances along a stroke, its corners rounded, (POINTS, 2)."""
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    place = np.linspace(0, length[-1], POINTS)
    straight = np.stack([np.interp(place, length, axis) for axis in corners.T], -1)
    return uniform_filter1d(straight, 9, axis=0, mode="nearest")


def _distortions(count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Matrices that scale, slant and turn, (count, 2, 2)."""
    angle, slant = random.normal(0, 0.12, count), random.normal(0.1, 0.2, count)
    width, height = random.uniform(0.75, 1.15, count), random.uniform(0.9, 1.1, count)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    shear = np.array([[width, np.zeros(count)], [-slant * height, height]])
    distortion: NDArray[np.float64] = np.einsum("ijn,jkn->nik", shear, turn)
    return distortion


def _ink(points: NDArray[np.float64], pressure: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Images of strokes given as (N, POINTS, 2) pixel coordinates."""
    pixels = np.rint(np.clip(points, 0, SIDE - 1)).astype(np.int64)
    image = np.arange(len(points))[:, None]
    flat = (image * SIDE + pixels[..., 1]) * SIDE + pixels[..., 0]
    counts = np.bincount(flat.ravel(), minlength=len(points) * SIDE * SIDE).reshape(-1, SIDE, SIDE)
    blurred = gaussian_filter(counts.astype(np.float64), (0, 0.8, 0.8))
    return np.rint(255 * np.clip(pressure / 2 * blurred, 0, 1)).astype(np.uint8).reshape(len(points), -1)

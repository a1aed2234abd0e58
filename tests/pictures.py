"""What can be said of a picture without looking at it."""

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.image import imread


def share_of(color, picture):
    """The share of pixels that have this colour, of a file or of an array of (height, width, 3 or more)."""
    pixels = picture if isinstance(picture, np.ndarray) else imread(picture)
    return float(np.mean(np.abs(pixels[..., :3] - to_rgb(color)).max(-1) < 0.05))

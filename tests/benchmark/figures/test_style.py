import numpy as np
from PIL import Image

from benchmark.figures.style import new_figure, save_figure


def test_a_png_keeps_its_colours(tmp_path):
    """Though it has a palette: white stays white, and shades that differ stay different."""
    figure, ((axes,),) = new_figure(1, 1, (4, 2))
    axes.imshow(np.linspace(0, 1, 40)[None], cmap="crest", aspect="auto", interpolation="nearest")
    axes.grid(visible=False)
    (path,) = save_figure(figure, tmp_path / "shades.png")
    picture = Image.open(path)
    assert picture.mode == "P"
    pixels = np.asarray(picture.convert("RGB"))
    assert (pixels[0] == 255).all()
    assert len(np.unique(pixels[len(pixels) // 2], axis=0)) > 40

import numpy as np
import pytest
from matplotlib.image import imread
from pictures import share_of

from benchmark.figures.media import plot_images, plot_piano_rolls, plot_waveforms, write_pixels


def test_waveforms_of_any_length(tmp_path):
    silence, noise = np.zeros(100, np.int16), np.random.default_rng(0).integers(-99, 99, 5000).astype(np.int16)
    path = plot_waveforms(tmp_path / "w.png", {"original 0": silence, "generated 0": noise}, 16000)
    assert share_of("tab:orange", path) > 0.05
    assert share_of("tab:blue", path) < 0.01


def test_a_prefix_is_marked_where_it_ends(tmp_path):
    """In generated sequences alone, and elsewhere for another prefix."""
    noise = np.random.default_rng(0).integers(-99, 99, 5000).astype(np.int16)
    pixels, notes = np.zeros((1, 28, 28), np.float32), np.zeros((60, 88), bool)
    for plot, sequence, steps in (
        (lambda *given: plot_waveforms(*given[:2], 16000, *given[2:]), noise, (1000, 3000)),
        (lambda *given: plot_piano_rolls(*given[:2], 21, *given[2:]), notes, (10, 30)),
        (lambda path, images, prefix=0: plot_images(path, images, prefix=prefix), pixels, (28 * 5, 28 * 5 + 14)),
    ):
        plain, short, long = (
            imread(plot(tmp_path / "a.png", {"original 0": sequence, "generated 0": sequence}, *prefix))
            for prefix in ((), steps[:1], steps[1:])
        )
        assert (plain != short).any()
        assert (short != long).any()
    originals = {"original": pixels}
    path = plot_images(tmp_path / "a.png", originals)
    assert path.read_bytes() == plot_images(tmp_path / "b.png", originals, prefix=140).read_bytes()


def test_images_of_which_a_part_is_missing(tmp_path):
    images = np.random.default_rng(0).integers(0, 2, (3, 28, 28)).astype(np.float32)
    part = images[:2].copy()
    part[:, 14:] = np.nan
    path = plot_images(tmp_path / "new/i.png", {"original": images, "generated": part}, ["a", "b"])
    blank = plot_images(tmp_path / "b.png", {"original": 0 * images, "generated": 0 * part}, ["a", "b"])
    assert share_of("black", path) == pytest.approx(share_of("black", blank) / 2, rel=0.1)
    assert share_of("0.5", path) == share_of("0.5", blank) > 0.2
    assert path.read_bytes() != plot_images(tmp_path / "j.png", {"original": images, "generated": part}).read_bytes()


def test_pixels_are_kept_as_they_are(tmp_path):
    images = np.random.default_rng(0).integers(0, 2, (3, 28, 28)).astype(np.float32)
    images[2, 14:] = np.nan
    read = imread(write_pixels(tmp_path / "new/pixels.png", images))[..., 0]
    np.testing.assert_array_equal(read[:, :56], np.concatenate([images[0], images[1]], 1))
    np.testing.assert_allclose(read[14:, 56:], 0.5, atol=0.01)


def test_piano_rolls_of_any_length(tmp_path):
    silence, noise = np.zeros((5, 88), bool), np.random.default_rng(0).random((60, 88)) < 0.1
    path = plot_piano_rolls(tmp_path / "p.png", {"original_0": silence, "generated_0": noise}, 21)
    assert share_of("tab:orange", path) > 0.02
    assert share_of("tab:blue", path) == 0

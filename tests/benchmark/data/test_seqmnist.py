import gzip
import hashlib
import math

import numpy as np
import pytest
import torch
from corpora import grey_images, write_amat_tree, write_idx, write_mnist_tree
from pictures import share_of

from benchmark.data import load_dataset, mnist_files
from benchmark.data.batches import TrainingBatches
from benchmark.data.digits import draw_digits
from benchmark.data.seqmnist import draw_once, threshold
from benchmark.errors import UserError
from zforcing.checks import ConfigurationError

pytestmark = pytest.mark.usefixtures("no_data")


def load(root, **options):
    return load_dataset("seqmnist", root, **({"require_all_images": False} | options))


def bits(split):
    return np.stack([split[index].targets.ravel() for index in range(len(split))])


def test_training_images_are_cut_into_segments_that_go_on_from_each_other():
    data = load(None, pixels_per_step=28, segment_steps=8)
    assert data.train.steps[:5].tolist() == [8, 8, 8, 4, 8]
    assert data.train.successor[:5].tolist() == [1, 2, 3, -1, 5]
    assert (data.valid.steps == 28).all()
    assert data.fingerprint == load(None, pixels_per_step=28).fingerprint
    batches = TrainingBatches(data.train, 16, torch.Generator().manual_seed(0), carry_state=True)
    before, carried = batches.next()[0], 0
    for _ in range(8):
        batch, goes_on_B = batches.next()
        for column in goes_on_B.nonzero().ravel().tolist():
            last = before.targets[before.length_B[column] - 1, column]
            assert torch.equal(batch.inputs[0, column], last)
            carried += 1
        before = batch
    assert carried > 80


@pytest.mark.parametrize("place", [".", "mnist", "MNIST/raw"])
@pytest.mark.parametrize("ending", ["-idx3-ubyte", ".idx3-ubyte", "-idx3-ubyte.gz", ".idx3-ubyte.gz"])
def test_idx_files_are_found_in_any_form(tmp_path, place, ending):
    write_mnist_tree(tmp_path / place, ending, zipped=ending.endswith("gz"))
    data = load(tmp_path)
    assert (data.source, data.kind, data.data_size) == ("full", "binary", 1)
    assert data.counts == {"train": 10, "valid": 2, "test": 4}
    assert "IDX files, binarised once" in data.description
    assert data.protocols == ("image",)


def test_whether_a_file_is_zipped_is_told_by_its_content(tmp_path):
    one, other = (
        load(write_mnist_tree(tmp_path / str(zipped), "-idx3-ubyte.gz", zipped)).fingerprint for zipped in (True, False)
    )
    assert one == other


def test_the_last_training_images_are_for_validation(tmp_path):
    data = load(write_mnist_tree(tmp_path), binarisation="threshold")
    images = grey_images(1).reshape(12, 784) > 127
    assert np.array_equal(bits(data.train), images[:10])
    assert np.array_equal(bits(data.valid), images[10:])
    assert np.array_equal(bits(data.test), grey_images(2, 4).reshape(4, 784) > 127)
    assert "cut at one half" in data.description


def test_every_pixel_is_scored_in_raster_order(tmp_path):
    data = load(write_mnist_tree(tmp_path), binarisation="threshold")
    inputs, targets = data.test[1]
    assert inputs.shape == targets.shape == (784, 1)
    assert inputs[0] == 0
    assert np.array_equal(inputs[1:], targets[:-1])
    assert np.array_equal(targets.reshape(28, 28), grey_images(2, 4)[1] > 127)


def test_several_pixels_make_a_step(tmp_path):
    write_mnist_tree(tmp_path)
    rows = load(tmp_path, pixels_per_step=28)
    assert rows.test[0].targets.shape == (28, 28)
    assert "28 pixels a step" in rows.description
    assert rows.protocols == ("image28",)
    assert rows.fingerprint == load(tmp_path).fingerprint


def test_the_fixed_draw_is_pinned():
    """The bits must never change, on any machine and with any numpy."""
    images = grey_images(7, 2500).reshape(2500, 784).astype(np.uint8)
    drawn = draw_once(images, "train")
    assert hashlib.sha256(drawn.tobytes()).hexdigest().startswith("fbedff9a2a8aa2b8")
    assert np.array_equal(draw_once(images[:1300], "train"), drawn[:1300])
    assert not np.array_equal(draw_once(images, "test"), drawn)


def test_the_fixed_draw_has_the_intensities_probabilities():
    images = np.tile(np.array([0, 1, 64, 128, 254, 255], np.uint8), (8, 20_000 // 8 * 6))
    drawn = np.unpackbits(draw_once(images, "train"), axis=1, count=images.shape[1])
    for intensity in np.unique(images):
        ones = drawn[images == intensity]
        p = intensity / 255
        assert ones.mean() == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / ones.size))


def test_the_threshold_is_one_half():
    images = np.arange(784 * 2).reshape(2, 784).astype(np.uint8)
    assert np.array_equal(np.unpackbits(threshold(images), axis=1), images / 255 > 0.5)


@pytest.mark.parametrize("place", [".", "binarized_mnist"])
def test_larochelles_files_are_preferred(tmp_path, place):
    write_amat_tree(tmp_path / place)
    write_mnist_tree(tmp_path / "mnist")
    data = load(tmp_path)
    assert data.counts == {"train": 8, "valid": 3, "test": 2}
    assert data.description == "Larochelle's binarised MNIST"
    expected = np.loadtxt(tmp_path / place / "binarized_mnist_valid.amat")
    assert np.array_equal(bits(data.valid), expected)
    assert "IDX" in load(tmp_path, files="idx").description
    assert "IDX" in load(tmp_path, binarisation="threshold").description
    assert load(tmp_path, source="embedded").source == "embedded"


def test_the_embedded_default_needs_nothing_and_is_always_the_same():
    first, second = load_dataset("seqmnist"), load_dataset("seqmnist")
    assert first.source == "embedded"
    assert first.fingerprint == second.fingerprint
    assert first.counts == {"train": 1200, "valid": 400, "test": 400}
    assert not {bytes(b) for b in first.train.packed} & {bytes(b) for b in first.test.packed}


def test_digits_look_like_digits():
    images = draw_digits(500, np.random.default_rng(0)).reshape(-1, 28, 28)
    assert 0.05 < images.mean() / 255 < 0.2
    assert images.max(axis=(1, 2)).min() > 200
    assert images[:, [0, -1]].mean() < 0.02 * images.max()
    assert len({image.tobytes() for image in images}) == 500


TRAIN, TEST = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte"
ZIPPED = gzip.compress(np.array([2051, 4, 28, 28], ">u4").tobytes() + bytes(4 * 784))
DAMAGES = {
    "no test images": (lambda r: (r / TEST).unlink(), f"{TRAIN} is there, but {TEST} is not"),
    "no training images": (lambda r: (r / TRAIN).unlink(), f"{TEST} is there, but {TRAIN} is not"),
    "labels": (lambda r: write_idx(r / TRAIN, grey_images(1), magic=2049), "begins with the number 2049"),
    "32 x 32": (lambda r: write_idx(r / TRAIN, np.zeros((12, 32, 32))), "images of 32 x 32, expected 28 x 28"),
    "truncated": (lambda r: (r / TRAIN).write_bytes((r / TRAIN).read_bytes()[:-1]), "cut short: .* 12 images of 784"),
    "too long": (lambda r: (r / TRAIN).write_bytes((r / TRAIN).read_bytes() + b"0"), "longer than its header says"),
    "header alone": (lambda r: (r / TRAIN).write_bytes(b"\0\0\x08\x03\0"), "cut short: 5 bytes are no IDX"),
    "empty": (lambda r: (r / TRAIN).write_bytes(b""), "cut short: 0 bytes"),
    "no image": (lambda r: write_idx(r / TRAIN, np.zeros((0, 28, 28))), "promises 0 images"),
    "billions": (lambda r: write_idx(r / TRAIN, grey_images(1), count=2**32 - 1), "promises 4294967295 images, MNIST"),
    "too few": (lambda r: write_idx(r / TRAIN, grey_images(1, 5)), "holds 5 images, at least 6"),
    "cut gzip": (lambda r: (r / TEST).write_bytes(ZIPPED[:-9]), "damaged gzip file"),
    "wrong gzip": (lambda r: (r / TEST).write_bytes(ZIPPED[:-6] + b"\1" + ZIPPED[-5:]), "damaged gzip file"),
    "garbled gzip": (lambda r: (r / TEST).write_bytes(ZIPPED[:12] + b"\xff" * 9 + ZIPPED[21:]), "damaged gzip file"),
    "half a gzip header": (lambda r: (r / TEST).write_bytes(b"\x1f\x8b\x07junk"), "damaged gzip file"),
}


@pytest.mark.parametrize("source", ["auto", "full"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_idx_file_is_one_sentence(tmp_path, damage, source):
    breaks, message = DAMAGES[damage]
    breaks(write_mnist_tree(tmp_path))
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path, source=source)
    assert "\n" not in str(caught.value)


ROW = " ".join("01" * 392)
AMAT_DAMAGES = {
    "missing": (lambda path: path.unlink(), "is there, but binarized_mnist_valid.amat is not"),
    "empty": (lambda path: path.write_text(""), "holds 0 images instead of 10000"),
    "a short line": (lambda path: path.write_text(f"{ROW}\n{ROW[:-2]}\n"), "line 2 holds 783 values, not 784"),
    "a long line": (lambda path: path.write_text(f"{ROW} 0\n"), "line 1 holds 785 values"),
    "an empty line": (lambda path: path.write_text(f"{ROW}\n\n{ROW}\n"), "line 2 holds 0 values"),
    "grey": (lambda path: path.write_text(ROW[:-1] + "2\n"), "line 1 holds a value that is neither 0 nor 1"),
    "floats": (lambda path: path.write_text(ROW[:-1] + "1.0\n"), "neither 0 nor 1"),
    "no line ends": (lambda path: path.write_bytes(b"0 " * 10**6), "line 1 holds 3136 values"),
    "binary": (lambda path: path.write_bytes(bytes(range(256)) * 9), "line 1 holds .* values, not 784"),
}


@pytest.mark.parametrize("damage", AMAT_DAMAGES)
def test_a_damaged_amat_file_is_one_sentence(tmp_path, damage):
    breaks, message = AMAT_DAMAGES[damage]
    breaks(write_amat_tree(tmp_path) / "binarized_mnist_valid.amat")
    with pytest.raises(UserError, match=message):
        load(tmp_path)


def test_too_many_lines_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setitem(mnist_files.AMAT_COUNTS, "valid", 2)
    with pytest.raises(UserError, match="holds more than 2 images instead of 2"):
        load(write_amat_tree(tmp_path))


def test_incomplete_files_are_refused_with_their_counts(tmp_path):
    with pytest.raises(UserError, match="promises 12 images, MNIST has 60000 there"):
        load(write_mnist_tree(tmp_path / "a"), require_all_images=True)
    with pytest.raises(UserError, match="holds 8 images instead of 50000"):
        load(write_amat_tree(tmp_path / "b"), require_all_images=True)


def test_another_data_set_under_the_same_names_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist_files, "IDX_COUNTS", {"train": 12, "test": 4})
    monkeypatch.setattr(mnist_files, "AMAT_COUNTS", {"train": 8, "valid": 3, "test": 2})
    with pytest.raises(UserError, match="not the images of MNIST"):
        load(write_mnist_tree(tmp_path / "a"), require_all_images=True)
    with pytest.raises(UserError, match="not the images that Larochelle binarised"):
        load(write_amat_tree(tmp_path / "b"), require_all_images=True)


def test_a_source_that_is_missing_says_where_it_looked(tmp_path):
    with pytest.raises(UserError, match=f"'full' was not found; looked for .* below {tmp_path}"):
        load(tmp_path, source="full")
    with pytest.raises(UserError, match="with files = 'amat' was not found"):
        load(write_mnist_tree(tmp_path), source="full", files="amat")
    with pytest.raises(UserError, match="ZFORCING_DATA"):
        load(None, source="full")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "sample"}, "source must be one of"),
        ({"files": "png"}, "files must be one of"),
        ({"binarisation": "random"}, "binarisation must be one of"),
        ({"pixels_per_step": 3}, "must divide 784"),
        ({"pixels_per_step": 0}, "pixels_per_step must be a whole number"),
        ({"segment_steps": 0}, "segment_steps must be a whole number"),
        ({"files": "amat", "binarisation": "threshold"}, "binary already"),
    ],
)
def test_a_wrong_setting_is_named(options, message):
    with pytest.raises(ConfigurationError, match=message):
        load(None, **options)


@pytest.mark.parametrize("size", [1, 28])
def test_units_of_a_fair_coin(size):
    """A model that gives every pixel one half pays 784 ln 2 nats per image, 1 bit per pixel."""
    data = load_dataset("seqmnist", pixels_per_step=size)
    steps = int(data.test.steps.sum())
    units = data.derived_units(-math.log(2) * steps * size, steps)
    assert units == pytest.approx({"nll_nats_per_image": 784 * math.log(2), "nll_bits_per_pixel": 1.0})


def test_samples_are_images_and_a_figure(tmp_path):
    data = load_dataset("seqmnist")
    original = np.stack([data.test[index].targets for index in range(3)])
    paths = data.write_samples(tmp_path / "new", original, original[:, :400])
    assert [path.name for path in paths] == ["original.png", "generated.png", "images.png"]
    blank = data.write_samples(tmp_path / "blank", 0 * original, 0 * original[:, :400])[-1]
    assert share_of("white", paths[-1]) > share_of("white", blank) + 0.04

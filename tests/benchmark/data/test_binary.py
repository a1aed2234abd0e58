import numpy as np
import pytest
import torch

from benchmark.data.batches import collate
from benchmark.data.binary import fingerprint, whole_sequences


def frames(seed, steps, size=4):
    return np.random.default_rng(seed).integers(0, 2, (steps, size)).astype(np.uint8)


ROLLS = [frames(0, 6), frames(1, 2), frames(2, 10)]


def split():
    return whole_sequences([np.packbits(roll) for roll in ROLLS], 4)


def test_every_frame_is_scored_and_the_first_input_is_zero():
    sequences = split()
    assert sequences.steps.tolist() == [6, 2, 10]
    assert sequences.groups == 3
    for index, roll in enumerate(ROLLS):
        inputs, targets = sequences[index]
        assert inputs.dtype == targets.dtype == np.float32
        assert np.array_equal(targets, roll)
        assert np.array_equal(inputs[1:], roll[:-1])
        assert not inputs[0].any()


def test_pieces_continue_from_the_frame_before():
    pieces = split().chunked(4)
    assert pieces.steps.tolist() == [4, 2, 2, 4, 4, 2]
    assert pieces.group.tolist() == [0, 0, 1, 2, 2, 2]
    assert np.array_equal(np.concatenate([pieces[index].targets for index in (3, 4, 5)]), ROLLS[2])
    assert np.array_equal(np.concatenate([pieces[index].inputs for index in (3, 4, 5)]), split()[2].inputs)
    again = split().chunked(4).chunked(3)
    assert again.steps.tolist() == [3, 1, 2, 2, 3, 1, 3, 1, 2]
    assert np.array_equal(again[4].targets, ROLLS[2][:3])


def test_segments_go_on_from_each_other_within_their_sequence():
    segments = split().segments(4)
    assert segments.successor.tolist() == [1, -1, -1, 4, 5, -1]
    assert (segments.chunked(2).successor == -1).all()
    assert (split().chunked(4).successor == -1).all()


@pytest.mark.parametrize("size", [1, 3, 4, 8, 11, 12])
def test_any_cut_at_any_size_gives_the_frames_back(size):
    roll = frames(5, 24 * 11, 1).reshape(-1, size)
    whole = whole_sequences([np.packbits(roll)], size)
    for steps in (1, 5, 7):
        segments = whole.segments(steps)
        for part in (0, 1):
            joined = np.concatenate([segments[index][part] for index in range(len(segments))])
            assert np.array_equal(joined, whole[0][part])


def test_the_frame_size_is_free():
    bits = [np.packbits(frames(3, 98, 8))]
    pixels = [whole_sequences(bits, size)[0].targets for size in (1, 28, 784)]
    assert [x.shape for x in pixels] == [(784, 1), (28, 28), (1, 784)]
    assert all(np.array_equal(x.ravel(), pixels[0].ravel()) for x in pixels)


def test_batches_are_padded():
    batch = collate(split(), [0, 1])
    assert batch.inputs.shape == (6, 2, 4)
    assert batch.mask.sum(0).tolist() == [6, 2]
    assert torch.equal(batch.inputs[1:, 0], batch.targets[:-1, 0])


def test_the_fingerprint_sees_every_bit_and_split():
    packed = {"train": [np.packbits(roll) for roll in ROLLS], "test": []}
    changed = {"train": [np.packbits(roll) for roll in ROLLS], "test": []}
    changed["train"][1] = changed["train"][1] ^ np.uint8(1)
    moved = {"train": packed["train"][:2], "test": packed["train"][2:]}
    assert len({fingerprint(splits) for splits in (packed, changed, moved)}) == 3
    assert fingerprint(packed) == fingerprint({name: list(bits) for name, bits in packed.items()})

import numpy as np
import torch
from corpora import noise

from benchmark.data.batches import TrainingBatches, collate, evaluation_batches
from benchmark.data.speech import whole_recordings


def split():
    return whole_recordings([noise(seed, 50 * (3 + seed)) for seed in range(7)], 50, mean=0.0, deviation=1.0)


def test_collate_pads_and_masks():
    sequences = split()
    batch = collate(sequences, [0, 4])
    assert batch.inputs.shape == (6, 2, 50)
    assert batch.mask.T.tolist() == [[1, 1, 0, 0, 0, 0], [1] * 6]
    assert np.array_equal(batch.targets[:2, 0], sequences[0].targets)
    assert (batch.targets[2:, 0] == 0).all()
    assert collate(sequences, [2, 2]).mask is None


def drawn(batches, count):
    return [batches.next().targets.sum().item() for _ in range(count)]


def test_an_epoch_holds_every_sequence_once():
    batches = TrainingBatches(split(), 3, torch.Generator().manual_seed(0))
    sizes, orders = [], []
    for _ in range(2):
        for _ in range(batches.per_epoch):
            sizes.append(batches.next().size)
        orders.append(batches.order.tolist())
    assert sizes == [3, 3, 1] * 2
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(7))
    assert orders[0] != orders[1]


def test_the_position_can_be_restored():
    generator = torch.Generator().manual_seed(0)
    batches = TrainingBatches(split(), 2, generator)
    drawn(batches, 5)
    state, random = batches.state_dict(), generator.get_state()
    expected = drawn(batches, 9)
    restored = TrainingBatches(split(), 2, torch.Generator())
    restored.load_state_dict(state)
    restored.generator.set_state(random)
    assert drawn(restored, 9) == expected


def test_evaluation_covers_every_sequence_once():
    seen = [index for indices, _ in evaluation_batches(split(), 3) for index in indices]
    assert sorted(seen) == list(range(7))

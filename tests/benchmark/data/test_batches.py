import numpy as np
import torch
from corpora import noise

from benchmark.data.batches import TrainingBatches, collate, evaluation_batches, successive_runs
from benchmark.data.speech import FrameSplit, whole_recordings


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
    return [batches.next()[0].targets.sum().item() for _ in range(count)]


def test_an_epoch_holds_every_sequence_once():
    batches = TrainingBatches(split(), 3, torch.Generator().manual_seed(0))
    sizes, orders = [], []
    for _ in range(2):
        for _ in range(batches.per_epoch):
            sizes.append(batches.next()[0].size)
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
    batches = list(evaluation_batches(split(), 3))
    assert sorted(index for indices, _, _ in batches for index in indices) == list(range(7))
    assert not any(goes_on for _, _, goes_on in batches)


def chained():
    """Recordings of 7, 3 and 4 sequences of two steps that go on from each other."""
    parts = [noise(seed, 50 * (1 + 2 * count)) for seed, count in enumerate((7, 3, 4))]
    recording = np.repeat(np.arange(3), (7, 3, 4))
    first = 2 * np.concatenate([np.arange(count) for count in (7, 3, 4)])
    count = len(recording)
    return FrameSplit(parts, recording, first, np.full(count, 2), recording.copy(), 50, 0.0, 1.0)


def test_successors_stay_in_their_recording():
    sequences = chained()
    assert sequences.successor.tolist() == [1, 2, 3, 4, 5, 6, -1, 8, 9, -1, 11, 12, 13, -1]
    assert successive_runs(sequences) == [list(range(7)), [7, 8, 9], [10, 11, 12, 13]]
    assert (sequences.chunked(1).successor == -1).all()


def test_carried_streams_go_on_from_batch_to_batch():
    sequences = chained()
    batches = TrainingBatches(sequences, 3, torch.Generator().manual_seed(0), carry_state=True)
    assert batches.per_epoch == 4
    for _ in range(3):
        before = None
        for _ in range(batches.per_epoch):
            _, goes_on = batches.next()
            chosen = batches.order[batches.position - 3 : batches.position].tolist()
            expected = [before is not None and sequences.successor[before[i]] == chosen[i] for i in range(3)]
            assert goes_on.tolist() == expected
            before = chosen
        assert len(set(batches.order.tolist())) == 12


def test_evaluation_carries_state_within_a_group():
    order = [(indices, goes_on) for indices, _, goes_on in evaluation_batches(chained(), 2)]
    assert order == [
        *(([0, 10], False), ([1, 11], True), ([2, 12], True), ([3, 13], True)),
        *(([4], True), ([5], True), ([6], True)),
        *(([7], False), ([8], True), ([9], True)),
    ]

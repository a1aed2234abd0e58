import torch
from builders import prefix_mask

from zforcing import Batch, GaussianHead
from zforcing.backward import BackwardNetwork, reversed_order
from zforcing.networks import Embedding


def test_reversed_order_by_hand():
    order = reversed_order(torch.tensor([3, 1, 0]), 4)
    assert order.T.tolist() == [[2, 1, 0, 3], [0, 1, 2, 3], [0, 1, 2, 3]]


def network(reads_padding=False):
    head = GaussianHead(2)
    return BackwardNetwork(head, 3, 4, 1, reads_padding), Embedding(head, 3)


def test_each_state_summarises_its_own_future():
    backward, embedding = network()
    targets = torch.randn(6, 3, 2)
    batch = Batch(targets, targets, prefix_mask([6, 4, 1], 6))
    states = backward(embedding(batch.targets), batch)
    for column, length in enumerate([6, 4, 1]):
        for t in range(length):
            future = embedding(targets[t:length, column : column + 1]).flip(0)
            torch.testing.assert_close(states[t, column], backward.rnn(future)[1][0][0, 0])


def test_the_released_behaviour_reads_padding_first():
    backward, embedding = network(reads_padding=True)
    targets = torch.randn(6, 1, 2)
    states = backward(embedding(targets), Batch(targets, targets, prefix_mask([4], 6)))
    torch.testing.assert_close(states[3, 0], backward.rnn(embedding(targets[3:]).flip(0))[1][0][0, 0])


def test_a_hole_in_the_mask_is_read_through():
    backward, embedding = network()
    targets = torch.randn(5, 1, 2)
    holed = Batch(targets, targets, torch.tensor([[1.0], [0.0], [1.0], [1.0], [0.0]]))
    prefix = Batch(targets, targets, prefix_mask([4], 5))
    assert torch.equal(backward(embedding(targets), holed), backward(embedding(targets), prefix))


def test_reconstruction_scores_the_inputs():
    backward, _ = network()
    states, inputs = torch.randn(5, 2, 4), torch.randn(5, 2, 2)
    expected = -backward.head.log_prob(backward.reconstruction(states), inputs)
    assert torch.equal(backward.reconstruction_nll(states, inputs), expected)

"""Batches made ahead are the same batches, and a checkpoint knows nothing of what nobody has taken."""

import threading

import pytest
import torch
from corpora import noise

from benchmark.data.batches import TrainingBatches
from benchmark.data.speech import whole_recordings
from benchmark.errors import UserError
from benchmark.feed import TrainingFeed
from benchmark.streams import TrainingStreams


def build(ahead, seed=0):
    split = whole_recordings([noise(n, 50 * (3 + n)) for n in range(7)], 50, mean=0.0, deviation=1.0)
    streams = TrainingStreams(seed)
    batches = TrainingBatches(split, 2, streams.order)
    return TrainingFeed(batches, streams, latent_size=3, device=torch.device("cpu"), ahead=ahead)


def assert_same(found, expected):
    assert torch.equal(found.batch.targets, expected.batch.targets)
    assert torch.equal(found.noise_TBZ, expected.noise_TBZ)
    assert torch.equal(found.goes_on_B, expected.goes_on_B)


def test_ahead_or_not_the_feeds_and_the_positions_are_the_same():
    plain, ahead = build(False), build(True)
    for _ in range(11):
        assert_same(ahead.next(), plain.next())
        torch.testing.assert_close(ahead.state_dict(), plain.state_dict(), rtol=0, atol=0)
    ahead.close()


@pytest.mark.parametrize("taken", [0, 1, 4, 6])
@pytest.mark.parametrize("ahead", [False, True])
def test_it_goes_on_behind_the_last_feed_that_was_taken(ahead, taken):
    feed = build(ahead)
    for _ in range(taken):
        feed.next()
    restored = build(ahead, seed=99)
    restored.load_state_dict(feed.state_dict())
    for _ in range(5):
        assert_same(restored.next(), feed.next())
    feed.close()
    restored.close()


def test_one_feed_is_made_while_another_is_used(monkeypatch):
    feed, made = build(True), threading.Event()
    feed.next()
    feed._next.result()
    make = feed._make

    def seen():
        made.set()
        return make()

    monkeypatch.setattr(feed, "_make", seen)
    feed.next()
    assert made.wait(10)
    feed.close()


def test_a_mistake_found_ahead_is_raised_when_its_turn_comes(monkeypatch):
    feed = build(True)
    feed.next()
    feed._next.result()

    def broken():
        raise UserError("recording 3 is gone; restore it")

    monkeypatch.setattr(feed.batches, "next", broken)
    feed.next()
    with pytest.raises(UserError, match="recording 3 is gone; restore it"):
        feed.next()
    feed.close()


def test_the_thread_ends():
    before = threading.active_count()
    feed = build(True)
    feed.next()
    assert threading.active_count() == before + 1
    feed.close()
    assert threading.active_count() == before

import torch

from benchmark.streams import TrainingStreams, derived_seed, stream


def test_streams_of_other_names_and_seeds_differ():
    seeds = {derived_seed(seed, name) for seed in range(5) for name in ("order", "sampling", "evaluation")}
    assert len(seeds) == 15
    assert derived_seed(1, "evaluation", 23) != derived_seed(1, "evaluation", 2, 3)
    assert torch.equal(torch.randn(5, generator=stream(1, "a")), torch.randn(5, generator=stream(1, "a")))


def draw(streams):
    return [torch.randn(3, generator=streams.order), torch.randn(3, generator=streams.sampling), torch.randn(3)]


def test_the_state_of_every_stream_can_be_restored():
    streams = TrainingStreams(0)
    draw(streams)
    state = streams.state_dict()
    expected = draw(streams)
    restored = TrainingStreams(99)
    restored.load_state_dict(state)
    assert all(torch.equal(a, b) for a, b in zip(draw(restored), expected, strict=True))

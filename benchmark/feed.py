"""What updates are fed: batches with the noise of their latents, made ahead in a thread if a GPU would wait for them.

On a CPU the thread would take its time from the update: making a feed is about 2 % of one.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmark.data.batches import TrainingBatches
from benchmark.streams import TrainingStreams
from zforcing.interface import Batch


class Feed(NamedTuple):
    """What one update is fed.

    Attributes:
        batch, noise_TBZ: the sequences and the noise of their latents.
        goes_on_B: which sequences go on from those of the batch before; on the CPU.
        position: where batches and streams stood when this had been made.
    """

    batch: Batch
    noise_TBZ: Tensor
    goes_on_B: Tensor
    position: dict[str, dict[str, Any]]


class TrainingFeed:
    """All feeds of a training, in order.

    Args:
        batches: the sequences.
        streams: of random numbers.
        latent_size: Z.
        device: of the model.
        ahead: make the next feed while the current one is used; on a GPU by default.
    """

    def __init__(
        self,
        batches: TrainingBatches,
        streams: TrainingStreams,
        latent_size: int,
        device: torch.device,
        ahead: bool | None = None,
    ) -> None:
        self.batches = batches
        self.streams = streams
        self.latent_size = latent_size
        self.device = device
        self.ahead = device.type == "cuda" if ahead is None else ahead
        self._position = self._made_so_far()
        self._thread = ThreadPoolExecutor(1, "feed")
        self._next: Future[Feed] | None = None

    def next(self) -> Feed:
        """The next feed, on its way to the device. What went wrong while it was made is raised here."""
        if self.ahead:
            feed = (self._next or self._thread.submit(self._make)).result()
            self._next = self._thread.submit(self._make)
        else:
            feed = self._make()
        self._position = feed.position
        return feed._replace(
            batch=feed.batch.to(self.device, non_blocking=True),
            noise_TBZ=feed.noise_TBZ.to(self.device, non_blocking=True),
        )

    def close(self) -> None:
        """Ends the thread; what it has made and nobody has taken is lost."""
        self._thread.shutdown(cancel_futures=True)

    def state_dict(self) -> dict[str, Any]:
        """The position behind the last feed that was taken, whatever has been made since."""
        batches, streams = self._position["batches"], self._position["streams"]
        return {"batches": batches, "streams": self.streams.state_dict() | streams}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from there; to be called before the first `next`."""
        self.batches.load_state_dict(state["batches"])
        self.streams.load_state_dict(state["streams"])
        self._position = self._made_so_far()

    def _make(self) -> Feed:
        batch, goes_on_B = self.batches.next()
        noise_TBZ = torch.randn(batch.steps, batch.size, self.latent_size, generator=self.streams.sampling)
        if self.device.type == "cuda":
            # Only pinned memory is copied without waiting for the device.
            batch, noise_TBZ, goes_on_B = batch.pin_memory(), noise_TBZ.pin_memory(), goes_on_B.pin_memory()
        return Feed(batch, noise_TBZ, goes_on_B, self._made_so_far())

    def _made_so_far(self) -> dict[str, dict[str, Any]]:
        return {"batches": self.batches.state_dict(), "streams": self.streams.feeding_state()}

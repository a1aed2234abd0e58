"""Random streams: initialisation, data order, sampling, dropout, evaluation and generation never share one."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def derived_seed(seed: int, *names: str | int) -> int:
    """A 63 bit seed for the stream of that name."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def stream(seed: int, *names: str | int) -> torch.Generator:
    """A CPU generator for the stream of that name, the same on every device."""
    return torch.Generator().manual_seed(derived_seed(seed, *names))


class TrainingStreams:
    """The streams whose state lives through training.

    Attributes:
        order: of the training sequences.
        sampling: of the latents.

    Dropout uses torch's global generators, on the CPU and on CUDA.
    """

    def __init__(self, seed: int) -> None:
        self.order = stream(seed, "order")
        self.sampling = stream(seed, "sampling")
        torch.manual_seed(derived_seed(seed, "dropout"))

    def feeding_state(self) -> dict[str, Tensor]:
        """The state of the streams that batches and noise are drawn from."""
        return {"order": self.order.get_state(), "sampling": self.sampling.get_state()}

    def state_dict(self) -> dict[str, Tensor]:
        state = {**self.feeding_state(), "dropout": torch.get_rng_state()}
        if torch.cuda.is_available():
            state["dropout_cuda"] = torch.cuda.get_rng_state()
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.order.set_state(state["order"])
        self.sampling.set_state(state["sampling"])
        torch.set_rng_state(state["dropout"])
        if "dropout_cuda" in state and torch.cuda.is_available():
            torch.cuda.set_rng_state(state["dropout_cuda"])

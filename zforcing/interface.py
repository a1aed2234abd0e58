"""What every sequence model takes and returns.

Legend of the shape suffixes, used in the whole project. All sequences are time-major.

    T  time steps             B  sequences in a batch    D  data dimensions of one step
    E  embedding              H  recurrent state         Z  latent variables of one step
    M  hidden layer of a net  G  LSTM gates (4 H)        K  mixture components
    P  emission parameters    N  sequences of a split

`inputs` holds u_t (the previous frame), `targets` holds y_t (the current frame). All terms are in nats.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from zforcing.checks import require
from zforcing.distributions import DiagonalGaussian
from zforcing.heads import Head
from zforcing.networks import WordDropout

UNKNOWN_SYMBOL = 2  # of text; 0 begins a sequence and 1 ends it

State = tuple[Tensor, ...]  # what a model carries from one step, or one segment, to the next; (B, .) each
ChooseLatent = Callable[[int, DiagonalGaussian], Tensor]  # z_t, (B, Z), from t = 0, 1, ... and p(z_t | ...)


@dataclass(frozen=True)
class Batch:
    """A batch of sequences.

    Args:
        inputs: (T, B, D) real, or (T, B) integer for categorical data.
        targets: like `inputs`.
        mask: (T, B), non-zero where a step is scored. All steps when omitted.

    Raises:
        ValueError: the shapes do not fit each other.
    """

    inputs: Tensor
    targets: Tensor
    mask: Tensor | None = None

    def __post_init__(self) -> None:
        if self.inputs.dim() not in (2, 3):
            raise ValueError(f"inputs must be (T, B, D) or (T, B), got the shape {tuple(self.inputs.shape)}")
        if self.inputs.shape[:2] != self.targets.shape[:2]:
            raise ValueError(
                f"inputs {tuple(self.inputs.shape)} and targets {tuple(self.targets.shape)} differ in T or B"
            )
        if self.mask is not None and self.mask.shape != self.inputs.shape[:2]:
            raise ValueError(f"mask {tuple(self.mask.shape)} must be (T, B) = {tuple(self.inputs.shape[:2])}")

    @property
    def steps(self) -> int:
        return self.inputs.shape[0]

    @property
    def size(self) -> int:
        return self.inputs.shape[1]

    @cached_property
    def scored_TB(self) -> Tensor:
        """True where a step is scored."""
        if self.mask is None:
            return torch.ones(self.inputs.shape[:2], dtype=torch.bool, device=self.inputs.device)
        return self.mask != 0

    @cached_property
    def length_B(self) -> Tensor:
        """Steps up to and including the last scored one of each sequence; 0 where none is."""
        step_T1 = torch.arange(1, self.steps + 1, device=self.inputs.device)[:, None]
        return (step_T1 * self.scored_TB).amax(0)

    @cached_property
    def within_TB(self) -> Tensor:
        """True up to the last scored step: what lies beyond is padding."""
        return torch.arange(self.steps, device=self.inputs.device)[:, None] < self.length_B

    @property
    def frames(self) -> Tensor:
        """u_1, y_1 ... y_T: (T + 1, B, D) or (T + 1, B)."""
        return torch.cat((self.inputs[:1], self.targets))

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        mask = None if self.mask is None else self.mask.to(device, non_blocking=non_blocking)
        return Batch(
            self.inputs.to(device, non_blocking=non_blocking), self.targets.to(device, non_blocking=non_blocking), mask
        )

    def pin_memory(self) -> Batch:
        """The same in page-locked memory, from which a GPU copies without the CPU waiting."""
        mask = None if self.mask is None else self.mask.pin_memory()
        return Batch(self.inputs.pin_memory(), self.targets.pin_memory(), mask)

    def without_padding_values(self) -> Batch:
        """The same batch with every value beyond a sequence's last scored step set to zero."""
        if self.mask is None:
            return self
        return Batch(_zero_outside(self.inputs, self.within_TB), _zero_outside(self.targets, self.within_TB), self.mask)


def _zero_outside(x: Tensor, keep_TB: Tensor) -> Tensor:
    return x.masked_fill(~(keep_TB if x.dim() == 2 else keep_TB[..., None]), 0)


@dataclass(frozen=True)
class StepTerms:
    """What a model says about a batch, per step: (T, B) tensors in nats, 0 where a step is not scored.

    Attributes:
        log_px: log p(y_t | ...), the emission.
        kl: KL(q(z_t) || p(z_t)).
        aux_nll: the auxiliary cost, -log p(b_t | z_t, h_{t-1}).
        backward_nll: -log p(u_t | b_t), the backward reconstruction.
        z: (T, B, Z), the latents drawn from the posterior; Z is 0 for a model without latents.
        prior, posterior: the distributions of z at every step; None without latents.
        scored_TB: True where a step is scored.
        state: what a following segment of the same sequences goes on from, see `SequenceModel.forward`.
    """

    log_px: Tensor
    kl: Tensor
    aux_nll: Tensor
    backward_nll: Tensor
    z: Tensor
    prior: DiagonalGaussian | None
    posterior: DiagonalGaussian | None
    scored_TB: Tensor
    state: State = ()

    @cached_property
    def log_pz(self) -> Tensor:
        """log p(z_t | ...) of the drawn z_t, (T, B)."""
        return self._log_density(self.prior)

    @cached_property
    def log_qz(self) -> Tensor:
        """log q(z_t | ...) of the drawn z_t, (T, B)."""
        return self._log_density(self.posterior)

    def _log_density(self, distribution: DiagonalGaussian | None) -> Tensor:
        if distribution is None:
            return torch.zeros_like(self.log_px)
        return keep_scored(distribution.log_prob(self.z), self.scored_TB)


@dataclass(frozen=True)
class Encoding:
    """What a model makes of sequences that it has read, per step.

    Attributes:
        latents: (T, B, Z), the means of the posterior, each made from the means before it.
        states: (T, B, H), the first deterministic state that knows of y_t: h_t where z_t or y_t enters it, the state
            of the next step where only inputs do.
    """

    latents: Tensor
    states: Tensor


def keep_scored(term_TB: Tensor, scored_TB: Tensor) -> Tensor:
    """`term_TB` with a zero wherever a step is not scored."""
    return torch.where(scored_TB, term_TB, torch.zeros_like(term_TB))


class SequenceModel(nn.Module, ABC):
    """A model of sequences y_1 ... y_T given their inputs u_1 ... u_T.

    Attributes:
        head: the likelihood of one step.
        word_dropout: what models apply to their decoder's inputs, the identity outside training.
        latent_size: Z, or 0 when `log_px` alone is the exact log-likelihood.
        engine: what runs the loops over time, of the model and of the networks in it: one of `engines.ENGINES`, or
            'auto'.
    """

    latent_size: int = 0
    _engine: str = "auto"

    def __init__(self, head: Head, word_dropout: float = 0.0) -> None:
        super().__init__()
        require(head.categorical or word_dropout == 0, f"word_dropout is for categorical data, not for {head}")
        self.head = head
        self.word_dropout = WordDropout(word_dropout, UNKNOWN_SYMBOL)

    @property
    def engine(self) -> str:
        return self._engine

    @engine.setter
    def engine(self, name: str) -> None:
        self._engine = name
        for module in self.modules():
            if module is not self and hasattr(module, "engine"):
                module.engine = name  # type: ignore[assignment]

    @property
    def has_latent(self) -> bool:
        return self.latent_size > 0

    @abstractmethod
    def forward(self, batch: Batch, noise: Tensor | None = None, state: State | None = None) -> StepTerms:
        """The terms of the objective for a batch.

        Args:
            batch: the sequences.
            noise: (T, B, Z) standard normal that the posterior samples are made of; drawn when omitted.
            state: `StepTerms.state` of the segment before, for truncated back-propagation through time or for
                sequences scored in pieces; zeros when omitted. A backward network always starts at the segment's end.
        """

    @abstractmethod
    def encode(self, batch: Batch) -> Encoding:
        """The latents and the states of whole sequences, each from its own beginning."""

    @abstractmethod
    def generate(
        self,
        steps: int,
        batch_size: int,
        generator: torch.Generator | None = None,
        prefix: Tensor | None = None,
        latents: ChooseLatent | None = None,
        most_likely: bool = False,
    ) -> Tensor:
        """Samples from the model, each sampled frame being the input of the next step.

        Args:
            steps: how many new frames to sample.
            batch_size: how many sequences.
            generator: the source of randomness; torch's global one when omitted.
            prefix: (T0, B, D) or (T0, B) true frames to go on from. Without it the first input is zero, which
                for categorical data is the symbol 0.
            latents: gives every z_t; drawn from the prior when omitted.
            most_likely: takes the most likely frame at every step (`Head.mode`) instead of sampling it.

        Returns:
            (steps, B, D), or (steps, B) for categorical data, in the space of the targets, on the model's device.
            The prefix is not part of it.
        """

    def draw_noise(self, steps: int, batch_size: int, generator: torch.Generator | None = None) -> Tensor:
        """(T, B, Z) standard normal for `forward`, drawn on the generator's device, moved to the model's."""
        parameter = next(self.parameters())
        device = parameter.device if generator is None else generator.device
        noise = torch.randn(steps, batch_size, self.latent_size, generator=generator, device=device)
        return noise.to(parameter.device, parameter.dtype)

    def choose_emission(
        self, parameters: Tensor, generator: torch.Generator | None = None, most_likely: bool = False
    ) -> Tensor:
        """The most likely y, or a sample of it, drawn on the generator's device, moved to that of the parameters."""
        if most_likely:
            return self.head.mode(parameters)
        drawn_on = parameters.device if generator is None else generator.device
        return self.head.sample(parameters.to(drawn_on), generator).to(parameters.device)

    def first_inputs(self, batch_size: int, prefix: Tensor | None) -> tuple[Batch | None, Tensor]:
        """How generation starts: a batch to run through first (None if there is none) and the first free input."""
        parameter = next(self.parameters())
        if prefix is None:
            start = self.head.start(batch_size).to(parameter.device)
            return None, start if self.head.categorical else start.to(parameter.dtype)
        if prefix.shape[1] != batch_size:
            raise ValueError(f"the prefix holds {prefix.shape[1]} sequences, batch_size is {batch_size}")
        prefix = prefix.to(parameter.device)
        seen = Batch(prefix[:-1], prefix[1:]) if len(prefix) > 1 else None
        return seen, prefix[-1]

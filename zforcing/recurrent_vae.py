"""The recurrent VAE that all models with latents are instances of: the time loop and the terms of the objective.

A model states what enters the loop, and its step; everything else is written here once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zforcing.auxiliary import AuxiliaryCost
from zforcing.backward import BackwardNetwork
from zforcing.distributions import DiagonalGaussian, kl_divergence
from zforcing.heads import Head
from zforcing.interface import Batch, SequenceModel, State, StepTerms, keep_scored

Entering = Any  # a NamedTuple of the model's own, of (T, B, .) tensors, or of (B, .) ones for a single step


class Recurrence(ABC):
    """One model's equations for one pass, with the weights that they share over time prepared.

    `visible` is the first tensor of the state: all of it that anything but `advance` may see. Every method works on
    one step, (B, .), and on a whole trajectory at once, (T, B, .).
    """

    @abstractmethod
    def prior(self, visible: Tensor, entering: Entering) -> DiagonalGaussian:
        """p(z_t | ...) from the state before step t."""

    @abstractmethod
    def posterior(self, visible: Tensor, entering: Entering) -> DiagonalGaussian:
        """q(z_t | ...) from the state before step t."""

    @abstractmethod
    def advance(self, state: State, z: Tensor, entering: Entering) -> State:
        """The state after step t."""

    @abstractmethod
    def emission(self, before: Tensor, z: Tensor, after: Tensor, entering: Entering) -> Tensor:
        """The parameters of p(y_t | ...), from the visible state before and after step t."""

    def condition(self, before: Tensor, entering: Entering) -> Tensor:
        """What the auxiliary cost sees beside z_t: the state that p(z_t | ...) is made of."""
        return before


UNKNOWN = torch.empty(0)  # stands for what the future would tell, in free generation


@dataclass(frozen=True)
class Pass:
    """What a model prepares before the time loop.

    Attributes:
        recurrence: the step.
        entering: what each step reads, (T, B, .) each.
        start: the state of the loop before the first step.
        carried: what else is carried to a following segment, the last states of networks outside the loop.
        backward_TBH: b_1 ... b_T, if the model has a backward network.
    """

    recurrence: Recurrence
    entering: Entering
    start: State
    carried: State = ()
    backward_TBH: Tensor | None = None


@dataclass(frozen=True)
class Trajectory:
    """What the time loop leaves, (T, B, .) each: visible states before and after every step, latents, posterior."""

    before: Tensor
    after: Tensor
    z: Tensor
    posterior: DiagonalGaussian
    last: State


class RecurrentVAE(SequenceModel):
    """A sequence model with latents z_1 ... z_T.

    Attributes:
        backward_network: reads the future, if the model or its auxiliary cost needs it.
        auxiliary: the auxiliary cost, if there is one.
    """

    def __init__(self, head: Head, word_dropout: float = 0.0) -> None:
        super().__init__(head, word_dropout)
        self.backward_network: BackwardNetwork | None = None
        self.auxiliary: AuxiliaryCost | None = None

    @abstractmethod
    def initial_state(self, batch_size: int) -> State:
        """What a sequence starts from: the state of the loop, then that of networks outside it. (B, .) each."""

    @abstractmethod
    def enter(self, batch: Batch, state: State) -> Pass:
        """Everything that can be computed for all time steps before the loop."""

    @abstractmethod
    def recurrence(self) -> Recurrence:
        """The step, with its weights prepared."""

    @abstractmethod
    def generation_step(
        self, recurrence: Recurrence, state: State, u: Tensor, noise_BZ: Tensor, generator: torch.Generator | None
    ) -> tuple[State, Tensor]:
        """One step of free generation from the input u_t: the state after it, and a sample of y_t."""

    def zeros(self, *shape: int) -> Tensor:
        """Zeros on the model's device, in its precision."""
        return next(self.parameters()).new_zeros(shape)

    def forward(
        self, batch: Batch, noise: Tensor | None = None, state: State | None = None, from_prior: bool = False
    ) -> StepTerms:
        """The terms of the objective.

        Args:
            batch, noise, state: see `SequenceModel.forward`.
            from_prior: draw the latents from the prior instead of the posterior; what the emission loses by it is
                what the latents carry.
        """
        if self.backward_network is None or not self.backward_network.reads_padding:
            batch = batch.without_padding_values()
        if noise is None:
            noise = self.draw_noise(batch.steps, batch.size)
        expected = (batch.steps, batch.size, self.latent_size)
        if noise.shape != expected:
            raise ValueError(f"noise {tuple(noise.shape)} must be (T, B, Z) = {expected}")
        prepared = self.enter(batch, self.initial_state(batch.size) if state is None else state)
        return self.terms(batch, prepared, run_time_loop(prepared, noise, from_prior))

    def terms(self, batch: Batch, prepared: Pass, path: Trajectory) -> StepTerms:
        """Everything that the trajectory gives, for all time steps at once."""
        step, entering, scored_TB = prepared.recurrence, prepared.entering, batch.scored_TB
        prior = step.prior(path.before, entering)
        log_px_TB = self.head.log_prob(step.emission(path.before, path.z, path.after, entering), batch.targets)
        zeros_TB = torch.zeros_like(log_px_TB)
        aux_nll_TB = backward_nll_TB = zeros_TB
        if self.backward_network is not None and prepared.backward_TBH is not None:
            reconstruction_TB = self.backward_network.reconstruction_nll(prepared.backward_TBH, batch.inputs)
            backward_nll_TB = keep_scored(reconstruction_TB, scored_TB)
        if self.auxiliary is not None and prepared.backward_TBH is not None:
            condition = step.condition(path.before, entering)
            aux_nll_TB = keep_scored(self.auxiliary(condition, path.z, prepared.backward_TBH), scored_TB)
        return StepTerms(
            log_px=keep_scored(log_px_TB, scored_TB),
            kl=keep_scored(kl_divergence(path.posterior, prior), scored_TB),
            aux_nll=aux_nll_TB,
            backward_nll=backward_nll_TB,
            z=path.z,
            prior=prior,
            posterior=path.posterior,
            scored_TB=scored_TB,
            state=(*path.last, *prepared.carried),
        )

    @torch.no_grad()
    def generate(
        self,
        steps: int,
        batch_size: int,
        generator: torch.Generator | None = None,
        prefix: Tensor | None = None,
    ) -> Tensor:
        seen, u = self.first_inputs(batch_size, prefix)
        state = self.initial_state(batch_size)
        if seen is not None:
            prepared = self.enter(seen, state)
            noise_TBZ = self.draw_noise(seen.steps, batch_size, generator)
            state = (*run_time_loop(prepared, noise_TBZ).last, *prepared.carried)
        recurrence = self.recurrence()
        frames = []
        for _ in range(steps):
            noise_BZ = self.draw_noise(1, batch_size, generator)[0]
            state, u = self.generation_step(recurrence, state, u, noise_BZ, generator)
            frames.append(u)
        return torch.stack(frames)


def run_time_loop(prepared: Pass, noise_TBZ: Tensor, from_prior: bool = False) -> Trajectory:
    """The recurrence over time, in plain autograd: it holds only what depends on the step before."""
    recurrence, state = prepared.recurrence, prepared.start
    draw = recurrence.prior if from_prior else recurrence.posterior
    before, after, latents, means, log_variances = [], [], [], [], []
    # unbind, not x[t]: the gradient of each index would be a full (T, B, .) tensor, a cost of T squared.
    for noise_BZ, *entering in zip(noise_TBZ.unbind(0), *(x.unbind(0) for x in prepared.entering), strict=True):
        step = type(prepared.entering)(*entering)
        before.append(state[0])
        drawn = draw(state[0], step)
        latents.append(drawn.sample(noise_BZ))
        state = recurrence.advance(state, latents[-1], step)
        after.append(state[0])
        means.append(drawn.mean)
        log_variances.append(drawn.log_variance)
    posterior = DiagonalGaussian(torch.stack(means), torch.stack(log_variances))
    return Trajectory(torch.stack(before), torch.stack(after), torch.stack(latents), posterior, state)

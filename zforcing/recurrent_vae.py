"""The recurrent VAE that all models with latents are instances of: the terms of the objective, and generation.

A model states what enters the time loop, and its step; everything else is written here once.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import partial

import torch
from torch import Tensor

from zforcing.auxiliary import AuxiliaryCost
from zforcing.backward import BackwardNetwork
from zforcing.distributions import DiagonalGaussian, kl_divergence
from zforcing.engines import run_at_once, run_time_loop
from zforcing.heads import Head
from zforcing.interface import Batch, ChooseLatent, Encoding, SequenceModel, State, StepTerms, keep_scored
from zforcing.recurrence import ChooseY, ChooseZ, Pass, Recurrence, Trajectory
from zforcing.segments import run_in_segments


class RecurrentVAE(SequenceModel):
    """A sequence model with latents z_1 ... z_T.

    Attributes:
        backward_network: reads the future, if the model or its auxiliary cost needs it.
        auxiliary: the auxiliary cost, if there is one.
        recomputed_steps: compute activations again in the backward pass, in segments of so many steps, which bounds
            memory; None keeps them all.
    """

    recomputed_steps: int | None = None

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
        self, recurrence: Recurrence, state: State, u: Tensor, choose_z: ChooseZ, choose_y: ChooseY
    ) -> tuple[State, Tensor]:
        """One step of free generation from the input u_t: the state after it, and y_t; z_t is chosen before y_t."""

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
        batch = self._readable(batch)
        if noise is None:
            noise = self.draw_noise(batch.steps, batch.size)
        expected = (batch.steps, batch.size, self.latent_size)
        if noise.shape != expected:
            raise ValueError(f"noise {tuple(noise.shape)} must be (T, B, Z) = {expected}")
        prepared = self.enter(batch, self.initial_state(batch.size) if state is None else state)
        return run_in_segments(self._run, batch, prepared, noise, from_prior, self.recomputed_steps)

    def _readable(self, batch: Batch) -> Batch:
        """The batch as the model reads it: without what its padding holds, unless the padding is to be read."""
        reads_padding = self.backward_network is not None and self.backward_network.reads_padding
        return batch if reads_padding else batch.without_padding_values()

    @torch.no_grad()
    def encode(self, batch: Batch) -> Encoding:
        prepared = self.enter(self._readable(batch), self.initial_state(batch.size))
        path = run_time_loop(prepared, self.zeros(batch.steps, batch.size, self.latent_size), engine=self.engine)
        return Encoding(path.z, path.after)

    def _run(self, batch: Batch, prepared: Pass, noise_TBZ: Tensor, from_prior: bool) -> StepTerms:
        return self.terms(batch, prepared, run_time_loop(prepared, noise_TBZ, from_prior, self.engine))

    def terms(self, batch: Batch, prepared: Pass, path: Trajectory) -> StepTerms:
        """Everything that the trajectory gives, for all time steps at once."""
        prior_mean, prior_log_variance, kl_TB, aux_nll_TB = self._latent_terms(prepared, path)
        log_px_TB = self._log_px(batch, prepared, path)
        backward_nll_TB = self._backward_nll(batch, prepared)
        zeros_TB, scored_TB = torch.zeros_like(log_px_TB), batch.scored_TB
        return StepTerms(
            log_px=keep_scored(log_px_TB, scored_TB),
            kl=keep_scored(kl_TB, scored_TB),
            aux_nll=zeros_TB if aux_nll_TB is None else keep_scored(aux_nll_TB, scored_TB),
            backward_nll=zeros_TB if backward_nll_TB is None else keep_scored(backward_nll_TB, scored_TB),
            z=path.z,
            prior=DiagonalGaussian(prior_mean, prior_log_variance),
            posterior=path.posterior,
            scored_TB=scored_TB,
            state=(*path.last, *prepared.carried),
        )

    def _latent_terms(self, prepared: Pass, path: Trajectory) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Mean and log variance of the prior, the KL, and the auxiliary cost, if there is one."""
        step, entering_type, cost = prepared.recurrence, type(prepared.entering), self.auxiliary
        future = () if cost is None or prepared.backward_TBH is None else (prepared.backward_TBH,)

        def function(rows: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            before, z, mean, log_variance, *others = rows
            entering, future = entering_type(*others[: len(prepared.entering)]), others[len(prepared.entering) :]
            prior = step.prior(before, entering)
            kl = kl_divergence(DiagonalGaussian(mean, log_variance), prior)
            aux_nll = () if cost is None or not future else (cost(step.condition(before, entering), z, *future),)
            return prior.mean, prior.log_variance, kl, *aux_nll

        rows = (path.before, path.z, path.posterior.mean, path.posterior.log_variance, *prepared.entering, *future)
        mean, log_variance, kl_TB, *aux_nll_TB = run_at_once(function, rows, self.engine)
        return mean, log_variance, kl_TB, (aux_nll_TB[0] if aux_nll_TB else None)

    def _log_px(self, batch: Batch, prepared: Pass, path: Trajectory) -> Tensor:
        """log p(y_t | ...), (T, B)."""
        step, entering_type = prepared.recurrence, type(prepared.entering)

        def function(rows: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            targets, before, z, after, *entering = rows
            return (self.head.log_prob(step.emission(before, z, after, entering_type(*entering)), targets),)

        rows = (batch.targets, path.before, path.z, path.after, *prepared.entering)
        return run_at_once(function, rows, self.engine)[0]

    def _backward_nll(self, batch: Batch, prepared: Pass) -> Tensor | None:
        """-log p(u_t | b_t), (T, B), if there is a backward network."""
        network = self.backward_network
        if network is None or prepared.backward_TBH is None:
            return None

        def function(rows: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return (network.reconstruction_nll(*rows),)

        return run_at_once(function, (prepared.backward_TBH, batch.inputs), self.engine)[0]

    @torch.no_grad()
    def generate(
        self,
        steps: int,
        batch_size: int,
        generator: torch.Generator | None = None,
        prefix: Tensor | None = None,
        latents: ChooseLatent | None = None,
        most_likely: bool = False,
    ) -> Tensor:
        def drawn(t: int, prior: DiagonalGaussian) -> Tensor:
            return prior.sample(self.draw_noise(1, batch_size, generator)[0])

        def choose_y(parameters: Tensor) -> Tensor:
            return self.choose_emission(parameters, generator, most_likely)

        choose_z = latents or drawn
        seen, u = self.first_inputs(batch_size, prefix)
        state = self.initial_state(batch_size)
        if seen is not None:
            prepared = self.enter(seen, state)
            noise_TBZ = self.draw_noise(seen.steps, batch_size, generator)
            state = (*run_time_loop(prepared, noise_TBZ, engine=self.engine).last, *prepared.carried)
        recurrence = self.recurrence()
        frames = []
        for t in range(steps):
            state, u = self.generation_step(recurrence, state, u, partial(choose_z, t), choose_y)
            frames.append(u)
        return torch.stack(frames)

"""Scores a whole split: float64 totals, divided once, whatever the batch size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import gin
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from benchmark.data.batches import evaluation_batches
from benchmark.data.dataset import Dataset, Split
from benchmark.diagnostics import active_units, mutual_information
from benchmark.streams import stream
from zforcing.bounds import elbo
from zforcing.checks import require_numbers, require_sizes
from zforcing.distributions import DiagonalGaussian
from zforcing.interface import SequenceModel, State, StepTerms
from zforcing.recurrent_vae import RecurrentVAE


@gin.register
@dataclass(frozen=True)
class Evaluation:
    """How splits are scored.

    Args:
        batch_size: sequences at a time; it changes speed and memory, not results. None for 32 on a CPU, which is no
            faster with more, and 128 on a GPU.
        active_threshold: a latent is active if the variance of its posterior mean over the data exceeds this
            (Burda et al. 2016).
        mutual_information_steps: about how many steps, evenly spread, the estimate of mutual information is made of;
            it cannot exceed the logarithm of their number.
    """

    batch_size: int | None = None
    active_threshold: float = 0.01
    mutual_information_steps: int = 512

    def __post_init__(self) -> None:
        require_sizes(mutual_information_steps=self.mutual_information_steps)
        if self.batch_size is not None:
            require_sizes(batch_size=self.batch_size)
        require_numbers(0.0, active_threshold=self.active_threshold)

    def __call__(
        self,
        model: SequenceModel,
        dataset: Dataset,
        split: str,
        protocol: str,
        seed: int,
        check_stop: Callable[[], None] = lambda: None,
        thorough: bool = False,
    ) -> dict[str, float | int | str]:
        """The metrics of a split, see `score` and `summarise`."""
        return self.summarise(model, dataset, self.score(model, dataset, split, protocol, seed, check_stop, thorough))

    def score(
        self,
        model: SequenceModel,
        dataset: Dataset,
        split: str,
        protocol: str,
        seed: int,
        check_stop: Callable[[], None] = lambda: None,
        thorough: bool = False,
    ) -> Totals:
        """The terms of every sequence of a split.

        Args:
            model, dataset, split, protocol: what is scored, and how.
            seed: of the latents' noise.
            check_stop: called between batches; it may raise.
            thorough: also score with latents drawn from the prior, which takes twice the time.
        """
        sequences = dataset.scored(split, protocol)
        totals = Totals(sequences, model.latent_size, self.mutual_information_steps)
        device = next(model.parameters()).device
        batch_size = self.batch_size or (128 if device.type == "cuda" else 32)
        was_training = model.training
        model.eval()
        try:
            with torch.inference_mode():
                batches = evaluation_batches(sequences, batch_size)
                count = -(-len(sequences) // batch_size)
                state: State | None = None
                for indices, batch, goes_on in tqdm(
                    batches, f"{split}, {protocol}", count, leave=False, delay=2, mininterval=1, dynamic_ncols=True
                ):
                    check_stop()
                    noise_TBZ = sequence_noise(model, sequences, indices, batch.steps, seed).to(device)
                    batch = batch.to(device)
                    carried = tuple(x[: len(indices)] for x in state) if goes_on and state is not None else None
                    terms = model(batch, noise_TBZ, carried)
                    state = terms.state
                    totals.add(indices, terms)
                    if thorough and isinstance(model, RecurrentVAE):
                        totals.add_from_prior(indices, model(batch, noise_TBZ, carried, from_prior=True))
        finally:
            model.train(was_training)
        return totals

    def summarise(self, model: SequenceModel, dataset: Dataset, totals: Totals) -> dict[str, float | int | str]:
        """Means over the reported sequences, named by sign and unit.

        `bound` is 'elbo' for a lower bound with one posterior sample, 'exact' for a log-likelihood. The standard error
        is that of its mean over sequences, as far as they are a sample of all there could be.
        """
        bound, name = ("elbo", "elbo_nats_per_seq") if model.has_latent else ("exact", "log_likelihood_nats_per_seq")
        count, steps = totals.split.groups, int(totals.split.steps.sum())
        total = float(totals.bound_N.sum())
        metrics: dict[str, float | int | str] = {
            "bound": bound,
            "sequences": count,
            "steps": steps,
            name: total / count,
            **dataset.derived_units(total, steps),
        }
        if count > 1:
            deviation = float(totals.by_sequence().std())
            metrics["standard_error_nats_per_seq"] = deviation / math.sqrt(count)
        if model.has_latent:
            variance_Z = totals.variance_Z(steps)
            metrics |= {
                "log_px_nats_per_seq": float(totals.log_px_N.sum()) / count,
                "kl_nats_per_seq": float(totals.kl_N.sum()) / count,
                "aux_nll_nats_per_seq": float(totals.aux_nll_N.sum()) / count,
                "kl_nats_per_step": float(totals.kl_N.sum()) / steps,
                "mutual_information_nats": totals.mutual_information(),
                "active_units": active_units(variance_Z, self.active_threshold),
                "latent_units": model.latent_size,
            }
            if totals.from_prior_N is not None:
                lost = totals.log_px_N.sum() - totals.from_prior_N.sum()
                metrics["log_px_lost_with_prior_latents_nats_per_seq"] = float(lost) / count
        return metrics


def selection_metric(metrics: dict[str, float | int | str]) -> float:
    """The number that a better model has more of: the bound, or the exact log-likelihood."""
    return float(metrics["elbo_nats_per_seq" if metrics["bound"] == "elbo" else "log_likelihood_nats_per_seq"])


def sequence_noise(model: SequenceModel, split: Split, indices: list[int], steps: int, seed: int) -> Tensor:
    """(T, B, Z) noise that belongs to each sequence, whatever batch it is in; zero where it is padded."""
    parameter = next(model.parameters())
    noise_TBZ = torch.zeros(steps, len(indices), model.latent_size, dtype=parameter.dtype)
    if model.has_latent:
        for column, index in enumerate(indices):
            generator = stream(seed, "evaluation", index)
            drawn = torch.randn(int(split.steps[index]), model.latent_size, generator=generator)
            noise_TBZ[: len(drawn), column] = drawn
    return noise_TBZ


class Totals:
    """Sums by sequence of a split, the moments of the posterior means, and some posteriors. All float64."""

    def __init__(self, split: Split, latent_size: int, posteriors: int) -> None:
        self.split = split
        self.offset_N = np.cumsum(split.steps) - split.steps
        self.stride = -(-int(split.steps.sum()) // posteriors)
        self.kept: dict[int, Tensor] = {}  # (3, ., Z) of every stride-th step by sequence: mean, log variance, z
        self.from_prior_N: Tensor | None = None
        self.bound_N = torch.zeros(len(split), dtype=torch.float64)
        self.log_px_N = torch.zeros_like(self.bound_N)
        self.kl_N = torch.zeros_like(self.bound_N)
        self.aux_nll_N = torch.zeros_like(self.bound_N)
        # Kept by sequence and summed in their order, so that the totals do not depend on the batches.
        self.mean_NZ = torch.zeros(len(split), latent_size, dtype=torch.float64)
        self.square_NZ = torch.zeros_like(self.mean_NZ)

    def add(self, indices: list[int], terms: StepTerms) -> None:
        self.bound_N[indices] = elbo(terms).cpu()
        self.log_px_N[indices] = _sum_over_time(terms.log_px)
        self.kl_N[indices] = _sum_over_time(terms.kl)
        self.aux_nll_N[indices] = _sum_over_time(terms.aux_nll)
        if terms.posterior is not None:
            means_TBZ = terms.posterior.mean.double() * terms.scored_TB[..., None]
            self.mean_NZ[indices] = means_TBZ.sum(0).cpu()
            self.square_NZ[indices] = means_TBZ.square().sum(0).cpu()
            chosen = [self._chosen_steps(index) for index in indices]
            rows = torch.tensor([step for steps in chosen for step in steps], dtype=torch.long)
            columns = torch.arange(len(indices)).repeat_interleave(torch.tensor([len(steps) for steps in chosen]))
            # All at once, because every transfer from a GPU waits for it.
            parts = (terms.posterior.mean, terms.posterior.log_variance, terms.z)
            kept = torch.stack([x[rows, columns] for x in parts]).double().cpu()
            self.kept |= zip(indices, kept.split([len(steps) for steps in chosen], 1), strict=True)

    def _chosen_steps(self, index: int) -> range:
        """Those steps of a sequence that are among every stride-th of the split."""
        return range(-int(self.offset_N[index]) % self.stride, int(self.split.steps[index]), self.stride)

    def add_from_prior(self, indices: list[int], terms: StepTerms) -> None:
        """The same sequences with latents drawn from the prior."""
        if self.from_prior_N is None:
            self.from_prior_N = torch.zeros_like(self.bound_N)
        self.from_prior_N[indices] = _sum_over_time(terms.log_px)

    def by_sequence(self) -> Tensor:
        """The bound, or the exact log-likelihood, of each reported sequence."""
        group = torch.from_numpy(self.split.group)
        return torch.zeros(self.split.groups, dtype=torch.float64).index_add_(0, group, self.bound_N)

    def mutual_information(self) -> float:
        """See `diagnostics.mutual_information`."""
        mean, log_variance, z = torch.cat([self.kept[n] for n in sorted(self.kept)], 1)
        return mutual_information(DiagonalGaussian(mean, log_variance), z)

    def variance_Z(self, steps: int) -> Tensor:
        """The variance over all steps of the posterior mean of each latent."""
        return self.square_NZ.sum(0) / steps - (self.mean_NZ.sum(0) / steps).square()


def _sum_over_time(terms_TB: Tensor) -> Tensor:
    return terms_TB.sum(0, dtype=torch.float64).cpu()

"""Likelihood heads: what the parameters of an emission mean. Any model takes any head that fits the data.

A head has no weights. A model's last layer returns `parameter_size` numbers per step; the head turns them into
log-densities (nats) and samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import gin
import torch
import torch.nn.functional as F
from torch import Tensor

from zforcing.checks import require_sizes
from zforcing.distributions import DiagonalGaussian


class Head(ABC):
    """p(y | parameters) of one step.

    Args:
        data_size: D, or the number of symbols of categorical data.
    """

    kind: str  # of data: 'real', 'binary' or 'categorical'

    def __init__(self, data_size: int) -> None:
        self.data_size = data_size

    @property
    def categorical(self) -> bool:
        """Whether data are integers without a last dimension."""
        return self.kind == "categorical"

    @property
    @abstractmethod
    def parameter_size(self) -> int:
        """P, how many numbers a model's last layer returns."""

    @abstractmethod
    def log_prob(self, parameters: Tensor, y: Tensor) -> Tensor:
        """log p(y) in nats, (..., P) and (..., D) -> (...)."""

    @abstractmethod
    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A sample of every leading index, (..., P) -> (..., D)."""

    @abstractmethod
    def mode(self, parameters: Tensor) -> Tensor:
        """The most likely y of every leading index, (..., P) -> (..., D)."""

    def start(self, batch_size: int) -> Tensor:
        """The first input of free generation, (B, D) zeros."""
        return torch.zeros(batch_size, self.data_size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.data_size})"


@gin.register(denylist=["data_size"])
class GaussianHead(Head):
    """Diagonal Gaussian with a free variance in every dimension; parameters [mean, log variance]."""

    kind = "real"

    @property
    def parameter_size(self) -> int:
        return 2 * self.data_size

    def log_prob(self, parameters: Tensor, y: Tensor) -> Tensor:
        return DiagonalGaussian.from_parameters(parameters).log_prob(y)

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        gaussian = DiagonalGaussian.from_parameters(parameters)
        return gaussian.sample(normal_like(gaussian.mean, generator))

    def mode(self, parameters: Tensor) -> Tensor:
        return DiagonalGaussian.from_parameters(parameters).mean


@gin.register(denylist=["data_size"])
class GaussianMixtureHead(Head):
    """Mixture of K diagonal Gaussians over the whole frame (Chung et al. 2015, the GMM rows).

    Parameters: [K mixture logits, K x D means, K x D log variances].

    Args:
        data_size: D.
        components: K.
    """

    kind = "real"

    def __init__(self, data_size: int, components: int = 20) -> None:
        super().__init__(data_size)
        require_sizes(components=components)
        self.components = components

    @property
    def parameter_size(self) -> int:
        return self.components * (1 + 2 * self.data_size)

    def _split(self, parameters: Tensor) -> tuple[Tensor, DiagonalGaussian]:
        sizes = [self.components, self.components * self.data_size, self.components * self.data_size]
        logits_K, mean, log_variance = parameters.split(sizes, -1)
        shape_KD = (self.components, self.data_size)
        return logits_K, DiagonalGaussian(mean.unflatten(-1, shape_KD), log_variance.unflatten(-1, shape_KD))

    def log_prob(self, parameters: Tensor, y: Tensor) -> Tensor:
        logits_K, gaussian = self._split(parameters)
        return torch.logsumexp(F.log_softmax(logits_K, -1) + gaussian.log_prob(y.unsqueeze(-2)), -1)

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        logits_K, gaussian = self._split(parameters)
        picked = _component(gaussian, categorical_sample(logits_K, generator))
        return picked.sample(normal_like(picked.mean, generator))

    def mode(self, parameters: Tensor) -> Tensor:
        """The mean of the component whose weighted density is highest at its mean.

        That is the mode where components lie apart; where they overlap, the sum may be higher between their means.
        """
        logits_K, gaussian = self._split(parameters)
        return _component(gaussian, (logits_K - 0.5 * gaussian.log_variance.sum(-1)).argmax(-1)).mean


@gin.register(denylist=["data_size"])
class BernoulliHead(Head):
    """Independent binary dimensions; parameters are logits."""

    kind = "binary"

    @property
    def parameter_size(self) -> int:
        return self.data_size

    def log_prob(self, parameters: Tensor, y: Tensor) -> Tensor:
        return -F.binary_cross_entropy_with_logits(parameters, y, reduction="none").sum(-1)

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return torch.bernoulli(parameters.sigmoid(), generator=generator)

    def mode(self, parameters: Tensor) -> Tensor:
        return (parameters > 0).to(parameters.dtype)


@gin.register(denylist=["data_size"])
class CategoricalHead(Head):
    """One symbol out of `data_size`; parameters are logits, data are integers without a last dimension."""

    kind = "categorical"

    @property
    def parameter_size(self) -> int:
        return self.data_size

    def log_prob(self, parameters: Tensor, y: Tensor) -> Tensor:
        return F.log_softmax(parameters, -1).gather(-1, y.unsqueeze(-1)).squeeze(-1)

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return categorical_sample(parameters, generator)

    def mode(self, parameters: Tensor) -> Tensor:
        return parameters.argmax(-1)

    def start(self, batch_size: int) -> Tensor:
        """The first input of free generation, (B,) zeros: symbol 0 is the beginning of a sequence."""
        return torch.zeros(batch_size, dtype=torch.long)


def _component(mixture: DiagonalGaussian, chosen: Tensor) -> DiagonalGaussian:
    """One component of each mixture, (..., K, D) and (...) -> (..., D)."""
    index = chosen[..., None, None].expand(*chosen.shape, 1, mixture.mean.shape[-1])
    return DiagonalGaussian(*(x.gather(-2, index).squeeze(-2) for x in (mixture.mean, mixture.log_variance)))


def categorical_sample(logits: Tensor, generator: torch.Generator | None) -> Tensor:
    """Indices drawn from softmax(logits), (..., K) -> (...)."""
    flat = torch.multinomial(logits.softmax(-1).flatten(0, -2), 1, generator=generator)
    return flat.view(logits.shape[:-1])


def normal_like(x: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)

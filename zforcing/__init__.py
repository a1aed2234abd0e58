"""The model library: the shared recurrent-VAE core and Z-Forcing."""

from zforcing.heads import BernoulliHead, CategoricalHead, GaussianHead, GaussianMixtureHead
from zforcing.interface import Batch, SequenceModel, StepTerms
from zforcing.z_forcing import ZForcing

__all__ = [
    "Batch",
    "BernoulliHead",
    "CategoricalHead",
    "GaussianHead",
    "GaussianMixtureHead",
    "SequenceModel",
    "StepTerms",
    "ZForcing",
]

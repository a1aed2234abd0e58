"""A linear probe, multinomial logistic regression on fixed features: how much of a label a linear map finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import log_softmax

RIDGES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # falling, so that each fit starts close to where it ends
OPTIONS = {"maxiter": 500, "maxcor": 20, "ftol": 1e-7, "gtol": 1e-5}


class Labelled(NamedTuple):
    """Features (N, F) and the class of each, (N,) from 0."""

    features: NDArray[np.floating]
    classes: NDArray[np.int64]


@dataclass(frozen=True)
class LinearProbe:
    """argmax over classes of W x + b, with x the features standardised by the mean and deviation of training.

    Attributes:
        mean_F, deviation_F: of the training features; the deviation of a constant one is 1.
        weight_FC, bias_C: W and b.
    """

    mean_F: NDArray[np.float64]
    deviation_F: NDArray[np.float64]
    weight_FC: NDArray[np.float64]
    bias_C: NDArray[np.float64]

    def accuracy(self, data: Labelled) -> float:
        """The share of features whose class is found."""
        scores_NC = _standardised(data.features, self.mean_F, self.deviation_F) @ self.weight_FC + self.bias_C
        return float((scores_NC.argmax(1) == data.classes).mean())


def _standardised(
    features_NF: NDArray[np.floating], mean_F: NDArray[np.float64], deviation_F: NDArray[np.float64]
) -> NDArray[np.float64]:
    standardised: NDArray[np.float64] = (features_NF - mean_F) / deviation_F
    return standardised


class Fit(NamedTuple):
    """A fitted probe, its penalty, and its accuracy on validation."""

    probe: LinearProbe
    ridge: float
    valid_accuracy: float


def fit_probe(train: Labelled, valid: Labelled, classes: int, ridges: tuple[float, ...] = RIDGES) -> Fit:
    """Minimises the mean negative log-likelihood + ridge / 2 |W|^2 by L-BFGS in float64, from zeros.

    The problem is convex, so that the result depends on nothing but the data. Of the penalties the one with the best
    accuracy on validation is taken, the largest of equals.
    """
    mean_F = train.features.mean(0, dtype=np.float64)
    deviation_F = train.features.std(0, dtype=np.float64)
    deviation_F[deviation_F < 1e-12] = 1.0
    x_NF = _standardised(train.features, mean_F, deviation_F)
    parameters_PC = np.zeros((x_NF.shape[1] + 1, classes))
    fits = []
    for ridge in sorted(ridges, reverse=True):
        parameters_PC = _minimise(parameters_PC, Labelled(x_NF, train.classes), ridge)
        probe = LinearProbe(mean_F, deviation_F, parameters_PC[:-1], parameters_PC[-1])
        fits.append(Fit(probe, ridge, probe.accuracy(valid)))
    return max(fits, key=lambda fit: (fit.valid_accuracy, fit.ridge))


def _minimise(start_PC: NDArray[np.float64], data: Labelled, ridge: float) -> NDArray[np.float64]:
    """The weights and, in the last row, the biases that minimise the objective of `fit_probe`.

    In coordinates in which Boehning's bound of the Hessian (1992), half the second moment of the features plus the
    ridge, is the identity: features of recurrent networks are correlated, for which L-BFGS takes twice the steps.
    """
    x_NF = data.features
    bound_PP = np.zeros((len(start_PC), len(start_PC)))
    bound_PP[:-1, :-1] = 0.5 * x_NF.T @ x_NF / len(x_NF) + ridge * np.eye(x_NF.shape[1])
    bound_PP[-1, -1] = 0.5
    factor_PP = cholesky(bound_PP)  # upper triangular

    def objective(coordinates: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        parameters_PC = solve_triangular(factor_PP, coordinates.reshape(start_PC.shape))
        loss, gradient_PC = penalised_nll(parameters_PC, data, ridge)
        return loss, solve_triangular(factor_PP, gradient_PC, trans="T").ravel()

    found = minimize(objective, (factor_PP @ start_PC).ravel(), method="L-BFGS-B", jac=True, options=OPTIONS).x
    parameters_PC: NDArray[np.float64] = solve_triangular(factor_PP, found.reshape(start_PC.shape))
    return parameters_PC


def penalised_nll(
    parameters_PC: NDArray[np.float64], data: Labelled, ridge: float
) -> tuple[float, NDArray[np.float64]]:
    """The objective of `fit_probe` in nats, and its gradient; the last row of the parameters holds the biases."""
    weight_FC, bias_C = parameters_PC[:-1], parameters_PC[-1]
    log_probability_NC = log_softmax(data.features @ weight_FC + bias_C, axis=1)
    row_N = np.arange(len(data.classes))
    loss = -log_probability_NC[row_N, data.classes].mean() + 0.5 * ridge * np.square(weight_FC).sum()
    excess_NC = np.exp(log_probability_NC)
    excess_NC[row_N, data.classes] -= 1
    excess_NC /= len(data.classes)
    return float(loss), np.vstack([data.features.T @ excess_NC + ridge * weight_FC, excess_NC.sum(0)])


def majority_accuracy(train: Labelled, test: Labelled) -> float:
    """The share of `test` that is of the class most frequent in `train`."""
    return float((test.classes == np.bincount(train.classes).argmax()).mean())

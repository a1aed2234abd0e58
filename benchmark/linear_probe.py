"""A linear probe, multinomial logistic regression on fixed features: how much of a label a linear map finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmark.errors import UserError

RIDGES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # falling, so that each fit starts close to where it ends
OPTIONS = {"maxiter": 5000, "maxfun": 10000, "maxcor": 20, "ftol": 1e-10, "gtol": 1e-7}
CURVATURE_FRAMES = 8000  # the curvature is a guide alone, for which so many are enough


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


def fit_probe(
    train: Labelled,
    valid: Labelled,
    classes: int,
    ridges: tuple[float, ...] = RIDGES,
    check_stop: Callable[[], None] = lambda: None,
) -> Fit:
    """Minimises the mean negative log-likelihood + ridge / 2 |W|^2 by L-BFGS in float64.

    The problem is convex, so that the result depends on nothing but the data. Of the penalties the one with the best
    accuracy on validation is taken, the largest of equals. `check_stop` is called often and ends it by raising.

    Raises:
        UserError: the search for a minimum has not converged.
    """
    mean_F = train.features.mean(0, dtype=np.float64)
    deviation_F = train.features.std(0, dtype=np.float64)
    deviation_F[deviation_F < 1e-12] = 1.0
    x_NF = _standardised(train.features, mean_F, deviation_F)
    x_PN = np.ascontiguousarray(np.vstack([x_NF.T, np.ones(len(x_NF))]))
    parameters_CP = np.zeros((classes, len(x_PN)))
    parameters_CP[:, -1] = np.log(np.bincount(train.classes, minlength=classes) + 0.5)
    fits = []
    for ridge in sorted(ridges, reverse=True):
        parameters_CP = _minimise(parameters_CP, x_PN, train.classes, ridge, check_stop)
        probe = LinearProbe(mean_F, deviation_F, parameters_CP[:, :-1].T, parameters_CP[:, -1])
        fits.append(Fit(probe, ridge, probe.accuracy(valid)))
    return max(fits, key=lambda fit: (fit.valid_accuracy, fit.ridge))


def _minimise(
    start_CP: NDArray[np.float64],
    x_PN: NDArray[np.float64],
    classes_N: NDArray[np.int64],
    ridge: float,
    check_stop: Callable[[], None],
) -> NDArray[np.float64]:
    """The parameters that minimise `penalised_nll`.

    In coordinates in which, where the search starts, every class's own block of the Hessian is the identity: features
    of recurrent networks are correlated and phones are not equally frequent. What all classes share is left out: it
    changes no probability, is zero at the optimum, and would take most of the steps.
    """
    _, _, probability_CN = penalised_nll(start_CP, x_PN, classes_N, ridge)
    inverse_CPP = _inverse_factors(probability_CN, x_PN, ridge)

    def parameters(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        return _centred(start_CP + _each(inverse_CPP.transpose(0, 2, 1), coordinates.reshape(start_CP.shape)))

    def objective(coordinates: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        check_stop()
        loss, gradient_CP, _ = penalised_nll(parameters(coordinates), x_PN, classes_N, ridge)
        return loss, _each(inverse_CPP, _centred(gradient_CP)).ravel()

    found = minimize(objective, np.zeros(start_CP.size), method="L-BFGS-B", jac=True, options=OPTIONS)
    if not found.success:
        raise UserError(
            f"the linear probe does not converge with penalty {ridge:g} ({found.message}); use more --frames"
        )
    return parameters(found.x)


def _centred(parameters_CP: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without what all classes share."""
    return parameters_CP - parameters_CP.mean(0)


def _each(matrix_CPP: NDArray[np.float64], vector_CP: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every class's matrix times its vector; numpy's own product of stacks takes no BLAS for all layouts."""
    return np.stack([matrix_PP @ vector_P for matrix_PP, vector_P in zip(matrix_CPP, vector_CP, strict=True)])


def _inverse_factors(
    probability_CN: NDArray[np.float64], x_PN: NDArray[np.float64], ridge: float
) -> NDArray[np.float64]:
    """The inverse of L for each class, with L L' its block of the Hessian, from evenly spread frames."""
    some = slice(None, None, -(-x_PN.shape[1] // CURVATURE_FRAMES))
    some_PN, some_CN = np.ascontiguousarray(x_PN[:, some]), probability_CN[:, some]
    weighted = (some_PN * np.sqrt(np.maximum(p_N * (1 - p_N), 1e-8)) for p_N in some_CN)
    blocks_CPP = np.stack([x @ x.T for x in weighted]) / some_PN.shape[1]
    penalty_P = np.append(np.full(len(x_PN) - 1, ridge), 0.0)
    inverse: NDArray[np.float64] = np.linalg.inv(np.linalg.cholesky(blocks_CPP + np.diag(penalty_P)))
    return inverse


def penalised_nll(
    parameters_CP: NDArray[np.float64], x_PN: NDArray[np.float64], classes_N: NDArray[np.int64], ridge: float
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """The objective of `fit_probe` in nats, its gradient (C, P), and the probabilities of the classes (C, N).

    The last of the P parameters of a class is its bias, the last row of x_PN ones.
    """
    index_N = np.arange(len(classes_N))
    probability_CN = parameters_CP @ x_PN
    probability_CN -= probability_CN.max(0)
    true_N = probability_CN[classes_N, index_N]
    np.exp(probability_CN, out=probability_CN)
    total_N = probability_CN.sum(0)
    probability_CN /= total_N
    weight_CP = np.hstack([parameters_CP[:, :-1], np.zeros((len(parameters_CP), 1))])
    loss = (np.log(total_N) - true_N).mean() + 0.5 * ridge * np.square(weight_CP).sum()
    excess_CN = probability_CN.copy()
    excess_CN[classes_N, index_N] -= 1
    return float(loss), excess_CN @ x_PN.T / len(classes_N) + ridge * weight_CP, probability_CN


def majority_accuracy(train: Labelled, test: Labelled) -> float:
    """The share of `test` that is of the class most frequent in `train`."""
    return float((test.classes == np.bincount(train.classes).argmax()).mean())

import numpy as np
import pytest
from scipy.optimize import check_grad

from benchmark.linear_probe import Labelled, fit_probe, majority_accuracy, penalised_nll

CLASSES = 4


def drawn(count, seed, label):
    """Features of unlike scales, the first two with a gap around their centre, the last constant; and their labels."""
    features = np.random.default_rng(seed).standard_normal((count, 6))
    features[:, :2] += 0.5 * np.sign(features[:, :2])
    features = features * [1, 30, 0.01, 5, 1, 0] + [0, 7, 0, -3, 1, 2]
    return Labelled(features.astype(np.float32), label(features))


def linear(features):
    """Four classes, on the sides of two planes."""
    return (2 * (features[:, 0] > 0) + (features[:, 1] > 7)).astype(np.int64)


def test_labels_that_are_linear_in_the_features_are_all_found():
    train, valid, test = (drawn(count, seed, linear) for seed, count in enumerate((400, 200, 200)))
    fit = fit_probe(train, valid, CLASSES)
    assert fit.valid_accuracy == 1.0
    assert fit.probe.accuracy(test) == 1.0


def test_shuffled_labels_give_the_majority_alone():
    def shuffled(features):
        return np.random.default_rng(len(features)).choice(CLASSES, len(features), p=[0.1, 0.7, 0.1, 0.1])

    train, valid, test = (drawn(count, seed, shuffled) for seed, count in enumerate((3000, 1001, 1002)))
    fit = fit_probe(train, valid, CLASSES)
    majority = majority_accuracy(train, test)
    assert majority == (test.classes == 1).mean()
    assert fit.probe.accuracy(test) == pytest.approx(majority, abs=0.01)


def test_the_gradient_is_that_of_the_objective():
    data = drawn(30, 0, lambda features: np.arange(30) % CLASSES)
    data = Labelled((data.features - data.features.mean(0)) / 10, data.classes)
    start = np.random.default_rng(1).standard_normal((7, CLASSES))

    def part(number):
        def value(x):
            result = penalised_nll(x.reshape(start.shape), data, ridge=0.3)[number]
            return result if number == 0 else result.ravel()

        return value

    assert check_grad(part(0), part(1), start.ravel()) < 1e-5


def test_the_fit_is_the_optimum_whatever_the_order_of_the_data():
    train = drawn(300, 0, lambda features: (features[:, 0] > 0).astype(np.int64) + (features[:, 3] > -3))
    probe = fit_probe(train, train, 3, ridges=(0.01,)).probe
    standardised = (train.features - probe.mean_F) / probe.deviation_F
    found = np.vstack([probe.weight_FC, probe.bias_C])
    loss, gradient = penalised_nll(found, Labelled(standardised, train.classes), 0.01)
    assert np.abs(gradient).max() < 1e-3
    assert loss < np.log(3)
    other = fit_probe(Labelled(train.features[::-1], train.classes[::-1]), train, 3, ridges=(0.01,)).probe
    np.testing.assert_allclose(probe.weight_FC, other.weight_FC, atol=0.02)


def test_the_penalty_is_chosen_on_validation():
    """With more features than data every weak penalty fits training, but not validation."""
    random = np.random.default_rng(0)

    def data(count):
        features = random.standard_normal((count, 60))
        return Labelled(features, (features[:, 0] + random.standard_normal(count) > 0).astype(np.int64))

    train, valid = data(40), data(2000)
    alone = {ridge: fit_probe(train, valid, 2, (ridge,)) for ridge in (10.0, 1e-1, 1e-6)}
    accuracies = {ridge: fit.valid_accuracy for ridge, fit in alone.items()}
    assert len(set(accuracies.values())) == 3
    assert alone[1e-6].probe.accuracy(train) == 1.0
    assert fit_probe(train, valid, 2, tuple(alone)).ridge == max(accuracies, key=accuracies.get)

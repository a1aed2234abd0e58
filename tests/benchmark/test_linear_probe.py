import numpy as np
import pytest
from scipy.optimize import check_grad, minimize

from benchmark.errors import Interrupted, UserError
from benchmark.linear_probe import OPTIONS, Labelled, fit_probe, majority_accuracy, penalised_nll

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


def with_ones(features):
    return np.vstack([features.T, np.ones(len(features))])


def test_the_gradient_is_that_of_the_objective():
    data = drawn(30, 0, lambda features: np.arange(30) % CLASSES)
    x = with_ones((data.features - data.features.mean(0)) / 10)
    start = np.random.default_rng(1).standard_normal((CLASSES, 7))

    def part(number):
        return lambda flat: penalised_nll(flat.reshape(start.shape), x, data.classes, 0.3)[number]

    assert check_grad(part(0), lambda flat: part(1)(flat).ravel(), start.ravel()) < 1e-5
    np.testing.assert_allclose(part(2)(start).sum(0), 1.0)


@pytest.mark.parametrize("ridge", [1e-2, 1e-6])
def test_the_fit_is_the_optimum_whatever_the_order_of_the_data(ridge):
    """Classes 0 to 3, and one that training does not have."""
    train = drawn(300, 0, lambda features: (features[:, 0] > 0.3 * features[:, 3]) + 2 * (np.arange(300) % 3 == 0))
    probe = fit_probe(train, train, 5, ridges=(ridge,)).probe
    x = with_ones((train.features - probe.mean_F) / probe.deviation_F)
    found = np.hstack([probe.weight_FC.T, probe.bias_C[:, None]])
    loss, gradient, _ = penalised_nll(found, x, train.classes, ridge)
    assert np.abs(gradient).max() < 1e-5

    def objective(flat):
        value, slope, _ = penalised_nll(flat.reshape(found.shape), x, train.classes, ridge)
        return value, slope.ravel()

    options = {"ftol": 1e-15, "gtol": 1e-12, "maxiter": 10**5, "maxfun": 10**5}
    other = minimize(objective, np.zeros(found.size), method="L-BFGS-B", jac=True, options=options)
    assert loss == pytest.approx(other.fun, rel=1e-6)
    turned = fit_probe(Labelled(train.features[::-1], train.classes[::-1]), train, 5, ridges=(ridge,)).probe
    scores = x[:-1].T @ (probe.weight_FC - turned.weight_FC) + probe.bias_C - turned.bias_C
    assert np.abs(scores[:, :4]).max() < 0.02


def test_a_fit_that_does_not_converge_is_refused(monkeypatch):
    monkeypatch.setitem(OPTIONS, "maxiter", 2)
    train = drawn(400, 0, linear)
    with pytest.raises(UserError, match=r"the linear probe does not converge with penalty 0.1 \(STOP"):
        fit_probe(train, train, CLASSES)


def test_a_fit_can_be_stopped():
    """While it searches, not only before: a large fit takes minutes."""
    calls = iter(range(20))

    def stop():
        if next(calls) == 10:
            raise Interrupted(2)

    train = drawn(400, 0, linear)
    with pytest.raises(Interrupted):
        fit_probe(train, train, CLASSES, ridges=(1e-3,), check_stop=stop)


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

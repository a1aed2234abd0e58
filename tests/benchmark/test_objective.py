import pytest
import torch
from builders import prefix_mask, small_batch, small_model, small_noise

from benchmark.objective import Objective
from benchmark.schedules import Constant, Linear
from zforcing.checks import ConfigurationError


def test_linear_follows_the_released_codes_steps():
    schedule = Linear(start=0.2, end=1.0, step=5e-5)
    weight = 0.2
    for update in range(16_100):
        assert schedule(update) == pytest.approx(weight, abs=1e-9)
        weight = min(weight + 5e-5, 1.0)
    assert schedule(15_999) < 1.0 == schedule(16_000)


def test_linear_falls_too():
    schedule = Linear(start=1.0, end=0.5, step=0.2)
    assert [schedule(update) for update in range(4)] == pytest.approx([1.0, 0.8, 0.6, 0.5])


def test_constant():
    assert Constant(0.3)(0) == Constant(0.3)(10**9) == 0.3


@pytest.mark.parametrize("wrong", ["1", -0.1, float("nan"), float("inf"), None])
def test_weights_are_checked(wrong):
    with pytest.raises(ConfigurationError, match="value"):
        Constant(wrong)
    with pytest.raises(ConfigurationError, match="step"):
        Linear(step=wrong)


def test_extremes_are_the_first_weights_and_those_that_training_ends_at():
    objective = Objective(kl_weight=Linear(0.2, 1.0, 5e-5), aux_weight=Linear(0.5, 0.1, 1e-3))
    assert objective.extremes() == {
        "first": {"kl_weight": 0.2, "aux_weight": 0.5, "backward_weight": 0.0},
        "last": {"kl_weight": 1.0, "aux_weight": 0.1, "backward_weight": 0.0},
    }


def test_a_weight_has_to_be_a_schedule():
    for wrong in (1.0, Constant):
        with pytest.raises(ConfigurationError, match=r"Objective.kl_weight must be a schedule"):
            Objective(kl_weight=wrong)


def terms_of(mask=None):
    model = small_model()
    batch = small_batch(model.head, mask=mask)
    return model(batch, small_noise(model, batch))


def test_the_loss_is_the_weighted_sum():
    terms = terms_of()
    objective = Objective(Linear(0.2, 1.0, 0.1), Constant(0.3), Constant(0.7))
    loss, means = objective(terms, update=2)
    expected = -terms.log_px + 0.4 * terms.kl + 0.3 * terms.aux_nll + 0.7 * terms.backward_nll
    torch.testing.assert_close(loss, expected.sum(0).mean())
    torch.testing.assert_close(means["kl"], terms.kl.sum(0).mean())
    assert objective.weights(2) == {"kl_weight": pytest.approx(0.4), "aux_weight": 0.3, "backward_weight": 0.7}


@pytest.mark.parametrize("name", ["kl", "aux", "backward"])
def test_each_weight_multiplies_its_own_term(name):
    terms = terms_of()
    term = {"kl": terms.kl, "aux": terms.aux_nll, "backward": terms.backward_nll}[name]
    off = {f"{other}_weight": Constant(0.0) for other in ("kl", "aux", "backward")}
    without, _ = Objective(**off)(terms, 0)
    with_it, _ = Objective(**(off | {f"{name}_weight": Constant(0.5)}))(terms, 0)
    torch.testing.assert_close(with_it - without, 0.5 * term.sum(0).mean())


def test_only_sequences_with_a_scored_step_count():
    terms = terms_of(prefix_mask([7, 3, 0], 7))
    loss, _ = Objective()(terms, 0)
    torch.testing.assert_close(loss, (terms.kl - terms.log_px).sum() / 2)

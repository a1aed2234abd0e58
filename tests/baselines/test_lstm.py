import itertools

import pytest
import torch
from builders import small_batch, small_model

from baselines import LSTM
from zforcing import Batch, CategoricalHead, GaussianHead
from zforcing.checks import ConfigurationError


def test_the_likelihood_is_exact():
    """The probabilities of all sequences of three symbols sum to one."""
    model = LSTM(CategoricalHead(3), embedding_size=2, hidden_size=4).double()
    sequences = torch.tensor(list(itertools.product(range(3), repeat=3))).T
    inputs = torch.cat((torch.zeros(1, 27, dtype=torch.long), sequences[:-1]))
    log_likelihood = model(Batch(inputs, sequences)).log_px.sum(0)
    assert log_likelihood.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_it_has_no_latent():
    model = small_model("lstm")
    terms = model(small_batch(model.head))
    assert not model.has_latent
    assert terms.prior is terms.posterior is None
    assert terms.z.shape == (7, 3, 0)
    for term in (terms.kl, terms.aux_nll, terms.backward_nll, terms.log_pz, terms.log_qz):
        assert (term == 0).all()


@pytest.mark.parametrize("option", ["embedding_size", "hidden_size", "layers"])
def test_sizes_are_checked(option):
    with pytest.raises(ConfigurationError, match=option):
        LSTM(GaussianHead(2), **{option: 0})

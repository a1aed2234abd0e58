"""Every model with latents, trained on data whose exact likelihood is known, stays below it."""

import pytest
import torch

from baselines import SRNN, STORN, VRNN
from zforcing import Batch, GaussianHead, ZForcing
from zforcing.bounds import elbo, fivo, iwae
from zforcing.linear_gaussian import LinearGaussianSystem

SIZES = {"embedding_size": 8, "hidden_size": 16, "latent_size": 2, "mlp_size": 16}
SYSTEM = LinearGaussianSystem(
    *(torch.tensor(x, dtype=torch.float64) for x in ([0.9], [0.7], [[1.0], [-0.5]], [0.4, 0.8]))
)
STEPS = 10


def batch_of(y_TBD):
    y_TBD = y_TBD.float()
    return Batch(torch.cat((torch.zeros_like(y_TBD[:1]), y_TBD[:-1])), y_TBD)


@pytest.mark.parametrize("model", [ZForcing, VRNN, SRNN, STORN])
def test_a_trained_model_stays_below_the_exact_likelihood(model):
    generator = torch.Generator().manual_seed(1)
    built = model(GaussianHead(2), **SIZES)
    optimiser = torch.optim.Adam(built.parameters(), lr=1e-2)
    for _ in range(300):
        optimiser.zero_grad()
        (-elbo(built(batch_of(SYSTEM.sample(STEPS, 64, generator)))).mean()).backward()
        optimiser.step()
    y = SYSTEM.sample(STEPS, 2000, generator)
    exact_B, batch = SYSTEM.log_likelihood(y), batch_of(y)
    with torch.inference_mode():
        bounds = {
            "ELBO": elbo(built(batch)),
            "IWAE": iwae(built, batch, 20, generator),
            "FIVO": fivo(built, batch, 20, generator),
        }
    for name, bound_B in bounds.items():
        below_B = exact_B - bound_B
        error = below_B.std() / len(below_B) ** 0.5
        assert below_B.mean() > -3 * error, name
    assert bounds["ELBO"].mean() < bounds["IWAE"].mean() + 0.02  # they meet where the latents are not used
    assert (exact_B - bounds["IWAE"]).mean() < 1.0, "trained to within a nat of it: the comparison is a sharp one"

"""Small models and batches that several tests use."""

import torch

from baselines import LSTM, SRNN, STORN, VRNN
from zforcing import Batch, BernoulliHead, CategoricalHead, GaussianHead, GaussianMixtureHead, ZForcing
from zforcing.auxiliary import Auxiliary

HEADS = {
    "gaussian": lambda: GaussianHead(3),
    "mixture": lambda: GaussianMixtureHead(3, components=2),
    "bernoulli": lambda: BernoulliHead(3),
    "categorical": lambda: CategoricalHead(5),
}
SIZES = {"embedding_size": 4, "hidden_size": 6, "latent_size": 2, "mlp_size": 5}
MODELS = {
    "zf": lambda head: ZForcing(head, **SIZES),
    "zf_cond_ln": lambda head: ZForcing(head, **SIZES, cond_ln=True),
    "zf_force": lambda head: ZForcing(head, **SIZES, z_force=True),
    "zf_l2": lambda head: ZForcing(head, **SIZES, aux_loss="l2"),
    "zf_deep": lambda head: ZForcing(head, **SIZES, backward_layers=2),
    "vrnn": lambda head: VRNN(head, **SIZES),
    "vrnn_standard": lambda head: VRNN(head, **SIZES, prior="standard", layers=2),
    "vrnn_aux": lambda head: VRNN(head, **SIZES, auxiliary=Auxiliary()),
    "srnn": lambda head: SRNN(head, **SIZES),
    "srnn_plain": lambda head: SRNN(head, **SIZES, residual=False),
    "srnn_filter": lambda head: SRNN(head, **SIZES, smoothing=False, layers=2),
    "srnn_filter_aux": lambda head: SRNN(head, **SIZES, smoothing=False, layers=2, auxiliary=Auxiliary(z_force=True)),
    "srnn_aux": lambda head: SRNN(head, **SIZES, auxiliary=Auxiliary()),
    "storn": lambda head: STORN(head, **SIZES),
    "storn_aux": lambda head: STORN(head, **SIZES, auxiliary=Auxiliary(loss="l2")),
    "lstm": lambda head: LSTM(head, embedding_size=4, hidden_size=6, layers=2),
}


def small_model(model="zf", head="gaussian", scale=0.5):
    """A float64 model with random weights large enough that every term matters."""
    built = MODELS[model](HEADS[head]()).double()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.normal_(0, scale)
    return built.eval()


def small_frames(head, steps, size):
    if head.categorical:
        return torch.randint(head.data_size, (steps, size))
    if isinstance(head, BernoulliHead):
        return torch.randint(2, (steps, size, head.data_size)).double()
    return torch.randn(steps, size, head.data_size, dtype=torch.float64)


def small_batch(head, steps=7, size=3, mask=None):
    """Inputs are the frames before the targets."""
    frames = small_frames(head, steps + 1, size)
    return Batch(frames[:-1], frames[1:], mask)


def prefix_mask(lengths, steps):
    """(T, B): the first `lengths` steps of each sequence are scored."""
    return (torch.arange(steps)[:, None] < torch.tensor(lengths)).double()


def small_noise(model, batch):
    return torch.randn(batch.steps, batch.size, model.latent_size, dtype=torch.float64)

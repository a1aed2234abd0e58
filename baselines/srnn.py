"""SRNN: Sequential Neural Models with Stochastic Layers (Fraccaro et al., NIPS 2016)."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import gin
import torch
from torch import Tensor, nn

from zforcing.auxiliary import Auxiliary
from zforcing.backward import BackwardNetwork
from zforcing.checks import require_flags, require_sizes
from zforcing.distributions import DiagonalGaussian
from zforcing.heads import Head
from zforcing.interface import Batch, Encoding, State
from zforcing.networks import Embedding, LReLU, SplitFirstLayer, mlp, orthogonal_recurrence
from zforcing.recurrence import UNKNOWN, ChooseY, ChooseZ, Pass, Recurrence
from zforcing.recurrent_vae import RecurrentVAE
from zforcing.rnn import GRU


@gin.register(denylist=["head"])
class SRNN(RecurrentVAE):
    """d_t = GRU(u_t, d_{t-1}); a_t = backward GRU over [d_t, y_t]; p(z_t | z_{t-1}, d_t); q(z_t | z_{t-1}, a_t);
    p(y_t | z_t, d_t).

    With `residual` (Res_q) the posterior's mean is the prior's plus a correction; variances are not residual.
    Differences from the paper and its released code: one net returns mean and log variance together instead of one net
    each, both clamped to +-8 (with `residual` the correction is, not the sum) instead of log(exp(.) + 1e-6) for the
    variance alone; the embedding that u and y share has one layer instead of two. Their code starts the last layers of
    its TIMIT model from weights in +-0.001 and clips every element of the gradient too; neither is done here.

    Args:
        head: the likelihood of y_t.
        embedding_size: E, features of u_t and of y_t.
        hidden_size: H of d and of a.
        latent_size: Z.
        mlp_size: M of every net.
        residual: Res_q.
        smoothing: a_t reads the future; without it (filtering) a_t is a net of [d_t, y_t].
        layers: hidden layers of the emission.
        word_dropout: probability with which an input word becomes <unk> in training (Bowman et al. 2016).
        auxiliary: adds the auxiliary cost of Z-Forcing with a_t as b_t and d_t as h_{t-1}; a backward GRU is
            added for it when filtering.
    """

    def __init__(
        self,
        head: Head,
        embedding_size: int = 512,
        hidden_size: int = 1024,
        latent_size: int = 256,
        mlp_size: int = 512,
        residual: bool = True,
        smoothing: bool = True,
        layers: int = 1,
        word_dropout: float = 0.0,
        auxiliary: Auxiliary | None = None,
    ) -> None:
        super().__init__(head, word_dropout)
        require_sizes(
            embedding_size=embedding_size,
            hidden_size=hidden_size,
            latent_size=latent_size,
            mlp_size=mlp_size,
            layers=layers,
        )
        require_flags(residual=residual, smoothing=smoothing)
        self.hidden_size = hidden_size
        self.latent_size = latent_size
        self.residual = residual
        self.features = nn.Sequential(Embedding(head, embedding_size), LReLU())
        self.gru = GRU(embedding_size, hidden_size)
        orthogonal_recurrence(self.gru)
        self.filter_network: nn.Sequential | None = None
        if smoothing or auxiliary is not None:
            self.backward_network = BackwardNetwork(head, hidden_size + embedding_size, hidden_size, kind="gru")
        if not smoothing:
            self.filter_network = mlp(hidden_size + embedding_size, mlp_size, hidden_size)
        self.prior_network = mlp(latent_size + hidden_size, mlp_size, 2 * latent_size)
        self.posterior_network = mlp(latent_size + hidden_size, mlp_size, 2 * latent_size)
        self.emission = mlp(latent_size + hidden_size, mlp_size, head.parameter_size, layers)
        if auxiliary is not None:
            sizes = (hidden_size, latent_size, hidden_size, mlp_size)
            self.auxiliary = auxiliary.cost(*sizes, own_network=not smoothing)

    def initial_state(self, batch_size: int) -> State:
        """(z_0, d_0): zeros."""
        return self.zeros(batch_size, self.latent_size), self.zeros(batch_size, self.hidden_size)

    def recurrence(self) -> SRNNRecurrence:
        return SRNNRecurrence(self)

    def enter(self, batch: Batch, state: State) -> Pass:
        recurrence = self.recurrence()
        hidden_TBH, last = self.gru(self.features(self.word_dropout(batch.inputs)), state[1][None])
        read_TBX = torch.cat((hidden_TBH, self.features(batch.targets)), -1)
        network = self.backward_network
        backward_TBH = None if network is None else network(read_TBX, batch)
        summary_TBH = backward_TBH if self.filter_network is None else self.filter_network(read_TBX)
        assert summary_TBH is not None
        context_TBM = recurrence.posterior_network.context(summary_TBH)
        entering = recurrence.read(hidden_TBH)._replace(posterior_context=context_TBM)
        return Pass(recurrence, entering, state[:1], (last[0],), backward_TBH)

    @torch.no_grad()
    def encode(self, batch: Batch) -> Encoding:
        """The states are d_{t+1}, the first that has read y_t."""
        hidden_TBH, _ = self.gru(self.features(self._readable(batch).frames))
        return replace(super().encode(batch), states=hidden_TBH[1:])

    def generation_step(
        self, recurrence: Recurrence, state: State, u: Tensor, choose_z: ChooseZ, choose_y: ChooseY
    ) -> tuple[State, Tensor]:
        assert isinstance(recurrence, SRNNRecurrence)
        hidden_BH = self.gru(self.features(u)[None], state[1][None])[0][0]
        entering = recurrence.read(hidden_BH)
        z_BZ = choose_z(recurrence.prior(state[0], entering))
        y = choose_y(recurrence.emission(UNKNOWN, z_BZ, UNKNOWN, entering))
        return (z_BZ, hidden_BH), y


class SRNNEntering(NamedTuple):
    """What enters a step: d_t, and the parts of the nets' first layers that d_t and a_t give."""

    hidden: Tensor
    prior_context: Tensor
    posterior_context: Tensor


class SRNNRecurrence(Recurrence):
    """The step of SRNN; the state is (z,)."""

    def __init__(self, model: SRNN) -> None:
        self.model = model
        self.prior_network = SplitFirstLayer(model.prior_network, model.latent_size)
        self.posterior_network = SplitFirstLayer(model.posterior_network, model.latent_size)

    def read(self, hidden: Tensor) -> SRNNEntering:
        """What d_t gives to the step, (..., H)."""
        return SRNNEntering(hidden, self.prior_network.context(hidden), UNKNOWN)

    def prior(self, visible: Tensor, entering: SRNNEntering) -> DiagonalGaussian:
        return DiagonalGaussian.from_parameters(self.prior_network(visible, entering.prior_context), clamp=8.0)

    def posterior(self, visible: Tensor, entering: SRNNEntering) -> DiagonalGaussian:
        parameters = self.posterior_network(visible, entering.posterior_context)
        own = DiagonalGaussian.from_parameters(parameters, clamp=8.0)
        if not self.model.residual:
            return own
        return DiagonalGaussian(self.prior(visible, entering).mean + own.mean, own.log_variance)

    def advance(self, state: State, z: Tensor, entering: SRNNEntering) -> State:
        return (z,)

    def emission(self, before: Tensor, z: Tensor, after: Tensor, entering: SRNNEntering) -> Tensor:
        parameters: Tensor = self.model.emission(torch.cat((z, entering.hidden), -1))
        return parameters

    def condition(self, before: Tensor, entering: SRNNEntering) -> Tensor:
        return entering.hidden

"""STORN: Learning Stochastic Recurrent Networks (Bayer and Osendorfer, 2014)."""

from __future__ import annotations

from typing import NamedTuple

import gin
from torch import Tensor, nn

from zforcing.auxiliary import Auxiliary
from zforcing.backward import BackwardNetwork
from zforcing.checks import require_sizes
from zforcing.distributions import DiagonalGaussian
from zforcing.heads import Head
from zforcing.interface import Batch, State
from zforcing.networks import Embedding, mlp, orthogonal_recurrence
from zforcing.recurrence import UNKNOWN, ChooseY, ChooseZ, Pass, Recurrence
from zforcing.recurrent_vae import RecurrentVAE
from zforcing.rnn import LSTM
from zforcing.transition import LatentAsInput


@gin.register(denylist=["head"])
class STORN(RecurrentVAE):
    """p(z_t) = N(0, I), q(z_t | y_{<=t}) from a forward LSTM, h_t = LSTM([u_t, z_t], h_{t-1}), p(y_t | h_t).

    Differences from the paper: LSTMs instead of simple recurrent layers, which share the embedding of u and y; a
    hidden layer between the recognising LSTM and the posterior, a linear one between z_t and the generating LSTM;
    means and log variances of z clamped to +-8. No code of the authors was released.

    Args:
        head: the likelihood of y_t.
        embedding_size: E.
        hidden_size: H of the generating and of the recognising LSTM.
        latent_size: Z.
        mlp_size: M of the posterior net, and features of z_t.
        word_dropout: probability with which an input word becomes <unk> in training (Bowman et al. 2016).
        auxiliary: adds the auxiliary cost of Z-Forcing and the backward network it needs.
    """

    def __init__(
        self,
        head: Head,
        embedding_size: int = 512,
        hidden_size: int = 1024,
        latent_size: int = 256,
        mlp_size: int = 512,
        word_dropout: float = 0.0,
        auxiliary: Auxiliary | None = None,
    ) -> None:
        super().__init__(head, word_dropout)
        require_sizes(
            embedding_size=embedding_size, hidden_size=hidden_size, latent_size=latent_size, mlp_size=mlp_size
        )
        self.hidden_size = hidden_size
        self.latent_size = latent_size
        self.embedding = Embedding(head, embedding_size)
        self.recognition = LSTM(embedding_size, hidden_size)
        orthogonal_recurrence(self.recognition)
        self.posterior_network = mlp(hidden_size, mlp_size, 2 * latent_size)
        self.transition = LatentAsInput(embedding_size, latent_size, mlp_size, hidden_size)
        self.emission = nn.Linear(hidden_size, head.parameter_size)
        if auxiliary is not None:
            self.backward_network = BackwardNetwork(head, embedding_size, hidden_size)
            self.auxiliary = auxiliary.cost(hidden_size, latent_size, hidden_size, mlp_size, own_network=True)

    def initial_state(self, batch_size: int) -> State:
        """(h_0, c_0) of the generating LSTM and of the recognising one: zeros."""
        zeros_BH = self.zeros(batch_size, self.hidden_size)
        return zeros_BH, zeros_BH, zeros_BH, zeros_BH

    def recurrence(self) -> STORNRecurrence:
        return STORNRecurrence(self)

    def enter(self, batch: Batch, state: State) -> Pass:
        recurrence = self.recurrence()
        embedded_TBE = self.embedding(batch.targets)
        recognised_TBH, last = self.recognition(embedded_TBE, (state[2][None], state[3][None]))
        entering = STORNEntering(
            gates=recurrence.transition.entering(self.embedding(self.word_dropout(batch.inputs))),
            posterior=self.posterior_network(recognised_TBH),
        )
        network = self.backward_network
        backward_TBH = None if network is None else network(embedded_TBE, batch)
        return Pass(recurrence, entering, state[:2], tuple(x[0] for x in last), backward_TBH)

    def generation_step(
        self, recurrence: Recurrence, state: State, u: Tensor, choose_z: ChooseZ, choose_y: ChooseY
    ) -> tuple[State, Tensor]:
        assert isinstance(recurrence, STORNRecurrence)
        entering = STORNEntering(recurrence.transition.entering(self.embedding(u)), UNKNOWN)
        z_BZ = choose_z(recurrence.prior(state[0], entering))
        generated = recurrence.advance(state[:2], z_BZ, entering)
        y = choose_y(self.emission(generated[0]))
        return (*generated, *state[2:]), y


class STORNEntering(NamedTuple):
    """What enters a step: the part of the gates that u_t gives, and the posterior's parameters."""

    gates: Tensor
    posterior: Tensor


class STORNRecurrence(Recurrence):
    """The step of STORN; the state is (h, c)."""

    def __init__(self, model: STORN) -> None:
        self.model = model
        self.transition = model.transition.prepare()

    def prior(self, visible: Tensor, entering: STORNEntering) -> DiagonalGaussian:
        zeros = visible.new_zeros(*visible.shape[:-1], self.model.latent_size)
        return DiagonalGaussian(zeros, zeros)

    def posterior(self, visible: Tensor, entering: STORNEntering) -> DiagonalGaussian:
        return DiagonalGaussian.from_parameters(entering.posterior, clamp=8.0)

    def advance(self, state: State, z: Tensor, entering: STORNEntering) -> State:
        return self.transition.advance(state, z, entering.gates)

    def emission(self, before: Tensor, z: Tensor, after: Tensor, entering: STORNEntering) -> Tensor:
        parameters: Tensor = self.model.emission(after)
        return parameters

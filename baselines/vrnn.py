"""VRNN: A Recurrent Latent Variable Model for Sequential Data (Chung et al., NIPS 2015)."""

from __future__ import annotations

from typing import NamedTuple

import gin
import torch
from torch import Tensor, nn

from zforcing.auxiliary import Auxiliary
from zforcing.backward import BackwardNetwork
from zforcing.checks import require_choice, require_sizes
from zforcing.distributions import DiagonalGaussian
from zforcing.heads import Head
from zforcing.interface import Batch, State
from zforcing.networks import Embedding, LReLU, SplitFirstLayer, lstm_step, mlp, uniform_weight
from zforcing.recurrence import UNKNOWN, ChooseY, ChooseZ, Pass, Recurrence
from zforcing.recurrent_vae import RecurrentVAE


@gin.register(denylist=["head"])
class VRNN(RecurrentVAE):
    """p(z_t | h_{t-1}), q(z_t | y_t, h_{t-1}), p(y_t | z_t, h_{t-1}), h_t = LSTM([y_t, z_t], h_{t-1}).

    h_{t-1} has read y_1 ... y_{t-1}, so the input u_t is not read a second time and u_1 not at all. Differences from
    the paper: nets with `layers` hidden layers of LReLU and features of y and z with one, instead of four of ReLU
    each; means and log variances of z clamped to +-8, and log variances instead of softplus + 1e-4; Adam without their
    rescaling of non-finite gradients. Their released code starts from weights uniform in +-0.08, divides the gradient
    by the batch size twice and bounds the column norms of weights; none of it is done here.

    Args:
        head: the likelihood of y_t; Gaussian for VRNN-Gauss, mixture for VRNN-GMM.
        embedding_size: E, features of y_t.
        hidden_size: H of the LSTM.
        latent_size: Z.
        mlp_size: M of every net, and features of z_t.
        layers: hidden layers of the prior, posterior and emission nets.
        prior: 'learned', or 'standard' for N(0, I) at every step (VRNN-I).
        auxiliary: adds the auxiliary cost of Z-Forcing and the backward network it needs.
    """

    def __init__(
        self,
        head: Head,
        embedding_size: int = 512,
        hidden_size: int = 1024,
        latent_size: int = 256,
        mlp_size: int = 512,
        layers: int = 1,
        prior: str = "learned",
        auxiliary: Auxiliary | None = None,
    ) -> None:
        super().__init__(head)
        require_sizes(
            embedding_size=embedding_size,
            hidden_size=hidden_size,
            latent_size=latent_size,
            mlp_size=mlp_size,
            layers=layers,
        )
        require_choice(("learned", "standard"), prior=prior)
        self.hidden_size = hidden_size
        self.latent_size = latent_size
        self.features_y = nn.Sequential(Embedding(head, embedding_size), LReLU())
        self.features_z = nn.Sequential(nn.Linear(latent_size, mlp_size), LReLU())
        self.prior_network: nn.Module | None = None
        if prior == "learned":
            self.prior_network = mlp(hidden_size, mlp_size, 2 * latent_size, layers)
        self.posterior_network = mlp(hidden_size + embedding_size, mlp_size, 2 * latent_size, layers)
        self.emission = mlp(hidden_size + mlp_size, mlp_size, head.parameter_size, layers)
        self.weight_y = nn.Parameter(uniform_weight(embedding_size, hidden_size))
        self.weight_z = nn.Parameter(uniform_weight(mlp_size, hidden_size))
        self.weight_h = nn.Parameter(nn.init.orthogonal_(torch.empty(hidden_size, 4 * hidden_size)))
        self.bias = nn.Parameter(torch.zeros(4 * hidden_size))
        if auxiliary is not None:
            self.backward_network = BackwardNetwork(head, embedding_size, hidden_size)
            self.auxiliary = auxiliary.cost(hidden_size, latent_size, hidden_size, mlp_size, own_network=True)

    def initial_state(self, batch_size: int) -> State:
        """(h_0, c_0): zeros."""
        zeros_BH = self.zeros(batch_size, self.hidden_size)
        return zeros_BH, zeros_BH

    def recurrence(self) -> VRNNRecurrence:
        return VRNNRecurrence(self)

    def enter(self, batch: Batch, state: State) -> Pass:
        recurrence = self.recurrence()
        features_TBE = self.features_y(batch.targets)
        entering = recurrence.read(features_TBE)
        network = self.backward_network
        backward_TBH = None if network is None else network(features_TBE, batch)
        return Pass(recurrence, entering, state, backward_TBH=backward_TBH)

    def generation_step(
        self, recurrence: Recurrence, state: State, u: Tensor, choose_z: ChooseZ, choose_y: ChooseY
    ) -> tuple[State, Tensor]:
        assert isinstance(recurrence, VRNNRecurrence)
        nothing = VRNNEntering(UNKNOWN, UNKNOWN)
        z_BZ = choose_z(recurrence.prior(state[0], nothing))
        y = choose_y(recurrence.emission(state[0], z_BZ, UNKNOWN, nothing))
        return recurrence.advance(state, z_BZ, recurrence.read(self.features_y(y))), y


class VRNNEntering(NamedTuple):
    """What enters a step: the parts of the gates and of the posterior's first layer that y_t gives."""

    gates: Tensor
    context: Tensor


class VRNNRecurrence(Recurrence):
    """The step of VRNN; the state is (h, c)."""

    def __init__(self, model: VRNN) -> None:
        self.model = model
        self.posterior_network = SplitFirstLayer(model.posterior_network, model.hidden_size)

    def read(self, features: Tensor) -> VRNNEntering:
        """What the features of y_t give to the step, (..., E)."""
        return VRNNEntering(features @ self.model.weight_y + self.model.bias, self.posterior_network.context(features))

    def prior(self, visible: Tensor, entering: VRNNEntering) -> DiagonalGaussian:
        if self.model.prior_network is None:
            zeros = visible.new_zeros(*visible.shape[:-1], self.model.latent_size)
            return DiagonalGaussian(zeros, zeros)
        return DiagonalGaussian.from_parameters(self.model.prior_network(visible), clamp=8.0)

    def posterior(self, visible: Tensor, entering: VRNNEntering) -> DiagonalGaussian:
        return DiagonalGaussian.from_parameters(self.posterior_network(visible, entering.context), clamp=8.0)

    def advance(self, state: State, z: Tensor, entering: VRNNEntering) -> State:
        hidden, cell = state
        latent_gates = self.model.features_z(z) @ self.model.weight_z
        return lstm_step(entering.gates + latent_gates + hidden @ self.model.weight_h, cell)

    def emission(self, before: Tensor, z: Tensor, after: Tensor, entering: VRNNEntering) -> Tensor:
        parameters: Tensor = self.model.emission(torch.cat((before, self.model.features_z(z)), -1))
        return parameters

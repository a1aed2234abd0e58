"""Z-Forcing (Goyal, Sordoni, Côté, Ke, Bengio, NIPS 2017)."""

from __future__ import annotations

from typing import NamedTuple

import gin
from torch import Tensor, nn

from zforcing.auxiliary import AuxiliaryCost
from zforcing.backward import BackwardNetwork
from zforcing.checks import require_flags, require_sizes
from zforcing.distributions import DiagonalGaussian
from zforcing.heads import Head
from zforcing.interface import Batch, State
from zforcing.networks import Embedding, SplitFirstLayer, mlp
from zforcing.recurrence import UNKNOWN, ChooseY, ChooseZ, Pass, Recurrence
from zforcing.recurrent_vae import RecurrentVAE
from zforcing.transition import LatentAsInput, LatentAsNorm


@gin.register(denylist=["head"])
class ZForcing(RecurrentVAE):
    """A recurrent VAE whose posterior reads the future through b_t, and whose latents have to predict b_t.

    With e_t = W u_t the embedded input:

        b_t = backward LSTM over y_T ... y_t
        prior      p(z_t | h_{t-1})
        posterior  q(z_t | h_{t-1}, b_t)
        h_t = LSTM([W_g z_t + g, e_t], h_{t-1}), h_0 = c_0 = 0
        emission   p(y_t | h_t): one linear layer, so that z_t reaches y_t through h_t alone

    It computes what the paper's released code computes, which differs from the paper's text in three points:
    the prior and the posterior share the MLP width with the generator, all means and log variances of z are clamped
    to +-8, and the auxiliary cost sees h_{t-1} as well as z_t unless `z_force` is set. Differences from the released
    code: `backward_reads_padding` is off by default, and dropout survives a checkpoint.

    Args:
        head: the likelihood of y_t; also that of the backward reconstruction of u_t.
        embedding_size: E.
        hidden_size: H of the forward and of the backward LSTM.
        latent_size: Z.
        mlp_size: M of every MLP and of the generator.
        backward_layers: layers of the backward LSTM.
        dropout: on the embeddings.
        word_dropout: probability with which an input word becomes <unk> in training (Bowman et al. 2016).
        cond_ln: z_t sets gain and bias of the layer-normalised recurrent gates instead of being an input.
        z_force: the auxiliary cost sees z_t alone.
        aux_loss: 'gaussian' or 'l2'.
        backward_reads_padding: see `BackwardNetwork`.
    """

    backward_network: BackwardNetwork

    def __init__(
        self,
        head: Head,
        embedding_size: int = 512,
        hidden_size: int = 1024,
        latent_size: int = 256,
        mlp_size: int = 512,
        backward_layers: int = 1,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        cond_ln: bool = False,
        z_force: bool = False,
        aux_loss: str = "gaussian",
        backward_reads_padding: bool = False,
    ) -> None:
        super().__init__(head, word_dropout)
        require_sizes(
            embedding_size=embedding_size,
            hidden_size=hidden_size,
            latent_size=latent_size,
            mlp_size=mlp_size,
            backward_layers=backward_layers,
        )
        require_flags(cond_ln=cond_ln, z_force=z_force, backward_reads_padding=backward_reads_padding)
        self.hidden_size = hidden_size
        self.latent_size = latent_size
        self.embedding = Embedding(head, embedding_size, dropout)
        self.backward_network = BackwardNetwork(
            head, embedding_size, hidden_size, backward_layers, backward_reads_padding
        )
        self.prior_network = mlp(hidden_size, mlp_size, 2 * latent_size)
        self.posterior_network = mlp(2 * hidden_size, mlp_size, 2 * latent_size)
        transition = LatentAsNorm if cond_ln else LatentAsInput
        self.transition = transition(embedding_size, latent_size, mlp_size, hidden_size)
        self.auxiliary = AuxiliaryCost(hidden_size, latent_size, hidden_size, mlp_size, aux_loss, z_force)
        self.emission = nn.Linear(hidden_size, head.parameter_size)

    def initial_state(self, batch_size: int) -> State:
        """(h_0, c_0): zeros."""
        zeros_BH = self.zeros(batch_size, self.hidden_size)
        return zeros_BH, zeros_BH

    def recurrence(self) -> ZForcingRecurrence:
        return ZForcingRecurrence(self)

    def enter(self, batch: Batch, state: State) -> Pass:
        recurrence = self.recurrence()
        backward_TBH = self.backward_network(self.embedding(batch.targets), batch)
        entering = ZForcingEntering(
            gates=recurrence.transition.entering(self.embedding(self.word_dropout(batch.inputs))),
            context=recurrence.posterior_network.context(backward_TBH),
        )
        return Pass(recurrence, entering, state, backward_TBH=backward_TBH)

    def generation_step(
        self, recurrence: Recurrence, state: State, u: Tensor, choose_z: ChooseZ, choose_y: ChooseY
    ) -> tuple[State, Tensor]:
        assert isinstance(recurrence, ZForcingRecurrence)
        entering = ZForcingEntering(recurrence.transition.entering(self.embedding(u)), context=UNKNOWN)
        z_BZ = choose_z(recurrence.prior(state[0], entering))
        state = recurrence.advance(state, z_BZ, entering)
        return state, choose_y(self.emission(state[0]))


class ZForcingEntering(NamedTuple):
    """What enters a step: the part of the gates that e_t gives, and the posterior's part that b_t gives."""

    gates: Tensor
    context: Tensor


class ZForcingRecurrence(Recurrence):
    """The step of Z-Forcing; the state is (h, c)."""

    def __init__(self, model: ZForcing) -> None:
        self.model = model
        self.posterior_network = SplitFirstLayer(model.posterior_network, model.hidden_size)
        self.transition = model.transition.prepare()

    def prior(self, visible: Tensor, entering: ZForcingEntering) -> DiagonalGaussian:
        return DiagonalGaussian.from_parameters(self.model.prior_network(visible), clamp=8.0)

    def posterior(self, visible: Tensor, entering: ZForcingEntering) -> DiagonalGaussian:
        return DiagonalGaussian.from_parameters(self.posterior_network(visible, entering.context), clamp=8.0)

    def advance(self, state: State, z: Tensor, entering: ZForcingEntering) -> State:
        return self.transition.advance(state, z, entering.gates)

    def emission(self, before: Tensor, z: Tensor, after: Tensor, entering: ZForcingEntering) -> Tensor:
        return self.model.emission(after)

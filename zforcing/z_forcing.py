"""Z-Forcing (Goyal, Sordoni, Côté, Ke, Bengio, NIPS 2017)."""

from __future__ import annotations

import gin
import torch
from torch import Tensor, nn

from zforcing.auxiliary import AuxiliaryCost
from zforcing.backward import BackwardNetwork
from zforcing.checks import require_sizes
from zforcing.distributions import DiagonalGaussian, kl_divergence
from zforcing.heads import Head
from zforcing.interface import Batch, SequenceModel, StepTerms, keep_scored
from zforcing.networks import Embedding, SplitFirstLayer, mlp
from zforcing.transition import LatentAsInput, LatentAsNorm, State


@gin.register(denylist=["head"])
class ZForcing(SequenceModel):
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
        cond_ln: z_t sets gain and bias of the layer-normalised recurrent gates instead of being an input.
        z_force: the auxiliary cost sees z_t alone.
        aux_loss: 'gaussian' or 'l2'.
        backward_reads_padding: see `BackwardNetwork`.
    """

    def __init__(
        self,
        head: Head,
        embedding_size: int = 512,
        hidden_size: int = 1024,
        latent_size: int = 256,
        mlp_size: int = 512,
        backward_layers: int = 1,
        dropout: float = 0.0,
        cond_ln: bool = False,
        z_force: bool = False,
        aux_loss: str = "gaussian",
        backward_reads_padding: bool = False,
    ) -> None:
        super().__init__(head)
        require_sizes(
            embedding_size=embedding_size,
            hidden_size=hidden_size,
            latent_size=latent_size,
            mlp_size=mlp_size,
            backward_layers=backward_layers,
        )
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
        zeros_BH = self.emission.weight.new_zeros(batch_size, self.hidden_size)
        return zeros_BH, zeros_BH

    def prior(self, hidden: Tensor) -> DiagonalGaussian:
        """p(z_t | h_{t-1}), (..., H) -> (..., Z)."""
        return DiagonalGaussian.from_parameters(self.prior_network(hidden), clamp=8.0)

    def forward(self, batch: Batch, noise: Tensor | None = None) -> StepTerms:
        if not self.backward_network.reads_padding:
            batch = batch.without_padding_values()
        if noise is None:
            noise = self.draw_noise(batch.steps, batch.size)
        backward_TBH = self.backward_network(batch, self.embedding)
        before_TBH, z_TBZ, posterior, after_TBH, _ = self.run(batch.inputs, backward_TBH, noise)
        prior = self.prior(before_TBH)
        scored_TB = batch.scored_TB
        return StepTerms(
            log_px=keep_scored(self.head.log_prob(self.emission(after_TBH), batch.targets), scored_TB),
            kl=keep_scored(kl_divergence(posterior, prior), scored_TB),
            aux_nll=keep_scored(self.auxiliary(before_TBH, z_TBZ, backward_TBH), scored_TB),
            backward_nll=keep_scored(self.backward_network.reconstruction_nll(backward_TBH, batch.inputs), scored_TB),
            z=z_TBZ,
            prior=prior,
            posterior=posterior,
            scored_TB=scored_TB,
        )

    def run(
        self, inputs: Tensor, backward_TBH: Tensor, noise_TBZ: Tensor
    ) -> tuple[Tensor, Tensor, DiagonalGaussian, Tensor, State]:
        """The time loop, which holds only what the recurrence needs.

        Returns:
            h_0 ... h_{T-1}, z_1 ... z_T, the posterior of z_1 ... z_T, h_1 ... h_T, and the last state.
        """
        posterior_network = SplitFirstLayer(self.posterior_network, self.hidden_size)
        advance = self.transition.step()
        state = self.initial_state(inputs.shape[1])
        before, latents, parameters, after = [], [], [], []
        # unbind, not x[t]: the gradient of each index would be a full (T, B, .) tensor, a cost of T squared.
        for entering_BG, context_BM, noise_BZ in zip(
            self.transition.entering(self.embedding(inputs)).unbind(0),
            posterior_network.context(backward_TBH).unbind(0),
            noise_TBZ.unbind(0),
            strict=True,
        ):
            before.append(state[0])
            parameters.append(posterior_network(state[0], context_BM))
            z_BZ = DiagonalGaussian.from_parameters(parameters[-1], clamp=8.0).sample(noise_BZ)
            state = advance(state, z_BZ, entering_BG)
            latents.append(z_BZ)
            after.append(state[0])
        posterior = DiagonalGaussian.from_parameters(torch.stack(parameters), clamp=8.0)
        return torch.stack(before), torch.stack(latents), posterior, torch.stack(after), state

    @torch.no_grad()
    def generate(
        self,
        steps: int,
        batch_size: int,
        generator: torch.Generator | None = None,
        prefix: Tensor | None = None,
    ) -> Tensor:
        seen, u = self.first_inputs(batch_size, prefix)
        state = self.initial_state(batch_size)
        if seen is not None:
            backward_TBH = self.backward_network(seen, self.embedding)
            noise_TBZ = self.draw_noise(seen.steps, batch_size, generator)
            *_, state = self.run(seen.inputs, backward_TBH, noise_TBZ)
        advance = self.transition.step()
        frames = []
        for _ in range(steps):
            z_BZ = self.prior(state[0]).sample(self.draw_noise(1, batch_size, generator)[0])
            state = advance(state, z_BZ, self.transition.entering(self.embedding(u)))
            u = self.sample_emission(self.emission(state[0]), generator)
            frames.append(u)
        return torch.stack(frames)

"""The LSTM baseline without latents: RNN-Gauss and RNN-GMM of Chung et al. (NIPS 2015)."""

from __future__ import annotations

import gin
import torch
from torch import Tensor, nn

from zforcing import rnn as recurrent
from zforcing.checks import require_sizes
from zforcing.heads import Head
from zforcing.interface import Batch, ChooseLatent, Encoding, SequenceModel, State, StepTerms, keep_scored
from zforcing.networks import Embedding, orthogonal_recurrence


@gin.register(denylist=["head"])
class LSTM(SequenceModel):
    """p(y_t | h_t) with h_t = LSTM(e_t, h_{t-1}); its log-likelihood is exact.

    The Gaussian head gives RNN-Gauss, the Gaussian mixture RNN-GMM. Differences from Chung et al.: one linear layer
    instead of four-layer ReLU nets before and after the LSTM, a log variance instead of softplus + 1e-4, and the
    project's Adam and clipping. Their released code holds no TIMIT settings.

    Args:
        head: the likelihood of y_t.
        embedding_size: E.
        hidden_size: H of every layer.
        layers: LSTM layers.
        dropout: on the embeddings.
        word_dropout: probability with which an input word becomes <unk> in training (Bowman et al. 2016).
    """

    def __init__(
        self,
        head: Head,
        embedding_size: int = 512,
        hidden_size: int = 1024,
        layers: int = 1,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__(head, word_dropout)
        require_sizes(embedding_size=embedding_size, hidden_size=hidden_size, layers=layers)
        self.embedding = Embedding(head, embedding_size, dropout)
        self.lstm = recurrent.LSTM(embedding_size, hidden_size, layers)
        orthogonal_recurrence(self.lstm)
        self.emission = nn.Linear(hidden_size, head.parameter_size)

    def forward(self, batch: Batch, noise: Tensor | None = None, state: State | None = None) -> StepTerms:
        batch = batch.without_padding_values()
        hidden_TBH, last = self.lstm(
            self.embedding(self.word_dropout(batch.inputs)), None if state is None else layers_first(state)
        )
        log_px = keep_scored(self.head.log_prob(self.emission(hidden_TBH), batch.targets), batch.scored_TB)
        zeros_TB = torch.zeros_like(log_px)
        return StepTerms(
            log_px=log_px,
            kl=zeros_TB,
            aux_nll=zeros_TB,
            backward_nll=zeros_TB,
            z=log_px.new_zeros(*log_px.shape, 0),
            prior=None,
            posterior=None,
            scored_TB=batch.scored_TB,
            state=layers_first(last),
        )

    @torch.no_grad()
    def encode(self, batch: Batch) -> Encoding:
        """The states are h_{t+1}, the first that has read y_t."""
        hidden_TBH, _ = self.lstm(self.embedding(batch.without_padding_values().frames), None)
        return Encoding(hidden_TBH.new_zeros(batch.steps, batch.size, 0), hidden_TBH[1:])

    @torch.no_grad()
    def generate(
        self,
        steps: int,
        batch_size: int,
        generator: torch.Generator | None = None,
        prefix: Tensor | None = None,
        latents: ChooseLatent | None = None,
        most_likely: bool = False,
    ) -> Tensor:
        if latents is not None:
            raise ValueError("an LSTM has no latents to generate from")
        seen, u = self.first_inputs(batch_size, prefix)
        state = None if seen is None else self.lstm(self.embedding(seen.inputs))[1]
        frames = []
        for _ in range(steps):
            hidden_TBH, state = self.lstm(self.embedding(u)[None], state)
            u = self.choose_emission(self.emission(hidden_TBH[0]), generator, most_likely)
            frames.append(u)
        return torch.stack(frames)


def layers_first(state: State) -> State:
    """Between torch's (layers, B, H) and the project's (B, layers, H) for each tensor of the state."""
    return tuple(x.transpose(0, 1).contiguous() for x in state)

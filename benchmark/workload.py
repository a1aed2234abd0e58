"""What `benchmark.speed` times: a training step as an experiment configures it, and what it is set against."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gin
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmark.config import check_overrides, configuring, load_config
from benchmark.data.batches import collate
from benchmark.determinism import make_deterministic
from benchmark.errors import UserError
from benchmark.experiment import experiment
from benchmark.graph_update import build_update
from benchmark.objective import Objective
from benchmark.schedules import Constant
from benchmark.timing import Command
from zforcing.interface import Batch, SequenceModel
from zforcing.recurrent_vae import RecurrentVAE

PRODUCT_SIZE = 2048  # rows and columns of the matrices whose product gives the machine's rate
PRODUCT_FLOP = 2 * PRODUCT_SIZE**3
ALL_TERMS = Objective(*(Constant(0.5) for _ in ("kl_weight", "aux_weight", "backward_weight")))


@dataclass(frozen=True)
class Case:
    """An experiment at a size, in words that another process understands too.

    Attributes:
        size: the name of the size.
        files: the gin files, in order.
        overrides: bindings that come last.
        remark: what is told apart by it in a table, beside the name of the model.
    """

    size: str
    files: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    remark: str = ""


@dataclass(frozen=True)
class Workload:
    """What a training step is made of.

    Attributes:
        model, optimiser, gradient_clip: as configured.
        batch: random sequences.
        lstm_pair: forward and backward pass of two LSTMs of the model's widths.
        lstm_flop: floating-point operations of its matrix products.
    """

    model: RecurrentVAE
    optimiser: torch.optim.Optimizer
    gradient_clip: float
    batch: Batch
    lstm_pair: Command
    lstm_flop: int

    @property
    def name(self) -> str:
        return type(self.model).__name__

    def loss(self, model: SequenceModel, batch: Batch) -> torch.Tensor:
        """With all terms of the objective that the model has."""
        return ALL_TERMS(model(batch, model.draw_noise(batch.steps, batch.size)), 0)[0]

    def flop(self) -> int:
        """Floating-point operations of the matrix products of a training step."""
        model = copy.deepcopy(self.model).to("cpu", torch.float64)
        model.engine = "eager"
        return count_flop(lambda batch: self.loss(model, batch).backward(), self.batch)


def build(case: Case, device: torch.device) -> Workload:
    """Builds a case on `device`.

    Raises:
        UserError: the configuration is wrong, or the model has no time loop that an engine could run.
    """
    config = load_config(case.files, case.overrides)
    # As in training: it changes the algorithms, and so the time.
    make_deterministic()
    with configuring():
        parts = experiment(None, device)
        optimiser = parts.training.optimiser(parts.model.parameters())
        batch = collate(parts.dataset.train, list(range(len(parts.dataset.train)))).to(device)
        pair = lstm_pair(batch, torch.float32)
        pair_flop = count_flop(lambda short: lstm_pair(short, torch.float64)(), batch)
    check_overrides(config)
    if not isinstance(parts.model, RecurrentVAE):
        raise UserError(
            f"{type(parts.model).__name__} has no latents: no engine runs its time loop; name another model"
        )
    parts.model.train()
    return Workload(parts.model, optimiser, parts.training.gradient_clip, batch, pair, pair_flop)


def training_step(work: Workload, engine: str) -> Command:
    """One call is one update, as the trainer makes it."""
    work.model.engine = engine
    update = build_update(work.model, ALL_TERMS, work.optimiser, work.gradient_clip, carry_state=False)
    goes_on_B = torch.zeros(work.batch.size, dtype=torch.bool)

    def step() -> None:
        work.model.engine = engine
        update(work.batch, work.model.draw_noise(work.batch.steps, work.batch.size), goes_on_B, 0)
        update.fetch()

    return step


@gin.configurable(denylist=["batch", "dtype"])
def lstm_pair(
    batch: Batch, dtype: torch.dtype, embedding_size: int = gin.REQUIRED, hidden_size: int = gin.REQUIRED
) -> Command:
    """Forward and backward pass of two nn.LSTM, with the gradient of their input, as inside a model.

    Args:
        batch: gives T, B and the device.
        dtype: the precision.
        embedding_size: E, features of the input.
        hidden_size: H.
    """
    like: Any = {"device": batch.inputs.device, "dtype": dtype}
    lstms = nn.ModuleList(nn.LSTM(embedding_size, hidden_size, **like) for _ in range(2))
    embedded_TBE = torch.randn(batch.steps, batch.size, embedding_size, **like, requires_grad=True)
    gradient_TBH = torch.ones(batch.steps, batch.size, hidden_size, **like)

    def step() -> None:
        lstms.zero_grad(set_to_none=True)
        embedded_TBE.grad = None
        outputs = [lstm(embedded_TBE)[0] for lstm in lstms]
        torch.autograd.backward(outputs, [gradient_TBH] * len(outputs))

    return step


def matrix_product(device: torch.device) -> Command:
    """A product of square float32 matrices, of `PRODUCT_FLOP` floating-point operations."""
    left, right = torch.randn(2, PRODUCT_SIZE, PRODUCT_SIZE, device=device).unbind(0)
    result = torch.empty_like(left)

    def step() -> None:
        torch.mm(left, right, out=result)

    return step


def count_flop(step: Callable[[Batch], None], batch: Batch) -> int:
    """Floating-point operations of the matrix products of `step` on a batch, forward and backward.

    They are counted on the first 2 and 3 time steps and continued in a straight line: only the first step differs,
    whose state needs no gradient. Counted in float64 on the CPU, where LSTMs are made of matrix products instead of
    one library call that the counter does not know.
    """

    def count(steps: int) -> int:
        values = (batch.inputs[:steps].cpu(), batch.targets[:steps].cpu())
        with FlopCounterMode(display=False) as counter:
            step(Batch(*(x.double() if x.is_floating_point() else x for x in values)))
        return int(counter.get_total_flops())

    if batch.steps <= 3:
        return count(batch.steps)
    return count(3) + (count(3) - count(2)) * (batch.steps - 3)

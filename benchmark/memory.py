"""How much memory a training step is going to need."""

from __future__ import annotations

import torch

from benchmark.data.batches import collate
from benchmark.data.dataset import Dataset
from benchmark.objective import Objective
from zforcing.interface import Batch, SequenceModel


def estimate_training_bytes(model: SequenceModel, dataset: Dataset, objective: Objective, batch_size: int) -> int:
    """Weights, gradients, two moments, and what one training batch keeps for the backward pass.

    The last is counted on the first 2 and 4 steps of a batch and continued in a straight line, because everything
    that is kept grows linearly with time. Memory inside library kernels is not seen.
    """
    batch = collate(dataset.train, list(range(min(batch_size, len(dataset.train)))))
    device = next(model.parameters()).device
    short, long = (_kept_bytes(model, objective, _first(batch, steps).to(device)) for steps in (2, 4))
    kept = short + (long - short) * (batch.steps - 2) // 2
    weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    return 4 * weights + max(kept, 0)


def _first(batch: Batch, steps: int) -> Batch:
    return Batch(batch.inputs[:steps], batch.targets[:steps], None if batch.mask is None else batch.mask[:steps])


def _kept_bytes(model: SequenceModel, objective: Objective, batch: Batch) -> int:
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    noise_TBZ = torch.zeros(batch.steps, batch.size, model.latent_size, device=batch.inputs.device)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss, _ = objective(model(batch, noise_TBZ), 0)
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    total = sum(size for pointer, size in kept.items() if pointer not in weights)
    del loss
    return total

"""Makes the same computation give the same bits."""

from __future__ import annotations

import torch


def make_deterministic() -> None:
    """Without it, CUDA picks algorithms whose results change from run to run."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    # It would also fill every new tensor; nothing here reads one before it is written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]

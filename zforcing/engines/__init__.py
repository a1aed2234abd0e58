"""What runs the time loop of a recurrent VAE. A model states its step once; every engine gives the same numbers."""

from __future__ import annotations

from torch import Tensor

from zforcing.checks import require_choice
from zforcing.engines import eager, fused
from zforcing.engines.compiled import CompiledLoop
from zforcing.recurrence import Pass, Trajectory

ENGINES = ("eager", "fused", "compiled")


def run_time_loop(prepared: Pass, noise_TBZ: Tensor, from_prior: bool = False, engine: str = "auto") -> Trajectory:
    """Runs a model's step over time.

    Args:
        prepared: what the model has prepared.
        noise_TBZ: standard normal noise that the latents are made of.
        from_prior: draw the latents from the prior instead of the posterior.
        engine: one of `ENGINES`, or 'auto'.
    """
    require_choice(("auto", *ENGINES), engine=engine)
    if engine == "compiled":
        return fused.run(prepared, noise_TBZ, from_prior, CompiledLoop)
    if engine in ("auto", "fused"):
        return fused.run(prepared, noise_TBZ, from_prior)
    return eager.run(prepared, noise_TBZ, from_prior)

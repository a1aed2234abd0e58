"""What runs the time loop of a recurrent VAE. A model states its step once; every engine gives the same numbers.

    eager     plain autograd: the definition
    fused     one autograd function, generated from the step, on any device
    compiled  the same in C, on the CPU
    graph     the whole training step captured, around the fused loop, on CUDA; the trainer's

'auto' is graph on CUDA; on the CPU it is compiled, or fused where there is no C compiler.
"""

from __future__ import annotations

import functools
import warnings

import torch
from torch import Tensor

from zforcing.checks import require_choice
from zforcing.engines import eager, fused
from zforcing.engines.compiled import CompiledLoop
from zforcing.engines.compiler import Unavailable, blas, build
from zforcing.recurrence import Pass, Trajectory

ENGINES = ("eager", "fused", "compiled", "graph")


def run_time_loop(prepared: Pass, noise_TBZ: Tensor, from_prior: bool = False, engine: str = "auto") -> Trajectory:
    """Runs a model's step over time.

    Args:
        prepared: what the model has prepared.
        noise_TBZ: standard normal noise that the latents are made of.
        from_prior: draw the latents from the prior instead of the posterior.
        engine: one of `ENGINES`, or 'auto'.
    """
    chosen = resolve(engine, noise_TBZ.device)
    if chosen == "eager":
        return eager.run(prepared, noise_TBZ, from_prior)
    if chosen == "compiled":
        try:
            return fused.run(prepared, noise_TBZ, from_prior, CompiledLoop)
        except Unavailable as error:
            _say(f"{error}; the time loop runs in the fused engine instead")
    return fused.run(prepared, noise_TBZ, from_prior)


def available(device: torch.device) -> tuple[str, ...]:
    """The engines that work on a device of this machine, the slowest first."""
    if device.type == "cuda":
        return "eager", "fused", "graph"
    return ("eager", "fused") if why_not_compiled() else ("eager", "fused", "compiled")


def resolve(engine: str, device: torch.device) -> str:
    """The engine that is used where `engine` is asked for; a sentence is said once where it is another one.

    Raises:
        ConfigurationError: there is no engine of that name, or 'graph' is asked for without CUDA.
    """
    if device.type == "cuda":
        require_choice(("auto", "eager", "fused", "graph"), engine=engine)
        return "graph" if engine == "auto" else engine
    require_choice(("auto", "eager", "fused", "compiled"), engine=engine)
    if engine not in ("auto", "compiled"):
        return engine
    reason = why_not_compiled() if device.type == "cpu" else "the compiled engine is for the CPU"
    if reason and engine == "compiled":
        _say(f"{reason}; the time loop runs in the fused engine instead")
    return "fused" if reason else "compiled"


@functools.cache
def why_not_compiled() -> str:
    """One sentence, empty where the compiled engine works."""
    try:
        build("#include <math.h>\n")
        blas()
    except Unavailable as error:
        return str(error)
    return ""


@functools.cache
def _say(sentence: str) -> None:
    warnings.warn(sentence, stacklevel=3)

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
from zforcing.distributions import DiagonalGaussian
from zforcing.engines import eager
from zforcing.engines.compiled import CompiledLoop
from zforcing.engines.compiler import Unavailable, blas, build
from zforcing.engines.fused import Loop
from zforcing.engines.loop import Course, run_loop, run_rows
from zforcing.engines.tape import Step
from zforcing.recurrence import Pass, Trajectory

ENGINES = ("eager", "fused", "compiled", "graph")


def run_time_loop(prepared: Pass, noise_TBZ: Tensor, from_prior: bool = False, engine: str = "auto") -> Trajectory:
    """Runs the step of a recurrent VAE over time.

    Args:
        prepared: what the model has prepared.
        noise_TBZ: standard normal noise that the latents are made of.
        from_prior: draw the latents from the prior instead of the posterior.
        engine: one of `ENGINES`, or 'auto'.
    """
    recurrence, states, entering_type = prepared.recurrence, len(prepared.start), type(prepared.entering)
    draw = recurrence.prior if from_prior else recurrence.posterior

    def step(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """(z, mean, log variance, *state) from (*state, noise, *entering)."""
        state, noise_BZ, entering = inputs[:states], inputs[states], entering_type(*inputs[states + 1 :])
        drawn = draw(state[0], entering)
        z_BZ = drawn.sample(noise_BZ)
        return z_BZ, drawn.mean, drawn.log_variance, *recurrence.advance(state, z_BZ, entering)

    course = run_step(step, prepared.start, (noise_TBZ, *prepared.entering), engine)
    z, mean, log_variance = course.path
    before = torch.cat((prepared.start[0][None], course.visible[:-1]))
    return Trajectory(before, course.visible, z, DiagonalGaussian(mean, log_variance), course.last)


def run_step(step: Step, start: tuple[Tensor, ...], over_time: tuple[Tensor, ...], engine: str = "auto") -> Course:
    """Runs a step over time, see `run_loop`."""
    chosen = resolve(engine, over_time[0].device)
    if chosen == "compiled":
        try:
            return run_loop(step, start, over_time, CompiledLoop)
        except NotImplementedError as error:
            _say(f"{error}; the time loop runs in the fused engine instead")
    if chosen != "eager":
        try:
            return run_loop(step, start, over_time, Loop)
        except NotImplementedError as error:
            _say(f"the fused engine cannot run this step ({error}); the time loop runs in plain autograd instead")
    return eager.run_loop(step, start, over_time)


def run_at_once(function: Step, rows: tuple[Tensor, ...], engine: str = "auto") -> tuple[Tensor, ...]:
    """Computes what does not depend on the step before, for all time steps, see `run_rows`.

    Only the compiled engine does it otherwise than PyTorch: it reads and writes memory once for many operations.
    """
    if resolve(engine, rows[0].device) == "compiled":
        try:
            return run_rows(function, rows, CompiledLoop)
        except NotImplementedError:  # an operation without C, which has no loop here that would make it slow
            pass
    return function(rows)


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
    if torch.is_autocast_enabled(device.type):
        _say("autocast computes in several precisions, which engines do not: the time loop runs in plain autograd")
        return "eager"
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

"""Records what a model's step computes, so that an engine can run it over time without the model's Python code."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

Step = Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]]


class Ref(NamedTuple):
    """A tensor of a tape: an 'input', a 'weight', or (a part of) the 'result' of a call, by number."""

    kind: str
    number: int
    part: int = 0


class Call(NamedTuple):
    """One recorded call; tensors among the arguments are replaced by references."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Tape:
    """The calls of one step.

    Attributes:
        calls: in order.
        outputs: what the step returns.
        weights: the tensors that the step reads beside its inputs, in the order of their first use.
    """

    calls: tuple[Call, ...]
    outputs: tuple[Ref, ...]
    weights: tuple[Tensor, ...]

    @property
    def structure(self) -> Hashable:
        """Equal for two tapes that compute the same function of their inputs and weights."""
        return self.calls, self.outputs, tuple(map(signature, self.weights))

    def replay(self, inputs: Sequence[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The step's outputs for other inputs and weights."""
        results: list[Any] = []

        def value(argument: Any) -> Any:
            if isinstance(argument, Ref):
                if argument.kind == "result":
                    result = results[argument.number]
                    return result if isinstance(result, Tensor) else result[argument.part]
                return (inputs if argument.kind == "input" else weights)[argument.number]
            return type(argument)(map(value, argument)) if type(argument) in (tuple, list) else argument

        for call in self.calls:
            keywords = {name: value(argument) for name, argument in call.keywords}
            results.append(call.function(*map(value, call.arguments), **keywords))
        return tuple(value(output) for output in self.outputs)


def signature(tensor: Tensor) -> tuple[Any, ...]:
    """What the code that is made for a tensor depends on, beside its values."""
    return tuple(tensor.shape), tensor.dtype, tensor.device, tensor.requires_grad


@torch.no_grad()
def record(step: Step, inputs: tuple[Tensor, ...]) -> Tape:
    """Runs the step once and notes every call of a torch function that gives tensors.

    The step has to make the same calls at every time step, on its inputs and on tensors that do not change over time.
    """
    inputs = tuple(x.detach() for x in inputs)  # one object each: a state may start from the same zeros twice
    with _Recorder(inputs) as recorder:
        outputs = step(inputs)
    return Tape(tuple(recorder.calls), tuple(recorder.reference(output) for output in outputs), tuple(recorder.weights))


class _Recorder(TorchFunctionMode):
    def __init__(self, inputs: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.weights: list[Tensor] = []
        self.references = {id(tensor): Ref("input", index) for index, tensor in enumerate(inputs)}
        self.alive: list[Any] = [inputs]  # so that no id is used twice

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        parts = result if isinstance(result, (tuple, list)) else (result,)
        if all(isinstance(part, Tensor) for part in parts) and parts:
            keywords = tuple((name, self.reference(argument)) for name, argument in (kwargs or {}).items())
            self.calls.append(Call(func, tuple(self.reference(argument) for argument in args), keywords))
            self.alive.append((args, result))
            for number, part in enumerate(parts):
                self.references[id(part)] = Ref("result", len(self.calls) - 1, number)
        return result

    def reference(self, argument: Any) -> Any:
        if isinstance(argument, Tensor):
            if id(argument) not in self.references:
                self.references[id(argument)] = Ref("weight", len(self.weights))
                self.weights.append(argument)
                self.alive.append(argument)
            return self.references[id(argument)]
        return tuple(map(self.reference, argument)) if isinstance(argument, (tuple, list)) else argument

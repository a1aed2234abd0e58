"""Updates on a GPU as CUDA graphs: one launch each, where an update is thousands of small kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from benchmark.errors import UserError
from benchmark.objective import Objective
from benchmark.update import Update, skips_on_device
from zforcing.engines import resolve
from zforcing.interface import Batch, SequenceModel, State

WARM_UP = 3  # updates of a shape before it is captured: libraries allocate and choose their algorithms in them
MOST_GRAPHS = 8  # shapes; each keeps its activations


class Recorder(Protocol):
    """Records work so that it can be replayed on the same memory."""

    def beside(self) -> AbstractContextManager[None]:
        """Where all updates run, recorded or not."""
        ...

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """What replays `work`, which itself is not done yet."""
        ...


class CudaRecorder:
    """Records CUDA graphs, all in one pool of memory: each writes what it reads, apart from its inputs."""

    def __init__(self, device: torch.device) -> None:
        self.stream = torch.cuda.Stream(device)
        self.pool = torch.cuda.graph_pool_handle()

    @contextmanager
    def beside(self) -> Iterator[None]:
        """A stream of its own, as capture needs it, in order with the stream of the caller."""
        outer = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(outer)
        with torch.cuda.stream(self.stream):
            yield
        outer.wait_stream(self.stream)

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        graph = torch.cuda.CUDAGraph()
        # thread_local: the thread that feeds batches may allocate pinned memory meanwhile.
        with torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode="thread_local"):
            work()
        return graph.replay


@dataclass
class Recorded:
    """A recorded update: its inputs, to be overwritten, how to replay it, and what it gives, overwritten by that."""

    inputs: tuple[Tensor, ...]
    replay: Callable[[], None]
    values: Tensor | None = None
    last: State = ()


class GraphUpdate(Update):
    """Records an update of each shape once and replays it; shapes that are rare, or too many, run as they are.

    What changes from one update to the next without a new recording: batch, noise, carried state, the weights of the
    objective and the learning rates. The first updates of a shape are run as they are.

    Args:
        model, objective, optimiser, gradient_clip, carry_state: see `Update`; the optimiser skips on the device.
        recorder: records CUDA graphs; another one is for tests.
        required: a recording that fails is an error, and no reason to go on without.
    """

    def __init__(
        self,
        model: SequenceModel,
        objective: Objective,
        optimiser: torch.optim.Optimizer,
        gradient_clip: float,
        carry_state: bool = False,
        recorder: Recorder | None = None,
        required: bool = False,
    ) -> None:
        super().__init__(model, objective, optimiser, gradient_clip, carry_state)
        self.recorder = recorder or CudaRecorder(self.device)
        self.required = required
        self.failure = ""
        self._seen: Counter[Any] = Counter()
        self._recorded: dict[Any, Recorded] = {}
        self._weights = {name: torch.zeros((), device=self.device) for name in objective.weights(0)}
        self._rates = [torch.zeros((), device=self.device) for _ in optimiser.param_groups]

    def _run(
        self, batch: Batch, noise_TBZ: Tensor, state: State | None, weights: Mapping[str, float | Tensor]
    ) -> tuple[Tensor, State]:
        inputs = (
            batch.inputs,
            batch.targets,
            noise_TBZ,
            *(() if batch.mask is None else (batch.mask,)),
            *(state or ()),
        )
        shape = (batch.mask is None, state is None, *((tuple(x.shape), x.dtype) for x in inputs))
        with self.recorder.beside():
            if shape not in self._recorded and self._worth_recording(shape):
                self._record(shape, inputs)
            if shape not in self._recorded:
                self._seen[shape] += 1
                return super()._run(batch, noise_TBZ, state, weights)
            return self._replay(self._recorded[shape], inputs, weights)

    def _worth_recording(self, shape: Any) -> bool:
        return not self.failure and self._seen[shape] >= WARM_UP and len(self._recorded) < MOST_GRAPHS

    def _record(self, shape: Any, inputs: tuple[Tensor, ...]) -> None:
        without_mask, without_state = shape[:2]
        kept = tuple(x.clone() for x in inputs)
        masked, count = (None, 3) if without_mask else (kept[3], 4)
        recorded = Recorded(kept, replay=lambda: None)

        def work() -> None:
            batch, state = Batch(kept[0], kept[1], masked), None if without_state else kept[count:]
            recorded.values, recorded.last = Update._run(self, batch, kept[2], state, self._weights)

        try:
            with self._rates_on_device():
                recorded.replay = self.recorder.record(work)
        except RuntimeError as error:
            self._fail(error)
        else:
            self._recorded[shape] = recorded

    def _replay(
        self, recorded: Recorded, inputs: tuple[Tensor, ...], weights: Mapping[str, float | Tensor]
    ) -> tuple[Tensor, State]:
        for kept, x in zip(recorded.inputs, inputs, strict=True):
            kept.copy_(x)
        for name, weight in weights.items():
            self._weights[name].fill_(weight)
        with self._rates_on_device():
            recorded.replay()
        assert recorded.values is not None
        return recorded.values.clone(), tuple(x.clone() for x in recorded.last)

    @contextmanager
    def _rates_on_device(self) -> Iterator[None]:
        """The optimiser reads its learning rates from the device; outside, they are the scheduler's numbers again."""
        groups = self.optimiser.param_groups
        before: list[dict[str, Any]] = [
            {name: group[name] for name in ("lr", "capturable") if name in group} for group in groups
        ]
        for group, rate in zip(groups, self._rates, strict=True):
            rate.fill_(group["lr"])
            group |= {"lr": rate} | ({"capturable": True} if "capturable" in group else {})
        try:
            yield
        finally:
            for group, values in zip(groups, before, strict=True):
                group |= values

    def _fail(self, error: RuntimeError) -> None:
        self.failure = str(error).strip().split("\n")[0]
        if self.required:
            raise UserError(
                f"the update cannot be captured in a CUDA graph ({self.failure}); set experiment.engine = 'fused'"
            ) from error
        print(f"updates run without a CUDA graph, because one could not be captured: {self.failure}")


def build_update(
    model: SequenceModel,
    objective: Objective,
    optimiser: torch.optim.Optimizer,
    gradient_clip: float,
    carry_state: bool,
) -> Update:
    """The update that the model's engine asks for.

    Raises:
        UserError: a CUDA graph is asked for, and there is no GPU, or the optimiser cannot be captured.
    """
    device, engine = next(model.parameters()).device, model.engine
    if engine == "graph" and device.type != "cuda":
        raise UserError(f"experiment.engine = 'graph' is for CUDA devices, this is {device}; set it to 'auto'")
    captured = device.type == "cuda" and resolve(engine, device) == "graph"
    if captured and skips_on_device(optimiser):
        return GraphUpdate(model, objective, optimiser, gradient_clip, carry_state, required=engine == "graph")
    if engine == "graph":
        raise UserError(
            f"experiment.engine = 'graph' cannot capture this {type(optimiser).__name__}: bind its fused = True and no "
            f"momentum, or set experiment.engine = 'fused'"
        )
    return Update(model, objective, optimiser, gradient_clip, carry_state)

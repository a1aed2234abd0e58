"""The time loop compiled: the step, and its derivative, as C around PyTorch's own matrix products."""

from __future__ import annotations

import ctypes
from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from zforcing.engines.compiler import Unavailable, blas, build
from zforcing.engines.derivation import Derivation
from zforcing.engines.expressions import Node, width
from zforcing.engines.fused import Loop
from zforcing.engines.lowering import Lowering, Slots, kept
from zforcing.engines.passes import Array
from zforcing.engines.source import SECOND, SOURCE, Weight

aten = torch.ops.aten
FEWEST_STEPS = 4  # for which packing the weights pays


class CompiledLoop(Loop):
    """A loop in C. PyTorch makes the tensors over time, C gets their addresses.

    Raises:
        Unavailable: there is no compiler, or the step holds something that no C is written for.
    """

    example_rows = 2  # they say as much as any number of rows

    def __init__(self, derivation: Derivation, states: int) -> None:
        super().__init__(derivation, states)
        example = derivation.outputs[0].meta["val"]
        self.dtype = example.dtype
        if example.device.type != "cpu" or self.dtype not in (torch.float32, torch.float64):
            raise Unavailable("the compiled engine works in single or double precision on the CPU")
        single = self.dtype == torch.float32
        d = derivation
        step, read = {*d.forward, *d.backward}, {*d.outputs, *d.input_gradients}
        self.shared = tuple(
            node
            for node in (*d.weights, *d.invariant)
            if node.target is not aten.scalar_tensor.default
            and (node in read or any(user in step and user.target is not aten.mm.default for user in node.users))
        )
        try:
            if any(node.meta["val"].dtype != self.dtype for node in (*d.inputs, *d.weights, *d.outputs)):
                raise NotImplementedError("tensors of several types")
            self._require_rows()
            self.forward_program = self._plan_forward()
            self.backward_program = self._plan_backward()
            code = {"forward": self.forward_program.code(), "backward": self.backward_program.code()}
        except NotImplementedError as error:
            raise Unavailable(f"the compiled engine cannot run this model's step ({error})") from error
        counts = {
            "forward_weights": len(self.forward_program.uses),
            "backward_weights": len(self.backward_program.uses),
        }
        self.source = SOURCE % {"single": int(single), **code, **counts}
        self.library = build(self.source)
        addresses = blas()
        names = ("sgemm_" if single else "dgemm_", "cblas_sgemm_pack", "cblas_sgemm_compute")
        self.library.connect(*(ctypes.c_void_p(addresses[name]) for name in names))
        self.packed_bytes = None
        if single and addresses["cblas_sgemm_pack_get_size"]:
            kind = ctypes.CFUNCTYPE(ctypes.c_size_t, *(4 * (ctypes.c_int,)))
            self.packed_bytes = kind(addresses["cblas_sgemm_pack_get_size"])

    def _require_rows(self) -> None:
        """C knows one row of numbers for each sequence, and single rows that all share.

        Raises:
            NotImplementedError: names what has another shape.
        """
        d, rows = self.derivation, len(self.derivation.inputs[0].meta["val"])
        for node in (*d.inputs, *d.outputs, *d.forward, *d.backward):
            value = node.meta["val"]
            if isinstance(value, Tensor) and not (value.dim() in (1, 2) and len(value) == rows):
                raise NotImplementedError(f"{node.name}, of shape {tuple(value.shape)} for {rows} sequences")
        for node in self.shared:
            value = node.meta["val"]
            if value.dim() > 2 or (value.dim() == 2 and len(value) > 1):
                raise NotImplementedError(f"{node.name}, of shape {tuple(value.shape)} for all sequences")

    def same(self, other: Loop | str) -> bool:
        return isinstance(other, CompiledLoop) and other._identity() == self._identity()

    def _identity(self) -> tuple[Any, ...]:
        return self.source, [node.meta["val"].shape for node in self.shared]

    def _plan_forward(self) -> Lowering:
        d, slots = self.derivation, Slots()
        stores = [(node, slots.array(("path", i), width(node))) for i, node in enumerate(d.outputs[: self.paths])]
        for number, node in enumerate(d.outputs[self.paths :]):
            stores.append((node, slots.array(("state", number), width(node), "(t + 1)")))
        stored = {node for node, _ in stores}
        reads = [x for node in d.backward for x in node.all_input_nodes]
        reads += [x for x in d.input_gradients if x is not None]
        keep = kept(reads, frozenset(d.forward), stored) | (set(self.stacked) & set(d.forward))
        stores += [(x, slots.array(x, width(x))) for x in d.forward if x in keep - stored]
        self.kept = stores
        return Lowering(frozenset(d.forward), self._known(slots), frozenset((*d.weights, *d.invariant)), stores, slots)

    def _plan_backward(self) -> Lowering:
        d, slots = self.derivation, Slots()
        known = self._known(slots)
        for node, array in self.kept:
            known.setdefault(node, slots.array(self.forward_program.slots[array.slot], array.width, array.offset))
        carried = d.gradients[self.paths : len(d.outputs)]  # of one step, not of all
        for number, node in enumerate(x for x in d.gradients if x not in carried):
            known[node] = slots.array(("gradient", number), width(node))
        for number, node in enumerate(carried):
            known[node] = slots.array(("carried", number), width(node), "((t + 1) & 1)")
        stores: list[tuple[Node | None, Array]] = []
        for number in range(self.states):
            array = slots.array(("carried", number), width(d.inputs[number]), "(t & 1)")
            stores.append((d.input_gradients[number], array))
        entering = [x for x in d.input_gradients[self.states :] if x is not None]
        self.computed = tuple(x for x in dict.fromkeys((*entering, *self.stacked)) if x not in known or x in carried)
        stores += [(x, slots.array(x, width(x))) for x in self.computed]
        step = frozenset((*d.forward, *d.backward))
        return Lowering(step, known, frozenset((*d.weights, *d.invariant)), stores, slots)

    def _known(self, slots: Slots) -> dict[Node, Array]:
        """The inputs of the step, and what all steps share."""
        inputs = self.derivation.inputs
        known = {node: slots.array(("state", i), width(node)) for i, node in enumerate(inputs[: self.states])}
        known |= {node: slots.array(("entering", i), width(node)) for i, node in enumerate(inputs[self.states :])}
        for node in self.shared:
            known[node] = slots.array(node, width(node), "0", rows=False)
        return known

    def forward(
        self, start: Sequence[Tensor], over_time: Sequence[Tensor], weights: Sequence[Tensor], keep: bool
    ) -> tuple[tuple[Tensor, ...], Any]:
        fixed = (*weights, *self.before_loop(*weights))
        steps, batch = over_time[0].shape[:2]
        tensors: dict[Hashable, Tensor] = {("entering", i): x.contiguous() for i, x in enumerate(over_time)}
        for number, x in enumerate(start):
            tensors["state", number] = self._empty(steps + 1, batch, x.shape[-1])
            tensors["state", number][0] = x
        for node, array in self.kept:
            key = self.forward_program.slots[array.slot]
            if key not in tensors:
                tensors[key] = self._empty(steps, batch, width(node))
        self._call("forward", self.forward_program, steps, batch, tensors, fixed)
        states = [tensors["state", number] for number in range(self.states)]
        paths = [tensors["path", number] for number in range(self.paths)]
        paths = [_in_its_shape(x, node) for x, node in zip(paths, self.derivation.outputs, strict=False)]
        # A new tensor of the same memory: autograd marks what it returns, and what is kept must not refer to that.
        visible = [x.data[1:] for x in states[:1]]
        return (*paths, *visible, *(x[-1].clone() for x in states)), (fixed, tensors) if keep else None

    def backward(self, kept: Any, gradients: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
        fixed, forward = kept
        d, (steps, batch) = self.derivation, gradients[0].shape[:2]
        tensors = dict(forward)
        for number, gradient in enumerate(gradients[: len(gradients) - self.states]):
            tensors["gradient", number] = gradient.contiguous()
        for number, gradient in enumerate(gradients[len(gradients) - self.states :]):
            tensors["carried", number] = self._empty(2, batch, gradient.shape[-1])
            tensors["carried", number][steps & 1] = gradient
        for node in self.computed:
            tensors[node] = self._empty(steps, batch, width(node))
        self._call("backward", self.backward_program, steps, batch, tensors, fixed)
        known, slots = self.backward_program.known, self.backward_program.slots

        def in_time(node: Node) -> Tensor:
            if node in self.computed:
                return _in_its_shape(tensors[node], node)
            first = int(known[node].offset == "(t + 1)")
            return tensors[slots[known[node].slot]][first : first + steps]

        entering = [None if node is None else in_time(node) for node in d.input_gradients[self.states :]]
        stacks = {node: in_time(node) for node in self.stacked}
        carried = [tensors["carried", number][0] for number in range(self.states)]
        return (*carried, *entering, *self.weight_gradients(stacks, fixed))

    def _empty(self, steps: int, batch: int, size: int) -> Tensor:
        return torch.empty(steps, batch, size, dtype=self.dtype)

    def _call(
        self,
        name: str,
        program: Lowering,
        steps: int,
        batch: int,
        tensors: dict[Hashable, Tensor],
        fixed: Sequence[Tensor],
    ) -> None:
        """Runs a C function over all steps."""
        values = dict(zip(self.fixed, fixed, strict=True))
        alive = []  # what is made here has to live until C is done
        addresses = []
        for key in program.slots:
            if isinstance(key, tuple) and key[0] == "temporary":
                tensor = self._empty(1, batch, key[2])
            else:
                tensor = tensors[key] if key in tensors else values[key].contiguous()
            alive.append(tensor)
            addresses.append(tensor.data_ptr())
        table = (Weight * max(1, len(program.uses)))()
        for number, use in enumerate(program.uses):
            weight = values[use.weight]
            if weight.stride(1) != 1 or (len(weight) > 1 and weight.stride(0) < weight.shape[1]):
                weight = weight.contiguous()
            alive.append(weight)
            outputs, inputs = weight.shape if use.transposed else weight.shape[::-1]
            packed = None
            if self.packed_bytes is not None and steps >= FEWEST_STEPS:
                alive.append(torch.empty(self.packed_bytes(SECOND, batch, outputs, inputs), dtype=torch.uint8))
                packed = alive[-1].data_ptr()
            # The stride of a single row may be anything; BLAS wants at least its length.
            stride = max(weight.stride(0), weight.shape[1])
            table[number] = Weight(weight.data_ptr(), stride, use.transposed, inputs, outputs, packed)
        pointers = (ctypes.c_void_p * len(addresses))(*addresses)
        getattr(self.library, name)(ctypes.c_long(steps), ctypes.c_long(batch), pointers, table)


def _in_its_shape(x_TBW: Tensor, node: Node) -> Tensor:
    """The array of a node over time, without a last dimension where the node has none."""
    return x_TBW[..., 0] if node.meta["val"].dim() == 1 else x_TBW

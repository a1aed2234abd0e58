"""Reads pickles of plain data. Nothing in a file can be called, because nothing here calls anything."""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark.data.numpy_notation import FALSE, NONE, TRUE, Refused, build, joined, named, plain, reduced
from benchmark.errors import UserError

LARGEST_FILE = 128 * 2**20
MOST_INSTRUCTIONS = 20_000_000  # MuseData, its notes as NumPy integers, has 14 million; each takes some 100 bytes

LITERALS = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
)


def read_plain_pickle(path: Path) -> Any:
    """What a pickle of any protocol holds, if that is made of ints, strings, tuples, lists and dicts alone.

    Byte strings of Python 2 are read as latin-1, NumPy's integers in protocols 0 to 2 as plain ones. The standard
    library's unpickler, even with `find_class` refused, can be made to exhaust memory by one large memo index, or the
    stack by hashing nested tuples; this interpreter of its instructions keeps the memo in a dictionary and has only
    ints and strings for keys.

    Raises:
        UserError: the file needs anything else, is damaged, or is unreasonably large.
    """
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise UserError(f"{path}: {size} bytes are too many for a file of notes; replace it by the published one")
    machine = _Machine()
    try:
        for number, (instruction, argument, _) in enumerate(pickletools.genops(path.read_bytes())):
            if number == MOST_INSTRUCTIONS:
                raise UserError(
                    f"{path}: more than {MOST_INSTRUCTIONS} values, too many for notes; replace it by the published one"
                )
            if instruction.name not in machine.instructions:
                raise Refused(instruction.name)
            machine.instructions[instruction.name](argument)
    except Refused as error:
        raise UserError(
            f"{path}: refused: it holds the instruction {error}, which lists of notes never need; nothing of it was "
            f"run; replace it by the published file, or save its notes as plain ints where you trust it"
        ) from error
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise UserError(f"{path}: damaged, or no pickle at all; fetch it again") from error
    return machine.result


class _Machine:
    """The stack machine of pickles. What imports, builds or calls is only read as the notation of NumPy's integers.

    `MARK` sets the current stack aside; what gathers the values since the mark brings it back.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.aside: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.result: Any = None
        self.instructions: dict[str, Callable[[Any], None]] = {
            **dict.fromkeys(("PROTO", "FRAME"), lambda _: None),
            **dict.fromkeys(LITERALS, lambda value: self.stack.append(value)),
            **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), self._remember),
            **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda index: self.stack.append(self.memo[index])),
            "NONE": lambda _: self.stack.append(NONE),
            "NEWFALSE": lambda _: self.stack.append(FALSE),
            "NEWTRUE": lambda _: self.stack.append(TRUE),
            "GLOBAL": lambda name: self.stack.append(named(name)),
            "REDUCE": lambda _: self.stack.append(reduced(self.stack.pop(-2), self.stack.pop())),
            "BUILD": lambda _: build(self.stack[-2], self.stack.pop()),
            "MEMOIZE": lambda _: self._remember(len(self.memo)),
            "MARK": self._mark,
            "EMPTY_TUPLE": lambda _: self.stack.append(()),
            "EMPTY_LIST": lambda _: self.stack.append([]),
            "EMPTY_DICT": lambda _: self.stack.append({}),
            "TUPLE": lambda _: self._gather(joined),
            "LIST": lambda _: self._gather(plain),
            "DICT": lambda _: self._gather(_dictionary),
            "TUPLE1": lambda _: self._tuple(1),
            "TUPLE2": lambda _: self._tuple(2),
            "TUPLE3": lambda _: self._tuple(3),
            "APPEND": lambda _: self._extend([self.stack.pop()]),
            "APPENDS": lambda _: self._extend(self._since_mark()),
            "SETITEM": lambda _: self._update([self.stack.pop(-2), self.stack.pop()]),
            "SETITEMS": lambda _: self._update(self._since_mark()),
            "STOP": self._stop,
        }

    def _remember(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def _mark(self, _: None) -> None:
        self.aside.append(self.stack)
        self.stack = []

    def _since_mark(self) -> list[Any]:
        values, self.stack = self.stack, self.aside.pop()
        return values

    def _gather(self, kind: Callable[[list[Any]], Any]) -> None:
        values = self._since_mark()
        self.stack.append(kind(values))

    def _tuple(self, count: int) -> None:
        if len(self.stack) < count:
            raise ValueError("a tuple of more values than there are")
        self.stack[-count:] = [joined(self.stack[-count:])]

    def _extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise TypeError("only lists grow")
        target.extend(plain(values))

    def _update(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise TypeError("only dictionaries have items")
        target.update(_dictionary(values))

    def _stop(self, _: None) -> None:
        (self.result,) = plain([self.stack.pop()])


def _dictionary(values: list[Any]) -> dict[Any, Any]:
    keys = plain(values)[::2]
    if len(values) % 2 or not all(isinstance(key, (int, str)) for key in keys):
        raise TypeError("keys are ints and strings")
    return dict(zip(keys, values[1::2], strict=True))

r"""How pickles write NumPy's integers, read as a notation of plain ones: nothing is imported, built or called.

Python 2, with which the published music was pickled, wrote an int64 of 60 as

    GLOBAL 'numpy.core.multiarray' 'scalar'
        GLOBAL 'numpy' 'dtype'  ('i8', 0, 1)  REDUCE
        (3, '<', None, None, None, -1, -1, 0)  BUILD
        '<\0\0\0\0\0\0\0'
    TUPLE  REDUCE

Python 3 writes the bytes as GLOBAL '_codecs' 'encode' of ('<\0\0\0\0\0\0\0', 'latin1'). No other spelling is read.
"""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """The message is an instruction that lists of numbers never need."""


class Notation:
    """A part of a NumPy integer. It may be in tuples, which hold the arguments, but in nothing that is read.

    Args:
        instruction: what put it there.
    """

    def __init__(self, instruction: str) -> None:
        self.instruction = instruction


class Arguments(Notation):
    """A tuple with notation in it."""

    def __init__(self, values: list[Any], instruction: str) -> None:
        super().__init__(instruction)
        self.values = tuple(values)


class ElementType(Notation):
    """A signed integer of `size` bytes, whose byte order is not known before it is `complete`."""

    def __init__(self, size: int) -> None:
        super().__init__("REDUCE")
        self.size = size
        self.complete = False


class Encoded(Notation):
    """Bytes, as the text that they are the latin-1 encoding of."""

    def __init__(self, text: str) -> None:
        super().__init__("REDUCE")
        self.text = text


NONE, FALSE, TRUE = Notation("NONE"), Notation("NEWFALSE"), Notation("NEWTRUE")
SCALAR, ELEMENT_TYPE, ENCODE = (Notation("GLOBAL") for _ in range(3))
NAMES = {
    "numpy.core.multiarray scalar": SCALAR,
    "numpy._core.multiarray scalar": SCALAR,
    "numpy dtype": ELEMENT_TYPE,
    "_codecs encode": ENCODE,
}
SIZES = {"i4": 4, "i8": 8}
FLAGS = ((0, 1), (FALSE, TRUE))
LITTLE_ENDIAN = (3, "<", NONE, NONE, NONE, -1, -1, 0)


def named(name: str) -> Notation:
    """What GLOBAL, of a module and a name with a space between, stands for."""
    if name not in NAMES:
        raise Refused(f"GLOBAL of {name[:60]!r}")
    return NAMES[name]


def reduced(function: Any, arguments: Any) -> int | Notation:
    """What REDUCE of a function and a tuple of arguments stands for."""
    values = arguments.values if isinstance(arguments, Arguments) else arguments
    if not isinstance(values, tuple) or len(values) < 2:
        raise Refused("REDUCE")
    first, second = values[:2]
    if function is ELEMENT_TYPE and isinstance(first, str) and first in SIZES and values[1:] in FLAGS:
        return ElementType(SIZES[first])
    if function is ENCODE and isinstance(first, str) and values[1:] == ("latin1",):
        return Encoded(first)
    text = second.text if isinstance(second, Encoded) else second
    whole = function is SCALAR and isinstance(first, ElementType) and first.complete and len(values) == 2
    if not whole or not isinstance(text, str) or len(text) != first.size or max(text) > "\xff":
        raise Refused("REDUCE")
    return int.from_bytes(text.encode("latin-1"), "little", signed=True)


def build(target: Any, state: Any) -> None:
    """What BUILD does: it completes an element type."""
    if not isinstance(target, ElementType) or not isinstance(state, Arguments) or state.values != LITTLE_ENDIAN:
        raise Refused("BUILD")
    target.complete = True


def joined(values: list[Any]) -> tuple[Any, ...] | Arguments:
    """The values as a tuple, or as arguments if there is notation among them."""
    for value in values:
        if isinstance(value, Notation):
            return Arguments(values, value.instruction)
    return tuple(values)


def plain(values: list[Any]) -> list[Any]:
    """The same values; Refused if there is notation among them."""
    for value in values:
        if isinstance(value, Notation):
            raise Refused(value.instruction)
    return values

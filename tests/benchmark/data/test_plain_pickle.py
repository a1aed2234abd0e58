"""Hostile and damaged pickles are refused in one sentence, and nothing of them runs."""

import collections
import os
import pickle
import struct

import numpy as np
import pytest

from benchmark.data import plain_pickle
from benchmark.data.plain_pickle import read_plain_pickle
from benchmark.errors import UserError

PLAIN = {
    "train": [[(60, 72), (), [1, 2, 3]], [(0, -1, 2**31, -(2**31) - 1, 2**70)]],
    "näme": ["text", ("nested", ({5: "int key"}, []))],
    "shared": [(1, 2)] * 3,
    7: {},
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_of_every_protocol(tmp_path, protocol):
    path = tmp_path / "plain.pickle"
    path.write_bytes(pickle.dumps(PLAIN, protocol))
    assert read_plain_pickle(path) == PLAIN


@pytest.mark.parametrize(
    "content",
    [
        b"(dp0\nS'train'\np1\n(lp2\n(lp3\n(I60\nI72\ntp4\na(tp5\nag4\naas.",  # protocol 0
        b"\x80\x02}q\x00U\x05trainq\x01]q\x02]q\x03(K<KH\x86q\x04)h\x04eas.",  # protocol 2, byte strings
        b"}(U\x05train]](K<L72L\n\x86)(J<\0\0\0I72\nteau.",
    ],
)
def test_what_python_2_wrote(tmp_path, content):
    path = tmp_path / "old.pickle"
    path.write_bytes(content)
    assert read_plain_pickle(path)["train"][0][0] == (60, 72)
    assert read_plain_pickle(path)["train"][0][-1] == (60, 72)


class Attack:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def attacks(ran):
    touch = f"open({str(ran)!r}, 'w').close()"
    yield "reduce", pickle.dumps({"train": Attack(exec, touch)}, 2), "GLOBAL"
    yield "stack global", pickle.dumps(Attack(os.system, f"touch {ran}"), 4), "STACK_GLOBAL"
    yield "protocol 0", pickle.dumps(Attack(eval, touch.split(";")[0]), 0), "GLOBAL"
    yield "inst", f"(S'touch {ran}'\nios\nsystem\n.".encode(), "INST"
    yield "obj", f"(cos\nsystem\nS'touch {ran}'\no.".encode(), "GLOBAL"
    yield "extension", b"\x80\x02\x82\x01.", "EXT1"
    yield "persistent", b"Psecret\n.", "PERSID"
    yield "buffer", b"\x80\x05\x97.", "NEXT_BUFFER"
    yield "build", b"}}b.", "BUILD"
    yield "numpy", pickle.dumps({"train": [[(np.int64(60),)]]}), "GLOBAL"
    yield "class", pickle.dumps(collections.OrderedDict(train=[])), "GLOBAL"
    yield "float", pickle.dumps([1.5]), "FLOAT"
    yield "none", pickle.dumps([None]), "NONE"
    yield "bytes", pickle.dumps([b"x"]), "BYTES"
    yield "set", pickle.dumps({1}), "SET"


NAMES = [name for name, _, _ in attacks("x")]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_pickle_is_refused_and_runs_nothing(tmp_path, name):
    ran = tmp_path / "ran"
    content, instruction = next((content, what) for other, content, what in attacks(ran) if other == name)
    path = tmp_path / "hostile.pickle"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"refused: it holds the instruction .*{instruction}.* nothing of it was run"):
        read_plain_pickle(path)
    assert not ran.exists()


def test_the_attacks_would_work(tmp_path):
    """Otherwise the test before this one shows nothing."""
    ran = tmp_path / "ran"
    for name, content, _ in attacks(ran):
        if name in ("reduce", "stack global", "protocol 0", "inst", "obj"):
            pickle.loads(content)
            assert ran.exists()
            ran.unlink()


BOMBS = {
    "a memo index of 4 billion": b"]r" + struct.pack("<I", 2**32 - 1) + b"0.",
    "a string of 8 exabytes": b"\x8d" + struct.pack("<Q", 2**63 - 1) + b"x.",
    "a string of 2 gigabytes": b"X" + struct.pack("<I", 2**31 - 1) + b"x.",
    "a frame of 8 exabytes": b"\x80\x04\x95" + struct.pack("<Q", 2**63 - 1) + b"(",
    "a number of a million digits": b"L" + b"9" * 10**6 + b"L\n.",
    "tuples as keys, a hundred thousand deep": b"}(" + b")" + b"\x85" * 10**5 + b"K\1u.",
    "lists as keys": b"}(]K\1u.",
}
DAMAGES = {
    "empty": b"",
    "text": b"these are not notes",
    "cut": pickle.dumps(PLAIN, 2)[:-20],
    "no mark": b"K\1t.",
    "no memo": b"h\7.",
    "empty stack": b".",
    "short tuple": b"K\1\x86.",
    "growing a number": b"K\1K\2a.",
    "items of a list": b"](K\1K\2u.",
    "a key alone": b"}(K\1u.",
    "no end": b"]",
    "zipped": b"\x1f\x8b\x08\0\0\0\0\0",
}


@pytest.mark.parametrize("content", [*BOMBS.values(), *DAMAGES.values()], ids=[*BOMBS, *DAMAGES])
def test_bombs_and_damages_are_one_sentence(tmp_path, content):
    path = tmp_path / "damaged.pickle"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged.pickle: (damaged, or no pickle|refused)"):
        read_plain_pickle(path)


def test_depth_is_no_danger(tmp_path):
    path = tmp_path / "deep.pickle"
    path.write_bytes(b")" + b"\x85" * 10**5 + b".")
    deep = read_plain_pickle(path)
    assert isinstance(deep, tuple)
    path.write_bytes(b"]" * 10**5 + b"a" * (10**5 - 1) + b".")
    assert isinstance(read_plain_pickle(path), list)


def test_size_is_limited(tmp_path, monkeypatch):
    path = tmp_path / "large.pickle"
    path.write_bytes(pickle.dumps(PLAIN))
    monkeypatch.setattr(plain_pickle, "MOST_INSTRUCTIONS", 20)
    with pytest.raises(UserError, match="more than 20 values"):
        read_plain_pickle(path)
    monkeypatch.setattr(plain_pickle, "LARGEST_FILE", 100)
    with pytest.raises(UserError, match=r"\d+ bytes are too many"):
        read_plain_pickle(path)

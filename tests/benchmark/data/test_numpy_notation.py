"""NumPy's integers in a pickle are a notation of plain ones; whatever differs from it by a byte is refused."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark.data.plain_pickle import read_plain_pickle
from benchmark.errors import UserError

ROOT = Path(__file__).parents[3]

# What Python 2 wrote for {'train': [[(60, 72)]]}, its numbers as int64 scalars.
PROTOCOL_0 = rb"""(dp1
S'train'
p2
(lp3
(lp4
(cnumpy.core.multiarray
scalar
p5
(cnumpy
dtype
p6
(S'i8'
p7
I0
I1
tp8
Rp9
(I3
S'<'
p10
NNNI-1
I-1
I0
tp11
bS'<\x00\x00\x00\x00\x00\x00\x00'
p12
tp13
Rp14
g5
(g9
S'H\x00\x00\x00\x00\x00\x00\x00'
p15
tp16
Rp17
tp18
aas."""
PROTOCOL_1 = (
    b"}q\1U\5trainq\2]q\3]q\4(cnumpy.core.multiarray\nscalar\nq\5(cnumpy\ndtype\nq\6(U\2i8q\7K\0K\1tq\x08Rq\x09"
    b"(K\3U\1<q\x0aNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tq\x0bbU\x08<\0\0\0\0\0\0\0q\x0ctq\x0dRq\x0e"
    b"h\5(h\x09U\x08H\0\0\0\0\0\0\0q\x0ftq\x10Rq\x11taas."
)
TYPE = b"cnumpy\ndtype\nU\2i8K\0K\1\x87R"
STATE = b"(K\3U\1<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0t"
SCALAR = b"cnumpy.core.multiarray\nscalar\n"
CONTENT = b"U\x08<\0\0\0\0\0\0\0"
SIXTY = SCALAR + TYPE + STATE + b"b" + CONTENT + b"\x86R"
PROTOCOL_2 = b"\x80\x02}U\5train]](" + SIXTY + SIXTY.replace(CONTENT, b"U\x08H\0\0\0\0\0\0\0") + b"taas."


def read(tmp_path, content):
    path = tmp_path / "notes.pickle"
    path.write_bytes(content)
    return read_plain_pickle(path)


@pytest.mark.parametrize("content", [PROTOCOL_0, PROTOCOL_1, PROTOCOL_2])
@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_what_python_2_wrote(tmp_path, content, module):
    found = read(tmp_path, content.replace(b"numpy.core.multiarray", module))
    assert found == {"train": [[(60, 72)]]}
    assert [type(note) for note in found["train"][0][0]] == [int, int]


NUMBERS = {np.int32: (-(2**31), -1, 0, 21, 60, 108, 255, 2**31 - 1), np.int64: (-(2**63), -1, 0, 60, 128, 2**63 - 1)}


@pytest.mark.parametrize("protocol", [0, 1, 2])
@pytest.mark.parametrize("kind", NUMBERS)
def test_what_this_numpy_writes(tmp_path, protocol, kind):
    written = {"train": [[(kind(number), kind(number), 7) for number in NUMBERS[kind]]]}
    found = read(tmp_path, pickle.dumps(written, protocol))
    assert found == written
    assert all(type(note) is int for frame in found["train"][0] for note in frame)


def test_reading_needs_no_numpy(tmp_path):
    """Nothing is imported: what reads the notation works where NumPy cannot be."""
    (tmp_path / "notes.pickle").write_bytes(PROTOCOL_0)
    check = (
        "import sys; sys.modules['numpy'] = None\n"
        "import importlib.util, types\n"
        "sys.modules['benchmark.data'] = types.ModuleType('benchmark.data')\n"
        "sys.modules['benchmark.data'].__path__ = ['benchmark/data']\n"
        "from pathlib import Path\n"
        "from benchmark.data.plain_pickle import read_plain_pickle\n"
        f"print(read_plain_pickle(Path({str(tmp_path / 'notes.pickle')!r})))"
    )
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "{'train': [[(60, 72)]]}\n", done.stderr


HOSTILE = {
    "another element type": SIXTY.replace(b"U\2i8", b"U\1O"),
    "a longer element type": SIXTY.replace(b"U\2i8", b"U\3i16"),
    "floats": SIXTY.replace(b"U\2i8", b"U\2f8"),
    "copied": SIXTY.replace(b"K\0K\1\x87R", b"K\1K\1\x87R"),
    "big endian": SIXTY.replace(b"U\1<", b"U\1>"),
    "a type with fields": SIXTY.replace(b"<NNN", b"<N(tN"),
    "a type of objects": SIXTY.replace(b"K\0tb", b"K\x3ftb"),
    "no byte order": SCALAR + TYPE + CONTENT + b"\x86R",
    "a short number": SIXTY.replace(CONTENT, b"U\7" + b"<" * 7),
    "a long number": SIXTY.replace(CONTENT, b"U\x09" + b"<" * 9),
    "an empty number": SIXTY.replace(CONTENT, b"U\0"),
    "no bytes": SIXTY.replace(CONTENT, b"X\x09\0\0\0" + "☃".encode() + b"<" * 6),
    "a wide character": SIXTY.replace(CONTENT, b"X\x0a\0\0\0" + "☃".encode() + b"<" * 7),
    "a number for bytes": SIXTY.replace(CONTENT, b"K\x3c"),
    "too many arguments": SIXTY[:-2] + b"K\0\x87R",
    "a number of a number": SCALAR + TYPE + STATE + b"b" + SIXTY + b"\x86R",
    "a number as type": SCALAR + SIXTY + CONTENT + b"\x86R",
    "a function as type": SCALAR + b"cnumpy\ndtype\n" + CONTENT + b"\x86R",
    "a type of a type": b"cnumpy\ndtype\n" + TYPE + b"K\0K\1\x87R",
    "arguments in a list": SCALAR + b"]" + CONTENT + b"aR",
    "a called number": SIXTY + b")R",
    "a called string": b"U\2osU\6system\x85R",
    "a call of a result": SCALAR + b")R)R",
    "another encoding": SIXTY.replace(CONTENT, b"c_codecs\nencode\n" + CONTENT + b"U\4utf8\x86R"),
    "encoded alone": b"c_codecs\nencode\n" + CONTENT + b"U\6latin1\x86R",
    "a function of codecs": b"c_codecs\ndecode\n",
    "another function of numpy": b"cnumpy\nload\nU\x0b/etc/passwd\x85R",
    "another module's scalar": b"cnumpy.evil\nscalar\n",
    "a name that begins so": b"cnumpy\ndtype.__class__\n",
    "a built number": SIXTY + STATE + b"b",
    "a built function": SCALAR + STATE + b"b",
    "a function left over": SCALAR,
    "a type left over": TYPE,
    "a complete type left over": TYPE + STATE + b"b",
    "a state left over": STATE,
    "none": b"N",
    "truth": b"\x88",
    "none in a tuple": b"K\x3cN\x86",
    "none deep in tuples": b"N\x85\x85\x85",
}
PLACES = {
    "as a note": b"\x80\x02}U\5train]]%b\x85aas.",
    "as what there is": b"\x80\x02%b.",
    "in a list": b"\x80\x02](%be.",
    "in a list of protocol 0": b"(%bl.",
    "appended": b"\x80\x02]%ba.",
    "as a key": b"\x80\x02}%bK\1s.",
    "as a value": b"\x80\x02}U\5train%bs.",
    "in a dict of protocol 0": b"(U\5train%bd.",
    "from the memo": b"(%bq\x2ah\x2al.",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("attempt", HOSTILE)
def test_what_differs_is_refused(tmp_path, attempt, place):
    with pytest.raises(UserError, match=r"refused: it holds the instruction [A-Z1]+.* nothing of it was run") as caught:
        read(tmp_path, PLACES[place] % HOSTILE[attempt])
    assert "fetch it again" not in str(caught.value)


@pytest.mark.parametrize("place", PLACES)
def test_the_places_would_take_a_number(tmp_path, place):
    """Otherwise the test before this one shows nothing."""
    assert "60" in str(read(tmp_path, PLACES[place] % SIXTY))


def test_a_reduction_of_depth_is_no_danger(tmp_path):
    deep = b")" + b"\x85" * 10**5
    for content in (SCALAR + deep + CONTENT + b"\x86R.", TYPE + deep + b"b.", SCALAR + deep + b"R."):
        with pytest.raises(UserError, match="refused"):
            read(tmp_path, content)


def test_a_type_is_remembered_before_it_is_complete(tmp_path):
    remembered = SIXTY.replace(b"\x87R", b"\x87Rq\1")
    assert read(tmp_path, b"(" + remembered + SCALAR + b"h\1" + CONTENT + b"\x86Rt.") == (60, 60)

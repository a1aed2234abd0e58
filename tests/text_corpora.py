"""Small trees in the form of the Penn Treebank, made by the tests."""

import zipfile

TRAIN = " a b <unk> \n b b c \n a N \n"
VALID = " a c \n b \n"
TEST = " c b a \n"
TREE = """
( (S
    (NP-SBJ (NNP Mr.) (NNP {name}) )
    (VP (VBZ has)
      (NP (CD 3.5) (NN %)) (, ,) (`` ``) (NP (-NONE- *T*-1))
      (PP (IN of) (NP (CD 3\\/4) (JJ 30-year) (NNS bonds))) ('' '') )
    (. .) ))
"""


def write_mikolov_tree(folder, train=TRAIN, valid=VALID, test=TEST):
    """Mikolov's three files; a text may be given as bytes, None leaves the file out."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, text in (("train", train), ("valid", valid), ("test", test)):
        if text is not None:
            content = text if isinstance(text, bytes) else text.encode()
            (folder / f"ptb.{split}.txt").write_bytes(content)
    return folder


def treebank_files(count=20):
    """Bracketed files as in treebank/combined, two sentences each."""
    names = ["Vinken", "Agnew", "Rudolph"]
    return {
        f"wsj_{number:04d}.mrg": TREE.format(name=names[number % 3]) + "\n( (S (NP (NN Trading)) (VP (VBD ended)) ))\n"
        for number in range(1, count + 1)
    }


def write_treebank_zip(root, files=None):
    root.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(root / "treebank.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("treebank/combined/README", "( not a tree")
        for name, text in (files or treebank_files()).items():
            archive.writestr(f"treebank/combined/{name}", text)
    return root


def write_treebank_folder(root, files=None):
    folder = root / "treebank/combined"
    folder.mkdir(parents=True)
    (folder / "README").write_text("( not a tree")
    for name, text in (files or treebank_files()).items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return root

"""The digests of the catalogue, against the real files."""

from pathlib import Path

import pytest
from mirror import cut, serving, status

from benchmark.data.catalogue import CATALOGUE
from benchmark.data.fetch import fetch

NAMES = ("mnist", "ptb", "treebank")


def test_real_files_are_fetched_and_verified(tmp_path, real_data, monkeypatch, capsys):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    paths = [file.path for name in NAMES for file in CATALOGUE[name].files]
    if not all((Path(real_data) / path).is_file() for path in paths):
        pytest.skip(f"{real_data} does not hold all of {', '.join(NAMES)}")
    files = {path: (Path(real_data) / path).read_bytes() for path in paths}
    with serving(files) as mirror:
        mirror.script = [cut(after=1_000_000), status(500)]
        fetch(NAMES, tmp_path, mirror.address)
        assert mirror.ranges[:4] == [None, "bytes=1000000-", "bytes=1000000-", None]
    assert capsys.readouterr().out.count("checksum verified") == len(paths)
    assert all((tmp_path / path).read_bytes() == content for path, content in files.items())
    assert len(list((tmp_path / "nltk_data/corpora/treebank/combined").glob("wsj_*.mrg"))) == 199

import functools

import gin
import pytest
from corpora import write_ldc_tree

from benchmark.data import timit

SYNTHESISED = functools.cache(timit._synthesise_corpus)

TINY = (
    "embedding_size=6",
    "hidden_size=8",
    "latent_size=3",
    "mlp_size=6",
    "sample_steps=20",
    "epochs=3",
    "batch_size=2",
    "validate_every=4",
    "Training.log_every=2",
    "Timit.require_all_files=False",
)


@pytest.fixture(autouse=True)
def fresh_gin():
    yield
    gin.clear_config()


@pytest.fixture(autouse=True)
def synthesised_once(monkeypatch):
    monkeypatch.setattr(timit, "_synthesise_corpus", SYNTHESISED)


@pytest.fixture
def tiny(tmp_path):
    """Arguments of a run that takes a second: a small corpus on disk, a small model, a folder of its own."""
    corpus = write_ldc_tree(tmp_path / "corpus", train_speakers=3, test_speakers=1, files=8)
    settings = [argument for setting in TINY for argument in ("--set", setting)]
    return ["--gin", "gin/timit_zf.gin", *settings, "--data", str(corpus), "--out", str(tmp_path / "out")]

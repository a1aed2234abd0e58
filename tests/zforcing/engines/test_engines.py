"""How an engine is chosen, and what happens where one cannot be used."""

import shutil
import warnings

import pytest
import torch

import zforcing.engines as engines
from baselines import STORN, VRNN
from zforcing import Batch, ZForcing
from zforcing.checks import ConfigurationError
from zforcing.engines import compiler, resolve, run_step
from zforcing.engines.loop import LOOPS
from zforcing.heads import GaussianHead

CPU = torch.device("cpu")


@pytest.fixture
def nothing_cached():
    caches = (compiler.find_compiler, compiler.cache_folder, engines.why_not_compiled, engines._say)

    def clear():
        for cached in caches:
            cached.cache_clear()
        LOOPS.clear()

    clear()
    yield
    clear()


def test_auto_is_compiled_or_fused_on_the_cpu_and_graph_on_cuda():
    assert resolve("auto", CPU) == engines.available(CPU)[-1]
    assert resolve("auto", torch.device("cuda")) == "graph"
    assert resolve("fused", torch.device("cuda")) == "fused"


@pytest.mark.parametrize(("name", "device"), [("graph", "cpu"), ("fast", "cpu"), ("compiled", "cuda")])
def test_a_wrong_name_is_one_sentence(name, device):
    with pytest.raises(ConfigurationError, match="engine must be one of"):
        resolve(name, torch.device(device))


def test_without_a_compiler_the_fused_engine_is_used(nothing_cached, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    assert resolve("auto", CPU) == "fused"
    with pytest.warns(UserWarning, match="no C compiler was found .* runs in the fused engine instead"):
        assert resolve("compiled", CPU) == "fused"
    assert resolve("compiled", CPU) == "fused"  # said once: a second warning would be an error


@pytest.mark.parametrize(("command", "why"), [("gcc '", "CC is no command"), ("true", "true cannot compile")])
def test_a_command_that_is_no_compiler_is_reported(nothing_cached, monkeypatch, tmp_path, command, why):
    monkeypatch.setenv("CC", command)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert why in engines.why_not_compiled()


def test_a_compiler_that_fails_is_reported(nothing_cached, monkeypatch, tmp_path):
    script = tmp_path / "cc"
    script.write_text("#!/bin/sh\necho 'internal error' >&2\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "internal error" in engines.why_not_compiled()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")
def test_the_compiler_may_be_a_command_of_several_words(nothing_cached, monkeypatch, tmp_path):
    """Such as 'ccache gcc'."""
    monkeypatch.setenv("CC", "env gcc")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert engines.why_not_compiled() == ""


@pytest.mark.skipif("compiled" not in engines.available(CPU), reason="there is no C compiler")
def test_compiled_loops_are_kept_and_a_read_only_home_does_no_harm(nothing_cached, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert engines.why_not_compiled() == ""
    (library,) = (tmp_path / "cache/zforcing").iterdir()
    made = library.stat().st_mtime_ns
    engines.why_not_compiled.cache_clear()
    assert engines.why_not_compiled() == ""
    assert library.stat().st_mtime_ns == made
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    compiler.cache_folder.cache_clear()
    engines.why_not_compiled.cache_clear()
    assert engines.why_not_compiled() == ""


def test_a_step_that_cannot_be_generated_runs_in_plain_autograd(nothing_cached):
    def step(inputs):
        state, entering = inputs
        return (state + (state @ entering.t()) @ entering,)  # mixes the sequences of the batch

    over_time = torch.randn(3, 2, 4, requires_grad=True)
    with pytest.warns(UserWarning, match="in plain autograd instead"):
        course = run_step(step, (torch.ones(2, 4),), (over_time,), "fused")
    expected = run_step(step, (torch.ones(2, 4),), (over_time,), "eager")
    torch.testing.assert_close(course.visible, expected.visible)


def test_a_step_that_c_cannot_do_runs_in_the_fused_engine(nothing_cached):
    def step(inputs):
        state, entering = inputs
        return (torch.erf(state) + entering,)

    over_time = torch.randn(3, 2, 4, requires_grad=True)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        course = run_step(step, (torch.ones(2, 4),), (over_time,), "compiled")
    assert len(said) == 1
    torch.testing.assert_close(course.visible, run_step(step, (torch.ones(2, 4),), (over_time,), "eager").visible)


def test_an_engine_is_that_of_the_whole_model():
    model = STORN(GaussianHead(2), embedding_size=3, hidden_size=4, latent_size=2, mlp_size=3)
    model.engine = "fused"
    assert model.recognition.engine == "fused"


def test_loops_are_shared_by_models_of_the_same_step_and_by_lengths(nothing_cached):
    sizes = {"embedding_size": 3, "hidden_size": 4, "latent_size": 2, "mlp_size": 3}
    for steps in (2, 5):
        for _ in range(2):
            model = VRNN(GaussianHead(2), **sizes)
            model.engine = "fused"
            model(Batch(*torch.randn(2, steps, 3, 2)))
    assert len(LOOPS) == 1
    model = ZForcing(GaussianHead(2), **sizes)
    model.engine = "fused"
    model(Batch(*torch.randn(2, 4, 3, 2)))
    assert len(LOOPS) == 2


def test_no_more_loops_are_kept_than_the_limit(nothing_cached, monkeypatch):
    monkeypatch.setattr("zforcing.engines.loop.MOST_LOOPS", 2)
    for size in (1, 2, 3):
        run_step(lambda inputs: (inputs[0] + inputs[1],), (torch.zeros(size, 2),), (torch.ones(3, size, 2),), "fused")
    assert len(LOOPS) == 2

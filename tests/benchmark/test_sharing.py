"""Threads and devices of runs side by side."""

import pytest

from benchmark import sharing
from benchmark.sharing import share


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(sharing, "usable_cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("jobs", "runs", "expected"),
    [(None, 20, (8, 1)), (2, 20, (2, 4)), (3, 20, (3, 2)), (16, 20, (16, 1)), (8, 2, (2, 4))],
)
def test_cores_are_shared_out(jobs, runs, expected):
    shared = share(jobs, runs, "auto", 0)
    assert (shared.jobs, shared.threads) == expected
    assert shared.environment(0) == {"OMP_NUM_THREADS": str(expected[1])}


def test_gpus_are_shared_out():
    shared = share(None, 20, "auto", 2)
    assert [shared.environment(slot)["CUDA_VISIBLE_DEVICES"] for slot in range(shared.jobs)] == ["0", "1"]
    shared = share(3, 20, "cuda", 2)
    assert [shared.environment(slot)["CUDA_VISIBLE_DEVICES"] for slot in range(3)] == ["0", "1", "0"]


def test_a_single_gpu_has_one_run_at_a_time():
    assert (share(None, 20, "cuda:1", 2).jobs, share(None, 20, "cuda:1", 2).gpus) == (1, ())
    assert share(3, 20, "cuda:1", 2).jobs == 3


def test_the_users_own_choice_is_kept(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert share(2, 20, "auto", 2).environment(1) == {"OMP_NUM_THREADS": "3", "CUDA_VISIBLE_DEVICES": "7"}
    assert share(2, 20, "cuda:1", 2).environment(1) == {"OMP_NUM_THREADS": "3"}

import os

import pytest
import torch


def pytest_addoption(parser):
    parser.addoption("--large", action="store_true", help="run the tests that take minutes and gigabytes of disk too")


def pytest_configure(config):
    config.addinivalue_line("markers", "large: takes minutes and gigabytes of disk; skipped without --large")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--large"):
        for item in items:
            if item.get_closest_marker("large"):
                item.add_marker(pytest.mark.skip(reason="needs --large"))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tests run side by side, one thread each; results do not depend on the number of cores."""
    torch.set_num_threads(1)


@pytest.fixture
def no_data(monkeypatch):
    """No corpus is found, whatever the machine has."""
    monkeypatch.delenv("ZFORCING_DATA", raising=False)


@pytest.fixture
def real_data():
    """The folder with real corpora; the test is skipped without it."""
    if not os.environ.get("ZFORCING_DATA"):
        pytest.skip("ZFORCING_DATA is not set")
    return os.environ["ZFORCING_DATA"]

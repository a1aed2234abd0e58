# make demo   installs into .venv at first use, trains Z-Forcing on embedded speech, shows a table and figures
# make test   all tests        make lint   ruff and mypy        make format   rewrites with ruff

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint format

demo: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmark.run --gin gin/timit_zf.gin --gin gin/scale/demo.gin

test: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

lint: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed; set PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

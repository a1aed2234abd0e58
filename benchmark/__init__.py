"""The harness: data, training, evaluation, records, tables and figures. It imports no concrete model."""

import os
from pathlib import Path

import gin

if not hasattr(gin, "configurable"):  # the folder gin/ of the repository was imported instead
    raise ImportError("the package gin-config is not installed; install it with: pip install gin-config")

# OpenMP threads spin while they wait. On cores shared with other processes that makes a step 25 times slower; a
# shorter spin costs nothing on free cores. torch reads it when it is first imported.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

REPOSITORY = Path(__file__).resolve().parents[1]
__version__ = "0.2.0"  # raised by every change that can move a number

"""The harness: data, training, evaluation, records, tables and figures. It imports no concrete model."""

from pathlib import Path

import gin

if not hasattr(gin, "configurable"):  # the folder gin/ of the repository was imported instead
    raise ImportError("the package gin-config is not installed; install it with: pip install gin-config")

REPOSITORY = Path(__file__).resolve().parents[1]
__version__ = "0.1.0"  # raised by every change that can move a number

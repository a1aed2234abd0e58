"""The harness: data, training, evaluation, records, tables and figures. It imports no concrete model."""

__version__ = "0.1.0"  # raised by every change that can move a number

"""Models that Z-Forcing is compared with, on the same core."""

from baselines.lstm import LSTM

__all__ = ["LSTM"]

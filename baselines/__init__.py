"""Models that Z-Forcing is compared with, on the same core."""

from baselines.lstm import LSTM
from baselines.srnn import SRNN
from baselines.storn import STORN
from baselines.vrnn import VRNN

__all__ = ["LSTM", "SRNN", "STORN", "VRNN"]

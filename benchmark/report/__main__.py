"""The page of all results: python -m benchmark.report"""

from benchmark.command import run_command
from benchmark.report import main

if __name__ == "__main__":
    run_command(main)

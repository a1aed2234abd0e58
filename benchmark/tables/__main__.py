from benchmark.command import run_command
from benchmark.tables import main

run_command(main)

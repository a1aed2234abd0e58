"""From nothing to the tables, figures and report of a part of the paper: python -m benchmark.reproduce ablation"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from importlib import import_module
from pathlib import Path

from benchmark import plots, report, tables
from benchmark.command import run_command
from benchmark.errors import UserError
from benchmark.later import probe_file
from benchmark.records import folder_records
from benchmark.rows import group_rows
from benchmark.sample_folder import INTERPOLATED, INTERPOLATION
from benchmark.sweep import Sweep, add_arguments, check, finish

EXAMPLE = "example: python -m benchmark.reproduce ablation --scale demo"
PARTS = {
    "speech": ("speech_timit", "speech_blizzard"),
    "mnist": ("mnist",),
    "ptb": ("ptb",),
    "music": ("music_jsb", "music_nottingham"),
    "ablation": ("ablation",),
}
OUT = "results/reproduced"  # which git ignores, beside the committed results
SEEDS = {"demo": 2, "small": 3, "paper": 5}

# At half a minute a cell, the whole ablation would be no demo.
SHORTER = {
    ("ablation", "demo"): ("gin/sweeps/ablation_demo.gin", "gin/scale/demo.gin", "gin/base/short_demo.gin"),
}


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmark.reproduce", description=__doc__, epilog=EXAMPLE)
    parser.add_argument("part", choices=PARTS, help="of the paper; ablation is that of the auxiliary cost")
    parser.add_argument(
        "--scale", choices=SEEDS, default="demo", help="demo takes minutes on 2 CPU cores (default: demo)"
    )
    parser.add_argument("--seeds", type=int, metavar="N", help=f"the N seeds from 1234 on (default: {_defaults()})")
    parser.add_argument("--out", metavar="DIR", help=f"results folder (default: {OUT}/PART_SCALE)")
    add_arguments(parser)
    return parser.parse_args(arguments)


def _defaults() -> str:
    return ", ".join(f"{count} for {scale}" for scale, count in SEEDS.items())


def sweep_arguments(options: argparse.Namespace) -> list[list[str]]:
    """The command line of `benchmark.sweep` for each sweep of the part."""
    scale = f"gin/scale/{options.scale}.gin"
    shorter = SHORTER.get((options.part, options.scale))
    files = [shorter] if shorter else [(f"gin/sweeps/{name}.gin", scale) for name in PARTS[options.part]]
    seeds = SEEDS[options.scale] if options.seeds is None else options.seeds
    common = ["--seeds", str(seeds), "--out", options.out, "--executor", options.executor, "--device", options.device]
    for name in ("jobs", "ray_address", "data"):
        if getattr(options, name) is not None:
            common += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    if options.dry_run:
        common.append("--dry-run")
    return [[*(part for file in named for part in ("--gin", file)), *common] for named in files]


def reproduce(options: argparse.Namespace) -> int:
    """What the command does; returns its exit status. All cells are checked before the first one runs."""
    options.out = options.out or f"{OUT}/{options.part}_{options.scale}"
    sweeps: list[Sweep] = [check(arguments) for arguments in sweep_arguments(options)]
    if options.dry_run:
        return 0
    status = max([finish(checked) for checked in sweeps])
    if status and not any((Path(options.out) / "records").glob("*.json")):
        print("no cell is done: there is nothing to make tables of until the command is repeated", file=sys.stderr)
        return status
    if options.part != "ablation":  # whose runs are many
        study_latents(options, [cell.run_id for checked in sweeps for cell in checked.plan.cells])
    for command in (tables, plots, report):
        command.main(["--out", options.out])
    print(f"\nrecords, tables, figures and report.html are in {options.out}")
    if status:
        print(
            "some cells failed, see above: tables and figures lack them until the command is repeated", file=sys.stderr
        )
    return status


def study_latents(options: argparse.Namespace, run_ids: Collection[str]) -> None:
    """Interpolations by the first seed of every row with latents, and probes of TIMIT's phones, where they lack yet.

    What cannot be studied is said, and is missing from the tables and figures.
    """
    out = Path(options.out)
    records = [
        record
        for record in folder_records(out)
        if record["run_id"] in run_ids and (out / "runs" / record["run_id"] / "model.pt").is_file()
    ]
    common = ["--out", options.out, "--device", options.device, *(["--data", options.data] if options.data else [])]
    for row in group_rows(records):
        first = row.records[0]["run_id"]
        done = out / "runs" / first / INTERPOLATION / INTERPOLATED
        if row.values(row.protocols[0], "kl_nats_per_seq") and not done.is_file():
            _study("interpolate", [first, *common])
    spoken = [
        record["run_id"]
        for record in records
        if record["dataset"]["name"] == "timit" and record["dataset"]["source"] != "embedded"
    ]
    for run_id in spoken:
        if not (out / probe_file(run_id)).is_file():
            _study("probe", [run_id, *common])


def _study(name: str, arguments: list[str]) -> None:
    """Runs a command of what is made of finished runs, and goes on if it cannot."""
    command = import_module(f"benchmark.{name}")  # with torch, which the rest does without
    try:
        command.main(arguments)
    except UserError as error:
        print(f"{name} {arguments[0]}: {error}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> None:
    sys.exit(reproduce(parse_arguments(arguments)))


if __name__ == "__main__":
    run_command(main)

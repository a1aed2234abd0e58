"""Shows, fetches and prepares the corpora: python -m benchmark.data status"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmark.command import run_command
from benchmark.data import data_root
from benchmark.data.catalogue import CATALOGUE
from benchmark.data.fetch import fetch
from benchmark.errors import UserError
from benchmark.stop import StopSignals
from zforcing.checks import require_sizes

PROGRAM = "python -m benchmark.data"
DATA_HELP = "the data folder (default: the variable ZFORCING_DATA)"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__, epilog=f"example: {PROGRAM} status")
    commands = parser.add_subparsers(dest="command", required=True)

    status = commands.add_parser(
        "status",
        help="which source of every data set is found, and where",
        epilog=f"example: {PROGRAM} status --data ~/corpora",
    )
    status.add_argument("--data", metavar="DIR", help=DATA_HELP)
    status.add_argument(
        "--verify",
        action="store_true",
        help="compare the checksums of prepared recordings, not only their sizes (minutes for hundreds of hours)",
    )

    fetching = commands.add_parser(
        "fetch",
        help="download what may be downloaded freely",
        epilog=f"example: {PROGRAM} fetch mnist ptb music --data ~/corpora",
    )
    fetching.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help=f"{', '.join(CATALOGUE)}; timit and blizzard, which are licensed, say how to obtain them (exit status 2)",
    )
    fetching.add_argument("--data", metavar="DIR", help=f"{DATA_HELP}; made if it is not there")
    fetching.add_argument(
        "--mirror", metavar="URL", help="download from URL/path instead, see benchmark/data/catalogue.py"
    )

    preparing = commands.add_parser(
        "prepare",
        help="turn recordings into what training reads",
        epilog=f"example: {PROGRAM} prepare blizzard --source ~/blizzard2013 --out ~/corpora/blizzard",
    )
    preparing.add_argument("name", choices=["blizzard"], help="the data set")
    preparing.add_argument("--source", required=True, metavar="DIR", help="a tree of mp3, wav or flac files")
    preparing.add_argument("--out", metavar="DIR", help="where it goes (default: blizzard in the folder ZFORCING_DATA)")
    preparing.add_argument("--workers", type=int, metavar="N", help="processes that decode (default: one per core)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    if options.command == "prepare":
        _prepare(options)
        return
    with StopSignals(at_once=True) as stop:
        if options.command == "status":
            _status(options)
        else:
            # The folder may be new, so that data_root, which refuses that, is not asked.
            named = options.data or os.environ.get("ZFORCING_DATA")
            fetch(options.names, Path(named) if named else None, options.mirror, check_stop=stop.check)


def _status(options: argparse.Namespace) -> None:
    from benchmark.data.status import status_table

    root = data_root(options.data)
    print(f"data folder: {root or 'none, because neither --data nor ZFORCING_DATA is set'}\n", flush=True)
    print(status_table(root, options.verify))


def _prepare(options: argparse.Namespace) -> None:
    from benchmark.data.prepare import prepare_blizzard

    if options.workers is not None:
        require_sizes(workers=options.workers)
    root = None if options.out else data_root()
    if not options.out and root is None:
        raise UserError("prepare needs a folder to write to; name it with --out DIR or set ZFORCING_DATA")
    out = Path(options.out) if options.out else Path(root or "") / "blizzard"
    prepare_blizzard(Path(options.source), out, options.workers)


if __name__ == "__main__":
    run_command(main)

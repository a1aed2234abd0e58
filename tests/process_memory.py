"""The memory of a process and all that it started, as Linux counts it."""

import re
import threading
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def peak_of_tree(process_id, seconds_between=0.2):
    """Yields a list whose one element becomes the largest proportional set size of the tree, in bytes.

    The proportional set size counts a page that n processes share as 1/n in each, so that the sum counts it once.
    """
    peak, done = [0], threading.Event()

    def watch():
        while not done.wait(seconds_between):
            peak[0] = max(peak[0], sum(map(_proportional_set_size, _tree(process_id))))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peak
    finally:
        done.set()
        watching.join()


def _tree(process_id):
    """A process and its descendants."""
    children = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        found = re.match(r"(\d+) \(.*\) . (\d+)", _text(path), re.DOTALL)
        if found:
            children.setdefault(int(found[2]), []).append(int(found[1]))
    tree = [process_id]
    for parent in tree:
        tree.extend(children.get(parent, []))
    return tree


def _proportional_set_size(process_id):
    found = re.search(r"^Pss:\s+(\d+) kB", _text(Path(f"/proc/{process_id}/smaps_rollup")), re.MULTILINE)
    return 1024 * int(found[1]) if found else 0


def _text(path):
    """Empty once the process has ended."""
    try:
        return path.read_text()
    except OSError:
        return ""

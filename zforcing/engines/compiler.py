"""The C compiler of the machine and the matrix products of PyTorch's own BLAS, as the compiled engine uses them."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch

FLAGS = (
    "-O3",
    "-march=native",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fopenmp",
    "-shared",
    "-fPIC",
    "-std=gnu11",
)


class Unavailable(Exception):
    """Why the compiled engine cannot be used here, in one sentence."""


def build(source: str) -> ctypes.CDLL:
    """Compiles a C source, once per machine, and loads it.

    Raises:
        Unavailable: there is no compiler, or it fails.
    """
    compiler = find_compiler()
    identity = hashlib.sha256("\n".join((source, *FLAGS, compiler_version(compiler))).encode()).hexdigest()[:24]
    library = cache_folder() / f"loop-{identity}.so"
    if library.is_file():
        try:
            return ctypes.CDLL(str(library))
        except OSError:
            library.unlink(missing_ok=True)  # damaged: it is made again
    _compile(compiler, source, library)
    try:
        return ctypes.CDLL(str(library))
    except OSError as error:
        raise Unavailable(f"the compiled time loop cannot be loaded ({error})") from error


def _compile(compiler: tuple[str, ...], source: str, library: Path) -> None:
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        path = Path(folder) / "loop.c"
        path.write_text(source)
        command = [*compiler, *FLAGS, str(path), "-o", f"{path}.so", "-lm"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode or not Path(f"{path}.so").is_file():
            raise Unavailable(f"{' '.join(compiler)} cannot compile the time loop: {result.stderr.strip()[:300]}")
        Path(f"{path}.so").replace(library)


@functools.cache
def find_compiler() -> tuple[str, ...]:
    """The command of the variable CC, which may have several words, or gcc."""
    try:
        command = shlex.split(os.environ.get("CC", "")) or ["gcc"]
    except ValueError as error:
        raise Unavailable(f"the variable CC is no command ({error})") from error
    if shutil.which(command[0]) is None:
        raise Unavailable("no C compiler was found (gcc, or the one that the variable CC names)")
    return tuple(command)


@functools.cache
def compiler_version(compiler: tuple[str, ...]) -> str:
    """Its version and the processor it compiles for: a library of another machine is not used."""
    return "".join(
        subprocess.run([*compiler, *options], capture_output=True, text=True, check=False).stdout
        for options in (["--version"], ["-march=native", "-Q", "--help=target"])
    )


@functools.cache
def cache_folder() -> Path:
    """Where compiled loops are kept: below XDG_CACHE_HOME or ~/.cache, or a temporary folder if that is read-only."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zforcing"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix="zforcing-"))


@functools.cache
def blas() -> dict[str, int]:
    """The addresses of the products that PyTorch was linked with; those of packed matrices are MKL's, 0 elsewhere.

    Raises:
        Unavailable: PyTorch's library does not export them.
    """
    path = Path(torch.__file__).parent / "lib/libtorch_cpu.so"
    try:
        library = ctypes.CDLL(str(path))
        found = {name: ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for name in ("sgemm_", "dgemm_")}
    except (OSError, AttributeError):
        raise Unavailable("this build of PyTorch exports no matrix product that C can call") from None
    for name in ("cblas_sgemm_pack", "cblas_sgemm_compute", "cblas_sgemm_pack_get_size"):
        function = getattr(library, name, None)
        found[name] = 0 if function is None else ctypes.cast(function, ctypes.c_void_p).value or 0
    return found

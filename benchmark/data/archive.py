"""Unpacks zip archives of other people, which may be damaged or hostile."""

from __future__ import annotations

import errno
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from benchmark.errors import UserError

LARGEST = 1 << 29  # bytes of all files; the largest archive of the catalogue holds 32 million
MOST_FILES = 20_000
# What the system says of the archive and not of the disk: offsets, bzip2 data; a file inside a file; a long name.
ITS_FAULT = (errno.EINVAL, None, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG)


def unpack(archive: Path) -> Path:
    """Unpacks NAME.zip, which has to hold one folder NAME, beside itself, all of it or nothing.

    Returns:
        The folder. If it is there already and complete, nothing is done.

    Raises:
        UserError: the archive is damaged, would write outside that folder, holds links or is too large, or the folder
            is there with other content.
    """
    folder = archive.with_suffix("")
    try:
        with zipfile.ZipFile(archive) as content:
            members = content.infolist()
            _check(archive, folder.name, members)
            if folder.exists():
                _require_complete(archive, folder, members)
            else:
                _extract(content, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in ITS_FAULT:
            raise
        raise UserError(f"{archive}: damaged archive ({error}); remove it and fetch it again") from error
    return folder


def _check(archive: Path, name: str, members: list[zipfile.ZipInfo]) -> None:
    """Refuses an archive as a whole for any member that a harmless one would not have."""
    for member in members:
        parts = PurePosixPath(member.filename).parts
        kind = stat.S_IFMT(member.external_attr >> 16)
        inside = parts[:1] == (name,) and (len(parts) > 1 or member.is_dir())
        if not inside or ".." in parts or "\\" in member.filename:
            problem = f"{member.filename!r} lies outside the folder {name!r}"
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            problem = f"{member.filename!r} is a link or a special file"
        elif member.flag_bits & 1:
            problem = f"{member.filename!r} is encrypted"
        else:
            continue
        raise UserError(f"{archive}: refused, {problem}; nothing was unpacked: fetch it from another mirror")
    if not members:
        raise UserError(f"{archive}: damaged archive (it is empty); remove it and fetch it again")
    size = sum(member.file_size for member in members)
    if size > LARGEST or len(members) > MOST_FILES or len({m.filename for m in members}) < len(members):
        raise UserError(
            f"{archive}: refused, {len(members):,} files of {size:,} bytes are too much or share names; nothing was "
            f"unpacked: fetch it from another mirror"
        )


def _extract(content: zipfile.ZipFile, folder: Path) -> None:
    aside = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        # A member ends at its declared size, so that what was checked holds while unpacking.
        content.extractall(aside)
        (aside / folder.name).replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _require_complete(archive: Path, folder: Path, members: list[zipfile.ZipInfo]) -> None:
    files = [member for member in members if not member.is_dir()]
    wrong = [member.filename for member in files if _size(folder.parent / member.filename) != member.file_size]
    if wrong:
        raise UserError(
            f"{folder}: {len(wrong)} of the {len(files)} files of {archive.name} are missing or have another size, the "
            f"first is {wrong[0]}; move the folder away and repeat the command"
        )


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None

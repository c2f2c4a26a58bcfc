"""Access to files that a child process made, without following its symbolic links."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from vodplatform.core.files.storage import FULL, StoreFull

LINKS = frozenset({errno.ELOOP, errno.ENOTDIR})  # errno values if O_NOFOLLOW refuses a link
MAX_BYTES = 64 * 1024**2


def move_out(folder: Path, *names: str) -> Path:
    """Move a child process's file from ``folder`` into a new folder beside ``folder``. Return the file's new path.

    - names: the parts of the file's path below ``folder``.

    Raises :class:`StoreFull`. Raises ``FileNotFoundError`` if the file is missing, is not a regular file, has other
    hard links, or if a subfolder is a symbolic link.
    """
    with _opened(folder, names) as (descriptor, name):
        target = Path(tempfile.mkdtemp(prefix="taken-", dir=folder.parent)) / name
        os.rename(name, target, src_dir_fd=descriptor)
    info = target.lstat()
    if not stat.S_ISREG(info.st_mode) or info.st_nlink != 1:
        shutil.rmtree(target.parent, ignore_errors=True)
        raise FileNotFoundError(name)
    return target


def read(folder: Path, *names: str) -> bytes:
    """Return the bytes of a child process's file of at most 64 MiB. For parameters and errors, see :func:`move_out`."""
    with _opened(folder, names) as (descriptor, name):
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor)
        try:
            info = os.fstat(file)
            if not stat.S_ISREG(info.st_mode) or info.st_nlink != 1 or info.st_size > MAX_BYTES:
                raise FileNotFoundError(name)
            with open(file, "rb", closefd=False) as opened:
                return opened.read(MAX_BYTES)
        finally:
            os.close(file)


@contextlib.contextmanager
def _opened(folder: Path, names: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    if not names or any("/" in name or "\0" in name or name in ("", ".", "..") for name in names):
        raise FileNotFoundError("/".join(names))
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names[:-1]:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor, names[-1]
    except OSError as exc:
        if exc.errno in LINKS:
            raise FileNotFoundError("/".join(names)) from exc
        if exc.errno in FULL:
            raise StoreFull from exc
        raise
    finally:
        os.close(descriptor)

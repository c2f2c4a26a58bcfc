"""Library folders that a user may use, and checks of paths."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from itertools import islice
from operator import attrgetter
from pathlib import Path

from django.conf import settings

from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".flv", ".wmv", ".ogv",
     ".ogg", ".3gp"}
)  # fmt: skip
MAX_FILES_WALKED = 20_000
MAX_DEPTH = 8
MAX_PATH_BYTES = 2000  # maximum bytes of a path that PostgreSQL can index


def roots_of(user: User) -> list[Path]:
    """Return a user's library folders.

    Admins get all folders, others those of their groups. Staff also get the folders without a group.
    """
    groups = set(user.groups.values_list("name", flat=True))
    return [
        root
        for root, allowed in settings.LIBRARY_ROOTS
        if (user.is_admin or (groups & allowed if allowed else user.is_staff))
    ]


def resolve(path: str, roots: list[Path]) -> Path:
    """Return the real path of the regular file ``path``, which must be below one of ``roots``.

    Raise ``path_not_allowed`` for a path outside, ``vod_file_not_found`` for a missing file inside.
    """
    if not os.path.isabs(path):
        raise DomainError("path_not_allowed")
    try:
        real = Path(os.path.realpath(path))
    except (OSError, ValueError) as exc:
        raise DomainError("path_not_allowed") from exc
    if not is_inside(real, roots):
        raise DomainError("path_not_allowed")
    try:
        found = stat.S_ISREG(real.stat().st_mode)
    except OSError:
        found = False
    if not found or not is_text(str(real)) or len(os.fsencode(real)) > MAX_PATH_BYTES:
        raise DomainError("vod_file_not_found")
    return real


def is_inside(real: Path, roots: list[Path]) -> bool:
    return any(real != root and real.is_relative_to(root) for root in roots)


def video_files(roots: list[Path], unusable: Callable[[str], None] | None = None) -> Iterator[str]:
    """Yield the paths of files with a video's suffix, in name order.

    unusable: called with file names that are not UTF-8.
    """
    refuse, endings = unusable or (lambda name: None), tuple(VIDEO_SUFFIXES)
    found = (entry for root in roots for entry in _files_below(str(root), MAX_DEPTH, refuse))
    for entry in islice(found, MAX_FILES_WALKED):
        name = entry.name
        if not name.lower().endswith(endings) or name.startswith(".") or _leads_out(entry, roots):
            continue
        if is_text(name):
            yield entry.path
        else:
            refuse(printable(name))


def _files_below(folder: str, depth: int, refuse: Callable[[str], None]) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            here = sorted(entries, key=attrgetter("name"))
    except OSError:
        return
    files, folders = [], []
    for entry in here:
        if not _is_folder(entry):
            files.append(entry)
        elif depth and not entry.name.startswith("."):
            if is_text(entry.name):
                folders.append(entry)
            else:
                refuse(printable(entry.name))
    yield from files
    for entry in folders:
        if not entry.is_symlink():
            yield from _files_below(entry.path, depth - 1, refuse)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _leads_out(entry: os.DirEntry[str], roots: list[Path]) -> bool:
    return entry.is_symlink() and not is_inside(Path(os.path.realpath(entry.path)), roots)


def is_text(name: str) -> bool:
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)


def printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")

"""Import of a folder's videos into a library; a second run skips files imported before.

Files are recognised by owner, path, size and modification time.
"""

from __future__ import annotations

import errno
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError

from jobs_app import scratch
from media_app.av.sniff import sniff
from media_app.storage import files as store
from media_app.uploads import quota
from media_app.videos import library_roots, upload_handlers
from media_app.videos.models import Video
from media_app.videos.services import reference_videos
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

COPIES = uuid.UUID("0b8f2f5e-6c0a-4f0e-9a55-3f1f0f3c7f11")
HEAD_BYTES = 4096
COPY_BYTES = 16 * 1024**2

OnProgress = Callable[[int], None]


def video_files(folder: Path, not_read: Callable[[OSError], None]) -> Iterator[Path]:
    seen = set()
    for parent, names, files in os.walk(folder, onerror=not_read):
        videos = [name for name in files if Path(name).suffix.lower() in library_roots.VIDEO_SUFFIXES]
        for name in [name for name in (*names, *videos) if _is_hidden_by_name(name)]:
            not_read(OSError(errno.EILSEQ, "its name is not UTF-8; rename the file", library_roots.printable(name)))
        names[:] = sorted(filter(_is_shown, names))
        for name in sorted(filter(_is_shown, videos)):
            real = Path(os.path.realpath(Path(parent, name)))
            if real.is_relative_to(folder) and real.is_file() and real not in seen:
                seen.add(real)
                yield real


def may_reference(owner: User, folder: Path) -> bool:
    return any(folder.is_relative_to(root) for root in library_roots.roots_of(owner))


def import_reference(owner: User, path: Path) -> Video | None:
    found = path.stat()
    same = Video.objects.filter(owner=owner, location=str(path), file_size=found.st_size, modified_ns=found.st_mtime_ns)
    return None if same.exists() else reference_videos(owner, [str(path)])[0]


def import_copy(owner: User, path: Path, *, has_limits: bool, on_progress: OnProgress) -> Video | None:
    """Copy a file into the store and queue its ingest. Return None if the owner already has the file.

    on_progress: called with the bytes copied so far. Raise ``DomainError``, ``StoreFull``, ``StoreUnavailable``,
    ``OSError``.
    """
    with path.open("rb") as source:
        before = os.fstat(source.fileno())
        video_id = uuid.uuid5(COPIES, f"{owner.pk}\n{path}\n{before.st_size}\n{before.st_mtime_ns}")
        if Video.objects.filter(pk=video_id).exists():
            return None
        kind = sniff(source.read(HEAD_BYTES))
        if kind is None or kind.family not in upload_handlers.LIBRARY.families:
            raise DomainError("not_a_video")
        _check_room(owner, before.st_size, has_limits)
        with tempfile.TemporaryDirectory(prefix="import-", dir=scratch.scratch_root()) as folder:
            # The store moves the file that it gets, so give it a copy or a link.
            taken = Path(folder, "file")
            if store.is_local():
                _copy(source.fileno(), taken, on_progress)
            else:
                taken.symlink_to(path)
            try:
                video = upload_handlers.import_file(
                    owner, taken, filename=path.name, mime_type=kind.mime_type, video_id=video_id
                )
            except IntegrityError:
                return None
        on_progress(before.st_size)
        return video


def _copy(source: int, target: Path, on_progress: OnProgress) -> None:
    before, done = os.fstat(source), 0
    try:
        with target.open("xb") as file:
            # Copy only the initial size: a file that is still being recorded keeps growing.
            while count := os.sendfile(file.fileno(), source, done, min(COPY_BYTES, before.st_size - done)):
                done += count
                on_progress(done)
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise store.StoreFull from exc
        raise
    after = os.fstat(source)
    if (done, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise DomainError(
            "vod_unreadable", "The file changed during the copy. Run the import again once the file is complete."
        )


def _check_room(owner: User, size: int, has_limits: bool) -> None:
    if has_limits:
        quota.check_size(owner, upload_handlers.LIBRARY, size)
        quota.check_room(owner, size)
    free = store.free_bytes()
    if free is not None and size > free - settings.DISK_RESERVE_BYTES:
        raise store.StoreFull


def _is_hidden_by_name(name: str) -> bool:
    return not name.startswith(".") and not library_roots.is_text(name)


def _is_shown(name: str) -> bool:
    return not name.startswith(".") and library_roots.is_text(name)

"""Room for files: how large one may be, what a user's take, and what this machine has left."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from django.conf import settings
from django.db.models import Sum
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from jobs_app import scratch
from media_app.storage import files as store
from media_app.uploads.handlers import Purpose, registry
from media_app.uploads.models import LIVE, Upload
from vodplatform.accounts.limits import limits_of
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import limit_size


def check_size(user: User, kind: Purpose, size: int) -> None:
    """Raises ``too_large`` with the ``limit`` where a file is larger than the tier or the purpose allows."""
    limit = max_file_bytes(user, kind)
    if size > limit:
        raise DomainError("too_large", f"The file is larger than your limit of {limit_size(limit)}.", limit=limit)


def max_file_bytes(user: User, kind: Purpose) -> int:
    """How large one file may be, by the tier and the purpose."""
    limit, own = limits_of(user)["max_upload_bytes"], kind.max_bytes()
    return limit if own is None else min(limit, own)


def check_room(user: User, size: int) -> None:
    """Raises ``storage_full`` with ``limit`` and ``used`` where the tier leaves less for more files."""
    limit, used = limits_of(user)["max_storage_bytes"], storage_bytes(user.pk)
    if used + size > limit:
        raise DomainError("storage_full", limit=limit, used=used)


def left(user: User) -> int:
    """Bytes that the tier leaves for more files."""
    return max(0, limits_of(user)["max_storage_bytes"] - storage_bytes(user.pk))


def storage_bytes(user_id: uuid.UUID) -> int:
    """Return the bytes of a user's complete files, reserved uploads, and rows that count towards the storage."""
    uncounted = [kind.name for kind in registry().values() if not kind.counts]
    rows = Upload.objects.filter(owner=user_id).exclude(purpose__in=uncounted)
    reserved = rows.reserved().aggregate(total=Sum("size", default=0))["total"]
    rows_bytes = sum(import_string(path)(user_id) for path in settings.STORAGE_COUNTERS)
    return int(reserved) + finished_bytes(user_id) + int(rows_bytes)


def finished_bytes(user_id: uuid.UUID) -> int:
    """What a user's finished files take."""
    return sum(purpose.stored_bytes(user_id) for purpose in registry().values())


def reserve(user: User, size: int, kind: Purpose) -> None:
    """Raises ``upload_limit``, ``storage_full``, ``StoreFull`` where one more upload of so many bytes has no room.

    Within the transaction that makes it: the user's others wait.
    """
    lock(user)
    if Upload.objects.filter(owner=user, status__in=LIVE, expires_at__gt=Now()).count() >= settings.UPLOADS_AT_ONCE:
        raise DomainError("upload_limit", limit=settings.UPLOADS_AT_ONCE)
    if kind.counts:
        check_room(user, size)
    if store.is_local():
        check_disk(size)


def check_chunk_size(chunk_size: int, size: int, bounds: tuple[int, int], most: int) -> int:
    """``chunk_size`` for a file of ``size`` bytes. bounds: bytes; most: chunks. Raises ``invalid``."""
    least, largest = bounds
    # One chunk may be as small as the file.
    if min(chunk_size, size) > largest or chunk_size < min(size, least):
        raise DomainError("invalid", errors={"chunk_size": [f"From {least} to {largest} bytes."]})
    if size > chunk_size * most:
        raise DomainError("invalid", errors={"chunk_size": [f"Too small: at most {most} chunks."]})
    return chunk_size


def check_disk(size: int) -> None:
    """Raises ``StoreFull`` where this machine has no room for so many bytes: of its files, or on their way to S3."""
    free = store.free_bytes()
    if free is None:
        free = shutil.disk_usage(scratch_folder()).free
    if size > free - settings.DISK_RESERVE_BYTES:
        raise store.StoreFull


def lock(user: User) -> None:
    """One at a time reserves room for a user."""
    list(User.objects.select_for_update(no_key=True).filter(pk=user.pk).values_list("pk"))


def scratch_folder() -> Path:
    """Where what is on its way to S3 gathers."""
    folder = scratch.base() / "uploads"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder

"""Limits of uploads: size of a file, storage of a user, free disk space."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from django.conf import settings
from django.db.models import Q, Sum
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from jobs_app import scratch
from media_app.storage import files as store
from media_app.uploads.handlers import UploadHandler, registry
from media_app.uploads.models import LIVE, Upload, UploadStatus
from vodplatform.accounts.models import User
from vodplatform.accounts.plans import limits_of
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import limit_size


def check_size(user: User, kind: UploadHandler, size: int) -> None:
    """Raise ``too_large`` with ``limit`` if a file exceeds the plan's or the purpose's limit."""
    limit = max_file_bytes(user, kind)
    if size > limit:
        raise DomainError("too_large", f"The file is larger than your limit of {limit_size(limit)}.", limit=limit)


def max_file_bytes(user: User, kind: UploadHandler) -> int:
    limit, own = limits_of(user)["max_upload_bytes"], kind.max_bytes()
    return limit if own is None else min(limit, own)


def check_room(user: User, size: int) -> None:
    """Raise ``storage_full`` with ``limit`` and ``used`` if ``size`` bytes exceed the quota."""
    limit, used = limits_of(user)["max_storage_bytes"], storage_bytes(user.pk)
    if used + size > limit:
        raise DomainError("storage_full", limit=limit, used=used)


def free_quota_bytes(user: User) -> int:
    return max(0, limits_of(user)["max_storage_bytes"] - storage_bytes(user.pk))


def storage_bytes(user_id: uuid.UUID) -> int:
    uncounted = [kind.name for kind in registry().values() if not kind.counts_towards_quota]
    rows = Upload.objects.filter(owner=user_id).exclude(purpose__in=uncounted)
    reserved = rows.reserved().aggregate(total=Sum("size", default=0))["total"]
    rows_bytes = sum(import_string(path)(user_id) for path in settings.STORAGE_COUNTERS)
    return int(reserved) + finished_bytes(user_id) + int(rows_bytes)


def finished_bytes(user_id: uuid.UUID) -> int:
    return sum(purpose.stored_bytes(user_id) for purpose in registry().values())


def reserve(user: User, size: int, kind: UploadHandler, *, count: int = 1) -> None:
    """Raise ``upload_limit``, ``storage_full`` or ``StoreFull`` if new uploads are not allowed.

    size: bytes of all ``count`` uploads together.

    Locks the user's row in the caller's transaction.
    """
    lock_user(user)
    # A partial upload is unfinished until it is joined: an empty one is complete at once, and its row stays for days.
    unfinished = Q(status__in=LIVE) | Q(status=UploadStatus.COMPLETED, is_partial=True, taken_up=False)
    there = Upload.objects.filter(unfinished, owner=user, expires_at__gt=Now()).count()
    if there + count > settings.UPLOADS_AT_ONCE:
        raise DomainError("upload_limit", limit=settings.UPLOADS_AT_ONCE)
    if kind.counts_towards_quota:
        check_room(user, size)
    if store.is_local():
        check_disk(size)


def check_chunk_size(chunk_size: int, size: int, bounds: tuple[int, int], most: int) -> int:
    least, largest = bounds
    if min(chunk_size, size) > largest or chunk_size < min(size, least):
        raise DomainError("invalid", errors={"chunk_size": [f"Must be from {least} to {largest} bytes."]})
    if size > chunk_size * most:
        raise DomainError(
            "invalid", errors={"chunk_size": [f"Too small: the file would need more than {most} chunks."]}
        )
    return chunk_size


def check_disk(size: int) -> None:
    """Raise ``StoreFull`` if this host lacks disk space for ``size`` bytes."""
    free = store.free_bytes()
    if free is None:
        free = shutil.disk_usage(scratch_folder()).free
    if size > free - settings.DISK_RESERVE_BYTES:
        raise store.StoreFull


def lock_user(user: User) -> None:
    list(User.objects.select_for_update(no_key=True).filter(pk=user.pk).values_list("pk"))


def scratch_folder() -> Path:
    folder = scratch.scratch_root() / "uploads"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder

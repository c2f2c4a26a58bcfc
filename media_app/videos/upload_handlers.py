"""Uploads to the private library, which become videos with an ingest job."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Sum

from jobs_app.models import Job
from jobs_app.services import enqueue
from media_app.av import header_check
from media_app.storage import files as store
from media_app.uploads.assemble import is_in_pieces
from media_app.uploads.handlers import UploadHandler
from media_app.uploads.models import Upload
from media_app.uploads.services import clean_name
from media_app.videos.fields import clean_tags, clean_title
from media_app.videos.models import TRANSITIONS, UNLISTED, Video, VideoScope, VideoSource, VideoStatus
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.records.transitions import create_in_state

INGEST_KIND = "ingest"
UNKNOWN_TYPE = "application/octet-stream"
SUFFIXES = frozenset(
    {"mp4", "m4v", "mov", "webm", "mkv", "ogv", "ogg", "avi", "ts", "m2ts", "mpg", "mpeg", "flv", "wmv", "asf", "3gp"}
)


def key_of(video_id: uuid.UUID, filename: str) -> str:
    """Return a new storage key for a video's original."""
    suffix = PurePosixPath(filename.lower()).suffix.lstrip(".")
    return f"videos/{video_id}/{uuid.uuid4().hex[:12]}" + (f".{suffix}" if suffix in SUFFIXES else "")


def import_file(
    owner: User, path: Path, *, filename: str, mime_type: str = UNKNOWN_TYPE, video_id: uuid.UUID | None = None
) -> Video:
    """Move or copy a local file into the owner's library and queue its ingest.

    Callers check quota and limits. Raise ``StoreFull``, ``StoreUnavailable``, ``IntegrityError``.
    """
    video_id, size = video_id or uuid.uuid4(), path.stat().st_size
    key = key_of(video_id, filename)
    store.put_file(key, path)
    try:
        return _make(owner, video_id, location=key, size=size, title=title_of(filename), tags=[], mime_type=mime_type)
    except DatabaseError:
        store.delete(key)
        raise


def _make(
    owner: User, video_id: uuid.UUID, *, location: str, size: int, title: str, tags: list[str], mime_type: str,
    upload: Upload | None = None,
) -> Video:  # fmt: skip
    with transaction.atomic():
        params = {"video_id": str(video_id), **({"upload_id": str(upload.pk)} if upload else {})}
        job = enqueue(INGEST_KIND, owner, params)
        return create_in_state(
            Video, TRANSITIONS, VideoStatus.PROCESSING, pk=video_id, owner=owner, title=title, tags=tags,
            source=VideoSource.STORED, location=location, file_size=size, mime_type=mime_type, job=job,
        )  # fmt: skip


def check_header(upload: Upload) -> None:
    """Check the file header of a local upload while the client waits.

    Raise ``no_video``, ``file_incomplete``.
    """
    if not store.is_local():
        return
    with store.local_path(upload.key).open("rb") as file:
        fault = header_check.find_fault(file, upload.size)
    if fault is not None:
        raise DomainError("no_video" if fault == "no_picture" else "file_incomplete")


def title_of(filename: str) -> str:
    name = clean_name(filename)
    return PurePosixPath(name).stem if PurePosixPath(name).suffix.lstrip(".").lower() in SUFFIXES else name


def create_session_video(upload: Upload, job: Job, *, title: str) -> Video:
    return create_in_state(
        Video, TRANSITIONS, VideoStatus.PROCESSING, pk=upload.resource_id, owner=upload.owner, title=title,
        place=VideoScope.SESSION, source=VideoSource.STORED, location=location_of(upload), file_size=upload.size,
        mime_type=upload.mime_type or UNKNOWN_TYPE, sha256=upload.sha256, job=job,
    )  # fmt: skip


def location_of(upload: Upload) -> str:
    """Return the key of a finished upload's file, or the folder of its parts if they are not joined."""
    return f"uploads/{upload.pk}/" if is_in_pieces(upload) else upload.key


def session_bytes(user_id: uuid.UUID) -> int:
    rows = Video.objects.filter(place__in=UNLISTED, owner=user_id, source=VideoSource.STORED)
    return int(rows.aggregate(total=Sum("file_size", default=0))["total"])


class LibraryUploadHandler(UploadHandler):
    name = "library"
    label = "Private library"

    def begin(self, user: User, metadata: Mapping[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        if title := metadata.get("title"):
            kept["title"] = clean_title(title)
        if tags := metadata.get("tags"):
            kept["tags"] = clean_tags(tags)
        return kept

    def key_of(self, upload: Upload) -> str:
        return key_of(upload.resource_id, upload.filename)

    def finish(self, upload: Upload) -> None:
        _make(
            upload.owner,
            upload.resource_id,
            location=location_of(upload),
            size=upload.size,
            title=upload.metadata.get("title") or title_of(upload.filename),
            tags=upload.metadata.get("tags", []),
            mime_type=upload.mime_type or UNKNOWN_TYPE,
            upload=upload,
        )

    def stored_bytes(self, user_id: uuid.UUID) -> int:
        # Videos in the bin count towards the quota until they are deleted for good.
        rows = Video.objects.filter(place=VideoScope.LIBRARY, owner=user_id, source=VideoSource.STORED)
        return int(rows.aggregate(total=Sum("file_size", default=0))["total"])


LIBRARY = LibraryUploadHandler()

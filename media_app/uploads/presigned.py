"""Uploads whose chunks clients send straight to S3, each to a signed URL."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from media_app.av.sniff import VIDEO_KINDS
from media_app.storage import files as store
from media_app.uploads import quota
from media_app.uploads.handlers import UploadHandler
from media_app.uploads.models import LIVE, TRANSITIONS, Upload, UploadStatus
from vodplatform.core.errors import DomainError
from vodplatform.core.metrics import UPLOAD_BYTES
from vodplatform.core.records.database import release_connection
from vodplatform.core.records.transitions import transition

MAX_CHUNK_BYTES = 64 * 1024**2
DEFAULT_CHUNK_BYTES = 16 * 1024**2
MAX_ADDRESSES = 100
ADDRESS_SECONDS = 3600
TRIES = 3
VIDEO = frozenset({"video"})
TYPES = frozenset(kind.mime_type for kind in VIDEO_KINDS)


def check_direct_allowed(kind: UploadHandler) -> None:
    if store.is_local():
        raise DomainError(
            "invalid",
            errors={
                "direct": ["This server stores files on its disk. Omit `direct`, and send the chunks to this server."]
            },
        )
    if kind.families != VIDEO:
        raise DomainError("invalid", errors={"direct": ["Only videos can be sent straight to the bucket."]})


def check_chunk_size(chunk_size: int | None, size: int) -> int:
    # Aim at a thousand parts, which S3 assembles quickly.
    usual = min(MAX_CHUNK_BYTES, max(DEFAULT_CHUNK_BYTES, -(-size // 1000)))
    return quota.check_chunk_size(chunk_size or usual, size, (store.MIN_PART_BYTES, MAX_CHUNK_BYTES), store.MAX_PARTS)


def addresses(upload: Upload, numbers: Sequence[int]) -> dict[str, Any]:
    """Return ``expires_at`` and, for each chunk of a live upload, its number, size and signed URL.

    Raises ``chunk_invalid``, ``StoreUnavailable``.
    """
    if wrong := [number for number in numbers if number >= upload.total_chunks]:
        sentence = f"Use chunk numbers from 0 to {upload.total_chunks - 1}."
        raise DomainError("chunk_invalid", sentence, chunk_number=wrong[0])
    sync_parts(upload)
    _open(upload)
    now = timezone.now()
    seconds = max(1, min(ADDRESS_SECONDS, int((upload.expires_at - now).total_seconds())))
    until: datetime = now + timedelta(seconds=seconds)
    chunks = [
        {
            "chunk_number": number,
            "size": upload.length_of(number),
            "url": store.presigned_part(
                upload.key, upload.multipart_id, number + 1, upload.length_of(number), seconds
            ),
        }
        for number in numbers
    ]  # fmt: skip
    return {"session_id": upload.pk, "expires_at": until, "chunks": chunks}


def sync_parts(upload: Upload) -> None:
    """Ask S3 which chunks have arrived, and update the upload. Raises ``upload_lost``, ``StoreUnavailable``."""
    if upload.status not in LIVE or not upload.multipart_id:
        return
    for _ in range(TRIES):
        if _note(upload) or upload.status not in LIVE:
            return


def _note(upload: Upload) -> bool:
    # Release the database connection while waiting for S3.
    release_connection()
    try:
        found = store.list_parts(upload.key, upload.multipart_id)
    except FileNotFoundError as exc:
        upload.refresh_from_db()
        if upload.status in LIVE:
            raise DomainError("upload_lost") from exc
        return True
    whole = [part for part in found if _is_whole(upload, part)]
    parts, offset = [[part.number, part.etag, part.size] for part in whole], sum(part.size for part in whole)
    if parts == upload.parts:
        return True
    # Update only unchanged rows: an older list of parts must not replace a newer one.
    rows = Upload.objects.filter(pk=upload.pk, parts=upload.parts)
    values: dict[str, Any] = {"parts": parts, "offset": offset, "updated_at": timezone.now()}
    if upload.status == UploadStatus.INITIATED:
        won = transition(rows, TRANSITIONS, UploadStatus.UPLOADING, **values)
    else:
        won = rows.filter(status=UploadStatus.UPLOADING).update(**values)
    if won:
        UPLOAD_BYTES.labels(upload.front).inc(max(0, offset - upload.offset))
    upload.refresh_from_db()
    return bool(won)


def _is_whole(upload: Upload, part: store.Part) -> bool:
    return part.number <= upload.total_chunks and part.size == upload.length_of(part.number - 1)


def _open(upload: Upload) -> None:
    if upload.multipart_id:
        return
    release_connection()
    name = store.begin_multipart(upload.key, _content_type(upload), direct=True)
    if not Upload.objects.filter(pk=upload.pk, multipart_id="", status__in=LIVE).update(multipart_id=name):
        store.abort_multipart(upload.key, name)
    upload.refresh_from_db()
    if not upload.multipart_id:
        raise DomainError("upload_finished", status=upload.status)


def _content_type(upload: Upload) -> str:
    """Return the claimed content type if it is a video's, else an empty text."""
    for said in (upload.content_type, mimetypes.guess_type(upload.filename)[0]):
        if said in TYPES:
            return said
    return ""

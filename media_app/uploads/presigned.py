"""Uploads whose chunks go straight to S3: the program signs an address for each, and believes S3 about what has come.

Every chunk is one part of a multipart upload there. Its address takes exactly its bytes, and is good for an hour. The
job that takes the file in joins the parts, as it does those that came through here; nobody can change one after that.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from media_app.av.sniff import VIDEO_KINDS
from media_app.storage import files as store
from media_app.uploads import quota
from media_app.uploads.handlers import Purpose
from media_app.uploads.models import LIVE, TRANSITIONS, Upload, UploadStatus
from vodplatform.core.errors import DomainError
from vodplatform.core.metrics import UPLOAD_BYTES
from vodplatform.core.records.database import release_connection
from vodplatform.core.records.transitions import transition

MAX_CHUNK_BYTES = 64 * 1024**2
DEFAULT_CHUNK_BYTES = 16 * 1024**2
MAX_ADDRESSES = 100  # by one call
ADDRESS_SECONDS = 3600
TRIES = 3  # where others write to the row at the same time
VIDEO = frozenset({"video"})
TYPES = frozenset(kind.mime_type for kind in VIDEO_KINDS)


def check(kind: Purpose) -> None:
    """Raises ``invalid`` where files of this purpose do not go straight to S3, or no file does."""
    if store.is_local():
        raise DomainError("invalid", errors={"direct": ["Files are kept on this server's disk. Send its chunks here."]})
    if kind.families != VIDEO:
        raise DomainError("invalid", errors={"direct": ["Only videos can be sent straight to the bucket."]})


def check_chunk_size(chunk_size: int | None, size: int) -> int:
    """How a file of ``size`` bytes is cut: as wished, or by default. Raises ``invalid``."""
    # A thousand parts is what S3 joins quickly.
    usual = min(MAX_CHUNK_BYTES, max(DEFAULT_CHUNK_BYTES, -(-size // 1000)))
    return quota.check_chunk_size(chunk_size or usual, size, (store.MIN_PART_BYTES, MAX_CHUNK_BYTES), store.MAX_PARTS)


def addresses(upload: Upload, numbers: Sequence[int]) -> dict[str, Any]:
    """Where to send these chunks of a live upload by PUT: ``expires_at``, and ``chunk_number, size, url`` of each.

    Raises ``chunk_invalid`` for a number that the upload does not have, ``StoreUnavailable``.
    """
    if wrong := [number for number in numbers if number >= upload.total_chunks]:
        sentence = f"The upload has the chunks 0 to {upload.total_chunks - 1}."
        raise DomainError("chunk_invalid", sentence, chunk_number=wrong[0])
    note_parts(upload)
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


def note_parts(upload: Upload) -> None:
    """Write to the row, and to ``upload``, which chunks S3 has whole; nothing once the upload has ended.

    Raises ``upload_lost`` where S3 does not know the upload any more, ``StoreUnavailable``.
    """
    if upload.status not in LIVE or not upload.multipart_id:
        return
    for _ in range(TRIES):
        if _note(upload) or upload.status not in LIVE:
            return


def _note(upload: Upload) -> bool:
    """Whether the row says what S3 had a moment ago; False where somebody else has written to it meanwhile."""
    # Nobody else has to wait for a connection to the database while S3 takes its time.
    release_connection()
    try:
        found = store.list_parts(upload.key, upload.multipart_id)
    except FileNotFoundError as exc:
        upload.refresh_from_db()
        if upload.status in LIVE:
            raise DomainError("upload_lost") from exc
        return True  # it ended meanwhile, and the parts went with it or were joined
    whole = [part for part in found if _is_whole(upload, part)]
    parts, offset = [[part.number, part.etag, part.size] for part in whole], sum(part.size for part in whole)
    if parts == upload.parts:
        return True
    # Of two who ask at once, whoever asked first may write last: an older list does not take a newer one's place.
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
    """Begin the upload at S3, once: of two callers at a time one gives its own up again."""
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
    """The type that a CDN before the bucket will tell; nobody has seen the first bytes, so only a video's is taken."""
    for said in (upload.content_type, mimetypes.guess_type(upload.filename)[0]):
        if said in TYPES:
            return said
    return ""

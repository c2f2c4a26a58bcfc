"""Uploads as the API shows them; reads rows, changes nothing."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, CharField, F, Q, Value, When
from django.db.models.functions import Now

from media_app.uploads.models import LIVE, Upload, UploadFront, UploadQuerySet, UploadStatus

CHUNK_ADDRESS = "/api/v1/uploads/{}/chunk"
TUS_ADDRESS = "/api/v1/uploads/tus/{}"


def with_state(uploads: UploadQuerySet) -> UploadQuerySet:
    """Each with its ``state``: what ``status`` says, but expired where its time is over and no sweep has come by."""
    over = Q(status__in=LIVE, expires_at__lte=Now())
    state = Case(When(over, then=Value(UploadStatus.EXPIRED.value)), default=F("status"), output_field=CharField())
    return uploads.annotate(state=state)


def status_of(upload: Upload) -> dict[str, Any]:
    """The status body of contract section 5; ``progress_percent`` by bytes."""
    rows = getattr(upload, "arrived", None)  # read for a whole list before
    there = sorted(upload.chunks.values_list("number", flat=True) if rows is None else [row.number for row in rows])
    if upload.status == UploadStatus.COMPLETED and not there:
        there = list(range(upload.total_chunks))  # joined, and the pieces gone
    known = set(there)
    return {
        "session_id": str(upload.pk),
        "status": _state(upload),
        "uploaded_chunks": there,
        "remaining_chunks": [number for number in range(upload.total_chunks) if number not in known],
        "total_chunks": upload.total_chunks,
        "progress_percent": percent(upload),
        "expires_at": shown(upload.expires_at),
    }


def summary_of(upload: Upload) -> dict[str, Any]:
    """One upload in a list. size, offset: bytes; offset: those that have arrived for good."""
    is_completed = upload.status == UploadStatus.COMPLETED
    addresses = {UploadFront.TUS: TUS_ADDRESS, UploadFront.CHUNKS: CHUNK_ADDRESS}
    address = addresses.get(UploadFront(upload.front))
    return {
        "id": str(upload.pk),
        "front": upload.front,
        "purpose": upload.purpose,
        "filename": upload.filename,
        "content_type": upload.content_type,
        "size": upload.size,
        "offset": upload.offset,
        "chunk_size": upload.chunk_size,
        "total_chunks": upload.total_chunks,
        "status": _state(upload),
        "progress_percent": percent(upload),
        "upload_url": address.format(upload.pk) if address and upload.status in LIVE else None,
        "resource_id": str(upload.resource_id) if is_completed and not upload.is_partial else None,
        "error": {"type": upload.error_type, "message": upload.error_message} if upload.error_type else None,
        "created_at": shown(upload.created_at),
        "updated_at": shown(upload.updated_at),
        "expires_at": shown(upload.expires_at),
        "completed_at": shown(upload.completed_at),
    }


def percent(upload: Upload) -> float:
    """How much of it has arrived, 0 to 100; 100 only when all has."""
    if not upload.size or upload.offset >= upload.size:
        return 100.0
    return min(99.9, round(100 * upload.offset / upload.size, 1))


def _state(upload: Upload) -> str:
    return str(getattr(upload, "state", upload.status))


def shown(moment: Any) -> str | None:
    """An instant as JSON has it: ISO 8601 in UTC, to the microsecond."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None

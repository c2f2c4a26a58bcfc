"""Operations on uploads: begin, complete, cancel."""

from __future__ import annotations

import contextlib
import re
import threading
import unicodedata
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, close_old_connections, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now, TruncDay

from media_app.storage import files as store
from media_app.uploads import presigned
from media_app.uploads.handlers import UploadHandler, handler_named
from media_app.uploads.models import (
    IN_CHUNKS,
    LIVE,
    TRANSITIONS,
    Upload,
    UploadChunk,
    UploadProtocol,
    UploadStatus,
)
from media_app.uploads.quota import check_chunk_size, check_room, check_size, lock_user, reserve
from vodplatform.accounts.models import User
from vodplatform.core.api import idempotency
from vodplatform.core.errors import DomainError
from vodplatform.core.logs import event
from vodplatform.core.metrics import UPLOAD_BYTES, UPLOADS_ENDED
from vodplatform.core.records.transitions import transition
from vodplatform.core.text import normalize

DEFAULT_PURPOSE = "library"
MAX_NAME = 255
MIN_CHUNK_BYTES = 64 * 1024
MAX_LOOKED_AT = 10  # maximum number of files of one owner that a process inspects at once
_looking: Counter[uuid.UUID] = Counter()
_looking_guard = threading.Lock()
MAX_CHUNK_BYTES = 64 * 1024**2
DEFAULT_CHUNK_BYTES = 1024**2
# Maximum number of chunks of an upload, because the answer to each chunk lists all chunks.
MAX_CHUNKS = 25_000
HEAD_BYTES = 4096
SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def begin_upload(
    user: User,
    *,
    front: str,
    purpose: str,
    filename: str,
    size: int,
    content_type: str = "",
    metadata: Mapping[str, Any] | None = None,
    header: str = "",
    chunk_size: int | None = None,
    is_partial: bool = False,
    is_reserved: bool = False,
) -> Upload:
    """Create an upload of ``size`` bytes and reserve storage for it.

    metadata: the client's metadata; None if a form sends it later. If it has a ``sha256``, the file must match it.
    header: unparsed tus metadata. is_reserved: whether the caller has called ``quota.reserve`` in the same transaction.
    Raises ``invalid``, ``too_large``, ``storage_full``, ``upload_limit``, ``disk_full``.
    """
    kind = handler_named(purpose)
    kept = _clean_metadata(kind, user, metadata, header) if metadata is not None else {}
    if size < 1 and not is_partial:
        raise DomainError("invalid", errors={"size": ["The file is empty."]})
    check_size(user, kind, size)
    if front == UploadProtocol.DIRECT:
        presigned.check_direct_allowed(kind)
        chunk_size = presigned.check_chunk_size(chunk_size, size)
    elif chunk_size is not None:
        chunk_size = check_chunk_size(chunk_size, size, (MIN_CHUNK_BYTES, MAX_CHUNK_BYTES), MAX_CHUNKS)
    with transaction.atomic():
        idempotency.bind_to_transaction()
        if not is_reserved:
            reserve(user, size, kind)
        upload = Upload(
            owner=user,
            front=front,
            purpose=purpose,
            filename=clean_name(filename),
            content_type=plain(content_type)[:127],
            metadata=kept,
            size=size,
            chunk_size=chunk_size,
            is_partial=is_partial,
            expires_at=Now() + timedelta(hours=settings.UPLOAD_TTL_HOURS),
        )
        upload.resource_id = kind.resource_of(upload) or upload.resource_id
        upload.key = f"uploads/{upload.pk}/whole" if is_partial else kind.key_of(upload)
        upload.save(force_insert=True)
    upload.refresh_from_db()
    event("video.upload.start", upload=str(upload.pk), front=front, purpose=purpose, bytes=size)
    return upload


def concatenate(
    user: User,
    parts: list[uuid.UUID],
    *,
    purpose: str,
    filename: str,
    content_type: str = "",
    metadata: Mapping[str, Any] | None = None,
    header: str = "",
) -> Upload:
    """Join finished partial uploads into one (tus, "Concatenation"); the call may be repeated.

    Raises ``upload_unfinished`` (409), ``not_a_video``, errors of :func:`begin_upload`.
    """
    kind = handler_named(purpose)
    kept = _clean_metadata(kind, user, metadata or {}, header)
    if len(set(parts)) != len(parts) or not parts:
        raise DomainError("invalid", errors={"Upload-Concat": ["List one or more parts, each only once."]})
    with transaction.atomic():
        lock_user(user)
        if there := Upload.objects.filter(owner=user, concatenates=[str(pk) for pk in parts]).first():
            return there
        rows = {row.pk: row for row in Upload.objects.select_for_update().filter(pk__in=parts, owner=user)}
        found = [rows[pk] for pk in parts if pk in rows and rows[pk].is_partial]
        if len(found) != len(parts):
            raise DomainError("invalid", errors={"Upload-Concat": ["Only your own partial uploads can be joined."]})
        if any(part.status != UploadStatus.COMPLETED or part.taken_up for part in found):
            raise DomainError("upload_unfinished")
        size = sum(part.size for part in found)
        if not size:
            raise DomainError("invalid", errors={"Upload-Concat": ["The file is empty."]})
        check_size(user, kind, size)
        # If the joined upload counts towards the quota, check the sizes of its partial uploads that did not count yet.
        if uncounted := sum(
            part.size
            for part in found
            if kind.counts_towards_quota and not handler_named(part.purpose).counts_towards_quota
        ):
            check_room(user, uncounted)
        # Reject a wrong type. If the first partial upload is too short to detect a type, a later job checks the type.
        first = next(part for part in found if part.size)
        is_recognised = first.mime_type and kind.takes_type(first.mime_type)
        if first.size >= HEAD_BYTES and not is_recognised and kind.checks_type_early:
            raise kind.refusal()
        idempotency.bind_to_transaction()
        Upload.objects.filter(pk__in=parts).update(taken_up=True)
        upload = Upload(
            owner=user, front=UploadProtocol.TUS, purpose=purpose, filename=clean_name(filename),
            content_type=plain(content_type)[:127], metadata=kept, size=size, offset=size,
            concatenates=[str(pk) for pk in parts], mime_type=first.mime_type,
            expires_at=Now() + timedelta(hours=settings.UPLOAD_TTL_HOURS),
        )  # fmt: skip
        upload.resource_id = kind.resource_of(upload) or upload.resource_id
        upload.key = kind.key_of(upload)
        upload.save(force_insert=True)
        upload.refresh_from_db()
        event("video.upload.start", upload=str(upload.pk), front=upload.front, purpose=purpose, bytes=size)
        _complete(upload, kind)
    return upload


def _clean_metadata(kind: UploadHandler, user: User, metadata: Mapping[str, Any], header: str) -> dict[str, Any]:
    kept = dict(kind.begin(user, metadata))
    if digest := metadata.get("sha256"):
        if not (isinstance(digest, str) and SHA256.fullmatch(digest)):
            raise DomainError("invalid", errors={"sha256": ["Send the SHA-256 as 64 hexadecimal digits."]})
        kept["sha256"] = digest.lower()
    if header:
        kept["header"] = header
    return kept


def find(user: User, upload_id: uuid.UUID | str) -> Upload:
    try:
        key = upload_id if isinstance(upload_id, uuid.UUID) else uuid.UUID(upload_id)
    except ValueError as exc:
        raise DomainError("upload_not_found") from exc
    upload = Upload.objects.visible_to(user).filter(pk=key).first()
    if upload is None:
        raise DomainError("upload_not_found")
    return upload


def require_live(upload: Upload) -> Upload:
    """Return ``upload`` if it still accepts bytes. Raises ``upload_expired`` (410), ``upload_finished`` (409)."""
    if upload.status == UploadStatus.EXPIRED or (upload.status in LIVE and _is_over(upload)):
        raise DomainError("upload_expired")
    if upload.status not in LIVE:
        raise DomainError("upload_finished", status=upload.status, **_reason(upload))
    return upload


def complete(upload: Upload) -> Upload:
    """Complete an upload and create the resource from it; the call may be repeated.

    Raises ``chunk_missing``, ``upload_unfinished``, ``upload_finished``, ``upload_expired``, errors of the purpose's
    ``inspect``.
    """
    kind = handler_named(upload.purpose)
    if upload.front == UploadProtocol.DIRECT:
        presigned.sync_parts(upload)
    if not upload.is_partial and upload.status in LIVE and upload.offset == upload.size:
        with _limit_inspections(upload.owner_id):
            kind.inspect(upload)
    with transaction.atomic():
        row = Upload.objects.select_for_update().get(pk=upload.pk)
        if row.status == UploadStatus.COMPLETED:
            return row
        require_live(row)
        if row.front in IN_CHUNKS:
            missing = row.chunk_numbers()["remaining_chunks"]
            if missing:
                raise DomainError("chunk_missing", missing_chunks=missing[:1000], missing_count=len(missing))
        elif row.offset != row.size:
            raise DomainError("upload_unfinished")
        _complete(row, kind)
    return row


@contextlib.contextmanager
def _limit_inspections(owner_id: uuid.UUID) -> Iterator[None]:
    with _looking_guard:
        if _looking[owner_id] >= MAX_LOOKED_AT:
            raise DomainError("upload_locked")
        _looking[owner_id] += 1
    try:
        yield
    finally:
        with _looking_guard:
            _looking[owner_id] -= 1
            if not _looking[owner_id]:
                del _looking[owner_id]


def _complete(row: Upload, kind: UploadHandler) -> None:
    won = transition(
        Upload.objects.filter(pk=row.pk), TRANSITIONS, UploadStatus.COMPLETED,
        completed_at=Now(), updated_at=Now(), lock_token=None, lock_until=None, offset=F("size"),
        taken_up=kind.claims_bytes and not row.is_partial,
    )  # fmt: skip
    if not won:
        raise DomainError("upload_finished")
    row.refresh_from_db()
    if not row.is_partial:
        kind.finish(row)
    transaction.on_commit(lambda: _log_completed(row))


def _log_completed(row: Upload) -> None:
    UPLOADS_ENDED.labels(row.front, "completed").inc()
    event("video.upload.complete", upload=str(row.pk), bytes=row.size, resource=str(row.resource_id))


def fail(upload: Upload, error: DomainError) -> None:
    end_upload(upload, UploadStatus.FAILED, error_type=error.type.name, error_message=error.message)


def cancel(upload: Upload) -> Upload:
    """Cancel an upload. Repeated calls do nothing. Raises ``upload_finished`` if a record already has its file."""
    if upload.status != UploadStatus.CANCELLED:
        if upload.status == UploadStatus.EXPIRED:
            raise DomainError("upload_expired")
        purpose = handler_named(upload.purpose)
        if upload.taken_up or not (purpose.cancel(upload) or end_upload(upload, UploadStatus.CANCELLED)):
            upload.refresh_from_db()
            if upload.status != UploadStatus.CANCELLED:
                raise DomainError("upload_finished", status=upload.status, **_reason(upload))
    upload.refresh_from_db()
    return upload


def store_chunk_row(upload: Upload, number: int, size: int, sha256: str, key: str, *, mime_type: str = "") -> bool:
    """Record a chunk stored under ``key``; return False if the same chunk was recorded before.

    Raises ``chunk_conflict`` (409) if other bytes were recorded for its number.
    """
    try:
        with transaction.atomic():
            # Lock the upload's row, so that the upload cannot end before the chunk is recorded.
            row = Upload.objects.select_for_update().filter(pk=upload.pk).first()
            if row is None:
                raise DomainError("upload_not_found")
            require_live(row)
            UploadChunk.objects.create(upload=row, number=number, size=size, sha256=sha256, key=key)
            values: dict[str, Any] = {"offset": F("offset") + size, "updated_at": Now()}
            if mime_type:
                values["mime_type"] = mime_type
            rows = Upload.objects.filter(pk=row.pk)
            if row.status == UploadStatus.INITIATED:
                transition(rows, TRANSITIONS, UploadStatus.UPLOADING, **values)
            else:
                rows.update(**values)
    except IntegrityError:
        is_new_chunk(upload, number, sha256)
        return False
    UPLOAD_BYTES.labels(upload.front).inc(size)
    return True


def is_new_chunk(upload: Upload, number: int, sha256: str) -> bool:
    """Return whether chunk ``number`` has not arrived yet. Raises ``chunk_conflict`` if it arrived with other bytes."""
    there = UploadChunk.objects.filter(upload=upload, number=number).values_list("sha256", flat=True).first()
    if there not in (None, sha256):
        raise DomainError("chunk_conflict", chunk_number=number)
    return there is None


def uploads_today(user_id: uuid.UUID) -> int:
    return Upload.objects.filter(owner=user_id, is_partial=False, created_at__gte=TruncDay(Now())).count()


def clean_name(name: str) -> str:
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    text = normalize("NFC", last if len(last) <= 4 * MAX_NAME else last[: 2 * MAX_NAME] + last[-2 * MAX_NAME :])
    text = "".join(sign for sign in text if unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp")).strip()
    if len(text) > MAX_NAME:
        stem, dot, suffix = text.rpartition(".")
        keep = len(suffix) + 1 if dot and len(suffix) <= 10 else 0
        text = (stem if keep else text)[: MAX_NAME - keep] + (f".{suffix}" if keep else "")
    return (text.strip(". ") and text) or "unnamed"


def plain(text: str) -> str:
    return "".join(sign for sign in text if sign.isascii() and sign.isprintable())


def sources_of(upload: Upload) -> list[tuple[str, int]]:
    """Return (key, size in bytes) of a completed upload's stored files, in order. Raises ``FileNotFoundError``."""
    if upload.concatenates:
        rows = {str(row.pk): row for row in Upload.objects.filter(pk__in=upload.concatenates)}
        if len(rows) < len(upload.concatenates):
            raise FileNotFoundError(upload.key)
        return [(rows[pk].key, rows[pk].size) for pk in upload.concatenates]
    if upload.front == UploadProtocol.CHUNKS:
        return list(upload.chunks.order_by("number").values_list("key", "size"))
    return [(upload.key, upload.size)]


def drop_pieces(upload: Upload) -> None:
    for part in Upload.objects.filter(pk__in=upload.concatenates):
        delete_bytes(part)
        part.delete()
    store.delete_folder(f"uploads/{upload.pk}/")
    upload.chunks.all().delete()


def delete_uploads_of(resource_id: uuid.UUID, *, but: uuid.UUID | None = None) -> None:
    rows = Upload.objects.filter(resource_id=resource_id, taken_up=True)
    for upload in rows.exclude(pk=but) if but else rows:
        if upload.multipart_id:
            store.abort_multipart(upload.key, upload.multipart_id)
        drop_pieces(upload)


def delete_bytes(upload: Upload) -> None:
    if upload.multipart_id:
        store.abort_multipart(upload.key, upload.multipart_id)
    store.delete_folder(f"uploads/{upload.pk}/")
    if upload.key:
        store.delete(upload.key)


def end_upload(upload: Upload, status: str, **values: Any) -> int:
    """End an upload that no resource owns and delete its bytes; return whether its status changed."""
    rows = Upload.objects.filter(pk=upload.pk, taken_up=False)
    was_live = upload.status in LIVE
    won = transition(rows, TRANSITIONS, status, updated_at=Now(), lock_token=None, lock_until=None, **values)
    if won:
        if was_live:
            UPLOADS_ENDED.labels(upload.front, status).inc()
        event("video.upload.end", upload=str(upload.pk), status=status, **values)
        transaction.on_commit(lambda: try_delete_bytes(upload.pk))
    return won


def try_delete_bytes(upload_id: uuid.UUID) -> bool:
    upload = Upload.objects.filter(pk=upload_id).first()
    if upload is not None:
        close_old_connections()
        try:
            delete_bytes(upload)
        except store.StoreUnavailable as exc:
            event("upload.left", upload=str(upload_id), reason=exc.reason)
            return False
        upload.chunks.all().delete()
        # The metadata can have 16 KiB, and the row of an ended upload stays for days without counting as storage.
        gone = {"key": "", "multipart_id": "", "parts": [], "tail_key": "", "tail_size": 0, "metadata": {}}
        Upload.objects.filter(pk=upload_id).exclude(status__in=LIVE).update(**gone)
    return True


def _is_over(upload: Upload) -> bool:
    return Upload.objects.filter(pk=upload.pk, expires_at__lte=Now()).exists()


def _reason(upload: Upload) -> dict[str, str]:
    return {"reason": upload.error_message} if upload.error_message else {}


def list_uploads(user: User, statuses: Iterable[str]) -> QuerySet[Upload]:
    rows = Upload.objects.visible_to(user).with_state()
    wanted = list(statuses)
    return rows.filter(state__in=wanted) if wanted else rows  # type: ignore[misc]

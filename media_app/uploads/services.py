"""What happens to uploads: begun within the owner's limits, completed once, given up.

The bytes themselves are written by :mod:`media_app.uploads.writers`; the doors parse and answer. How much room there is
stands in :mod:`media_app.uploads.quota`, what becomes of those whose time is over in :mod:`media_app.uploads.cleanup`.
"""

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
from media_app.uploads.handlers import Purpose, purpose_of
from media_app.uploads.models import (
    IN_CHUNKS,
    LIVE,
    TRANSITIONS,
    Upload,
    UploadChunk,
    UploadFront,
    UploadStatus,
)
from media_app.uploads.quota import check_chunk_size, check_room, check_size, lock, reserve
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
MAX_LOOKED_AT = 10  # uploads of one owner at once: as many as a merge has clips
_looking: Counter[uuid.UUID] = Counter()
_looking_guard = threading.Lock()
MAX_CHUNK_BYTES = 64 * 1024**2
DEFAULT_CHUNK_BYTES = 1024**2
# Each answer to a chunk names all of them (contract section 5).
MAX_CHUNKS = 25_000
# A whole video is recognised by its first bytes.
HEAD_BYTES = 4096
SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def begin(
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
) -> Upload:
    """An upload of ``size`` bytes, with room for it reserved; a part of a concatenation may have none.

    metadata: what is said of the file; a ``sha256`` in it is what the whole has to have; None where a form has yet to
    say it. header: the same as tus sent it, to be said again. Raises ``invalid``, ``too_large`` (the tier's or the
    purpose's limit, with ``limit``), ``storage_full`` (with ``limit`` and ``used``), ``upload_limit`` (too many at
    once), ``disk_full``.
    """
    kind = purpose_of(purpose)
    kept = _clean_metadata(kind, user, metadata, header) if metadata is not None else {}
    if size < 1 and not is_partial:
        raise DomainError("invalid", errors={"size": ["The file is empty."]})
    check_size(user, kind, size)
    if front == UploadFront.DIRECT:
        presigned.check(kind)
        chunk_size = presigned.check_chunk_size(chunk_size, size)
    elif chunk_size is not None:
        chunk_size = check_chunk_size(chunk_size, size, (MIN_CHUNK_BYTES, MAX_CHUNK_BYTES), MAX_CHUNKS)
    with transaction.atomic():
        idempotency.bind_to_transaction()
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
    """The whole of finished partial uploads, in order (tus, "Concatenation"); joined by what takes it up.

    Asked again for the same ones, the same upload. Raises ``upload_unfinished`` (409), ``not_a_video`` and what
    :func:`begin` raises.
    """
    kind = purpose_of(purpose)
    kept = _clean_metadata(kind, user, metadata or {}, header)
    if len(set(parts)) != len(parts) or not parts:
        raise DomainError("invalid", errors={"Upload-Concat": ["Name one or more parts, each once."]})
    with transaction.atomic():
        lock(user)
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
        # Parts of another purpose may have been sent without taking any of the user's room.
        if uncounted := sum(part.size for part in found if kind.counts and not purpose_of(part.purpose).counts):
            check_room(user, uncounted)
        # A first part too short to tell is judged by the probe, with the whole.
        first = next(part for part in found if part.size)
        is_recognised = first.mime_type and kind.takes_type(first.mime_type)
        if first.size >= HEAD_BYTES and not is_recognised and kind.checks_type_early:
            raise kind.refusal()
        idempotency.bind_to_transaction()
        Upload.objects.filter(pk__in=parts).update(taken_up=True)
        upload = Upload(
            owner=user, front=UploadFront.TUS, purpose=purpose, filename=clean_name(filename),
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


def _clean_metadata(kind: Purpose, user: User, metadata: Mapping[str, Any], header: str) -> dict[str, Any]:
    """What is kept of what was said. Raises ``invalid``."""
    kept = dict(kind.begin(user, metadata))
    if digest := metadata.get("sha256"):
        if not (isinstance(digest, str) and SHA256.fullmatch(digest)):
            raise DomainError("invalid", errors={"sha256": ["Send the 64 hexadecimal digits of the SHA-256."]})
        kept["sha256"] = digest.lower()
    if header:
        kept["header"] = header
    return kept


def find(user: User, upload_id: uuid.UUID | str) -> Upload:
    """One of the user's uploads. Raises ``upload_not_found`` (404)."""
    try:
        key = upload_id if isinstance(upload_id, uuid.UUID) else uuid.UUID(upload_id)
    except ValueError as exc:
        raise DomainError("upload_not_found") from exc
    upload = Upload.objects.visible_to(user).filter(pk=key).first()
    if upload is None:
        raise DomainError("upload_not_found")
    return upload


def require_live(upload: Upload) -> Upload:
    """``upload`` while bytes may come: raises ``upload_expired`` (410) and ``upload_finished`` (409)."""
    if upload.status == UploadStatus.EXPIRED or (upload.status in LIVE and _is_over(upload)):
        raise DomainError("upload_expired")
    if upload.status not in LIVE:
        raise DomainError("upload_finished", status=upload.status, **_reason(upload))
    return upload


def complete(upload: Upload) -> Upload:
    """Flip the row of an upload whose bytes are all there, and make what it becomes; harmless when that is done.

    Raises ``chunk_missing`` (with the numbers), ``upload_unfinished``, ``upload_finished``, ``upload_expired``, and
    what the purpose's ``inspect`` raises.
    """
    kind = purpose_of(upload.purpose)
    if upload.front == UploadFront.DIRECT:
        presigned.note_parts(upload)
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
    """Raises ``upload_locked`` where too many uploads of an owner are being looked at: others need the threads."""
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


def _complete(row: Upload, kind: Purpose) -> None:
    won = transition(
        Upload.objects.filter(pk=row.pk), TRANSITIONS, UploadStatus.COMPLETED,
        completed_at=Now(), updated_at=Now(), lock_token=None, lock_until=None, offset=F("size"),
        taken_up=kind.takes_up and not row.is_partial,
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
    """End an upload whose bytes can never be taken; they go at once."""
    end(upload, UploadStatus.FAILED, error_type=error.type.name, error_message=error.message)


def cancel(upload: Upload) -> Upload:
    """Give an upload up; its bytes go. Again is harmless. Raises ``upload_finished`` once it has become something."""
    if upload.status != UploadStatus.CANCELLED:
        if upload.status == UploadStatus.EXPIRED:
            raise DomainError("upload_expired")
        purpose = purpose_of(upload.purpose)
        if upload.taken_up or not (purpose.cancel(upload) or end(upload, UploadStatus.CANCELLED)):
            upload.refresh_from_db()
            if upload.status != UploadStatus.CANCELLED:
                raise DomainError("upload_finished", status=upload.status, **_reason(upload))
    upload.refresh_from_db()
    return upload


def store_chunk_row(upload: Upload, number: int, size: int, sha256: str, key: str, *, mime_type: str = "") -> bool:
    """Note a chunk whose bytes are durable under ``key``; False when the same was there already.

    mime_type: of the whole, as the first chunk tells. Raises ``chunk_conflict`` (409) when other bytes were there.
    """
    try:
        with transaction.atomic():
            # The state is looked at under the row's lock: nothing arrives in an upload that has just ended.
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
    """Whether no chunk has come under this number. Raises ``chunk_conflict`` when another one has."""
    there = UploadChunk.objects.filter(upload=upload, number=number).values_list("sha256", flat=True).first()
    if there not in (None, sha256):
        raise DomainError("chunk_conflict", chunk_number=number)
    return there is None


def uploads_today(user_id: uuid.UUID) -> int:
    """How many files a user has begun to send since midnight UTC."""
    return Upload.objects.filter(owner=user_id, is_partial=False, created_at__gte=TruncDay(Now())).count()


def clean_name(name: str) -> str:
    """A file's name for people to read: no folder, no control or direction-changing characters, 255 at most."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    # Of one that is far too long the beginning and the end, before anything goes through it sign by sign.
    text = normalize("NFC", last if len(last) <= 4 * MAX_NAME else last[: 2 * MAX_NAME] + last[-2 * MAX_NAME :])
    text = "".join(sign for sign in text if unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp")).strip()
    if len(text) > MAX_NAME:
        stem, dot, suffix = text.rpartition(".")
        keep = len(suffix) + 1 if dot and len(suffix) <= 10 else 0
        text = (stem if keep else text)[: MAX_NAME - keep] + (f".{suffix}" if keep else "")
    return (text.strip(". ") and text) or "unnamed"


def plain(text: str) -> str:
    """The printable ASCII characters of a text that nobody but a program reads."""
    return "".join(sign for sign in text if sign.isascii() and sign.isprintable())


def sources_of(upload: Upload) -> list[tuple[str, int]]:
    """(key, bytes) of the pieces that make up a completed upload, in order; the whole alone where it is in one piece.

    Raises ``FileNotFoundError`` where a piece is gone.
    """
    if upload.concatenates:
        rows = {str(row.pk): row for row in Upload.objects.filter(pk__in=upload.concatenates)}
        if len(rows) < len(upload.concatenates):
            raise FileNotFoundError(upload.key)
        return [(rows[pk].key, rows[pk].size) for pk in upload.concatenates]
    if upload.front == UploadFront.CHUNKS:
        return list(upload.chunks.order_by("number").values_list("key", "size"))
    return [(upload.key, upload.size)]


def drop_pieces(upload: Upload) -> None:
    """Delete the pieces of an upload whose whole lies elsewhere now; harmless when they are gone."""
    for part in Upload.objects.filter(pk__in=upload.concatenates):
        delete_bytes(part)
        part.delete()
    store.delete_folder(f"uploads/{upload.pk}/")
    upload.chunks.all().delete()


def delete_uploads_of(resource_id: uuid.UUID, *, but: uuid.UUID | None = None) -> None:
    """Delete what is left of the uploads of something that no longer exists. Raises ``StoreUnavailable``.

    but: the id of the one that took the others' place.
    """
    rows = Upload.objects.filter(resource_id=resource_id, taken_up=True)
    for upload in rows.exclude(pk=but) if but else rows:
        if upload.multipart_id:
            store.abort_multipart(upload.key, upload.multipart_id)
        drop_pieces(upload)


def delete_bytes(upload: Upload) -> None:
    """Delete what has come of an upload that nothing else answers for."""
    if upload.multipart_id:
        store.abort_multipart(upload.key, upload.multipart_id)
    store.delete_folder(f"uploads/{upload.pk}/")
    if upload.key:
        store.delete(upload.key)


def end(upload: Upload, status: str, **values: Any) -> int:
    """Move an upload that has become nothing to one of its ends, and delete its bytes; returns whether it was moved."""
    rows = Upload.objects.filter(pk=upload.pk, taken_up=False)
    was_live = upload.status in LIVE
    won = transition(rows, TRANSITIONS, status, updated_at=Now(), lock_token=None, lock_until=None, **values)
    if won:
        if was_live:
            UPLOADS_ENDED.labels(upload.front, status).inc()
        event("video.upload.end", upload=str(upload.pk), status=status, **values)
        transaction.on_commit(lambda: delete_quietly(upload.pk))
    return won


def delete_quietly(upload_id: uuid.UUID) -> bool:
    """Delete the bytes of an upload that has ended; whether that could be done. An ended one with a key has some."""
    upload = Upload.objects.filter(pk=upload_id).first()
    if upload is not None:
        # Nobody else has to wait for a connection to the database while S3 takes its time.
        close_old_connections()
        try:
            delete_bytes(upload)
        except store.StoreUnavailable as exc:
            event("upload.left", upload=str(upload_id), reason=exc.reason)
            return False
        upload.chunks.all().delete()
        gone = {"key": "", "multipart_id": "", "parts": [], "tail_key": "", "tail_size": 0}
        Upload.objects.filter(pk=upload_id).exclude(status__in=LIVE).update(**gone)
    return True


def _is_over(upload: Upload) -> bool:
    return Upload.objects.filter(pk=upload.pk, expires_at__lte=Now()).exists()


def _reason(upload: Upload) -> dict[str, str]:
    return {"reason": upload.error_message} if upload.error_message else {}


def list_uploads(user: User, statuses: Iterable[str]) -> QuerySet[Upload]:
    """The user's uploads in these states (all when none is named), newest first."""
    rows = Upload.objects.visible_to(user).with_state()
    wanted = list(statuses)
    return rows.filter(state__in=wanted) if wanted else rows  # type: ignore[misc]

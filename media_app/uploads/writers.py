"""Writers of an upload's bytes to a file, or to parts of an S3 multipart upload.

Only the request with the upload's lock updates the upload's offset. A writer that has lost the lock overwrites nothing:
the operating system locks files, and S3 part numbers are never reused.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import IO, Any

from django.db import close_old_connections
from django.db.models import Q
from django.db.models.functions import Now

from media_app.av.sniff import sniff
from media_app.storage import files as store
from media_app.uploads.handlers import handler_named
from media_app.uploads.models import LIVE, TRANSITIONS, Upload, UploadProtocol, UploadQuerySet, UploadStatus
from media_app.uploads.quota import scratch_folder
from media_app.uploads.services import HEAD_BYTES
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import limit_size
from vodplatform.core.metrics import UPLOAD_BYTES
from vodplatform.core.records.transitions import transition

LOCK_SECONDS = 5.0
RENEW_SECONDS = 1.5
SPARE_SECONDS = 0.5  # seconds before the lock's expiry at which writing pauses until the lock is renewed
# Bytes, or seconds, after which the upload's offset is updated.
SYNC_BYTES = 16 * 1024**2
SYNC_SECONDS = 2.0
# Bytes after which data is flushed to disk, so that only few bytes are left to flush when the offset is updated.
FLUSH_BYTES = 4 * 1024**2
# Maximum bytes not flushed to disk, and maximum S3 parts not sent; at the maximum, writing waits.
MAX_WAITING_BYTES = 12 * 1024**2
MAX_WAITING_PARTS = 2
MIN_PART_BYTES, MAX_PART_BYTES = 8 * 1024**2, 64 * 1024**2
USUAL_PARTS = 1000
COPY_BYTES = 64 * 1024**2
Step = tuple[int, dict[str, Any]]


class LockLost(Exception):
    """Another request writes this upload, the upload has ended, or its lock was not renewed in time."""


@dataclass(slots=True)
class Lock:
    """A lock to write one upload, for :data:`LOCK_SECONDS`. is_wanted: whether another request waits for the lock."""

    upload_id: uuid.UUID
    token: uuid.UUID
    renewed_at: float
    is_wanted: bool = False

    def rows(self) -> UploadQuerySet:
        return Upload.objects.filter(pk=self.upload_id, lock_token=self.token)

    def is_near_its_end(self, spare: float = 0.0) -> bool:
        return time.monotonic() - self.renewed_at > LOCK_SECONDS - spare

    def renew(self, **values: Any) -> None:
        began = time.monotonic()
        self.held(self.rows().filter(status__in=LIVE).update(**values, **_until()), began)

    def held(self, won: int, began: float) -> None:
        """Record a renewal of the lock that began at the monotonic time ``began``.

        won: number of updated rows. Raises :class:`LockLost` if it is 0.
        """
        if not won:
            raise LockLost
        self.renewed_at = max(self.renewed_at, began)
        self.is_wanted = bool(self.rows().values_list("lock_wanted", flat=True).first())

    def release(self) -> None:
        self.rows().update(lock_token=None, lock_until=None, lock_wanted=False)


def acquire(upload_id: uuid.UUID) -> Lock | None:
    token, began = uuid.uuid4(), time.monotonic()
    rows = Upload.objects.filter(pk=upload_id)
    free = rows.filter(Q(lock_until=None) | Q(lock_until__lte=Now()))
    if free.update(lock_token=token, lock_wanted=False, **_until()):
        return Lock(upload_id, token, began)
    rows.update(lock_wanted=True)
    return None


def open_writer(upload: Upload, lock: Lock, *, holds: bool = False) -> UploadWriter:
    """Return the writer of a locked upload. holds: as in :class:`UploadWriter`. Raises ``upload_lost``."""
    return FileWriter(upload, lock, holds=holds) if store.is_local() else PartWriter(upload, lock, holds=holds)


class UploadWriter:
    """A writer that appends to an upload.

    - received: number of written bytes, including those of earlier requests.
    - offset: number of durable bytes, as stored in the upload's row.
    - holds: whether ``offset`` stays the same until :meth:`sync`, because a checksum must be verified first.
    """

    def __init__(self, upload: Upload, lock: Lock, *, holds: bool = False) -> None:
        self.upload = upload
        self.lock = lock
        self.holds = holds
        self._is_first = upload.status == UploadStatus.INITIATED
        self.offset = self.received = upload.offset
        # If an earlier request has stored the first bytes, it has also checked the file's type.
        self._looked = upload.offset >= min(HEAD_BYTES, upload.size)
        self._moved_at = time.monotonic()
        self._tending = threading.Lock()  # lock held during a flush, so that files stay open

    def write(self, data: bytes) -> None:
        """Write bytes to the system's cache, without waiting for the disk.

        Raises :class:`LockLost`, ``too_large``, ``StoreFull``.
        """
        if self.lock.is_near_its_end():
            raise LockLost
        if self.received + len(data) > self.upload.size:
            sentence = "More data was sent than the upload's declared size."
            if self.upload.front == UploadProtocol.MULTIPART:  # a form announces no size: ``size`` is the maximum
                sentence = f"The file is larger than your limit of {limit_size(self.upload.size)}."
            raise DomainError("too_large", sentence, limit=self.upload.size)
        self._write(data)
        self.received += len(data)

    def is_due(self) -> bool:
        return self._is_full() or (not self.holds and not self._looked and self._can_look())

    def must_wait(self) -> bool:
        return self.lock.is_near_its_end(SPARE_SECONDS) or self._is_crowded()

    def flush_due(self) -> None:
        """Check the file's type; when due, flush bytes and update the offset.

        Raises :class:`LockLost`, ``not_a_video``, ``upload_lost``, ``StoreFull``, ``StoreUnavailable``.
        """
        with self._tending:
            if self.holds:
                if self._is_full():
                    self._flush()
                return
            self._look()
            if self._is_full():
                self._sync(last=False)

    def sync(self) -> None:
        with self._tending:
            self._sync(last=True)

    def set_final_size(self, *, sha256: str) -> None:
        self.lock.renew(size=self.received, sha256=sha256)
        self.upload.size, self.upload.sha256 = self.received, sha256

    def close(self) -> None:
        with self._tending:
            self._close()

    def _sync(self, *, last: bool) -> None:
        self._look()
        for offset, values in self._steps(last=last):
            self._move(offset, values)

    def _move(self, offset: int, values: dict[str, Any]) -> None:
        began = time.monotonic()
        rows = self.lock.rows().filter(offset=self.offset)
        values = values | {"offset": offset, "mime_type": self.upload.mime_type, "updated_at": Now(), **_until()}
        if self._is_first:
            won = transition(rows, TRANSITIONS, UploadStatus.UPLOADING, **values)
        else:
            won = rows.filter(status__in=LIVE).update(**values)
        self.lock.held(won, began)
        self._moved_at = began
        UPLOAD_BYTES.labels(self.upload.front).inc(offset - self.offset)
        self._is_first = False
        self.offset = self.upload.offset = offset

    def _can_look(self) -> bool:
        return self.received >= min(HEAD_BYTES, self.upload.size)

    def _look(self) -> None:
        """Reject a file of a wrong type, except partial uploads, which may be later parts of a file."""
        if self._looked or not self._can_look():
            return
        kind, purpose = sniff(self._head()), handler_named(self.upload.purpose)
        if kind is not None and purpose.accepts(kind):
            self.upload.mime_type = kind.mime_type
        elif purpose.checks_type_early and not self.upload.is_partial:
            raise purpose.refusal()
        self._looked = True

    def _write(self, data: bytes) -> None:
        raise NotImplementedError

    def _is_full(self) -> bool:
        raise NotImplementedError

    def _is_crowded(self) -> bool:
        raise NotImplementedError

    def _head(self) -> bytes:
        raise NotImplementedError

    def _flush(self) -> None:
        raise NotImplementedError

    def _steps(self, *, last: bool) -> Iterator[Step]:
        """Make bytes durable.

        Yield (offset, columns), which the caller stores in the upload's row before the next step.
        """
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError


class FileWriter(UploadWriter):
    def __init__(self, upload: Upload, lock: Lock, *, holds: bool = False) -> None:
        super().__init__(upload, lock, holds=holds)
        self._flushed = self.offset
        self._descriptor = -1
        try:
            with store.storage_errors(upload.key):
                self._open()
        except BaseException:
            self._close()
            raise

    def _open(self) -> None:
        path = store.local_path(self.upload.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        if os.fstat(self._descriptor).st_size < self.upload.offset:
            raise DomainError("upload_lost")
        if not _locked(self._descriptor):
            self._move_away(path)
        if self.upload.offset == 0:
            store.sync_path(path.parent)

    def _move_away(self, path: Path) -> None:
        source, self._descriptor = self._descriptor, -1
        key = _beside(self.upload.key, self.lock.token)
        copy = store.local_path(key)
        try:
            self._descriptor = os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
            self._copy(source)
            store.sync_path(copy.parent)
        except BaseException:
            copy.unlink(missing_ok=True)
            raise
        finally:
            os.close(source)
        try:
            self.lock.renew(key=key)
        except LockLost:
            # Delete the copy only if the lock was lost: after other errors, the upload's row may refer to the copy.
            copy.unlink(missing_ok=True)
            raise
        self.upload.key = key
        path.unlink(missing_ok=True)

    def _copy(self, source: int) -> None:
        _locked(self._descriptor)
        left = self.upload.offset
        while left:
            count = os.copy_file_range(source, self._descriptor, min(left, COPY_BYTES))
            if not count:
                raise DomainError("upload_lost")
            left -= count
            self.lock.renew()
        os.fsync(self._descriptor)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, data: bytes) -> None:
        with store.storage_errors(self.upload.key):
            _write_at(self._descriptor, data, self.received)

    def _is_full(self) -> bool:
        if self.received - self._flushed >= FLUSH_BYTES:
            return True
        return not self.holds and self.received > self.offset and self._is_time()

    def _is_crowded(self) -> bool:
        return self.received - self._flushed >= MAX_WAITING_BYTES

    def _is_time(self) -> bool:
        return time.monotonic() - self._moved_at >= SYNC_SECONDS

    def _head(self) -> bytes:
        return os.pread(self._descriptor, HEAD_BYTES, 0)

    def _flush(self) -> None:
        received = self.received
        if received > self._flushed:
            with store.storage_errors(self.upload.key):
                os.fdatasync(self._descriptor)
            self._flushed = received

    def _steps(self, *, last: bool) -> Iterator[Step]:
        self._flush()
        received = self._flushed
        moves = last or received - self.offset >= SYNC_BYTES or self._is_time()
        if moves and received > self.offset:
            yield received, {}


class PartWriter(UploadWriter):
    """A writer that collects bytes in unnamed temporary files and sends them to S3 as parts."""

    def __init__(self, upload: Upload, lock: Lock, *, holds: bool = False) -> None:
        super().__init__(upload, lock, holds=holds)
        self._part_bytes = max(MIN_PART_BYTES, min(MAX_PART_BYTES, -(-upload.size // USUAL_PARTS)))
        self._parts = [store.Part(*part) for part in upload.parts]
        self._whole: deque[tuple[IO[bytes], int]] = deque()
        self._gathering, self._gathered = open_buffer_file(), 0
        # The upload's first bytes, if they were sent to S3 before the type check.
        self._first = b""
        try:
            if upload.tail_size:
                self._fetch_tail()
        except BaseException:
            self._close()
            raise

    def _fetch_tail(self) -> None:
        close_old_connections()
        try:
            for chunk in store.read_chunks(self.upload.tail_key):
                self._gather(chunk)
        except FileNotFoundError as exc:
            raise DomainError("upload_lost") from exc
        if self._gathered != self.upload.tail_size:
            raise DomainError("upload_lost")
        self.lock.renew()

    def _close(self) -> None:
        for file, _ in self._whole:
            file.close()
        self._gathering.close()

    def _write(self, data: bytes) -> None:
        with store.storage_errors(self.upload.key):
            view = memoryview(data)
            while view:
                count = min(len(view), self._part_bytes - self._gathered)
                self._gather(view[:count])
                view = view[count:]
                if self._gathered == self._part_bytes:
                    self._end_part()

    def _gather(self, data: bytes | memoryview) -> None:
        _write_at(self._gathering.fileno(), data, self._gathered)
        self._gathered += len(data)

    def _end_part(self) -> None:
        whole = self._gathering, self._gathered
        self._gathering, self._gathered = open_buffer_file(), 0
        self._whole.append(whole)

    def _is_full(self) -> bool:
        return bool(self._whole)

    def _is_crowded(self) -> bool:
        return len(self._whole) >= MAX_WAITING_PARTS

    def _head(self) -> bytes:
        file = self._whole[0][0] if self._whole else self._gathering
        return self._first or os.pread(file.fileno(), HEAD_BYTES, 0)

    def _flush(self) -> None:
        while self._whole:
            self._send_first()

    def _steps(self, *, last: bool) -> Iterator[Step]:
        if last and self.received == self.upload.size and self._gathered:
            self._end_part()
        while self._whole:
            self._send_first()
            yield self._step("", 0)
        if last and self.received > self.offset:
            # With ``holds``, :meth:`flush_due` sends parts but does not change the offset, so this step updates it.
            yield self._step(self._keep_tail() if self._gathered else "", self._gathered)

    def _keep_tail(self) -> str:
        key = f"uploads/{self.upload.pk}/tail-{uuid.uuid4().hex}"
        with store.storage_errors(key):
            # Cut off bytes that a failed write may have left.
            os.ftruncate(self._gathering.fileno(), self._gathered)
            self._gathering.seek(0)
        close_old_connections()
        store.put_stream(key, self._gathering)
        return key

    def _step(self, tail_key: str, tail_size: int) -> Step:
        parts = [[part.number, part.etag, part.size] for part in self._parts]
        values = {"parts": parts, "tail_key": tail_key, "tail_size": tail_size}
        return sum(part.size for part in self._parts) + tail_size, values

    def _move(self, offset: int, values: dict[str, Any]) -> None:
        former, tail = self.upload.tail_key, values["tail_key"]
        try:
            super()._move(offset, values)
        except LockLost:
            _drop(tail)
            raise
        self.upload.tail_key = tail
        if former != tail:
            _drop(former)

    def _send_first(self) -> None:
        file, length = self._whole[0]
        if not self._looked and not self._first:
            self._first = self._head()
        self._parts.append(self._send(file, length))
        self._whole.popleft()
        file.close()

    def _send(self, file: IO[bytes], length: int) -> store.Part:
        if self.upload.part_number >= store.MAX_PARTS:
            raise DomainError("upload_lost", "This upload was interrupted too often. Start a new upload.")
        if not self.upload.multipart_id:
            self._begin()
        self.upload.part_number += 1
        self.lock.renew(part_number=self.upload.part_number)
        close_old_connections()
        file.seek(0)
        return store.put_part(self.upload.key, self.upload.multipart_id, self.upload.part_number, file, length)

    def _begin(self) -> None:
        close_old_connections()
        name = store.begin_multipart(self.upload.key, self._content_type())
        try:
            self.lock.renew(multipart_id=name)
        except LockLost:
            store.abort_multipart(self.upload.key, name)
            raise
        self.upload.multipart_id = name

    def _content_type(self) -> str:
        if self._looked:
            return self.upload.mime_type
        kind = sniff(self._first)
        return kind.mime_type if kind is not None and handler_named(self.upload.purpose).accepts(kind) else ""


def _drop(tail_key: str) -> None:
    if tail_key:
        close_old_connections()
        with contextlib.suppress(store.StoreUnavailable):
            store.delete(tail_key)


def open_buffer_file() -> IO[bytes]:
    with store.storage_errors():
        return tempfile.TemporaryFile(buffering=0, dir=scratch_folder())


def _write_at(descriptor: int, data: bytes | memoryview, position: int) -> None:
    count = os.pwrite(descriptor, data, position)
    while count < len(data):
        # On a full disk, the first call writes only some bytes; the next call raises the error.
        count += os.pwrite(descriptor, memoryview(data)[count:], position + count)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # If the file system has no locks, rely on the lock in the database.
        return True
    return True


def _beside(key: str, token: uuid.UUID) -> str:
    path = PurePosixPath(key)
    return str(path.with_name(f"{path.stem}-{token.hex[:12]}{path.suffix}"))


def _until() -> dict[str, Any]:
    return {"lock_until": Now() + timedelta(seconds=LOCK_SECONDS)}

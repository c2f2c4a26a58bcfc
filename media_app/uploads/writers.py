"""Where an upload's bytes go as they arrive, in order: a file at its final key, or parts of a multipart upload on S3.

An upload's offset is what is durable. It moves by compare-and-set under a lock that is a lease. Who lost the lock
moves nothing any more and, on both kinds of storage, changes no byte that somebody else has written since: a file has
a lock of the system's own, and a part of S3 has a number that nobody else is given.

Everything but :meth:`Sink.write` and the questions beside it blocks, and may run while bytes are being written.
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
from media_app.uploads.handlers import purpose_of
from media_app.uploads.models import LIVE, TRANSITIONS, Upload, UploadFront, UploadQuerySet, UploadStatus
from media_app.uploads.quota import scratch_folder
from media_app.uploads.services import HEAD_BYTES
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import limit_size
from vodplatform.core.metrics import UPLOAD_BYTES
from vodplatform.core.records.transitions import transition

LOCK_SECONDS = 5.0
RENEW_SECONDS = 1.5
# Whoever is so near to the end of the lock waits until it is renewed.
SPARE_SECONDS = 0.5
# The offset is moved for so many bytes, or when it has not been for so long.
SYNC_BYTES = 16 * 1024**2
SYNC_SECONDS = 2.0
# The disk is set to work earlier, so that little is left to wait for when the last byte has come.
FLUSH_BYTES = 4 * 1024**2
# So much may be on its way to the disk, and so many parts on theirs to S3, before nothing more is taken.
MAX_WAITING_BYTES = 12 * 1024**2
MAX_WAITING_PARTS = 2
MIN_PART_BYTES, MAX_PART_BYTES = 8 * 1024**2, 64 * 1024**2
USUAL_PARTS = 1000
COPY_BYTES = 64 * 1024**2
Step = tuple[int, dict[str, Any]]


class LockLost(Exception):
    """Somebody else writes this upload now, or it has ended."""


@dataclass(slots=True)
class Lock:
    """The right to write one upload, for :data:`LOCK_SECONDS` at a time.

    renewed_at: by this process's clock, not later than by the database's. is_wanted: somebody waits for it.
    """

    upload_id: uuid.UUID
    token: uuid.UUID
    renewed_at: float
    is_wanted: bool = False

    def rows(self) -> UploadQuerySet:
        """The upload, as long as the lock is this one."""
        return Upload.objects.filter(pk=self.upload_id, lock_token=self.token)

    def is_near_its_end(self, spare: float = 0.0) -> bool:
        """Whether somebody else may take it, or may within ``spare`` seconds."""
        return time.monotonic() - self.renewed_at > LOCK_SECONDS - spare

    def renew(self, **values: Any) -> None:
        """Keep it, and write ``values`` to the row. Raises :class:`LockLost`."""
        began = time.monotonic()
        self.held(self.rows().filter(status__in=LIVE).update(**values, **_until()), began)

    def held(self, won: int, began: float) -> None:
        """Note that a write of the row under this lock, ``began`` then, renewed it too. Raises :class:`LockLost`."""
        if not won:
            raise LockLost
        self.renewed_at = max(self.renewed_at, began)
        self.is_wanted = bool(self.rows().values_list("lock_wanted", flat=True).first())

    def release(self) -> None:
        """Give it back; harmless when it is lost."""
        self.rows().update(lock_token=None, lock_until=None, lock_wanted=False)


def acquire(upload_id: uuid.UUID) -> Lock | None:
    """Take the upload's lock; None when somebody holds it, who is asked to let go."""
    token, began = uuid.uuid4(), time.monotonic()
    rows = Upload.objects.filter(pk=upload_id)
    free = rows.filter(Q(lock_until=None) | Q(lock_until__lte=Now()))
    if free.update(lock_token=token, lock_wanted=False, **_until()):
        return Lock(upload_id, token, began)
    rows.update(lock_wanted=True)
    return None


def open_sink(upload: Upload, lock: Lock, *, holds: bool = False) -> Sink:
    """The sink of an upload that has been read under this lock. Raises ``upload_lost`` where what had come is gone.

    holds: whether nothing counts before all that this sink takes has been checked.
    """
    return FileSink(upload, lock, holds=holds) if store.is_local() else PartSink(upload, lock, holds=holds)


class Sink:
    """Takes bytes at the upload's end.

    received: bytes that are here, durable or not. offset: bytes that are durable. holds: the offset moves, and what
    came is looked at, with :meth:`sync` alone.
    """

    def __init__(self, upload: Upload, lock: Lock, *, holds: bool = False) -> None:
        self.upload = upload
        self.lock = lock
        self.holds = holds
        self._is_first = upload.status == UploadStatus.INITIATED
        self.offset = self.received = upload.offset
        # What is durable has been looked at.
        self._looked = upload.offset >= min(HEAD_BYTES, upload.size)
        self._moved_at = time.monotonic()
        # One at a time makes durable, and nobody closes meanwhile.
        self._tending = threading.Lock()

    def write(self, data: bytes) -> None:
        """Take the next bytes; quick, because the system keeps them until it writes them out.

        Raises :class:`LockLost` after a long stop, ``too_large`` beyond the announced size, ``StoreFull``.
        """
        if self.lock.is_near_its_end():
            raise LockLost
        if self.received + len(data) > self.upload.size:
            sentence = "More bytes came than were announced."
            if self.upload.front == UploadFront.MULTIPART:  # nobody said how long a form's file is
                sentence = f"The file is larger than your limit of {limit_size(self.upload.size)}."
            raise DomainError("too_large", sentence, limit=self.upload.size)
        self._write(data)
        self.received += len(data)

    def is_due(self) -> bool:
        """Whether there is something for :meth:`flush_due` to do."""
        return self._is_full() or (not self.holds and not self._looked and self._can_look())

    def must_wait(self) -> bool:
        """Whether nothing more may be written before the lock is renewed or :meth:`flush_due` has run."""
        return self.lock.is_near_its_end(SPARE_SECONDS) or self._is_crowded()

    def flush_due(self) -> None:
        """Look at the first bytes, bring to the disk what has gathered, and move the offset when it is time.

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
        """Make everything that is here durable and move the offset: nothing more comes by this sink."""
        with self._tending:
            self._sync(last=True)

    def set_final_size(self, *, sha256: str) -> None:
        """The file is as long as what has come: a form does not say so before. sha256: of all of it."""
        self.lock.renew(size=self.received, sha256=sha256)
        self.upload.size, self.upload.sha256 = self.received, sha256

    def close(self) -> None:
        """Let go of files; moves nothing."""
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
        """Refuse what is no video by its first bytes, once there are enough of them.

        A part of a concatenation is only looked at: whether it is the first one, and so has to begin as a video does,
        is not known yet.
        """
        if self._looked or not self._can_look():
            return
        kind, purpose = sniff(self._head()), purpose_of(self.upload.purpose)
        if kind is not None and purpose.takes(kind):
            self.upload.mime_type = kind.mime_type
        elif purpose.checks_type_early and not self.upload.is_partial:
            raise purpose.refusal()
        self._looked = True

    def _write(self, data: bytes) -> None:
        raise NotImplementedError

    def _is_full(self) -> bool:
        """Whether enough has gathered to be made durable."""
        raise NotImplementedError

    def _is_crowded(self) -> bool:
        """Whether so much has gathered that no more should come."""
        raise NotImplementedError

    def _head(self) -> bytes:
        raise NotImplementedError

    def _flush(self) -> None:
        """Make room for more: what has gathered goes where it will be, and counts no more than before."""
        raise NotImplementedError

    def _steps(self, *, last: bool) -> Iterator[Step]:
        """Make durable what can be: after each step the new offset and the columns that go with it.

        The next step is taken only once these are in the row. What is written meanwhile may be left for another time.
        """
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError


class FileSink(Sink):
    """Writes into the file at the upload's key."""

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
        """Leave the file to whoever has it open still, stopped in the middle of a write perhaps, and take a copy."""
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
            # After any other fault the row may point at it.
            copy.unlink(missing_ok=True)
            raise
        self.upload.key = key
        path.unlink(missing_ok=True)

    def _copy(self, source: int) -> None:
        """Copy what counts of an open file into our own."""
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


class PartSink(Sink):
    """Gathers parts in files that have no name and sends them to S3; what is too little for one waits in an object."""

    def __init__(self, upload: Upload, lock: Lock, *, holds: bool = False) -> None:
        super().__init__(upload, lock, holds=holds)
        self._part_bytes = max(MIN_PART_BYTES, min(MAX_PART_BYTES, -(-upload.size // USUAL_PARTS)))
        self._parts = [store.Part(*part) for part in upload.parts]
        self._whole: deque[tuple[IO[bytes], int]] = deque()
        self._gathering, self._gathered = nameless_file(), 0
        # The first bytes, once they have left.
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
            for chunk in store.read(self.upload.tail_key):
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
        self._gathering, self._gathered = nameless_file(), 0
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
            # Also where every byte has left in parts, while none of them counted.
            yield self._step(self._keep_tail() if self._gathered else "", self._gathered)

    def _keep_tail(self) -> str:
        """Keep what is too little for a part in an object; returns its key."""
        key = f"uploads/{self.upload.pk}/tail-{uuid.uuid4().hex}"
        with store.storage_errors(key):
            # A write that failed may have left bytes that do not count.
            os.ftruncate(self._gathering.fileno(), self._gathered)
            self._gathering.seek(0)
        close_old_connections()
        store.put_stream(key, self._gathering)
        return key

    def _step(self, tail_key: str, tail_size: int) -> Step:
        """The columns after a part has been confirmed or a tail kept."""
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
        """Send the part that was whole first."""
        file, length = self._whole[0]
        if not self._looked and not self._first:
            self._first = self._head()
        self._parts.append(self._send(file, length))
        self._whole.popleft()
        file.close()

    def _send(self, file: IO[bytes], length: int) -> store.Part:
        """Send a part under a number that nobody has sent one under, however late that may arrive."""
        if self.upload.part_number >= store.MAX_PARTS:
            raise DomainError("upload_lost", "This file was begun again too often.")
        if not self.upload.multipart_id:
            self._begin()
        self.upload.part_number += 1
        self.lock.renew(part_number=self.upload.part_number)
        # Nobody else has to wait for a connection to the database while S3 takes its time.
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
        """The type that the bucket will say, as the first bytes tell; empty for one that is not taken."""
        if self._looked:
            return self.upload.mime_type
        kind = sniff(self._first)
        return kind.mime_type if kind is not None and purpose_of(self.upload.purpose).takes(kind) else ""


def _drop(tail_key: str) -> None:
    """Delete a tail that no row points at; where S3 does not answer, it goes with the upload's folder."""
    if tail_key:
        close_old_connections()
        with contextlib.suppress(store.StoreUnavailable):
            store.delete(tail_key)


def nameless_file() -> IO[bytes]:
    """A file for what is on its way to S3, gone with the process. Raises ``StoreFull``, ``StoreUnavailable``."""
    with store.storage_errors():
        return tempfile.TemporaryFile(buffering=0, dir=scratch_folder())


def _write_at(descriptor: int, data: bytes | memoryview, position: int) -> None:
    count = os.pwrite(descriptor, data, position)
    while count < len(data):
        # A disk that is nearly full takes a part; the next call says what is wrong.
        count += os.pwrite(descriptor, memoryview(data)[count:], position + count)


def _locked(descriptor: int) -> bool:
    """Take the system's lock of an open file, which goes with the process; whether nobody else has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system that has no locks: the lease alone has to do.
        return True
    return True


def _beside(key: str, token: uuid.UUID) -> str:
    """Another key like this one."""
    path = PurePosixPath(key)
    return str(path.with_name(f"{path.stem}-{token.hex[:12]}{path.suffix}"))


def _until() -> dict[str, Any]:
    return {"lock_until": Now() + timedelta(seconds=LOCK_SECONDS)}

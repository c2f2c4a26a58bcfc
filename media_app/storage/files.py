"""The one media store, on a file system or on S3: keys in, bytes and paths out. It knows nothing of videos or uploads.

Keys are relative POSIX paths without ``..``. What is written under a key is never written again: whoever makes
something new takes a new key. Every call may raise :class:`StoreUnavailable`, those that write :class:`StoreFull`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from stat import S_ISREG
from typing import IO, Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import FileSystemStorage, default_storage

from vodplatform.core.files.storage import StoreFull as StoreFull  # noqa: PLC0414 - part of this interface
from vodplatform.core.files.storage import StoreUnavailable as StoreUnavailable  # noqa: PLC0414 - part of this interface
from vodplatform.core.files.storage import storage_errors as storage_errors  # noqa: PLC0414 - part of this interface
from vodplatform.core.processes.child_pool import caller_gone
from vodplatform.core.processes.ranged import RangeServer
from vodplatform.core.records.database import release_connection

READ_BYTES = 256 * 1024
# S3's own limits (Amazon S3 User Guide, "Multipart upload limits").
MIN_PART_BYTES = 5 * 1024**2
MAX_PARTS = 10_000
_NO_SUCH_UPLOAD = "NoSuchUpload"
_OTHER_PART = "InvalidPart"
NO_BUCKET = "NoSuchBucket"
# Also the answer to any range of an empty file.
_BEYOND_THE_END = frozenset({"416", "InvalidRange"})
_COPY_BYTES = 8 * 1024**2
# How often who waits for a transfer hears of it, whether it moves or not; seconds.
_REPORT_SECONDS = 0.5
# After which a part is read again, the last time by what is raised; another call may have found the storage silent.
_PAUSES = (0.2, 1.5)
OnProgress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of the store. size: bytes. modified: UTC."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class StoredFacts:
    """What is known of a file without reading it.

    size: bytes. etag: a strong validator with its quotes, S3's own where it is there. modified: UTC.
    """

    size: int
    etag: str
    modified: datetime


def is_local() -> bool:
    """Whether files are on a file system of this machine."""
    return isinstance(default_storage, FileSystemStorage)


def local_path(key: str) -> Path:
    """Where a key's bytes are, or would be, on the file system; only where :func:`is_local`.

    Raises ``FileNotFoundError`` for a key that leads out of the store.
    """
    try:
        return Path(default_storage.path(key))
    except SuspiciousFileOperation as exc:
        raise FileNotFoundError(key) from exc


def stat(key: str) -> StoredFacts:
    """The facts of a file. Raises ``FileNotFoundError``."""
    with storage_errors(key):
        if is_local():
            found = local_path(key).stat()
            if not S_ISREG(found.st_mode):  # S3 has no folders that could be taken for a file
                raise FileNotFoundError(key)
            etag = f'"{found.st_size:x}-{found.st_mtime_ns:x}"'
            return StoredFacts(found.st_size, etag, datetime.fromtimestamp(found.st_mtime, UTC))
        head = _client().head_object(Bucket=_bucket(), Key=key)
        return StoredFacts(int(head["ContentLength"]), str(head["ETag"]), head["LastModified"].astimezone(UTC))


def size(key: str) -> int:
    """Bytes of a file. Raises ``FileNotFoundError``."""
    return stat(key).size


def exists(key: str) -> bool:
    """Whether a file is there."""
    with storage_errors(key):
        if not is_local():
            return default_storage.exists(key)
        try:
            return local_path(key).is_file()
        except FileNotFoundError:  # the key leads out of the store
            return False


def read(key: str, start: int = 0, stop: int | None = None, *, piece: int = READ_BYTES) -> Iterator[bytes]:
    """The bytes ``start`` to ``stop`` (not included; None: the end), at most ``piece`` bytes at a time.

    Raises ``FileNotFoundError``.
    """
    if is_local():
        with storage_errors(key), local_path(key).open("rb") as file:
            file.seek(start)
            left = (stop if stop is not None else os.fstat(file.fileno()).st_size) - start
            while left > 0 and (chunk := file.read(min(piece, left))):
                left -= len(chunk)
                yield chunk
        return
    if stop is not None and stop <= start:
        return
    with storage_errors(key):
        wanted = f"bytes={start}-{'' if stop is None else stop - 1}"
        try:
            body = _client().get_object(Bucket=_bucket(), Key=key, Range=wanted)["Body"]
        except _client_error() as exc:
            if _code(exc) in _BEYOND_THE_END:
                return
            raise
        with contextlib.closing(body):
            yield from body.iter_chunks(piece)


def open_ranges(keys: Sequence[str]) -> RangeServer:
    """What lets a child read files of S3 in parts, through us. Raises ``FileNotFoundError``."""

    def read_part(index: int, start: int, stop: int) -> bytes:
        for pause in _PAUSES:
            try:
                return b"".join(read(keys[index], start, stop))
            except StoreUnavailable:
                # Hundreds of parts are read for one answer, which a hiccup of one of them is not to cost.
                time.sleep(pause)
        return b"".join(read(keys[index], start, stop))

    return RangeServer([size(key) for key in keys], read_part)


def local_copy(key: str, folder: Path, on_progress: OnProgress | None = None) -> Path:
    """A path with the file's bytes: its own, else a copy in ``folder``. Raises ``FileNotFoundError``.

    on_progress: is called again and again while it waits, in the caller's own thread, with the bytes that have moved
    since the last time, perhaps none. What it raises ends the transfer and is raised.
    """
    if is_local():
        path = local_path(key)
        if not path.is_file():
            raise FileNotFoundError(key)
        return path
    path = folder / f"{uuid.uuid4().hex}{Path(key).suffix}"
    with storage_errors(key), _transfers() as transfers:
        progress = _Progress()
        _wait_for(transfers.download(_bucket(), key, str(path), subscribers=[progress]), progress, on_progress)
    return path


def put_file(key: str, path: Path, content_type: str = "", on_progress: OnProgress | None = None) -> None:
    """Take the file at ``path`` into the store: moved on a file system, sent and removed on S3.

    on_progress: as in :func:`local_copy`; ``path`` stays where it ended the transfer. In the last moment the file may
    be on S3, too.
    """
    with storage_errors(key):
        if is_local():
            target = local_path(key)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.rename(target)
            except OSError as exc:
                if exc.errno != errno.EXDEV:
                    raise
                # Another file system: visible under its key only once it is whole.
                partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
                try:
                    _copy(path, partial, on_progress)
                    partial.rename(target)
                finally:
                    partial.unlink(missing_ok=True)
                path.unlink()
            sync_path(target)
            sync_path(target.parent)
            return
        extra = {"ContentType": content_type} if content_type else {}
        with _transfers() as transfers:
            progress = _Progress()
            _wait_for(transfers.upload(str(path), _bucket(), key, extra, [progress]), progress, on_progress)
        path.unlink(missing_ok=True)


def put_stream(key: str, body: IO[bytes]) -> None:
    """Keep what an open file holds from where it stands, on S3; it is not read into memory."""
    with storage_errors(key):
        _client().put_object(Bucket=_bucket(), Key=key, Body=body)


def move(source: str, target: str) -> None:
    """Give a file another key that nobody uses; on S3 the storage makes a copy first. Raises ``FileNotFoundError``."""
    with storage_errors(source):
        if is_local():
            path = local_path(target)
            path.parent.mkdir(parents=True, exist_ok=True)
            local_path(source).rename(path)
            sync_path(path.parent)
            return
        # In parts where it is too large to be copied at once.
        _client().copy({"Bucket": _bucket(), "Key": source}, _bucket(), target)
        _client().delete_object(Bucket=_bucket(), Key=source)


def delete(key: str) -> None:
    """Delete a file; harmless when it is gone."""
    with storage_errors(key), contextlib.suppress(FileNotFoundError):
        if is_local():
            local_path(key).unlink()
        else:
            with _gone_is_fine():
                _client().delete_object(Bucket=_bucket(), Key=key)


def delete_folder(prefix: str) -> int:
    """Delete everything below ``prefix`` (which ends with ``/``); returns how many files went."""
    assert prefix.endswith("/") and prefix.strip("/")
    count = 0
    for file in list(files(prefix)):
        delete(file.key)
        count += 1
    if is_local():
        shutil.rmtree(local_path(prefix), ignore_errors=True)
    return count


def delete_empty_folders(prefix: str, older_seconds: float) -> int:
    """Delete folders below ``prefix`` (which ends with ``/``) that have had nothing in them for so long; returns how
    many. Only a file system has such: a file that is deleted leaves its folder, which another may be writing to.
    """
    if not is_local():
        return 0
    count = 0
    base, over = local_path(prefix), time.time() - older_seconds
    for folder in [Path(name) for name, _, _ in os.walk(base, topdown=False)]:
        with contextlib.suppress(OSError):  # it has something in it, or is gone
            if folder != base and folder.stat().st_mtime < over:
                folder.rmdir()
                count += 1
    return count


def files(prefix: str) -> Iterator[StoredFile]:
    """Every file below ``prefix`` (which ends with ``/``)."""
    with storage_errors(prefix):
        if not is_local():
            for page in _client().get_paginator("list_objects_v2").paginate(Bucket=_bucket(), Prefix=prefix):
                for item in page.get("Contents", []):
                    yield StoredFile(item["Key"], item["Size"], item["LastModified"])
            return
        base = local_path(prefix)
        for folder, _, names in os.walk(base):
            for name in names:
                path = Path(folder) / name
                with contextlib.suppress(FileNotFoundError):
                    found = path.stat(follow_symlinks=False)
                    key = prefix + path.relative_to(base).as_posix()
                    yield StoredFile(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def free_bytes() -> int | None:
    """Bytes that are left on the file system; None where the store has no end."""
    if not is_local():
        return None
    root = Path(default_storage.location)  # type: ignore[attr-defined]
    root.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(root).free


def presigned(key: str, seconds: int, content_type: str = "", disposition: str = "") -> str:
    """An address of S3 itself that reads one file, signed for so many seconds (signature version 4)."""
    params = {}
    if content_type:
        params["ResponseContentType"] = content_type
    if disposition:
        params["ResponseContentDisposition"] = disposition
    with storage_errors(key):
        return str(default_storage.url(key, params, seconds))  # type: ignore[call-arg]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a multipart upload that S3 has confirmed. number: from 1. size: bytes."""

    number: int
    etag: str
    size: int


def begin_multipart(key: str, content_type: str = "", *, direct: bool = False) -> str:
    """Begin a file that comes in parts, on S3; returns the name of the upload there.

    direct: whether others send the parts, to addresses of :func:`presigned_part`.
    """
    extra = {"ContentType": content_type} if content_type else {}
    with storage_errors(key):
        client = default_storage.plain_client if direct else _client()  # type: ignore[attr-defined]
        return str(client.create_multipart_upload(Bucket=_bucket(), Key=key, **extra)["UploadId"])


def presigned_part(key: str, upload: str, number: int, length: int, seconds: int) -> str:
    """An address of S3 itself that takes one part of exactly ``length`` bytes by PUT, signed for so many seconds."""
    with storage_errors(key):
        return str(default_storage.part_url(key, upload, number, length, seconds))  # type: ignore[attr-defined]


def list_parts(key: str, upload: str) -> list[Part]:
    """The parts that S3 has of a multipart upload, by number. Raises ``FileNotFoundError`` when it is no more."""
    with storage_errors(key):
        try:
            return [
                Part(int(item["PartNumber"]), str(item["ETag"]), int(item["Size"]))
                for page in _client().get_paginator("list_parts").paginate(Bucket=_bucket(), Key=key, UploadId=upload)
                for item in page.get("Parts", [])
            ]
        except _client_error() as exc:
            if _code(exc) == _NO_SUCH_UPLOAD:
                raise FileNotFoundError(key) from exc
            raise


def put_part(key: str, upload: str, number: int, body: IO[bytes], length: int) -> Part:
    """Send one part, at least :data:`MIN_PART_BYTES` long unless it is the last."""
    with storage_errors(key):
        answer = _client().upload_part(
            Bucket=_bucket(), Key=key, UploadId=upload, PartNumber=number, Body=body, ContentLength=length
        )
        return Part(number, answer["ETag"], length)


def copy_part(key: str, upload: str, number: int, source: str, length: int, *, start: int | None = None) -> Part:
    """Make a part of a file that is in the store already, without its bytes passing through here.

    length: bytes. start: where they begin in the file, which has more than 5 MiB then; None where they are all of it.
    """
    part = {} if start is None else {"CopySourceRange": f"bytes={start}-{start + length - 1}"}
    with storage_errors(source):
        answer = _client().upload_part_copy(
            Bucket=_bucket(), Key=key, UploadId=upload, PartNumber=number,
            CopySource={"Bucket": _bucket(), "Key": source}, **part,
        )  # fmt: skip
        return Part(number, answer["CopyPartResult"]["ETag"], length)


def finish_multipart(key: str, upload: str, parts: Sequence[Part]) -> None:
    """Join the parts; harmless when that has been done already.

    Raises ``FileNotFoundError`` where one of them is not what it was.
    """
    with storage_errors(key):
        listed = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        try:
            _client().complete_multipart_upload(
                Bucket=_bucket(), Key=key, UploadId=upload, MultipartUpload={"Parts": listed}
            )
        except _client_error() as exc:
            if _code(exc) == _OTHER_PART:
                raise FileNotFoundError(key) from exc
            # Done by an attempt that did not live to say so.
            if _code(exc) != _NO_SUCH_UPLOAD or not exists(key):
                raise


def abort_multipart(key: str, upload: str) -> None:
    """Give an unfinished upload up; harmless when it is gone."""
    with storage_errors(key), _gone_is_fine():
        _client().abort_multipart_upload(Bucket=_bucket(), Key=key, UploadId=upload)


@contextlib.contextmanager
def _gone_is_fine() -> Iterator[None]:
    """Servers differ in how they call what is not there; all say 404. A bucket that is not there is a wrong setting."""
    try:
        yield
    except _client_error() as exc:
        if exc.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND or _code(exc) == NO_BUCKET:
            raise


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A multipart upload that was begun on S3 and neither finished nor given up. begun: UTC."""

    key: str
    upload: str
    begun: datetime


def unfinished() -> Iterator[Unfinished]:
    """Every multipart upload that is open: it takes room, and no listing of files shows it. None on a file system."""
    if is_local():
        return
    with storage_errors():
        for page in _client().get_paginator("list_multipart_uploads").paginate(Bucket=_bucket()):
            for item in page.get("Uploads", []):
                yield Unfinished(item["Key"], item["UploadId"], item["Initiated"])


def sync_path(path: Path) -> None:
    """Bring a file or folder to the disk itself."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(source: Path, target: Path, on_progress: OnProgress | None) -> None:
    with source.open("rb") as read_from, target.open("wb") as written:
        while count := os.sendfile(written.fileno(), read_from.fileno(), None, _COPY_BYTES):
            if on_progress is not None:
                on_progress(count)
        os.fsync(written.fileno())


class _Progress:
    """What the threads of a transfer say of it: a subscriber of s3transfer's."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self._moved = 0
        self._lock = threading.Lock()

    def on_progress(self, future: Any, bytes_transferred: int, **kwargs: Any) -> None:
        """Called with less than nothing where a part begins again."""
        with self._lock:
            self._moved += bytes_transferred

    def on_done(self, future: Any, **kwargs: Any) -> None:
        self.is_over.set()

    def take(self) -> int:
        """Bytes since the last call."""
        with self._lock:
            moved = max(0, self._moved)
            self._moved -= moved
        return moved


def _transfers() -> Any:
    """A context in which files move; those that still do when it is left by an exception are given up."""
    from boto3.s3.transfer import TransferConfig, create_transfer_manager

    # Beside the attempts of each call, those for bytes that break off on their way; five by default.
    return create_transfer_manager(_client(), TransferConfig(num_download_attempts=2))


def _wait_for(transfer: Any, progress: _Progress, on_progress: OnProgress | None) -> None:
    while on_progress is not None and not progress.is_over.wait(_REPORT_SECONDS):
        on_progress(progress.take())
    transfer.result()
    if on_progress is not None:
        on_progress(progress.take())


def _client_error() -> Any:
    """What S3's client raises; loaded where it is used, which costs a tenth of a start."""
    from botocore.exceptions import ClientError

    return ClientError


def _code(error: Any) -> str:
    return str(error.response["Error"]["Code"])


_opening = threading.Lock()  # Django makes a storage at its first use, and two where two threads use it first.


def _client() -> Any:
    """S3's client, for what the storage itself has no call for: parts, ranges, copies, and what tells faults apart.

    A web request that is about to ask a storage, which may answer late, keeps no connection to the database meanwhile.
    """
    if caller_gone.get() is not None:
        release_connection()
    with _opening:
        return default_storage.connection.meta.client  # type: ignore[attr-defined]


def _bucket() -> str:
    return str(default_storage.bucket_name)  # type: ignore[attr-defined]

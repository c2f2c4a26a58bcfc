"""The media store, on a file system or on S3. Keys are relative POSIX paths without ``..``; a key is written only once.

Every function may raise :class:`StoreUnavailable`, and every writing function :class:`StoreFull`.
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
# S3's limits for the parts of an upload
MIN_PART_BYTES = 5 * 1024**2
MAX_PARTS = 10_000
_NO_SUCH_UPLOAD = "NoSuchUpload"
_OTHER_PART = "InvalidPart"
NO_BUCKET = "NoSuchBucket"
# S3's error codes for a range after a file's end.
_BEYOND_THE_END = frozenset({"416", "InvalidRange"})
_COPY_BYTES = 8 * 1024**2
_REPORT_SECONDS = 0.5
# Seconds to wait before each retry of a read. After a timeout, all calls fail for 1 s, so the last wait is longer.
_PAUSES = (0.2, 1.5)
OnProgress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class StoredFile:
    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """Metadata of a file. size: bytes. etag: strong ETag in quotes. modified: UTC."""

    size: int
    etag: str
    modified: datetime


def is_local() -> bool:
    return isinstance(default_storage, FileSystemStorage)


def local_path(key: str) -> Path:
    """Return a key's path, whether or not the file exists. Call only if :func:`is_local`.

    Raise ``FileNotFoundError`` for a key outside the store.
    """
    try:
        return Path(default_storage.path(key))
    except SuspiciousFileOperation as exc:
        raise FileNotFoundError(key) from exc


def stat(key: str) -> FileMetadata:
    """Return a file's metadata. Raise ``FileNotFoundError``."""
    with storage_errors(key):
        if is_local():
            found = local_path(key).stat()
            if not S_ISREG(found.st_mode):
                raise FileNotFoundError(key)
            etag = f'"{found.st_size:x}-{found.st_mtime_ns:x}"'
            return FileMetadata(found.st_size, etag, datetime.fromtimestamp(found.st_mtime, UTC))
        head = _client().head_object(Bucket=_bucket(), Key=key)
        return FileMetadata(int(head["ContentLength"]), str(head["ETag"]), head["LastModified"].astimezone(UTC))


def size(key: str) -> int:
    """Return a file's size in bytes. Raise ``FileNotFoundError``."""
    return stat(key).size


def exists(key: str) -> bool:
    with storage_errors(key):
        if not is_local():
            return default_storage.exists(key)
        try:
            return local_path(key).is_file()
        except FileNotFoundError:
            return False


def read_chunks(key: str, start: int = 0, stop: int | None = None, *, piece: int = READ_BYTES) -> Iterator[bytes]:
    """Yield a file's bytes from ``start`` to before ``stop`` (None: the end), at most ``piece`` at a time.

    Raise ``FileNotFoundError``.
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


def start_range_server(keys: Sequence[str]) -> RangeServer:
    """Return a server through which a child process reads S3 files. Raise ``FileNotFoundError``."""

    def read_part(index: int, start: int, stop: int) -> bytes:
        for pause in _PAUSES:
            try:
                return b"".join(read_chunks(keys[index], start, stop))
            except StoreUnavailable:
                # A child process needs hundreds of ranges, so retry short failures.
                time.sleep(pause)
        return b"".join(read_chunks(keys[index], start, stop))

    return RangeServer([size(key) for key in keys], read_part)


def local_copy(key: str, folder: Path, on_progress: OnProgress | None = None) -> Path:
    """Return the path of a local file, or of an S3 file's copy in ``folder``. Raise ``FileNotFoundError``.

    on_progress: called regularly, in the caller's thread, with the bytes moved since the last call, perhaps 0. If it
    raises, the transfer is aborted.
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
    """Move the file at ``path`` into the store.

    on_progress: as in :func:`local_copy`. After an abort, the file is still at ``path``, and possibly also on S3.
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
                # Use a temporary name, so that no incomplete file has the key.
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
    with storage_errors(key):
        _client().put_object(Bucket=_bucket(), Key=key, Body=body)


def move(source: str, target: str) -> None:
    """Rename a file to an unused key. Raise ``FileNotFoundError``."""
    with storage_errors(source):
        if is_local():
            path = local_path(target)
            path.parent.mkdir(parents=True, exist_ok=True)
            local_path(source).rename(path)
            sync_path(path.parent)
            return
        _client().copy({"Bucket": _bucket(), "Key": source}, _bucket(), target)
        _client().delete_object(Bucket=_bucket(), Key=source)


def delete(key: str) -> None:
    with storage_errors(key), contextlib.suppress(FileNotFoundError):
        if is_local():
            local_path(key).unlink()
        else:
            with _ignore_missing():
                _client().delete_object(Bucket=_bucket(), Key=key)


def delete_folder(prefix: str) -> int:
    assert prefix.endswith("/") and prefix.strip("/")
    count = 0
    for file in list(files(prefix)):
        delete(file.key)
        count += 1
    if is_local():
        shutil.rmtree(local_path(prefix), ignore_errors=True)
    return count


def delete_empty_folders(prefix: str, older_seconds: float) -> int:
    """Delete folders below ``prefix`` that have been empty for ``older_seconds``; return their number.

    :func:`delete` keeps folders, because another process may be about to write there.
    """
    if not is_local():
        return 0
    count = 0
    base, over = local_path(prefix), time.time() - older_seconds
    for folder in [Path(name) for name, _, _ in os.walk(base, topdown=False)]:
        with contextlib.suppress(OSError):
            if folder != base and folder.stat().st_mtime < over:
                folder.rmdir()
                count += 1
    return count


def files(prefix: str) -> Iterator[StoredFile]:
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
    if not is_local():
        return None
    root = Path(default_storage.location)  # type: ignore[attr-defined]
    root.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(root).free


def presigned(key: str, seconds: int, content_type: str = "", disposition: str = "") -> str:
    """Return an S3 URL for reading one file, valid for ``seconds``."""
    params = {}
    if content_type:
        params["ResponseContentType"] = content_type
    if disposition:
        params["ResponseContentDisposition"] = disposition
    with storage_errors(key):
        return str(default_storage.url(key, params, seconds))  # type: ignore[call-arg]


@dataclass(frozen=True, slots=True)
class Part:
    """A confirmed part of a multipart upload. number: from 1. size: bytes."""

    number: int
    etag: str
    size: int


def begin_multipart(key: str, content_type: str = "", *, direct: bool = False) -> str:
    """Create a multipart upload on S3; return its id. direct: whether clients send the parts themselves."""
    extra = {"ContentType": content_type} if content_type else {}
    with storage_errors(key):
        client = default_storage.plain_client if direct else _client()  # type: ignore[attr-defined]
        return str(client.create_multipart_upload(Bucket=_bucket(), Key=key, **extra)["UploadId"])


def presigned_part(key: str, upload: str, number: int, length: int, seconds: int) -> str:
    """Return an S3 URL for the PUT of a part of ``length`` bytes, valid for ``seconds``."""
    with storage_errors(key):
        return str(default_storage.part_url(key, upload, number, length, seconds))  # type: ignore[attr-defined]


def list_parts(key: str, upload: str) -> list[Part]:
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
    """Upload a part of at least :data:`MIN_PART_BYTES`; only the last part may be smaller."""
    with storage_errors(key):
        answer = _client().upload_part(
            Bucket=_bucket(), Key=key, UploadId=upload, PartNumber=number, Body=body, ContentLength=length
        )
        return Part(number, answer["ETag"], length)


def copy_part(key: str, upload: str, number: int, source: str, length: int, *, start: int | None = None) -> Part:
    """Let S3 copy ``length`` bytes of another stored file into a part.

    start: number of the first byte, or None to copy the complete file. S3 copies a range only from files over 5 MiB.
    """
    part = {} if start is None else {"CopySourceRange": f"bytes={start}-{start + length - 1}"}
    with storage_errors(source):
        answer = _client().upload_part_copy(
            Bucket=_bucket(), Key=key, UploadId=upload, PartNumber=number,
            CopySource={"Bucket": _bucket(), "Key": source}, **part,
        )  # fmt: skip
        return Part(number, answer["CopyPartResult"]["ETag"], length)


def finish_multipart(key: str, upload: str, parts: Sequence[Part]) -> None:
    """Join the parts of a multipart upload; does nothing if they are already joined.

    Raise ``FileNotFoundError`` if a part has changed.
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
            # If the file exists, ignore the error: a previous request joined the parts, but S3's answer was lost.
            if _code(exc) != _NO_SUCH_UPLOAD or not exists(key):
                raise


def abort_multipart(key: str, upload: str) -> None:
    with storage_errors(key), _ignore_missing():
        _client().abort_multipart_upload(Bucket=_bucket(), Key=key, UploadId=upload)


@contextlib.contextmanager
def _ignore_missing() -> Iterator[None]:
    """Ignore S3's 404 for a missing object or upload, but not for a missing bucket (wrong settings)."""
    try:
        yield
    except _client_error() as exc:
        if exc.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND or _code(exc) == NO_BUCKET:
            raise


@dataclass(frozen=True, slots=True)
class UnfinishedUpload:
    """An open multipart upload. begun: start time in UTC."""

    key: str
    upload: str
    begun: datetime


def unfinished_uploads() -> Iterator[UnfinishedUpload]:
    """Yield S3's open multipart uploads; they use storage but :func:`files` omits them."""
    if is_local():
        return
    with storage_errors():
        for page in _client().get_paginator("list_multipart_uploads").paginate(Bucket=_bucket()):
            for item in page.get("Uploads", []):
                yield UnfinishedUpload(item["Key"], item["UploadId"], item["Initiated"])


def sync_path(path: Path) -> None:
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
    def __init__(self) -> None:
        self.is_over = threading.Event()
        self._moved = 0
        self._lock = threading.Lock()

    def on_progress(self, future: Any, bytes_transferred: int, **kwargs: Any) -> None:
        """Add ``bytes_transferred``, which is negative if a part restarts."""
        with self._lock:
            self._moved += bytes_transferred

    def on_done(self, future: Any, **kwargs: Any) -> None:
        self.is_over.set()

    def take(self) -> int:
        with self._lock:
            moved = max(0, self._moved)
            self._moved -= moved
        return moved


def _transfers() -> Any:
    from boto3.s3.transfer import TransferConfig, create_transfer_manager

    return create_transfer_manager(_client(), TransferConfig(num_download_attempts=2))


def _wait_for(transfer: Any, progress: _Progress, on_progress: OnProgress | None) -> None:
    while on_progress is not None and not progress.is_over.wait(_REPORT_SECONDS):
        on_progress(progress.take())
    transfer.result()
    if on_progress is not None:
        on_progress(progress.take())


def _client_error() -> Any:
    """Return botocore's ClientError, imported late for a faster start."""
    from botocore.exceptions import ClientError

    return ClientError


def _code(error: Any) -> str:
    return str(error.response["Error"]["Code"])


_opening = threading.Lock()  # only the thread with this lock may create Django's storage


def _client() -> Any:
    """Return boto3's S3 client; in a web request, first release the database connection, because S3 may be slow."""
    if caller_gone.get() is not None:
        release_connection()
    with _opening:
        return default_storage.connection.meta.client  # type: ignore[attr-defined]


def _bucket() -> str:
    return str(default_storage.bucket_name)  # type: ignore[attr-defined]

"""Endpoint ``POST …/{id}/chunk``: a raw ASGI app that stores chunks as they arrive.

Each request stores its chunk under a new key, so sending a chunk twice at once is harmless.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from weakref import WeakValueDictionary

from django.db import close_old_connections

from media_app.av.sniff import sniff
from media_app.storage import files as store
from media_app.uploads import quota, services
from media_app.uploads.asgi import Exchange, as_writer, headers_of, run_shielded, serve
from media_app.uploads.handlers import handler_named
from media_app.uploads.models import IN_CHUNKS, Upload, UploadProtocol
from media_app.uploads.pace import Pace
from media_app.uploads.protocols.multipart_parser import Fields, is_form, read_form
from media_app.uploads.serializers import UploadStateSerializer
from media_app.uploads.writers import open_buffer_file
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.web.bodies import Receive, Scope, Send

FIELD = "chunk"
MAX_AT_ONCE = 32  # maximum number of chunks that a process receives from a user at a time
# Maximum number of a user's chunks that a process stores at a time. More threads of one user slow down other users.
MAX_STORED_AT_ONCE = 6
SMALL_BYTES = 256 * 1024  # chunks with fewer bytes count towards the limit of small requests
PACE = Pace(at_once=100, seconds=0.1)
LISTED_AT_ONCE = 5_000  # number of chunk numbers in an answer that take as much time as the rest of the request
ADDRESSES = {
    "api/v1/uploads/<upload_id>/chunk": re.compile(r"/api/v1/uploads/(?P<upload_id>[^/]+)/chunk/?"),
    "api/v1/challenge-videos/upload/<upload_id>/chunk": re.compile(
        r"/api/v1/challenge-videos/upload/(?P<upload_id>[^/]+)/chunk/?"
    ),
}
_arriving: Counter[str] = Counter()
_storing: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()


def route_of(scope: Scope) -> str | None:
    if scope["method"] != "POST":
        return None
    found = next((route for route, address in ADDRESSES.items() if address.fullmatch(scope["path"])), None)
    return found if found and is_form(headers_of(scope)) else None


async def chunk_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    route = route_of(scope)
    assert route is not None
    await serve(Exchange(scope, receive, send, route), _answer)


async def _answer(exchange: Exchange) -> None:
    match = ADDRESSES[exchange.route].fullmatch(exchange.scope["path"])
    assert match is not None
    upload_id = match["upload_id"]
    upload = await as_writer(exchange, lambda user: services.require_live(find_chunked(user, upload_id)))
    with _limit_chunks(exchange.user):
        arriving = IncomingChunk(upload)
        try:
            fields = await _read(exchange, arriving)
            if arriving.size < SMALL_BYTES:
                await PACE.count(exchange.user, 1.0 + (upload.total_chunks or 0) / LISTED_AT_ONCE)
            place = _storing.setdefault(exchange.user, asyncio.Semaphore(MAX_STORED_AT_ONCE))
            await place.acquire()
        except BaseException:
            arriving.close()
            raise
        number, checksum = fields.last("chunk_number"), fields.last("checksum")
        # From here on, only the thread of `_keep` may close the chunk's file: the thread continues if the request is
        # cancelled.
        try:
            body = await run_shielded(_keep, arriving, number, checksum)
        finally:
            place.release()
    await exchange.answer(200, content=body)


@contextlib.contextmanager
def _limit_chunks(user: str) -> Iterator[None]:
    if _arriving[user] >= MAX_AT_ONCE:
        raise DomainError("throttled", f"Send at most {MAX_AT_ONCE} chunks at a time.", retry_after=1)
    _arriving[user] += 1
    try:
        yield
    finally:
        _arriving[user] -= 1
        if not _arriving[user]:
            del _arriving[user]


def _keep(arriving: IncomingChunk, number: str | None, checksum: str | None) -> bytes:
    try:
        return json.dumps(store_chunk(arriving, number, checksum)).encode()
    finally:
        arriving.close()


async def _read(exchange: Exchange, arriving: IncomingChunk) -> Fields:
    fields = Fields()
    is_file = False
    async for event in read_form(exchange.body, exchange.headers):
        if event is None:
            if not is_file:
                fields.end()
        elif isinstance(event, bytes):
            if is_file:
                arriving.write(event)
            else:
                fields.add(event)
        else:
            is_file = event.name == FIELD
            if is_file:
                arriving.open()
            else:
                fields.begin(event)
    return fields


def find_chunked(user: User, upload_id: uuid.UUID | str) -> Upload:
    """Return the user's upload whose chunks are sent to this server. Raises ``upload_not_found``, ``chunk_invalid``."""
    upload = find_in_chunks(user, upload_id)
    if upload.front == UploadProtocol.DIRECT:
        raise DomainError(
            "chunk_invalid",
            "Send the chunks of this upload straight to the bucket, at addresses from `/addresses`.",
        )
    return upload


def find_in_chunks(user: User, upload_id: uuid.UUID | str) -> Upload:
    upload = services.find(user, upload_id)
    if upload.front not in IN_CHUNKS:
        raise DomainError("upload_not_found")
    return upload


class IncomingChunk:
    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        self.key = f"uploads/{upload.pk}/{uuid.uuid4().hex}"
        self.size = 0
        self.digest = hashlib.sha256()
        self._file: IO[bytes] | None = None
        # File that :meth:`close` deletes; None once a database row may refer to the file.
        self._path: Path | None = None

    def open(self) -> None:
        """Create the chunk's file. Raises ``chunk_invalid`` if the form has a second chunk, ``StoreFull``."""
        if self._file is not None:
            raise DomainError("chunk_invalid", "The form has more than one chunk.")
        quota.check_disk(self._most())
        if not store.is_local():
            self._file = open_buffer_file()
            return
        with store.storage_errors(self.key):
            path = store.local_path(self.key)
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        self._path, self._file = path, os.fdopen(descriptor, "r+b", buffering=0)

    def write(self, data: bytes) -> None:
        assert self._file is not None
        if self.size + len(data) > self._most():
            raise DomainError("chunk_invalid", "The chunk is longer than the upload's chunk size.")
        self.digest.update(data)
        with store.storage_errors(self.key):
            descriptor = self._file.fileno()
            count = os.write(descriptor, data)
            while count < len(data):
                count += os.write(descriptor, memoryview(data)[count:])
        self.size += len(data)

    def _most(self) -> int:
        return min(self.upload.chunk_size or 0, self.upload.size)

    def head(self) -> bytes:
        assert self._file is not None
        return os.pread(self._file.fileno(), services.HEAD_BYTES, 0)

    def is_there(self) -> bool:
        return self._file is not None

    def store(self) -> None:
        assert self._file is not None
        with store.storage_errors(self.key):
            if self._path is not None:
                os.fdatasync(self._file.fileno())
                store.sync_path(self._path.parent)
            else:
                self._file.seek(0)
                store.put_stream(self.key, self._file)

    def keep_file(self) -> None:
        """Let :meth:`close` keep the file, because a row may refer to it."""
        self._path = None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def store_chunk(arriving: IncomingChunk, number_text: str | None, checksum: str | None) -> dict[str, object]:
    """Add a received chunk to its upload; return the upload's state.

    Raises ``chunk_invalid``, ``checksum_mismatch``, ``chunk_conflict``, ``not_a_video``, ``upload_finished``,
    ``upload_expired``.
    """
    upload, digest = arriving.upload, arriving.digest.hexdigest()
    number = _number(upload, number_text)
    if not arriving.is_there():
        raise DomainError("chunk_invalid", "The form has no field `chunk`.")
    if arriving.size != upload.length_of(number):
        raise DomainError(
            "chunk_invalid", f"Chunk {number} must have {upload.length_of(number)} bytes; {arriving.size} were sent.",
            chunk_number=number,
        )  # fmt: skip
    if checksum is not None and not services.SHA256.fullmatch(checksum):
        raise DomainError("invalid", errors={"checksum": ["Send the SHA-256 as 64 hexadecimal digits."]})
    if checksum is not None and checksum.lower() != digest:
        raise DomainError("checksum_mismatch", chunk_number=number)
    if services.is_new_chunk(upload, number, digest):
        mime_type = _look(arriving) if number == 0 else ""
        close_old_connections()
        try:
            arriving.store()
        except FileNotFoundError as exc:
            upload.refresh_from_db()
            services.require_live(upload)
            raise DomainError("upload_lost") from exc
        arriving.keep_file()
        try:
            is_kept = services.store_chunk_row(upload, number, arriving.size, digest, arriving.key, mime_type=mime_type)
        except DomainError:
            store.delete(arriving.key)
            raise
        if not is_kept:
            store.delete(arriving.key)
    upload.refresh_from_db()
    return UploadStateSerializer.show(upload)


def _number(upload: Upload, text: str | None) -> int:
    if text is None or not re.fullmatch(r"[0-9]{1,9}", text):
        raise DomainError("chunk_invalid", "Send `chunk_number`, a whole number from 0.")
    if int(text) >= upload.total_chunks:
        raise DomainError("chunk_invalid", f"Use chunk numbers from 0 to {upload.total_chunks - 1}.")
    return int(text)


def _look(arriving: IncomingChunk) -> str:
    kind, purpose = sniff(arriving.head()), handler_named(arriving.upload.purpose)
    if kind is None or not purpose.accepts(kind):
        if not purpose.checks_type_early:
            return ""
        error = purpose.refusal()
        services.fail(arriving.upload, error)
        raise error
    return kind.mime_type

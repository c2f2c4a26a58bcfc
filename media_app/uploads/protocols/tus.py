"""Endpoint for tus 1.0.0 at ``/api/v1/uploads/tus/``, a raw ASGI app."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError

from media_app.storage import files as store
from media_app.uploads import services, writers
from media_app.uploads.asgi import (
    BodyTimeout,
    Exchange,
    SinkWriter,
    as_writer,
    in_background,
    in_thread,
    run_shielded,
    serve,
    storage_threads,
)
from media_app.uploads.models import LIVE, Upload, UploadProtocol, UploadStatus
from media_app.uploads.pace import Pace
from media_app.uploads.protocols import tus_headers as protocol
from media_app.uploads.protocols.tus_headers import Checksum, Malformed
from media_app.uploads.writers import LockLost, UploadWriter
from vodplatform.accounts.authentication import authenticate_writer
from vodplatform.accounts.models import User
from vodplatform.accounts.plans import limits_of
from vodplatform.core.api import idempotency
from vodplatform.core.errors import DomainError
from vodplatform.core.web.bodies import Receive, Scope, Send

PREFIX = "/api/v1/uploads/tus"
ADDRESSES = {
    "api/v1/uploads/tus": re.compile(re.escape(PREFIX) + "/?"),
    "api/v1/uploads/tus/<upload_id>": re.compile(re.escape(PREFIX) + r"/(?P<upload_id>[^/]+)/?"),
}
METHODS = {
    "api/v1/uploads/tus": ("OPTIONS", "POST"),
    "api/v1/uploads/tus/<upload_id>": ("DELETE", "HEAD", "OPTIONS", "PATCH"),
}
LOCK_WAIT_SECONDS = 6.0
LOCK_POLL_SECONDS = 0.1
ENDING = frozenset({"not_a_video", "upload_lost"})
SMALL_BYTES = 1024 * 1024  # requests with fewer bytes count towards the limit of small requests
# On S3, an interrupted request costs up to 64 MiB of reads and writes.
LOCAL_PACE, BUCKET_PACE = Pace(at_once=100, seconds=0.1), Pace(at_once=60, seconds=1.0)
Headers = list[tuple[bytes, bytes]]


def route_of(scope: Scope) -> str | None:
    return next((route for route, address in ADDRESSES.items() if address.fullmatch(scope["path"])), None)


async def tus_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    route = route_of(scope)
    assert route is not None
    always = [_field("Tus-Resumable", protocol.VERSION)]
    await serve(Exchange(scope, receive, send, route, always), _answer)


async def _answer(exchange: Exchange) -> None:
    route = exchange.route
    match = ADDRESSES[route].fullmatch(exchange.scope["path"])
    assert match is not None
    method = protocol.method_of(exchange.scope["method"], exchange.headers.get("x-http-method-override"))
    if method not in METHODS[route]:
        await exchange.refuse(DomainError("method_not_allowed"), [_field("Allow", ", ".join(METHODS[route]))])
    elif method == "OPTIONS":
        await _options(exchange)
    elif exchange.headers.get("tus-resumable") != protocol.VERSION:
        await exchange.refuse(DomainError("precondition_failed"), [_field("Tus-Version", protocol.VERSION)])
    else:
        try:
            if method == "POST":
                await _create(exchange)
            else:
                await {"HEAD": _head, "PATCH": _patch, "DELETE": _delete}[method](exchange, match["upload_id"])
        except Malformed as exc:
            raise DomainError("invalid", str(exc), errors={exc.header: [exc.reason]}) from exc
        except DomainError as exc:
            if "offset" not in exc.extra:
                raise
            await exchange.refuse(exc, [_field("Upload-Offset", exc.extra["offset"])])


async def _options(exchange: Exchange) -> None:
    def most() -> int:
        with contextlib.suppress(DomainError, DatabaseError):
            return limits_of(authenticate_writer(exchange.scope)[0])["max_upload_bytes"]
        return max(limits["max_upload_bytes"] for limits in settings.TIER_LIMITS.values())

    await exchange.answer(
        204,
        [
            _field("Tus-Version", protocol.VERSION),
            _field("Tus-Extension", ",".join(protocol.EXTENSIONS)),
            _field("Tus-Max-Size", await in_thread(most)),
            _field("Tus-Checksum-Algorithm", ",".join(protocol.ALGORITHMS)),
        ],
    )


async def _create(exchange: Exchange) -> None:
    headers = exchange.headers
    concat = protocol.parse_concat(headers["upload-concat"], PREFIX) if "upload-concat" in headers else None
    metadata = protocol.parse_metadata(headers.get("upload-metadata", ""))
    if "upload-defer-length" in headers:
        raise Malformed("Upload-Defer-Length", "Send Upload-Length: this server does not support deferred lengths.")
    if concat is not None and concat.parts:
        if "upload-length" in headers:
            raise Malformed("Upload-Length", "Omit Upload-Length: a final upload is as long as its parts.")
        size = 0
    else:
        size = protocol.parse_number("Upload-Length", headers.get("upload-length"))
    checksum = _checksum(headers)
    brings_bytes = _brings_bytes(exchange)
    if brings_bytes and size < (exchange.body.announced or 0):
        raise DomainError("too_large", "The body is longer than Upload-Length.", limit=size)

    def make(user: User) -> Upload:
        said: dict[str, Any] = {
            "purpose": metadata.get("purpose") or services.DEFAULT_PURPOSE,
            "filename": metadata.get("filename") or metadata.get("name") or "",
            "content_type": metadata.get("filetype") or metadata.get("type") or "",
            "metadata": metadata,
            "header": headers.get("upload-metadata", ""),
        }
        if concat is not None and concat.parts:
            return services.concatenate(user, list(concat.parts), **said)
        is_partial = concat is not None
        upload = services.begin_upload(user, front=UploadProtocol.TUS, size=size, is_partial=is_partial, **said)
        return services.complete(upload) if not size else upload

    def begin(user: User) -> tuple[Upload, bool]:
        if (key := headers.get("idempotency-key")) is None:
            return make(user), False
        said = [headers.get(name) for name in ("upload-length", "upload-metadata", "upload-concat")]
        made, is_again = idempotency.run_once(
            user.pk, f"POST {PREFIX}", key, said, lambda: str(make(user).pk), cancel=headers.get("idempotency-cancel")
        )
        return services.find(user, made), is_again

    upload, is_again = await as_writer(exchange, begin, counts=True)
    # From here on, error responses also have the Location header, because the client can resume the upload.
    exchange.always.append(_field("Location", f"{PREFIX}/{upload.pk}"))
    fields = [_field(idempotency.REPLAYED, "true")] if is_again else []
    if brings_bytes:
        if not is_again:
            upload = await _write_body(exchange, upload, 0, checksum)
        fields.append(_field("Upload-Offset", upload.offset))
    await exchange.answer(201, fields + _state(upload))


def _brings_bytes(exchange: Exchange) -> bool:
    kind = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == protocol.CONTENT_TYPE:
        return not exchange.body.is_over
    if exchange.body.announced or "transfer-encoding" in exchange.headers:
        raise _wrong_content_type()
    return False


async def _head(exchange: Exchange, upload_id: str) -> None:
    """Answer HEAD with the offset, after a running request has made its bytes durable."""
    upload = await _find(exchange, upload_id)
    if upload.status in LIVE:
        lock = await _lock(upload)
        # Use the storage pool: completing takes long, and the database pool must stay free to renew locks.
        upload = await in_thread(_settle, upload, lock, pool=storage_threads)
    if upload.status not in (*LIVE, UploadStatus.COMPLETED):
        raise DomainError("upload_finished", status=upload.status)
    fields = [_field("Upload-Offset", upload.offset), _field("Upload-Length", upload.size), *_state(upload)]
    if header := upload.metadata.get("header"):
        fields.append(_field("Upload-Metadata", header))
    if upload.is_partial:
        fields.append(_field("Upload-Concat", "partial"))
    elif upload.concatenates:
        fields.append(_field("Upload-Concat", protocol.write_final(PREFIX, upload.concatenates)))
    await exchange.answer(200, fields)


def _settle(upload: Upload, lock: writers.Lock) -> Upload:
    try:
        upload.refresh_from_db()
        if upload.status == UploadStatus.COMPLETED:
            return upload
        services.require_live(upload)
        return services.complete(upload) if upload.offset == upload.size else upload
    finally:
        lock.release()


async def _delete(exchange: Exchange, upload_id: str) -> None:
    upload = await _find(exchange, upload_id, counts=True)
    await in_thread(services.cancel, upload, pool=storage_threads)
    await exchange.answer(204)


async def _patch(exchange: Exchange, upload_id: str) -> None:
    headers = exchange.headers
    if headers.get("content-type", "").partition(";")[0].strip().lower() != protocol.CONTENT_TYPE:
        raise _wrong_content_type()
    offset = protocol.parse_number("Upload-Offset", headers.get("upload-offset"))
    checksum = _checksum(headers)
    upload = await _find(exchange, upload_id)
    if upload.concatenates:
        raise DomainError("forbidden", "A final upload accepts no data, because it is joined from its parts.")
    is_repeated = upload.status == UploadStatus.COMPLETED and offset == upload.size and exchange.body.announced == 0
    if not is_repeated:
        upload = await _write_body(exchange, upload, offset, checksum)
    await exchange.answer(204, [_field("Upload-Offset", upload.offset), *_state(upload)])


async def _write_body(exchange: Exchange, upload: Upload, offset: int, checksum: Checksum | None) -> Upload:
    pace = LOCAL_PACE if store.is_local() else BUCKET_PACE
    await pace.count(exchange.user)
    upload = await _receive_body(exchange, upload, offset, checksum)
    if upload.offset - offset >= SMALL_BYTES or upload.offset == upload.size:
        pace.give_back(exchange.user)
    return upload


async def _receive_body(exchange: Exchange, upload: Upload, offset: int, checksum: Checksum | None) -> Upload:
    lock = await _lock(upload)
    holds = checksum is not None
    sink = await in_thread(_open, upload, lock, offset, exchange.body.announced, holds, pool=storage_threads)
    digest = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None

    async def read(keeper: SinkWriter) -> None:
        async for data in exchange.body.pieces():
            if digest is not None:
                digest.update(data)
            if data:
                await keeper.write(data)

    ending = _Ending(sink)
    try:
        async with SinkWriter(sink) as keeper:
            try:
                await keeper.run(read(keeper))
                if checksum is not None and digest is not None and digest.digest() != checksum.digest:
                    raise DomainError("upload_checksum_mismatch")
            except asyncio.CancelledError:
                # The server is stopping. Before it exits, it waits for the thread that runs ``ending``.
                ending.keeps = digest is None
                in_background(ending)
                raise
            except Exception as exc:
                ending.error = exc
                # Bytes do not count before their checksum is verified.
                ending.keeps = digest is None and not _has_lost(exc)
            return await run_shielded(ending)
    except BodyTimeout as exc:
        raise DomainError(
            "upload_conflict", "No data arrived for a minute. Request the offset with HEAD and continue there."
        ) from exc


@dataclass(slots=True)
class _Ending:
    """Callable that a thread runs when an upload request ends or fails.

    It makes bytes durable, closes files, completes the upload if all bytes have arrived, and releases the lock.
    error: error that interrupted the request, or None. keeps: whether the received bytes count towards the offset.
    """

    sink: UploadWriter
    error: Exception | None = None
    keeps: bool = True

    def __call__(self) -> Upload:
        sink, upload = self.sink, self.sink.upload
        try:
            try:
                if self.keeps:
                    sink.sync()
            finally:
                sink.close()
            if self.error is None and upload.offset == upload.size:
                upload = services.complete(upload)
        except DomainError as exc:
            # If two errors occur, report the one that ends the upload, or else the earlier one.
            self.error = exc if exc.type.name in ENDING else self.error or exc
        finally:
            with contextlib.suppress(DatabaseError):
                sink.lock.release()
        if isinstance(self.error, DomainError) and self.error.type.name in ENDING:
            services.fail(upload, self.error)
        if self.error is not None:
            raise self.error
        return upload


def _open(upload: Upload, lock: writers.Lock, offset: int, announced: int | None, holds: bool) -> UploadWriter:
    try:
        upload.refresh_from_db()
        services.require_live(upload)
        if upload.offset != offset:
            raise DomainError("upload_conflict", offset=upload.offset)
        if announced and offset + announced > upload.size:
            raise DomainError("too_large", "The body exceeds Upload-Length.", limit=upload.size)
        return writers.open_writer(upload, lock, holds=holds)
    except BaseException as exc:
        lock.release()
        if isinstance(exc, DomainError) and exc.type.name in ENDING:
            services.fail(upload, exc)
        raise


def _has_lost(error: Exception) -> bool:
    if isinstance(error, DomainError):
        return error.type.name in (*ENDING, "unavailable")
    return isinstance(error, LockLost | DatabaseError)


async def _lock(upload: Upload) -> writers.Lock:
    """Acquire the upload's lock, waiting for its holder to release it; a dead process's lock expires."""
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        lock = await in_thread(writers.acquire, upload.pk)
        if lock is not None:
            return lock
        if time.monotonic() > deadline:
            raise LockLost
        await asyncio.sleep(LOCK_POLL_SECONDS)


async def _find(exchange: Exchange, upload_id: str, *, counts: bool = False) -> Upload:
    def find(user: User) -> Upload:
        upload = services.find(user, upload_id)
        if upload.front != UploadProtocol.TUS or upload.status == UploadStatus.CANCELLED:
            raise DomainError("upload_not_found")
        if upload.status == UploadStatus.EXPIRED:
            raise DomainError("upload_expired")
        return upload

    return await as_writer(exchange, find, counts=counts)


def _state(upload: Upload) -> Headers:
    if upload.status in LIVE:
        return [_field("Upload-Expires", protocol.show_instant(upload.expires_at))]
    if upload.status == UploadStatus.COMPLETED and not upload.is_partial:
        return [_field("X-Resource-Id", upload.resource_id)]
    return []


def _checksum(headers: dict[str, str]) -> Checksum | None:
    return protocol.parse_checksum(headers["upload-checksum"]) if "upload-checksum" in headers else None


def _wrong_content_type() -> DomainError:
    return DomainError("unsupported_media_type", f"Send `Content-Type: {protocol.CONTENT_TYPE}`.")


def _field(name: str, value: str | int | UUID) -> tuple[bytes, bytes]:
    return name.lower().encode(), str(value).encode("latin-1")

"""The byte door: ``GET|HEAD /api/v1/media/stream/{id}`` as a raw ASGI app, mounted before Django.

Django's own file answer under ASGI loads the whole file and ignores Range; this one reads 256 KiB at a
time and stops when the player hangs up, else each seek of a player would read the file to its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs

from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections

from media_app.catalog.models import Video
from media_app.catalog.services import open_video
from media_app.delivery.ranges import ByteRange, Unsatisfiable, etag_matches, parse_range
from media_app.delivery.urls import STREAM, STREAM_PREFIX
from vodplatform.accounts.authentication import authenticate
from vodplatform.base import logs, signing
from vodplatform.base.errors import ERROR_TYPES, error_body
from vodplatform.base.middleware import REQUEST_ID

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

logger = logging.getLogger("vodplatform.error")
READ_BYTES = 256 * 1024
ADDRESS = re.compile(re.escape(STREAM_PREFIX) + r"(?P<id>[^/]+)/?")
# A stored file must never act as a page of this site, whatever it really is.
SAFE_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]


class _Refused(Exception):
    def __init__(self, type: str) -> None:
        self.type = type


@dataclass(slots=True)
class _Opened:
    descriptor: int
    size: int
    etag: str
    modified: float
    content_type: str


def matches(path: str) -> bool:
    """Whether an address belongs to this door."""
    return ADDRESS.fullmatch(path) is not None


async def stream_door(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI app."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    given = headers.get("x-request-id", "")
    request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    token = logs.request_id.set(request_id)
    try:
        if scope["method"] not in ("GET", "HEAD"):
            await _refuse(send, "method_not_allowed", [(b"allow", b"GET, HEAD")])
            return
        try:
            opened = await _open(scope)
        except _Refused as exc:
            extra = [(b"www-authenticate", b"Token")] if exc.type == "unauthenticated" else []
            await _refuse(send, exc.type, extra)
            return
        except DatabaseError as exc:
            logger.warning("stream door", extra={"data": {"exception": repr(exc)}})
            await _refuse(send, "unavailable", [(b"retry-after", b"5")])
            return
        except Exception:  # the answer has to be ours, not the server's plain text
            logger.exception("error")
            await _refuse(send, "server_error", [])
            return
        try:
            await _answer(scope["method"], headers, opened, receive, send)
        finally:
            os.close(opened.descriptor)
    finally:
        logs.request_id.reset(token)


async def _open(scope: Scope) -> _Opened:
    """The file that the address names, once its signature or the caller's sign-in allows it."""
    match = ADDRESS.fullmatch(scope["path"])
    assert match is not None
    try:
        video_id = uuid.UUID(match["id"])
    except ValueError as exc:
        raise _Refused("not_found") from exc
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    user = None
    if "sig" in query:
        try:
            signing.verify(query["sig"][0], STREAM, str(video_id))
        except signing.ExpiredSignature as exc:
            raise _Refused("gone") from exc
        except signing.BadSignature as exc:
            raise _Refused("not_found") from exc
    else:
        user = await authenticate(scope)
        if user is None:
            raise _Refused("unauthenticated")

    def find() -> _Opened:
        close_old_connections()
        try:
            videos = Video.objects.all() if user is None else Video.objects.visible_to(user)
            video = videos.filter(pk=video_id).first()
            if video is None:
                raise _Refused("not_found")
            try:
                descriptor = open_video(video)
            except OSError as exc:
                raise _Refused("not_found") from exc
            found = os.fstat(descriptor)
            etag = f'"{found.st_size:x}-{found.st_mtime_ns:x}"'
            return _Opened(descriptor, found.st_size, etag, found.st_mtime, video.mime_type)
        finally:
            close_old_connections()

    return await sync_to_async(find, thread_sensitive=False)()


async def _answer(method: str, headers: dict[str, str], opened: _Opened, receive: Receive, send: Send) -> None:
    fields = [
        (b"content-type", opened.content_type.encode()),
        (b"accept-ranges", b"bytes"),
        (b"etag", opened.etag.encode()),
        (b"last-modified", formatdate(opened.modified, usegmt=True).encode()),
        (b"cache-control", b"private, max-age=3600"),
    ]
    if etag_matches(headers.get("if-none-match"), opened.etag, weak=True):
        await _head(send, 304, fields)
        await send({"type": "http.response.body", "body": b""})
        return
    wanted = headers.get("range")
    if wanted and "if-range" in headers and not _if_range(headers["if-range"], opened):
        wanted = None
    try:
        part = parse_range(wanted, opened.size)
    except Unsatisfiable:
        await _refuse(send, "range_not_satisfiable", [(b"content-range", f"bytes */{opened.size}".encode())])
        return
    status = 200
    if part is not None:
        status = 206
        fields.append((b"content-range", f"bytes {part.start}-{part.stop - 1}/{opened.size}".encode()))
    part = part or ByteRange(0, opened.size)
    fields.append((b"content-length", str(part.length).encode()))
    await _head(send, status, fields)
    if method == "HEAD":
        await send({"type": "http.response.body", "body": b""})
        return
    await _copy(opened.descriptor, part, receive, send)


def _if_range(header: str, opened: _Opened) -> bool:
    return etag_matches(header, opened.etag, weak=False) or header.strip() == formatdate(opened.modified, usegmt=True)


async def _copy(descriptor: int, part: ByteRange, receive: Receive, send: Send) -> None:
    hung_up = asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        position = part.start
        while position < part.stop and not hung_up.done():
            chunk = os.pread(descriptor, min(READ_BYTES, part.stop - position), position)
            if not chunk:
                # The file has been cut short meanwhile: break the connection rather than pad it.
                raise OSError("the file became shorter while it was read")
            position += len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": position < part.stop})
        if part.length == 0:
            await send({"type": "http.response.body", "body": b""})
    finally:
        hung_up.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hung_up


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _head(send: Send, status: int, fields: list[tuple[bytes, bytes]]) -> None:
    fields = [*fields, *SAFE_HEADERS, (b"x-request-id", logs.request_id.get().encode())]
    await send({"type": "http.response.start", "status": status, "headers": fields})


async def _refuse(send: Send, type: str, extra: list[tuple[bytes, bytes]]) -> None:
    body = json.dumps(error_body(type)).encode()
    fields = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *extra]
    await _head(send, ERROR_TYPES[type].status, fields)
    await send({"type": "http.response.body", "body": body})

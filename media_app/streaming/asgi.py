"""Raw ASGI app, mounted before Django, that streams originals, HLS, renditions and job outputs.

Django's file response under ASGI loads the complete file and ignores Range.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from django.contrib.auth.models import AnonymousUser
from django.db import close_old_connections, connection

from media_app.streaming import grants, io_pools, resolve, view_recorder
from media_app.streaming.conditions import decide, show_date
from media_app.streaming.file_response import Message, ObjectReader, Receive, Send, send_file, send_object
from media_app.streaming.ranges import begins_with_the_first_byte, etag_matches
from media_app.streaming.resolve import Elsewhere, Found, HandedOver, OpenFile, Pending, Request, StoredObject
from media_app.videos.media_urls import HLS_PREFIX, OUTPUT_PREFIX, RENDITION_PREFIX, STREAM_PREFIX
from vodplatform.accounts.authentication import authenticate_reader
from vodplatform.accounts.models import User
from vodplatform.core import logs
from vodplatform.core.errors import DomainError, error_body
from vodplatform.core.web.bodies import Scope, headers_of
from vodplatform.core.web.callers import callers
from vodplatform.core.web.exchange import error_of, refusal_headers, request_context

Answer = TypeVar("Answer")
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="media-door")
ADDRESSES = {
    "api/v1/media/stream/<video_id>": re.compile(re.escape(STREAM_PREFIX) + r"(?P<video_id>[^/]+)/?"),
    "api/v1/media/hls/<token>/<video_id>/<name>": re.compile(
        re.escape(HLS_PREFIX) + r"(?P<token>[^/]+)/(?P<video_id>[^/]+)/(?P<name>master\.m3u8)/?"
    ),
    "api/v1/media/hls/<token>/<video_id>/<rung>/<name>": re.compile(
        re.escape(HLS_PREFIX) + r"(?P<token>[^/]+)/(?P<video_id>[^/]+)/(?P<rung>[^/]+)/(?P<name>[^/]+)/?"
    ),
    "api/v1/media/renditions/<token>/<rendition_id>/<name>": re.compile(
        re.escape(RENDITION_PREFIX) + r"(?P<token>[^/]+)/(?P<rendition_id>[^/]+)/(?P<name>[^/]+)/?"
    ),
    "api/v1/media/outputs/<token>/<job_id>/<attempt>/<name>": re.compile(
        re.escape(OUTPUT_PREFIX) + r"(?P<token>[^/]+)/(?P<job_id>[^/]+)/(?P<attempt>[^/]+)/(?P<name>[^/]+)/?"
    ),
}
STREAM_ROUTE = next(iter(ADDRESSES))
# Headers that keep browsers from showing a stored file as a page of this site.
SAFE_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]
Fields = list[tuple[bytes, bytes]]
VIEW_STATUSES = (200, 206, 302)


def route_of(scope: Scope) -> str | None:
    return next((route for route, address in ADDRESSES.items() if address.fullmatch(scope["path"])), None)


async def media_endpoint(scope: Scope, receive: Receive, send: Send) -> None:
    headers = headers_of(scope)
    begun = False
    found: Found | None = None

    async def noting_send(message: Message) -> None:
        nonlocal begun
        begun = True
        if message["type"] == "http.response.start" and found and _is_watched(found, request, message["status"]):
            assert found.shows
            view_recorder.note(found.shows, scope, logs.user_id.get())
        await send(message)

    with request_context(scope, headers):
        if scope["method"] not in ("GET", "HEAD"):
            await _refuse(send, DomainError("method_not_allowed"), [(b"allow", b"GET, HEAD")])
            return
        try:
            request = _read(scope, headers)
            found = await _find(scope, request)
            async with _while_granted(found):
                await _answer(found, request, receive, noting_send)
        except Exception as exc:
            if begun:
                # The headers are already sent, so closing the connection is the only way to report the error.
                raise
            await _refuse(send, DomainError("not_found") if isinstance(exc, FileNotFoundError) else error_of(exc))


def _while_granted(found: Found) -> AbstractAsyncContextManager[None]:
    if found.granted is None:
        return nullcontext()
    granted = found.granted
    return grants.run_while_valid(
        lambda: asyncio.get_running_loop().run_in_executor(_threads, lambda: _asked(grants.is_valid, *granted))
    )


def _is_watched(found: Found, request: Request, status: int) -> bool:
    first = begins_with_the_first_byte(request.headers.get("range"))
    return found.shows is not None and request.method == "GET" and status in VIEW_STATUSES and first


def _read(scope: Scope, headers: Mapping[str, str]) -> Request:
    route = route_of(scope)
    assert route is not None
    match = ADDRESSES[route].fullmatch(scope["path"])
    assert match is not None
    options = dict(reversed(parse_qsl(scope.get("query_string", b"").decode("latin-1"))))
    return Request(scope["method"], route, match.groupdict(), options, headers)


async def _find(scope: Scope, request: Request) -> Found:
    context = contextvars.copy_context()
    try:
        async with callers.place(scope):
            found = await asyncio.get_running_loop().run_in_executor(_threads, context.run, _look_up, scope, request)
    finally:
        logs.user_id.set(context.get(logs.user_id, ""))
    if isinstance(found.content, Pending):
        content = await io_pools.run_in_pool_with_timeout(found.content.place, found.content.load, _close)
        found = replace(found, content=content)
    return found


def _look_up(scope: Scope, request: Request) -> Found:
    def find() -> Found:
        if request.route == STREAM_ROUTE:
            return resolve.find_stream(request, None if "sig" in request.options else _user_of(scope))
        if "job_id" in request.parts:
            return resolve.find_output(request)
        return resolve.find_rendition(request) if "rendition_id" in request.parts else resolve.find_hls(request)

    return _asked(find)


def _asked(ask: Callable[..., Answer], *arguments: Any) -> Answer:
    if connection.vendor == "sqlite":
        # Keep the thread's SQLite connection: reopening takes longer than the query.
        connection.close_at = None
    close_old_connections()
    try:
        return ask(*arguments)
    finally:
        if connection.vendor == "sqlite":
            connection.close_at = None
        close_old_connections()


def _user_of(scope: Scope) -> User | AnonymousUser:
    found = authenticate_reader(scope)
    if found is None:
        return AnonymousUser()
    logs.user_id.set(str(found[0].pk))
    return found[0]


def _close(content: Any) -> None:
    if isinstance(content, OpenFile):
        os.close(content.descriptor)


async def _close_file(file: OpenFile) -> None:
    if file.can_read_nonblocking:
        os.close(file.descriptor)
    else:
        await asyncio.shield(io_pools.run_in_pool(file.place, lambda: os.close(file.descriptor)))


async def _answer(found: Found, request: Request, receive: Receive, send: Send) -> None:
    kept = (b"cache-control", found.cache.encode())
    fields: Fields = [(b"content-type", found.content_type.encode()), kept]
    if found.disposition:
        fields.append((b"content-disposition", found.disposition.encode()))
    content = found.content
    if isinstance(content, OpenFile):
        try:
            await _answer_file(content, request, fields, receive, send)
        finally:
            await _close_file(content)
    elif isinstance(content, StoredObject):
        await _answer_file(content, request, fields, receive, send)
    elif isinstance(content, HandedOver):
        # Ignore the request's range and conditional headers, because nginx evaluates them.
        await _whole(send, 200, [*fields, (b"x-accel-redirect", content.address.encode())])
    elif isinstance(content, Elsewhere):
        await _whole(send, 302, [kept, (b"location", content.address.encode())])
    elif isinstance(content, bytes):
        etag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
        fields.append((b"etag", etag.encode()))
        if etag_matches(request.headers.get("if-none-match"), etag, weak=True):
            await _whole(send, 304, fields)
        else:
            await _whole(send, 200, fields, content, request.method)


async def _answer_file(
    file: OpenFile | StoredObject, request: Request, fields: Fields, receive: Receive, send: Send
) -> None:
    outcome = decide(request.headers, file.size, file.etag, file.modified)
    if outcome.status == 412:
        await _refuse(send, DomainError("precondition_failed", "The file has changed. Load it again from the start."))
        return
    if outcome.status == 416:
        extra = [(b"content-range", f"bytes */{file.size}".encode())]
        await _refuse(send, DomainError("range_not_satisfiable"), extra)
        return
    fields = [
        *fields,
        (b"accept-ranges", b"bytes"),
        (b"etag", file.etag.encode()),
        (b"last-modified", show_date(file.modified).encode()),
    ]
    if outcome.part is None:
        await _whole(send, outcome.status, fields)
        return
    part = outcome.part
    if outcome.status == 206:
        fields.append((b"content-range", f"bytes {part.start}-{part.stop - 1}/{file.size}".encode()))
    fields.append((b"content-length", str(part.length).encode()))
    if request.method == "HEAD":
        await _head(send, outcome.status, fields)
        await send({"type": "http.response.body", "body": b""})
    elif isinstance(file, OpenFile):
        await _head(send, outcome.status, fields)
        await send_file(file, part, receive, send)
    else:
        reader = ObjectReader(file, part)
        try:
            await reader.begin()
            await _head(send, outcome.status, fields)
            await send_object(reader, part, receive, send)
        finally:
            await reader.end()


async def _whole(send: Send, status: int, fields: Fields, body: bytes = b"", method: str = "GET") -> None:
    if status != 304:
        fields = [*fields, (b"content-length", str(len(body)).encode())]
    await _head(send, status, fields)
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


async def _head(send: Send, status: int, fields: Fields) -> None:
    fields = [*fields, *SAFE_HEADERS, (b"x-request-id", logs.request_id.get().encode())]
    await send({"type": "http.response.start", "status": status, "headers": fields})


async def _refuse(send: Send, exc: DomainError, extra: Sequence[tuple[bytes, bytes]] = ()) -> None:
    body = json.dumps(error_body(exc.type.name, exc.message, **exc.extra)).encode()
    fields = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), *extra, *refusal_headers(exc)]
    await _whole(send, exc.type.status, fields, body)

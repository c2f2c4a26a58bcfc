"""ASGI app in front of Django that stores the files of forms as they arrive.

The Django view gets their uploads by :func:`received_uploads`; uploads that it does not complete are cancelled.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from rest_framework.request import Request

from media_app.uploads import quota, services, writers
from media_app.uploads.asgi import (
    Exchange,
    SinkWriter,
    as_writer,
    headers_of,
    in_thread,
    run_shielded,
    serve,
    storage_threads,
)
from media_app.uploads.handlers import handler_named
from media_app.uploads.models import Upload, UploadProtocol, UploadStatus
from media_app.uploads.protocols.multipart_parser import MAX_OVERHEAD_BYTES, Fields, Part, is_form, read_form
from media_app.uploads.writers import UploadWriter
from vodplatform.accounts.models import User
from vodplatform.core import logs
from vodplatform.core.api.idempotency import HEADER, RECEIVED, is_answered, route_at
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import limit_size
from vodplatform.core.web.bodies import Receive, Scope, Send
from vodplatform.core.web.middleware import without_trailing_slash
from vodplatform.core.web.throttles import COUNTED_SCOPE_KEY

App = Callable[..., Awaitable[None]]
NUMBERED = "#"  # separator before a file's number, if a form sends several files under one part name
# Headers that the Django view does not get. Instead, it gets the form's fields as JSON and this app's request id.
BODY_HEADERS = frozenset({b"content-type", b"content-length", b"transfer-encoding", b"expect", b"x-request-id"})


@dataclass(frozen=True, slots=True)
class FilePart:
    """Files of one purpose in a form.

    names: accepted part names. max_file_bytes: function that returns the form's own limit, or None. most: maximum
    number of files.
    """

    names: frozenset[str]
    purpose: str
    max_file_bytes: Callable[[], int | None] = lambda: None
    most: int = 1

    def limit(self, user: User) -> int:
        most, own = quota.max_file_bytes(user, handler_named(self.purpose)), self.max_file_bytes()
        return most if own is None else min(most, own)


@dataclass(frozen=True, slots=True)
class Form:
    """A form with files.

    - route: name of the form in logs and metrics.
    - address: path of the Django view, without trailing slash.
    - files: accepted files. If a form is too large, the error names the size limit of the first entry.
    """

    route: str
    address: re.Pattern[str]
    files: tuple[FilePart, ...]

    def part_of(self, name: str | None) -> FilePart | None:
        return next((part for part in self.files if name in part.names), None)


def form(route: str, *files: FilePart) -> Form:
    pieces = re.split(r"<(?:uuid:)?(\w+)>", route)
    pattern = "".join(f"(?P<{piece}>[^/]+)" if number % 2 else re.escape(piece) for number, piece in enumerate(pieces))
    return Form(route, re.compile(f"/{pattern}"), files)


LIBRARY_FILE = FilePart(frozenset({"file", "video"}), "library")
CATALOGUE_FILES = (
    FilePart(frozenset({"video"}), "catalogue", lambda: int(settings.MAX_VIDEO_SIZE)),
    FilePart(frozenset({"thumbnail"}), "thumbnail"),
)
FORMS = [
    form("api/v1/library", LIBRARY_FILE),
    form("api/v1/videos/<uuid:video_id>/file", *CATALOGUE_FILES),
    form("videos-upload", *CATALOGUE_FILES),
    form("functions/v1/videos-upload", *CATALOGUE_FILES),
]


@cache
def forms() -> list[Form]:
    lists: list[list[Form]] = [import_string(path) for path in settings.UPLOAD_FORMS]
    return [form for forms in lists for form in forms]


def form_of(scope: Scope) -> Form | None:
    if scope["method"] != "POST":
        return None
    path = without_trailing_slash(scope["path"])
    found = next((form for form in forms() if form.address.fullmatch(path)), None)
    return found if found and is_form(headers_of(scope)) else None


def received_uploads(request: Request) -> dict[str, Upload]:
    """Return a request's uploads by part name. Raises the errors of the request's parser."""
    _ = request.data
    named: dict[str, dict[str, str]] = getattr(request._request, "scope", {}).get(RECEIVED, {})
    if any(not file["upload"] for file in named.values()):
        # Files of a repeated request are not stored, because the request normally gets the stored answer and does not
        # reach this code. Now that answer has expired.
        raise DomainError(
            "unavailable", "The stored response to this repeated request has just expired. Send the request again."
        )
    rows = {str(row.pk): row for row in Upload.objects.filter(pk__in=[file["upload"] for file in named.values()])}
    return {name: rows[file["upload"]] for name, file in named.items() if file["upload"] in rows}


def uploads_named(files: dict[str, Upload], name: str) -> list[Upload]:
    return [upload for key, upload in files.items() if key.partition(NUMBERED)[0] == name]


def form_endpoint(app: App) -> App:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        form = form_of(scope)
        assert form is not None
        exchange = Exchange(scope, receive, send, form.route)
        await serve(exchange, lambda exchange: _answer(exchange, form, app, receive, send))

    return wrapped


@dataclass(slots=True)
class _FormState:
    """State of a form that is being received.

    reserved: bytes reserved per file. is_again: whether the same request was already answered. If so, only the SHA-256
    ``hashes`` of its files are kept.
    """

    user: User
    form: Form
    reserved: dict[FilePart, int]
    is_again: bool = False
    fields: Fields = field(default_factory=Fields)
    files: dict[str, Upload] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)


async def _answer(exchange: Exchange, form: Form, app: App, receive: Receive, send: Send) -> None:
    match = form.address.fullmatch(without_trailing_slash(exchange.scope["path"]))
    assert match is not None
    given = match.groupdict()

    def admit(user: User) -> _FormState:
        if _is_again(exchange, user):
            return _FormState(user, form, {part: part.limit(user) for part in form.files}, is_again=True)
        return _admit(user, form, given, exchange.body.announced)

    # Count the request for throttling even if it is rejected later; the view does not count it.
    state = await as_writer(exchange, admit, counts=True)
    try:
        await _read(exchange, state)
        await _call(exchange, state, app, receive, send)
    finally:
        if state.files:
            await run_shielded(_cancel_unfinished, [upload.pk for upload in state.files.values()])


def _is_again(exchange: Exchange, user: User) -> bool:
    key = exchange.headers.get(HEADER.lower())
    return key is not None and is_answered(user.pk, route_at("POST", exchange.scope["path"]), key)


def _admit(user: User, form: Form, given: dict[str, str], announced: int | None) -> _FormState:
    limits = {part: part.limit(user) for part in form.files}
    for part in form.files:
        handler_named(part.purpose).admit(user, given)
    if announced is not None:
        # Subtract the form's overhead, so that a file of allowed size is not rejected.
        least = max(0, announced - MAX_OVERHEAD_BYTES)
        if least > sum(part.most * limit for part, limit in limits.items()):
            limit = limits[form.files[0]]
            sentence = f"The file is larger than your limit of {limit_size(limit)}."
            raise DomainError("too_large", sentence, limit=limit)
        if any(handler_named(part.purpose).counts_towards_quota for part in form.files):
            quota.check_room(user, least)
    reserved = {}
    for part, limit in limits.items():
        most = quota.free_quota_bytes(user) if handler_named(part.purpose).counts_towards_quota else limit
        reserved[part] = max(1, min(limit, most, limit if announced is None else announced))
    return _FormState(user, form, reserved)


async def _read(exchange: Exchange, state: _FormState) -> None:
    events = read_form(exchange.body, exchange.headers)
    async with contextlib.aclosing(events):  # type: ignore[type-var]
        async for event in events:
            if isinstance(event, bytes):
                state.fields.add(event)
            elif event is None:
                state.fields.end()
            elif kind := state.form.part_of(event.name):
                await _take_file(event, kind, events, state)
            elif event.filename is not None:
                raise DomainError(
                    "invalid", errors={str(event.name): ["This form does not accept a file with this field name."]}
                )
            else:
                state.fields.begin(event)


async def _take_file(part: Part, kind: FilePart, events: AsyncIterator[Any], state: _FormState) -> None:
    name = _key_of(part, kind, [*state.files, *state.hashes])
    if state.is_again:
        state.hashes[name] = await _hash(events, state.reserved[kind])
        return
    sink = await in_thread(_begin, state, part, kind, name, pool=storage_threads)
    digest = hashlib.sha256()

    async def read(keeper: SinkWriter) -> None:
        async for data in events:
            if data is None:
                return
            digest.update(data)
            await keeper.write(data)

    try:
        async with SinkWriter(sink) as keeper:
            await keeper.run(read(keeper))
            await in_thread(_end, sink, digest.hexdigest(), part.name, pool=storage_threads)
    finally:
        await run_shielded(sink.close)


def _key_of(part: Part, kind: FilePart, there: list[str]) -> str:
    count = sum(key.partition(NUMBERED)[0] in kind.names for key in there)
    if count >= kind.most:
        sentence = "Send one file." if kind.most == 1 else f"Send at most {kind.most} files."
        raise DomainError("invalid", errors={str(part.name): [sentence]})
    name = part.name or ""
    return f"{name}{NUMBERED}{count}" if name in there else name


async def _hash(events: AsyncIterator[Any], most: int) -> str:
    digest, size = hashlib.sha256(), 0
    async for data in events:
        if data is None:
            break
        size += len(data)
        if size > most:
            raise DomainError("too_large", limit=most)
        digest.update(data)
    return digest.hexdigest()


def _begin(state: _FormState, part: Part, kind: FilePart, name: str) -> UploadWriter:
    upload = services.begin_upload(
        state.user, front=UploadProtocol.MULTIPART, purpose=kind.purpose, filename=part.filename or "",
        content_type=part.content_type or "", size=state.reserved[kind],
    )  # fmt: skip
    state.files[name] = upload
    lock = writers.acquire(upload.pk)
    assert lock is not None
    return writers.open_writer(upload, lock)


def _end(sink: UploadWriter, sha256: str, name: str | None) -> None:
    if not sink.received:
        raise DomainError("invalid", errors={name or "file": ["The file is empty."]})
    sink.set_final_size(sha256=sha256)
    sink.sync()
    sink.close()
    sink.lock.release()


async def _call(exchange: Exchange, state: _FormState, app: App, receive: Receive, send: Send) -> None:
    texts = {name: values[0] if len(values) == 1 else values for name, values in state.fields.texts.items()}
    body = json.dumps(texts).encode()
    headers = [(name, value) for name, value in exchange.scope["headers"] if name.lower() not in BODY_HEADERS]
    headers += [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", logs.request_id.get().encode()),
    ]
    files = {name: {"upload": str(upload.pk), "sha256": upload.sha256} for name, upload in state.files.items()}
    files |= {name: {"upload": "", "sha256": sha256} for name, sha256 in state.hashes.items()}
    pending: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def given() -> MutableMapping[str, Any]:
        return pending.pop() if pending else await receive()

    async def noting(message: MutableMapping[str, Any]) -> None:
        exchange.has_answered = True
        await send(message)

    await app({**exchange.scope, "headers": headers, RECEIVED: files, COUNTED_SCOPE_KEY: True}, given, noting)


def _cancel_unfinished(uploads: list[Any]) -> None:
    for upload in Upload.objects.filter(pk__in=uploads).exclude(status=UploadStatus.COMPLETED):
        with contextlib.suppress(DomainError):
            services.cancel(upload)
            # Delete the row of the cancelled upload, because an upload by a form cannot be resumed.
            Upload.objects.filter(pk=upload.pk, status=UploadStatus.CANCELLED).delete()

"""ASGI middleware for ``/analyze/…`` that waits for the analysis and answers with the results.

Raw ASGI is needed, because the client's disconnect must cancel the job at once.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import DatabaseError

from media_app.uploads.asgi import in_thread, run_shielded
from sessions_app.analysis import services
from sessions_app.analysis.models import AnalysisSession, SessionStatus
from sessions_app.analysis.serializers import ResultsSerializer
from vodplatform.core import logs
from vodplatform.core.errors import DomainError, error_body
from vodplatform.core.web.bodies import App, Message, Receive, Scope, Send
from vodplatform.core.web.middleware import without_trailing_slash

PATHS = frozenset({"/analyze/highlights", "/analyze/workout"})
FIRST_POLL_SECONDS = 0.1
LONGEST_LOOK_SECONDS = 4.0
STARTED = 202
LIVE = (SessionStatus.QUEUED, SessionStatus.PROCESSING)
# Polls for results have their own threads. In the uploads' thread pool, polls would delay the renewal of upload locks.
poll_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="analysis-looks")


def is_waited_for(scope: Scope) -> bool:
    return scope["method"] == "POST" and without_trailing_slash(scope["path"]) in PATHS


def wait_for_result(app: Callable[[Scope], App]) -> App:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        first = _HeldResponse()
        await app(scope)(scope, _until_read(receive), first.take)
        if first.code != STARTED:
            if first.code:  # the status is 0 if the client disconnected during the upload
                await first.give(send)
            return
        session_id = uuid.UUID(json.loads(first.body)["sessionId"])
        # Log the following lines with the request id from Django's response.
        logs.request_id.set(first.request_id)
        gone = asyncio.ensure_future(_until_gone(receive))
        found = asyncio.ensure_future(_until_ended(session_id))
        try:
            await asyncio.wait({gone, found}, return_when=asyncio.FIRST_COMPLETED)
            if not found.done():
                await run_shielded(_cancel, session_id)
                return
            status, body = found.result()
        finally:
            gone.cancel()
            found.cancel()
        await first.give(send, status, json.dumps(body).encode())

    return wrapped


class _HeldResponse:
    def __init__(self) -> None:
        self.code = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.code, self.headers = message["status"], list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    @property
    def request_id(self) -> str:
        return next((value.decode("latin-1") for name, value in self.headers if name.lower() == b"x-request-id"), "")

    async def give(self, send: Send, status: int | None = None, body: bytes | None = None) -> None:
        headers = self.headers
        if body is not None:
            headers = [field for field in headers if field[0].lower() != b"content-length"]
            headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status or self.code, "headers": headers})
        await send({"type": "http.response.body", "body": self.body if body is None else body})


def _until_read(receive: Receive) -> Receive:
    """Return a ``receive`` that delivers the body and then blocks, so that `_until_gone` receives the disconnect."""
    is_read = False

    async def read() -> Message:
        nonlocal is_read
        if is_read:
            await asyncio.Event().wait()
        message = await receive()
        is_read = message["type"] == "http.request" and not message.get("more_body", False)
        return message

    return read


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _until_ended(session_id: uuid.UUID) -> tuple[int, dict[str, Any]]:
    seconds = FIRST_POLL_SECONDS
    while True:
        found = await in_thread(_poll, session_id, pool=poll_threads)
        if found is not None:
            return found
        await asyncio.sleep(seconds)
        seconds = min(LONGEST_LOOK_SECONDS, 1.2 * seconds)


def _poll(session_id: uuid.UUID) -> tuple[int, dict[str, Any]] | None:
    try:
        session = AnalysisSession.objects.with_state().filter(pk=session_id).first()
        if session is not None and session.status in LIVE:
            return None
        if session is None:
            raise DomainError("session_not_found")
        session.refresh_from_db(fields=["data"])
        return 200, ResultsSerializer.show(session)["data"]
    except (DomainError, AnalysisSession.DoesNotExist) as exc:
        error = exc if isinstance(exc, DomainError) else DomainError("session_not_found")
        return error.type.status, error_body(error.type.name, error.message, **error.extra)
    except DatabaseError:
        return None


def _cancel(session_id: uuid.UUID) -> None:
    session = AnalysisSession.objects.with_state().filter(pk=session_id).first()
    if session is not None and session.status in LIVE:
        try:
            services.cancel(session)
        except DomainError:
            return  # the job has ended in the meantime

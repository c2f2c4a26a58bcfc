"""Django's ASGI handler, changed so that middleware and view of a request run in one thread."""

from __future__ import annotations

import threading
from contextlib import AsyncExitStack
from contextvars import ContextVar
from http import HTTPStatus
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from vodplatform.core.files.spooled import SpooledFile, outbox
from vodplatform.core.pauses import running_request
from vodplatform.core.processes.child_pool import caller_gone
from vodplatform.core.records.database import release_connection
from vodplatform.core.web.callers import MAX_WAITING, account_of, callers, current_scope

_place: ContextVar[AsyncExitStack] = ContextVar("place")
MAX_IN_MEMORY = 256 * 1024  # maximum bytes of an answer kept in memory; larger ones go to disk


class OneThreadHandler(ASGIHandler):
    """A handler that runs synchronous middleware and the view together in one thread.

    See docs/design/0007-requests.md.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        gone = threading.Event()
        token = caller_gone.set(gone)
        scope_token = current_scope.set(scope)

        async def heard() -> Any:
            message = await receive()
            if message["type"] == "http.disconnect":
                gone.set()
            return message

        try:
            async with AsyncExitStack() as place:
                _place.set(place)
                await super().__call__(scope, heard, send)
        finally:
            caller_gone.reset(token)
            current_scope.reset(scope_token)

    async def read_body(self, receive: Any) -> IO[bytes]:
        """Read the body, then wait until the caller may run another request. The request gets a thread only then."""
        body: IO[bytes] = await super().read_body(receive)
        try:
            await _place.get().enter_async_context(callers.place(current_scope.get(), MAX_WAITING))
        except BaseException:
            body.close()
            raise
        return body

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        try:
            response: HttpResponseBase = await sync_to_async(self._respond, thread_sensitive=True)(request)
        finally:
            await _place.get().aclose()
        is_refused = response.status_code == HTTPStatus.UNAUTHORIZED
        account = "" if is_refused else account_of(request)
        if (scope := current_scope.get()) and (account or is_refused):
            callers.note(scope, account)
        return response

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        try:
            with running_request():
                response = self.get_response(request)
        finally:
            release_connection()
        _break_cycles(response)
        if isinstance(response, HttpResponse) and len(response.content) > MAX_IN_MEMORY:
            if not connection.in_atomic_block:
                connection.close()  # free SQLite's 3 MB of caches before the answer is sent
            return _spooled(response)
        return response


def _spooled(response: HttpResponse) -> StreamingHttpResponse:
    headers = {**response.headers, "Content-Length": str(len(response.content))}
    made = StreamingHttpResponse(
        outbox.put(SpooledFile([response.content])),
        status=response.status_code,
        reason=response.reason_phrase,
        headers=headers,
    )
    made.cookies = response.cookies
    made._resource_closers, response._resource_closers = response._resource_closers, []  # type: ignore[attr-defined]
    made._handler_class = response._handler_class  # type: ignore[attr-defined]
    response.content = b""
    vars(response).pop("data", None)
    return made


def _break_cycles(response: HttpResponseBase) -> None:
    """Break REST framework's reference cycles, which keep the request's data until garbage collection."""
    context = vars(response).pop("renderer_context", None) or {}
    if request := context.get("request"):
        request.parser_context = {}
    if view := context.get("view"):
        for name in ("request", "response", "headers"):
            vars(view).pop(name, None)

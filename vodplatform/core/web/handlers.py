"""Django's ASGI handler with one change of thread for a request instead of one for each middleware.

It tells the view when its client has hung up: what only that client waited for can end.
"""

from __future__ import annotations

import threading
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from vodplatform.core.files.spooled import outbox
from vodplatform.core.processes.child_pool import caller_gone
from vodplatform.core.records.database import release_connection

MAX_IN_MEMORY = 256 * 1024  # maximum bytes of an answer that waits in memory for its client


class OneThreadHandler(ASGIHandler):
    """Runs middleware and view of a request, all of them synchronous, together in the request's thread.

    Under ASGI Django's own handler gives each hook of a synchronous middleware to that thread by itself, which is half
    of the processor time of a small request. A view that is a coroutine still works; it costs
    one change more. See docs/design/0007-requests.md.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        gone = threading.Event()
        token = caller_gone.set(gone)

        async def heard() -> Any:
            message = await receive()
            if message["type"] == "http.disconnect":
                gone.set()
            return message

        try:
            await super().__call__(scope, heard, send)
        finally:
            caller_gone.reset(token)

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the chain as under WSGI, whatever the caller says."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """The response of the whole chain, made in the thread of the request."""
        return await sync_to_async(self._respond, thread_sensitive=True)(request)

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response. While the client reads it, it holds neither the database nor much memory."""
        try:
            response = self.get_response(request)
        finally:
            release_connection()
        if isinstance(response, HttpResponse) and len(response.content) > MAX_IN_MEMORY:
            if not connection.in_atomic_block:
                connection.close()  # SQLite's caches of this thread's connection take 3 MB
            return _spooled(response)
        return response


def _spooled(response: HttpResponse) -> StreamingHttpResponse:
    """Return the same response, to be sent from the disk."""
    headers = {**response.headers, "Content-Length": str(len(response.content))}
    made = StreamingHttpResponse(
        outbox.put(response.content), status=response.status_code, reason=response.reason_phrase, headers=headers
    )
    made.cookies = response.cookies
    made._resource_closers, response._resource_closers = response._resource_closers, []  # type: ignore[attr-defined]
    made._handler_class = response._handler_class  # type: ignore[attr-defined]
    # REST framework's responses and views refer to each other and would stay until the next garbage collection.
    response.content = b""
    for name in ("data", "renderer_context"):
        vars(response).pop(name, None)
    return made

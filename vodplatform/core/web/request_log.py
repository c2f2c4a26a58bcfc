"""The log line and the metrics of each request."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from vodplatform.core import logs, metrics
from vodplatform.core.web import views
from vodplatform.core.web.bodies import App, Message, Receive, Scope, Send


def log_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count and log a request.

    ``route`` is the URL pattern that matched. ``seconds`` is the time until the answer began.
    """
    metrics.observe_request(method, route, status, seconds)
    logs.event("request", method=method[:20], route=route, status=status, ms=round(seconds * 1000, 1))


class AccessMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begun = time.perf_counter()
        response = self.get_response(request)
        # Log the user of a page if its view has loaded the user. API views set the user of the log line themselves.
        user = getattr(request, "_cached_user", None)
        if user is not None and user.is_authenticated and not logs.user_id.get():
            logs.user_id.set(str(user.pk))
        log_request(request.method or "", route_of(request), response.status_code, time.perf_counter() - begun)
        return response


def route_of(request: HttpRequest) -> str:
    """Return the URL pattern that matched, such as ``api/v1/jobs/<uuid:job_id>``."""
    match = request.resolver_match
    if match is None:
        return "static" if request.path_info.startswith(settings.STATIC_URL) else "none"
    return "unknown" if match.func is views.unknown else match.route or "/"


def with_request_log(app: App, route_of: Callable[[Scope], str | None]) -> App:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()

        async def noting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                log_request(scope["method"], route_of(scope) or "none", message["status"], time.perf_counter() - begun)
            await send(message)

        await app(scope, receive, noting_send)

    return wrapped

"""Views for unknown paths and for Django's error pages."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.csrf import csrf_exempt

from vodplatform.core.errors import DomainError, database_refusal, error_body, error_response, headers_of
from vodplatform.core.web.context_processors import theme_of

logger = logging.getLogger("vodplatform.error")


API_PREFIXES = ("/api", "/functions/v1/", "/videos", "/sync")
UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE


def wants_html(request: HttpRequest) -> bool:
    """Return whether the client wants HTML: a browser's Accept header has ``text/html``, a program's usually not.

    Return False for paths that begin with one of :data:`API_PREFIXES`, because only programs request these paths.
    """
    return "text/html" in request.headers.get("Accept", "") and not request.path.startswith(API_PREFIXES)


def _answer(request: HttpRequest, template: str, type: str, message: str = "") -> HttpResponse:
    body = error_body(type, message)
    if wants_html(request):
        return render(request, template, {"error": body}, status=body["code"])
    return JsonResponse(body, status=body["code"])


@csrf_exempt
def unknown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    return _answer(request, "404.html", "not_found")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, "404.html", "not_found")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response("bad_request")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, "403.html", "forbidden")


def server_error(request: HttpRequest) -> HttpResponse:
    """Log the traceback and answer 500, or 503 if the database is unavailable (Django's handler500)."""
    exc = sys.exc_info()[1]
    logger.error("error", exc_info=exc)
    refusal = exc if isinstance(exc, DomainError) and exc.type.status == UNAVAILABLE else database_refusal(exc)
    try:
        return _unavailable(request, refusal) if refusal else _answer(request, "500.html", "server_error")
    except Exception:
        logger.exception("the error page could not be rendered")
        return error_response("server_error")


def _unavailable(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    """Answer 503 with a page that does not show the user, because reading the session needs the database."""
    if not wants_html(request):
        return error_response(refusal.type.name, refusal.message)
    body = error_body(refusal.type.name, refusal.message)
    page = render_to_string("503.html", {"error": body, "theme": theme_of(request)})
    return HttpResponse(page, status=body["code"], headers=headers_of(body["code"]))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(request, "403.html", "csrf_failed")


def read_only(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    @csrf_exempt
    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return error_response("method_not_allowed", headers={"Allow": "GET, HEAD"})
        return view(request)

    return wrapped

"""The outermost middleware: request ids, trailing slashes, malformed requests."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import resolve

from vodplatform.core import logs
from vodplatform.core.errors import error_response
from vodplatform.core.web import health

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# The theme of the admin needs inline scripts, eval and inline styles.
ADMIN_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
FORM = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 512 * 1024  # maximum bytes of a form; parsing takes 80 times the form's size in memory
KEEPS_SLASH = ("/admin/", "/static/")
# Each parameter of an admin page becomes an SQL condition, and databases limit the number of conditions.
MAX_ADMIN_QUERY_BYTES = 4096


def without_trailing_slash(path: str) -> str:
    if len(path) > 1 and path.endswith("/") and not path.startswith(KEEPS_SLASH):
        return path.rstrip("/") or "/"
    return path


class HealthMiddleware:
    """Middleware that answers load balancers before Django's Host check, because they send an IP address as Host."""

    VIEWS = {"/health/live": health.live, "/health/ready": health.ready}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = self.VIEWS.get(request.path)
        if view is None:
            return self.get_response(request)
        request.resolver_match = resolve(request.path_info)
        return view(request)


class RequestContextMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        number = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        token = logs.request_id.set(number)
        user_token = logs.user_id.set("")
        address_token = logs.address.set(request.META.get("REMOTE_ADDR") or "")
        try:
            request.path_info = without_trailing_slash(request.path_info)
            request.path = without_trailing_slash(request.path)
            self._drop_odd_session(request)
            response = self.get_response(request)
            if request.path.startswith("/admin"):
                response.headers.setdefault("Content-Security-Policy", ADMIN_POLICY)
            if request.META.get("HTTP_AUTHORIZATION") or request.COOKIES:
                # Proxies must not store pages of signed-in users or visitors of share links.
                response.headers.setdefault("Cache-Control", "private, no-cache")
            response["X-Request-ID"] = number
            return response
        finally:
            logs.address.reset(address_token)
            logs.user_id.reset(user_token)
            logs.request_id.reset(token)

    def _drop_odd_session(self, request: HttpRequest) -> None:
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
        if key and not (key.isascii() and key.isalnum()):
            del request.COOKIES[settings.SESSION_COOKIE_NAME]

    def process_view(self, request: HttpRequest, *view: object) -> HttpResponse | None:
        """Refuse malformed requests here, so that other middleware still adds headers to the error."""
        if _has_nul(request):
            return error_response("bad_request", "The address contains a NUL character.")
        if request.META.get("QUERY_STRING", "").count("&") >= settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:
            # Django would raise an exception here, and raise it again while it renders the error page.
            return error_response("bad_request", "The address has too many parameters.")
        if request.path.startswith("/admin/") and len(request.META.get("QUERY_STRING", "")) > MAX_ADMIN_QUERY_BYTES:
            return error_response("bad_request", "The address is too long.")
        length = request.META.get("CONTENT_LENGTH") or ""
        if request.content_type == FORM and length.isdigit() and int(length[:19]) > MAX_FORM_BYTES:
            return error_response("too_large", f"The form is larger than {MAX_FORM_BYTES} bytes.", limit=MAX_FORM_BYTES)
        if (request.content_params or {}).get("charset", "utf-8").lower().replace("utf8", "utf-8") != "utf-8":
            return error_response("bad_request", "The body must be UTF-8.")
        return None

    def process_exception(self, request: HttpRequest, exc: Exception) -> HttpResponse | None:
        if not request.path.startswith("/admin/"):
            return None
        if isinstance(exc, ValidationError) or (request.GET and isinstance(exc, ValueError | OverflowError)):
            return error_response("bad_request", "The address or the form contains an invalid value.")
        return None


def _has_nul(request: HttpRequest) -> bool:
    return "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", "")

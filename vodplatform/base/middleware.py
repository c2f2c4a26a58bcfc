"""The outermost layer of every request: its id, its path without a trailing slash, no NUL in either."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from vodplatform.base import logs
from vodplatform.base.errors import error_response

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# The admin theme evaluates expressions and sets styles; nothing from elsewhere is loaded there either.
ADMIN_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
KEEPS_SLASH = ("/admin/", "/static/")


def without_trailing_slash(path: str) -> str:
    """The path as the routes know it: a trailing slash is accepted everywhere and changes nothing."""
    if len(path) > 1 and path.endswith("/") and not path.startswith(KEEPS_SLASH):
        return path.rstrip("/") or "/"
    return path


class RequestContextMiddleware:
    """Accepts or makes ``X-Request-ID`` and answers it; strips the slash; refuses NUL and broken UTF-8 addresses."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        number = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        token = logs.request_id.set(number)
        user_token = logs.user_id.set("")
        try:
            request.path_info = without_trailing_slash(request.path_info)
            request.path = without_trailing_slash(request.path)
            self._drop_odd_session(request)
            response = self.get_response(request)
            if request.path.startswith("/admin"):
                response.headers.setdefault("Content-Security-Policy", ADMIN_POLICY)
            response["X-Request-ID"] = number
            return response
        finally:
            logs.user_id.reset(user_token)
            logs.request_id.reset(token)

    def _drop_odd_session(self, request: HttpRequest) -> None:
        """Forget a session cookie that cannot be one of ours; PostgreSQL would refuse to look for some of them."""
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
        if key and not (key.isascii() and key.isalnum()):
            del request.COOKIES[settings.SESSION_COOKIE_NAME]

    def process_view(self, request: HttpRequest, *view: object) -> HttpResponse | None:
        """Refuse here rather than before the other layers, so that they add their headers to this answer too."""
        if _has_nul(request):
            return error_response("bad_request", "The address contains a NUL character.")
        return None


def _has_nul(request: HttpRequest) -> bool:
    return "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", "")

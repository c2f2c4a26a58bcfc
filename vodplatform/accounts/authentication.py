"""Who is asking: API tokens for REST framework, and the same answer for WebSockets and the byte doors."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import OperationalError, close_old_connections, connection
from django.http.cookie import parse_cookie
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from vodplatform.accounts.models import ApiToken, Scope, User
from vodplatform.base import logs
from vodplatform.base.database import impatient

LAST_USED_PRECISION_SECONDS = 60


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Token <key>``; a token without the scope that the method needs is refused with 403."""

    keyword = b"token"

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != self.keyword:
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("Send `Authorization: Token <key>`.", code="token_invalid")
        token = find_token(parts[1].decode("latin-1"))
        if token is None:
            raise AuthenticationFailed("The token is unknown, expired or revoked.", code="token_invalid")
        needed = Scope.READ if request.method in SAFE_METHODS else Scope.WRITE
        if not allows(token, needed):
            raise PermissionDenied(f"The token lacks the scope {needed.value!r}.", code="scope_required")
        logs.user_id.set(str(token.user_id))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class BrowserAuthentication(SessionAuthentication):
    """The browser's session, with CSRF protection of every change."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        found: tuple[User, None] | None = super().authenticate(request)
        if found:
            logs.user_id.set(str(found[0].pk))
        return found

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as exc:
            raise PermissionDenied(
                "The page's protection token is missing or old; load the page again.", code="csrf_failed"
            ) from exc


def find_token(key: str) -> ApiToken | None:
    """The valid token with this key; notes its use, to the minute."""
    token = ApiToken.objects.valid().select_related("user").filter(digest=ApiToken.digest_of(key)).first()
    if token is None:
        return None
    now = timezone.now()
    if token.last_used_at is None or (now - token.last_used_at).total_seconds() > LAST_USED_PRECISION_SECONDS:
        _note_use(token, now)
    token.user.without_admin_scope = not allows(token, Scope.ADMIN)
    return token


def _note_use(token: ApiToken, now: datetime) -> None:
    """Write when a token was last used, unless that would have to wait: signing in reads, and must not need a write."""
    if connection.in_atomic_block:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return
    with contextlib.suppress(OperationalError), impatient():
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


def allows(token: ApiToken, scope: str) -> bool:
    """Whether a token has a scope; ``write`` includes ``read``, ``admin`` includes both."""
    order = [Scope.READ, Scope.WRITE, Scope.ADMIN]
    return any(order.index(Scope(held)) >= order.index(Scope(scope)) for held in token.scopes if held in Scope.values)


async def authenticate(scope: Mapping[str, Any]) -> User | None:
    """The user of an ASGI connection: by Authorization header or by session cookie; None when not signed in.

    A WebSocket's cookie counts only with an Origin of this host: another site's page also sends the cookie.
    """
    headers = {name.lower(): value for name, value in scope.get("headers", [])}
    return await sync_to_async(_authenticate, thread_sensitive=False)(headers, scope.get("type") == "websocket")


def _authenticate(headers: dict[bytes, bytes], is_websocket: bool) -> User | None:
    close_old_connections()
    try:
        keyword, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if keyword.lower() == "token":
            token = find_token(key.strip())
            return token.user if token and allows(token, Scope.READ) else None
        if is_websocket and not same_origin(headers):
            return None
        return _session_user(headers.get(b"cookie", b"").decode("latin-1"))
    finally:
        close_old_connections()


def same_origin(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the Origin header names the host that was asked."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    host = headers.get(b"host", b"").decode("latin-1")
    try:
        return bool(origin) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:  # such as an unclosed bracket
        return False


def _session_user(cookie_header: str) -> User | None:
    key = parse_cookie(cookie_header).get(settings.SESSION_COOKIE_NAME, "")
    if not (key.isascii() and key.isalnum()):
        return None
    session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    if session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = User.objects.filter(pk=session.get(SESSION_KEY), is_active=True).first()
    if user is None or not constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
        return None
    return user


class BrowserScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """The browser's session cookie."""

    target_class = BrowserAuthentication  # type: ignore[assignment]
    name = "session"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document shows the token."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Token <key>`"}

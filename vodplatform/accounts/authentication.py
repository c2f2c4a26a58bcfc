"""Authentication of REST views, WebSockets and byte endpoints."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import (
    BaseAuthentication,
    CSRFCheck,
    SessionAuthentication,
    get_authorization_header,
)
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from vodplatform.accounts import credentials, tickets
from vodplatform.accounts.credentials import Credential, Kind, SignedIn, user_of
from vodplatform.accounts.models import Scope, User, includes_scope
from vodplatform.core import logs
from vodplatform.core.errors import DomainError

ACCOUNT_CHANGED = "You are signed in to another account now. Reload the page."
CSRF_FAILED = "The page's CSRF token is missing or expired. Reload the page and try again."
# Headers that are hidden from Django's CSRF check, so that it does not search the body for the CSRF token. Clients send
# the token in the header X-CSRFToken.
BODY_HEADERS = frozenset({b"content-type", b"content-length", b"transfer-encoding"})


class ScopeRequired(PermissionDenied):
    """Error 403 ``scope_required``. Its body names the scope that the token lacks."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"The token lacks the scope {scope.value!r}.", code="scope_required")
        self.extra = {"scope": scope.value}


class HeaderAuthentication(BaseAuthentication):
    """Authentication by ``Authorization: <keyword> <key>``.

    The token needs the scope that the view names in ``token_scope``. If ``token_scope`` is None, the token needs
    ``read`` for safe methods and ``write`` for others. A request without the scope gets 403.
    """

    keyword = ""
    refusal = ""

    def find(self, key: str) -> SignedIn | None:
        raise NotImplementedError

    def authenticate(self, request: Request) -> SignedIn | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != self.keyword.lower().encode():
            return None
        if len(parts) != 2:
            sentence = f"The `Authorization` header is not valid. Send `Authorization: {self.keyword} <key>`."
            raise AuthenticationFailed(sentence, code="token_invalid")
        found = self.find(parts[1].decode("latin-1"))
        if found is None:
            raise AuthenticationFailed(self.refusal, code="token_invalid")
        needed = Scope.READ if request.method in SAFE_METHODS else Scope.WRITE
        needed = getattr(request.parser_context.get("view"), "token_scope", None) or needed
        if not includes_scope(found[1].scopes, needed):
            raise ScopeRequired(needed)
        logs.user_id.set(str(found[0].pk))
        return found

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


class TokenAuthentication(HeaderAuthentication):
    keyword = "Token"
    refusal = "The token is unknown, expired or revoked. Create a new one."

    def find(self, key: str) -> SignedIn | None:
        return credentials.find_by_token(key)


class JwtAuthentication(HeaderAuthentication):
    keyword = "Bearer"
    refusal = "The token is invalid or expired, or the account's password has changed. Sign in again."

    def find(self, key: str) -> SignedIn | None:
        return credentials.by_jwt(key)


class BrowserAuthentication(SessionAuthentication):
    """Authentication by browser session. Requests that change data need a CSRF token."""

    def authenticate(self, request: Request) -> SignedIn | None:
        found = super().authenticate(request)
        if not found or not isinstance(found[0], User):
            return None
        user = found[0]
        # An old page must not send its user's texts in the name of the account that another tab has signed in to.
        if request.headers.get("X-User-Id", str(user.pk)) != str(user.pk):
            raise PermissionDenied(ACCOUNT_CHANGED, code="account_changed")
        logs.user_id.set(str(user.pk))
        return user, credentials.session_credential(user, request._request.session.session_key or "")

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as exc:
            raise PermissionDenied(CSRF_FAILED, code="csrf_failed") from exc


async def sign_in(scope: Mapping[str, Any]) -> SignedIn | None:
    """Return an ASGI connection's caller, or None if anonymous.

    Requests to an unknown Host are anonymous.
    """
    return await sync_to_async(_sign_in, thread_sensitive=False)(scope)


def authenticate_reader(scope: Mapping[str, Any]) -> SignedIn | None:
    """Return an HTTP request's caller, or None if anonymous. Blocks during database queries.

    Raise ``token_invalid``, or ``scope_required`` (with the missing ``scope``).
    """
    headers = credentials.headers_of(scope)
    found = credentials.authenticate_headers(headers) if credentials.is_known_host(headers) else None
    if found is None:
        if credentials.authorization_of(headers):
            raise DomainError("token_invalid")
        return None
    _require_scope(found, Scope.READ)
    return found


def authenticate_writer(scope: Mapping[str, Any]) -> SignedIn:
    """Return the caller of an HTTP request that changes data, without reading the request's body.

    Blocks during database queries. Raise ``unauthenticated``, ``token_invalid``, ``scope_required`` (with the missing
    ``scope``) or ``csrf_failed``.
    """
    headers = credentials.headers_of(scope)
    found = credentials.authenticate_headers(headers) if credentials.is_known_host(headers) else None
    if found is None:
        raise DomainError("token_invalid" if credentials.authorization_of(headers) else "unauthenticated")
    _require_scope(found, Scope.WRITE)
    if found[1].kind == Kind.SESSION and _is_forged(scope):
        raise DomainError("csrf_failed", CSRF_FAILED)
    return found


def _require_scope(found: SignedIn, needed: Scope) -> None:
    if not includes_scope(found[1].scopes, needed):
        raise DomainError("scope_required", f"The token lacks the scope {needed.value!r}.", scope=needed.value)


def _is_forged(scope: Mapping[str, Any]) -> bool:
    kept = [(name, value) for name, value in scope["headers"] if name.lower() not in BODY_HEADERS]
    request = ASGIRequest({**scope, "headers": kept}, io.BytesIO())
    check = CSRFCheck(_empty)
    check.process_request(request)
    return check.process_view(request, _empty, (), {}) is not None


def _empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


async def current_user(credential: Credential) -> User | None:
    return await sync_to_async(_current_user, thread_sensitive=False)(credential)


def _sign_in(scope: Mapping[str, Any]) -> SignedIn | None:
    headers = credentials.headers_of(scope)
    is_websocket = scope.get("type") == "websocket"
    close_old_connections()
    try:
        if not credentials.is_known_host(headers):
            return None
        ticket = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("ticket")
        if not is_websocket or not ticket or b"authorization" in headers:
            return credentials.by_headers(headers, is_websocket)
        credential = tickets.redeem(ticket[0])
        user = user_of(credential) if credential else None
        return (user, credential) if user and credential else None
    finally:
        close_old_connections()


def _current_user(credential: Credential) -> User | None:
    close_old_connections()
    try:
        return user_of(credential)
    finally:
        close_old_connections()


class BrowserScheme(SessionScheme):  # type: ignore[no-untyped-call]
    target_class = BrowserAuthentication  # type: ignore[assignment]
    name = "session"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Token <key>`"}


class JwtScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = JwtAuthentication
    name = "jwt"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}

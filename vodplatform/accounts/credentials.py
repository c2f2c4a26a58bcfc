"""Credentials of callers, for REST views, WebSockets and byte endpoints."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import OperationalError, connection
from django.db.models import Q
from django.db.models.functions import Now
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils.crypto import constant_time_compare

from vodplatform.accounts import jwt
from vodplatform.accounts.models import ApiToken, Scope, User, default_scopes, includes_scope
from vodplatform.core.records.database import short_write_timeout

logger = logging.getLogger("vodplatform.accounts")
LAST_USED_PRECISION = timedelta(seconds=60)


class Kind(StrEnum):
    TOKEN = "token"  # noqa: S105 - a name
    JWT = "jwt"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Credential:
    """A caller's credential. WebSockets keep it, to check later whether it is still valid.

    ``reference`` is an API token's id, a JWT's claims as JSON, or a session key. ``scopes`` are the caller's scopes at
    sign-in.
    """

    kind: str
    reference: str
    scopes: tuple[str, ...] = ()


SignedIn = tuple[User, Credential]


def find_by_token(key: str) -> SignedIn | None:
    """Return the user of a valid API token. Record its use at most once a minute."""
    return _token(Q(digest=ApiToken.digest_of(key)))


def by_jwt(text: str) -> SignedIn | None:
    try:
        return _jwt(jwt.read_access_token(text))
    except jwt.InvalidJwt:
        return None


def by_session(key: str) -> SignedIn | None:
    if not (key.isascii() and key.isalnum()):
        return None
    session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    if session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = User.objects.filter(pk=session.get(SESSION_KEY), is_active=True).first()
    if user is None or not constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
        return None
    return user, session_credential(user, key)


def session_credential(user: User, key: str) -> Credential:
    return Credential(Kind.SESSION, key, tuple(default_scopes(user)))


def user_of(credential: Credential) -> User | None:
    """Return the credential's user, or None if the credential has ended or lacks the scope ``read``."""
    found = _signed_in_with(credential)
    return found[0] if found else None


def by_headers(headers: Mapping[bytes, bytes], is_websocket: bool) -> SignedIn | None:
    """Return an ASGI connection's caller by header or cookie; None if the scope ``read`` is missing.

    For a WebSocket, ignore the cookie unless the Origin header names this host: browsers also send the cookie when a
    page of another site opens the WebSocket.
    """
    if is_websocket and not authorization_of(headers) and not is_same_origin(headers):
        return None
    found = authenticate_headers(headers)
    return found if found and includes_scope(found[1].scopes, Scope.READ) else None


def authenticate_headers(headers: Mapping[bytes, bytes]) -> SignedIn | None:
    """Return the caller by Authorization header or session cookie, without a check of scopes."""
    kind, key = authorization_of(headers) or ("", "")
    if kind == Kind.TOKEN:
        return find_by_token(key)
    if kind == Kind.JWT:
        return by_jwt(key)
    cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    return by_session(cookies.get(settings.SESSION_COOKIE_NAME, ""))


def authorization_of(headers: Mapping[bytes, bytes]) -> tuple[str, str] | None:
    keyword, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    kinds: dict[str, str] = {"token": Kind.TOKEN, "bearer": Kind.JWT}
    kind = kinds.get(keyword.lower())
    return (kind, key.strip()) if kind else None


def is_known_host(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether the Host header is in ALLOWED_HOSTS, to prevent DNS rebinding."""
    host = split_domain_port(headers.get(b"host", b"").decode("latin-1"))[0]
    known = validate_host(host, settings.ALLOWED_HOSTS)
    if not known:
        logger.warning("unknown host", extra={"data": {"host": host[:100]}})
    return known


def is_same_origin(headers: Mapping[bytes, bytes]) -> bool:
    origin = headers.get(b"origin", b"").decode("latin-1")
    host = headers.get(b"host", b"").decode("latin-1")
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    # Accept an Origin with http or https: behind a TLS proxy, the scheme that the client used is unknown here.
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _signed_in_with(credential: Credential) -> SignedIn | None:
    if credential.kind == Kind.TOKEN:
        found = _token(Q(pk=UUID(credential.reference)))
    elif credential.kind == Kind.JWT:
        claims = json.loads(credential.reference)
        found = _jwt(jwt.Claims(**{**claims, "scopes": tuple(claims["scopes"])}))
    else:
        found = by_session(credential.reference)
    return found if found and includes_scope(found[1].scopes, Scope.READ) else None


def _token(which: Q) -> SignedIn | None:
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=Now() - LAST_USED_PRECISION)
    token = ApiToken.objects.valid().filter(which).annotate(use_is_old=stale).select_related("user").first()
    if token is None:
        return None
    if token.use_is_old:  # type: ignore[attr-defined]
        _note_use(token)
    return _limited(token.user, Credential(Kind.TOKEN, str(token.pk), tuple(token.scopes)))


def _jwt(claims: jwt.Claims) -> SignedIn | None:
    user = jwt.user_of(claims)
    if user is None:
        return None
    reference = json.dumps(asdict(claims), separators=(",", ":"))
    return _limited(user, Credential(Kind.JWT, reference, claims.scopes))


def _limited(user: User, credential: Credential) -> SignedIn:
    user.without_admin_scope = not includes_scope(credential.scopes, Scope.ADMIN)
    return user, credential


def _note_use(token: ApiToken) -> None:
    """Record the token's use, unless SQLite is locked: signing in must not wait for a write."""
    rows = ApiToken.objects.filter(pk=token.pk)
    if connection.in_atomic_block:
        rows.update(last_used_at=Now())
        return
    with contextlib.suppress(OperationalError), short_write_timeout():
        rows.update(last_used_at=Now())


def headers_of(scope: Mapping[str, Any]) -> dict[bytes, bytes]:
    return {name.lower(): value for name, value in scope.get("headers", [])}

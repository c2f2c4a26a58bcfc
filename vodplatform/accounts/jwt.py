"""JSON Web Tokens; see docs/design/0006-accounts.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt as pyjwt
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare, salted_hmac
from jwt.types import Options
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from vodplatform.accounts.models import ApiToken, User

MAX_LENGTH = 4096
# The JWT package's tables of issued and of used refresh tokens.
PACKAGE_MODELS = (OutstandingToken, BlacklistedToken)
PASSWORD_CLAIM = "pwd"  # noqa: S105 - a name
SCOPES_CLAIM = "scopes"
USER_CLAIM = str(settings.SIMPLE_JWT["USER_ID_CLAIM"])

OPTIONS: Options = {"verify_exp": False, "verify_iat": False, "require": ["exp", "jti", USER_CLAIM]}


class InvalidJwt(Exception):
    """Error: the token is forged, expired or already used, or its user is disabled or has a new password."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Claims of an access token, stored to check the token again later. ``expires_at`` is in epoch seconds."""

    user_id: str
    scopes: tuple[str, ...]
    password_mark: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Pair:
    access: str
    refresh: str
    access_expires_at: datetime
    refresh_expires_at: datetime


class _Backend(TokenBackend):
    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        text = token.decode("latin-1") if isinstance(token, bytes) else str(token)
        if len(text) > MAX_LENGTH:
            raise TokenBackendError("too long")
        try:
            return pyjwt.decode(text, self.prepared_signing_key, algorithms=[self.algorithm], options=OPTIONS)
        except (pyjwt.InvalidTokenError, ValueError, RecursionError) as exc:
            raise TokenBackendError("invalid") from exc


_backend = _Backend(str(settings.SIMPLE_JWT["ALGORITHM"]), str(settings.SIMPLE_JWT["SIGNING_KEY"]))


class _DatabaseClock(Token):
    _token_backend = _backend

    def check_exp(self, claim: str = "exp", current_time: datetime | None = None) -> None:
        """Do nothing: :func:`user_of` checks the token's expiry by the database's clock."""


class _Access(_DatabaseClock, AccessToken):
    pass


class _Refresh(_DatabaseClock, RefreshToken):  # type: ignore[misc]
    access_token_class = _Access


def issue(user: User, scopes: Iterable[str]) -> Pair:
    """Return a new pair of tokens. The database stores only a digest of the refresh token."""
    now: datetime = User.objects.filter(pk=user.pk).annotate(database_now=Now()).values_list("database_now").get()[0]
    refresh = _Refresh()
    refresh.current_time = now
    refresh.set_exp()
    refresh.set_iat()
    refresh[USER_CLAIM] = str(user.pk)
    refresh[SCOPES_CLAIM] = list(scopes)
    refresh[PASSWORD_CLAIM] = password_mark(user)
    access = refresh.access_token
    access.set_iat(at_time=now)
    text = str(refresh)
    OutstandingToken.objects.create(
        user=user,
        jti=refresh["jti"],
        token=ApiToken.digest_of(text),
        created_at=now,
        expires_at=_instant(refresh["exp"]),
    )
    return Pair(str(access), text, _instant(access["exp"]), _instant(refresh["exp"]))


def renew(text: str) -> Pair:
    """Exchange a refresh token, once, for a new pair of tokens. Raise :class:`InvalidJwt`."""
    try:
        refresh = _Refresh(text)  # type: ignore[arg-type]
    except (TokenError, KeyError) as exc:
        raise InvalidJwt from exc
    claims = _claims(refresh)
    user = user_of(claims)
    if user is None:
        raise InvalidJwt
    with transaction.atomic():
        row = OutstandingToken.objects.filter(jti=refresh["jti"], user=user).first()
        if row is None or not BlacklistedToken.objects.get_or_create(token=row)[1]:
            raise InvalidJwt
        return issue(user, claims.scopes)


def read_access_token(text: str) -> Claims:
    try:
        return _claims(_Access(text))  # type: ignore[arg-type]
    except TokenError as exc:
        raise InvalidJwt from exc


def user_of(claims: Claims) -> User | None:
    rows = User.objects.filter(pk=claims.user_id, is_active=True).annotate(database_now=Now())
    user = rows.first()
    if user is None or user.database_now.timestamp() >= claims.expires_at:
        return None
    return user if constant_time_compare(claims.password_mark, password_mark(user)) else None


def password_mark(user: User) -> str:
    """Return a digest that changes with the user's password but does not reveal it."""
    return salted_hmac("vodplatform.jwt.password", user.password, algorithm="sha256").hexdigest()[:32]


def purge() -> int:
    return OutstandingToken.objects.filter(expires_at__lt=Now()).delete()[1].get("token_blacklist.OutstandingToken", 0)


def _claims(token: Token) -> Claims:
    user_id, scopes, mark, expires = (token.get(name) for name in (USER_CLAIM, SCOPES_CLAIM, PASSWORD_CLAIM, "exp"))
    try:
        UUID(user_id)
        known = isinstance(mark, str) and isinstance(expires, int) and all(isinstance(scope, str) for scope in scopes)
    except (ValueError, TypeError, AttributeError) as exc:
        raise InvalidJwt from exc
    if not known:
        raise InvalidJwt
    return Claims(user_id, tuple(scopes), mark, expires)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

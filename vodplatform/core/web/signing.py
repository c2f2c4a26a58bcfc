"""Signed URLs. Each is valid for one purpose and one file until it expires."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time

from django.conf import settings

ROUND_SECONDS, MIN_ROUND_SECONDS = 300, 10
KEY_SECONDS = 86_400
# hexadecimal expiry time in epoch seconds; short, because Python cannot format huge numbers
_EXPIRES = re.compile(r"[0-9a-f]{1,12}")


_TOKEN = re.compile(r"[0-9a-f]{1,12}\.[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])")


class BadSignature(Exception):
    """Error: the signature is wrong, or is for another file or purpose."""


class ExpiredSignature(BadSignature):
    """Error: the signature is right but has expired."""


def sign(purpose: str, name: str, *, seconds: float | None = None, now: float | None = None) -> str:
    """Return a token that allows ``purpose`` on ``name`` for about ``seconds``.

    The expiry is rounded up by at most 5 minutes, so that pages contain the same URLs for a while. Browsers can then
    cache the files.
    """
    lifetime = settings.SIGNED_URL_SECONDS if seconds is None else seconds
    moment = time.time() if now is None else now
    step = max(MIN_ROUND_SECONDS, min(ROUND_SECONDS, lifetime // 10))
    expires = int(-(-(moment + lifetime) // step) * step)
    return f"{expires:x}.{_mac(purpose, name, expires, settings.SECRET_KEY)}"


def without_tokens(address: str) -> str:
    return _TOKEN.sub("", address)


def verify(token: str, purpose: str, name: str, *, now: float | None = None) -> int:
    """Return when ``token`` expires (epoch seconds). Raises :class:`BadSignature`, :class:`ExpiredSignature`."""
    moment = time.time() if now is None else now
    head, _, mac = token.partition(".")
    if not _EXPIRES.fullmatch(head):
        raise BadSignature
    expires = int(head, 16)
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    if not mac.isascii() or not any(
        hmac.compare_digest(mac, _mac(purpose, name, expires, secret)) for secret in secrets
    ):
        raise BadSignature
    if moment > expires:
        raise ExpiredSignature
    return expires


def daily_pseudonym(text: str, *, now: float | None = None) -> str:
    """Return a pseudonym of ``text`` for one day (UTC), computable only with the secret key."""
    moment = time.time() if now is None else now
    day = f"pseudonym-v1:{int(moment // KEY_SECONDS)}"
    key = hmac.new(settings.SECRET_KEY.encode(), day.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]


def expiry_of(token: str) -> int:
    return int(token.partition(".")[0], 16)


def _mac(purpose: str, name: str, expires: int, secret: str) -> str:
    key = hmac.new(secret.encode(), f"media-url-v2:{expires // KEY_SECONDS}".encode(), hashlib.sha256).digest()
    text = "\x1f".join((purpose, name, str(expires))).encode()
    return base64.urlsafe_b64encode(hmac.new(key, text, hashlib.sha256).digest()[:24]).decode()

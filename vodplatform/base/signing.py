"""Capabilities in URLs: one file, one purpose, until an instant; minted by whoever checked the permission."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time

from django.conf import settings

ROUND_SECONDS = 300
# Longer numbers are not ours, and Python refuses to write out very long ones.
_EXPIRES = re.compile(r"[0-9a-f]{1,12}")


class BadSignature(Exception):
    """The signature is not ours, or is for another file or purpose."""


class ExpiredSignature(BadSignature):
    """The signature was ours; its time is over."""


def sign(purpose: str, name: str, *, seconds: float | None = None, now: float | None = None) -> str:
    """A token that allows ``purpose`` on ``name`` for about ``seconds``.

    The expiry is rounded up to five minutes, so that the same page asks for the same URL and caches work.
    """
    lifetime = settings.SIGNED_URL_SECONDS if seconds is None else seconds
    moment = time.time() if now is None else now
    expires = int(-(-(moment + lifetime) // ROUND_SECONDS) * ROUND_SECONDS)
    return f"{expires:x}.{_mac(purpose, name, expires)}"


def verify(token: str, purpose: str, name: str, *, now: float | None = None) -> int:
    """The instant (epoch seconds) at which ``token`` ends. Raises :class:`BadSignature`, :class:`ExpiredSignature`."""
    moment = time.time() if now is None else now
    head, _, mac = token.partition(".")
    if not _EXPIRES.fullmatch(head):
        raise BadSignature
    expires = int(head, 16)
    if not mac.isascii() or not hmac.compare_digest(mac, _mac(purpose, name, expires)):
        raise BadSignature
    if moment > expires:
        raise ExpiredSignature
    return expires


def _mac(purpose: str, name: str, expires: int) -> str:
    key = hashlib.sha256(b"media-url-v1:" + settings.SECRET_KEY.encode()).digest()
    text = "\x1f".join((purpose, name, str(expires))).encode()
    return base64.urlsafe_b64encode(hmac.new(key, text, hashlib.sha256).digest()[:24]).decode()

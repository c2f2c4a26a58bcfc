"""Capabilities in URLs: one file, one purpose, until an instant; minted by whoever checked the permission.

The key changes by itself: each day of expiry has its own, derived from ``SECRET_KEY``, and it signs nothing else. When
the secret itself is changed, addresses signed with one of ``SECRET_KEY_FALLBACKS`` still open until they expire.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time

from django.conf import settings

ROUND_SECONDS, MIN_ROUND_SECONDS = 300, 10
KEY_SECONDS = 86_400
# Longer numbers are not ours, and Python refuses to write out very long ones.
_EXPIRES = re.compile(r"[0-9a-f]{1,12}")


_TOKEN = re.compile(r"[0-9a-f]{1,12}\.[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])")


class BadSignature(Exception):
    """The signature is not ours, or is for another file or purpose."""


class ExpiredSignature(BadSignature):
    """The signature was ours; its time is over."""


def sign(purpose: str, name: str, *, seconds: float | None = None, now: float | None = None) -> str:
    """A token that allows ``purpose`` on ``name`` for about ``seconds``.

    The expiry is rounded up, by five minutes at most, so that the same page asks for the same URL and caches work; by a
    tenth of a shorter lifetime, or ten seconds.
    """
    lifetime = settings.SIGNED_URL_SECONDS if seconds is None else seconds
    moment = time.time() if now is None else now
    step = max(MIN_ROUND_SECONDS, min(ROUND_SECONDS, lifetime // 10))
    expires = int(-(-(moment + lifetime) // step) * step)
    return f"{expires:x}.{_mac(purpose, name, expires, settings.SECRET_KEY)}"


def without_tokens(address: str) -> str:
    """Return an address without its tokens, which differ with each signature."""
    return _TOKEN.sub("", address)


def verify(token: str, purpose: str, name: str, *, now: float | None = None) -> int:
    """The instant (epoch seconds) at which ``token`` ends. Raises :class:`BadSignature`, :class:`ExpiredSignature`."""
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


def pseudonym(text: str, *, now: float | None = None) -> str:
    """What stands for ``text`` on one day (UTC), 32 letters: another one on the next; only the secret leads back."""
    moment = time.time() if now is None else now
    day = f"pseudonym-v1:{int(moment // KEY_SECONDS)}"
    key = hmac.new(settings.SECRET_KEY.encode(), day.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]


def ends(token: str) -> int:
    """The instant (epoch seconds) at which a token of ours ends; it is not verified."""
    return int(token.partition(".")[0], 16)


def _mac(purpose: str, name: str, expires: int, secret: str) -> str:
    key = hmac.new(secret.encode(), f"media-url-v2:{expires // KEY_SECONDS}".encode(), hashlib.sha256).digest()
    text = "\x1f".join((purpose, name, str(expires))).encode()
    return base64.urlsafe_b64encode(hmac.new(key, text, hashlib.sha256).digest()[:24]).decode()

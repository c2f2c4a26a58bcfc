"""Rate limits with sliding windows, counted in Redis, or in this process without Redis."""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, cast

import redis
from django.conf import settings
from django.http import HttpRequest
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from vodplatform.core import metrics
from vodplatform.core.errors import DomainError
from vodplatform.core.redis_pool import connection_pool
from vodplatform.core.text import normalize

if TYPE_CHECKING:
    from rest_framework.views import APIView

logger = logging.getLogger("vodplatform.throttles")

REDIS_SECONDS = 0.5
APART_SECONDS = 5.0  # seconds for which Redis is not used after an error
LOG_SECONDS = 60.0
# Entries of settings.THROTTLES whose limit is per hour or per day, not per minute.
WINDOWS = {
    "sign_up": RateLimitItemPerHour,
    "lost_password": RateLimitItemPerHour,
    "account_data": RateLimitItemPerHour,
    "share_made": RateLimitItemPerHour,
    "sign_up_email": RateLimitItemPerDay,
    "lost_password_email": RateLimitItemPerDay,
}
MAX_NAME = 254
COUNTED_SCOPE_KEY = "vod.counted"  # ASGI scope key, set if the request was already counted as a write
Counter = SlidingWindowCounterRateLimiter


@dataclass(slots=True)
class _Counters:
    shared: Counter | None
    own: Counter = field(default_factory=lambda: Counter(MemoryStorage()))
    apart_until: float = 0.0
    log_after: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hit(self, limit: RateLimitItem, *identifiers: str) -> int:
        if self.shared is not None and time.monotonic() >= self.apart_until:
            try:
                return _hit(self.shared, limit, *identifiers)
            except redis.RedisError as exc:
                self._fall_back(exc)
        return _hit(self.own, limit, *identifiers)

    def _fall_back(self, exc: redis.RedisError) -> None:
        now = time.monotonic()
        with self.lock:
            self.apart_until = now + APART_SECONDS
            silent, self.log_after = now < self.log_after, max(self.log_after, now)
            if not silent:
                self.log_after = now + LOG_SECONDS
        if not silent:
            logger.warning("throttles count in this process only", extra={"data": {"exception": repr(exc)}})


def _hit(counter: Counter, limit: RateLimitItem, *identifiers: str) -> int:
    if counter.hit(limit, *identifiers):
        return 0
    storage = cast(MemoryStorage | RedisStorage, counter.storage)
    window = float(limit.get_expiry())
    counted = storage.get_sliding_window(limit.key_for(*identifiers), int(window))
    return seconds_to_wait(limit.amount, window, counted)


def seconds_to_wait(limit: int, window: float, counted: tuple[int, float, int, float]) -> int:
    """Return whole seconds, at least 1, until another request is allowed.

    ``counted`` is (before, before_ends, now, now_ends). ``before`` and ``now`` are the numbers of requests in the
    previous and in the current window. The other two are the seconds until these requests no longer count; a request
    counts until the end of the next window. A request is allowed if ``before · before_ends / window + now < limit``.
    """
    before, before_ends, now, now_ends = counted
    free = limit - now
    wait = before_ends - free * window / max(1, before) if free > 0 else now_ends - window
    return max(1, math.floor(wait) + 1)


@lru_cache(maxsize=4)
def _counters(storage: str, url: str) -> _Counters:
    if storage == "memory":
        return _Counters(None)
    timeouts = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
    # A restart of Redis closes pooled connections; one retry opens a new one.
    retry = Retry(NoBackoff(), 1)
    pool = connection_pool(url, retry=retry, **timeouts)
    return _Counters(Counter(RedisStorage("redis://", connection_pool=pool, key_prefix="vod:throttle")))


def reset_counters() -> None:
    _counters.cache_clear()


def count_request(name: str, *identifiers: str) -> int:
    """Count a request under a name of ``settings.THROTTLES``. Return 0 if allowed, else whole seconds to wait."""
    if not settings.THROTTLES_ON:
        return 0
    limit = WINDOWS.get(name, RateLimitItemPerMinute)(settings.THROTTLES[name])
    wait = _counters(settings.THROTTLE_STORAGE, settings.REDIS_URL).hit(limit, name, *identifiers)
    if wait:
        metrics.THROTTLED.labels(name).inc()
    return wait


def check_sign_in(name: str, address: str) -> None:
    """Count an attempt to sign in. Raises ``throttled`` with ``retry_after`` (seconds)."""
    wait = count_request("sign_in_address", network_of(address)) or count_request("sign_in_name", digest_of(name))
    if wait:
        raise DomainError("throttled", "Too many sign-in attempts.", retry_after=wait)


def check_sign_up(address: str) -> None:
    if wait := count_request("sign_up", network_of(address)):
        raise DomainError("throttled", "Too many accounts were created from your network.", retry_after=wait)


def count_email(name: str, email: str) -> bool:
    """Count an e-mail to ``email``. Return False if no further e-mail may be sent. name: a name of the settings."""
    return not count_request(name, digest_of(email))


def digest_of(name: str) -> str:
    """Return a key that all spellings of a user name share. The key does not reveal the name in Redis."""
    folded = normalize("NFKC", name[:MAX_NAME]).strip().casefold()
    return hashlib.sha256(folded.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def network_of(address: str) -> str:
    """Return the network that counts as one client: a /64 for IPv6."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Network((parsed, 64), strict=False))
    return str(parsed)


BY_METHOD = ""


def client_of(request: Request | HttpRequest) -> str:
    """Return the name under which a client's requests are counted: of the user, or of an anonymous user's network."""
    if request.user and request.user.is_authenticated:
        return f"user-{request.user.pk}"
    return f"address-{network_of(request.META.get('REMOTE_ADDR') or '')}"


class RequestThrottle(BaseThrottle):
    """Request limit per user, or per address for anonymous clients.

    A view's ``throttle_scope`` names an entry of ``settings.THROTTLES``; None means no limit. By default, safe methods
    count as ``read`` and others as ``write``.
    """

    _wait = 0

    def allow_request(self, request: Request, view: APIView) -> bool:
        scope = getattr(view, "throttle_scope", BY_METHOD)
        if scope == BY_METHOD:
            scope = "read" if request.method in SAFE_METHODS else "write"
        if scope is None or (scope == "write" and getattr(request._request, "scope", {}).get(COUNTED_SCOPE_KEY)):
            return True
        self._wait = count_request(scope, client_of(request))
        return not self._wait

    def wait(self) -> float | None:
        return float(self._wait) or None

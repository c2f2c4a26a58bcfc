"""Connections to the Redis of ``REDIS_URL``, directly or through sentinels."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any

import redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool

from vodplatform.settings.environment import parse_sentinel_url

SENTINEL_SECONDS = 0.5  # maximum seconds for a sentinel's answer; there is no retry


def connection_pool(url: str, **options: Any) -> redis.ConnectionPool:
    found = parse_sentinel_url(url)
    if found is None:
        return redis.ConnectionPool.from_url(url, **options)
    seconds = min(SENTINEL_SECONDS, options.get("socket_connect_timeout", 1.0) / 2)
    del found["sentinels"], found["sentinel_kwargs"]
    return SentinelConnectionPool(found.pop("master_name"), _asked(url, seconds), **found, **options)


def connect(url: str, seconds: float) -> redis.Redis:
    """Return a Redis client that does not retry.

    ``seconds`` is the timeout for connecting, and for each answer.
    """
    pool = connection_pool(url, socket_connect_timeout=seconds, socket_timeout=seconds, retry=Retry(NoBackoff(), 0))
    return redis.Redis.from_pool(pool)


def channel_host(url: str) -> str | dict[str, Any]:
    found = parse_sentinel_url(url)
    if found is not None:
        found["sentinel_kwargs"] |= _once(SENTINEL_SECONDS, AsyncRetry(NoBackoff(), 0))
    return found or url


def describe_error(exc: redis.RedisError) -> str:
    return "no sentinel reports a master" if isinstance(exc, MasterNotFoundError) else str(exc)


class SharedSentinel(Sentinel):
    """A list of sentinels that threads can share. With redis-py's own list, concurrent threads can lose a sentinel."""

    def discover_master(self, service_name: str) -> tuple[str, int]:
        own = copy.copy(self)
        own.sentinels = list(self.sentinels)
        found: tuple[str, int] = Sentinel.discover_master(own, service_name)
        self.sentinels = own.sentinels
        return found


@lru_cache
def _asked(url: str, seconds: float) -> SharedSentinel:
    found = parse_sentinel_url(url)
    assert found is not None
    options = {**found["sentinel_kwargs"], **_once(seconds, Retry(NoBackoff(), 0))}
    return SharedSentinel(found["sentinels"], sentinel_kwargs=options)  # type: ignore[no-untyped-call]


def _once(seconds: float, retry: Any) -> dict[str, Any]:
    return {"socket_timeout": seconds, "socket_connect_timeout": seconds, "retry": retry}

"""Connections to the Redis of ``REDIS_URL``: at its address, or wherever its sentinels say that it is now."""

from __future__ import annotations

from typing import Any

import redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from vodplatform.settings.environment import sentinels

# A sentinel that does not answer is not asked again before the next one: redis-py would wait for seconds.
SENTINEL_SECONDS = 2.0


def connection_pool(url: str, **options: Any) -> redis.ConnectionPool:
    """A pool for :class:`redis.Redis`. options: of its connections, such as ``socket_timeout`` in seconds."""
    found = sentinels(url)
    if found is None:
        return redis.ConnectionPool.from_url(url, **options)
    asked = Sentinel(found.pop("sentinels"), sentinel_kwargs=_once(found.pop("sentinel_kwargs"), Retry(NoBackoff(), 0)))
    return SentinelConnectionPool(found.pop("master_name"), asked, **found, **options)


def connect(url: str, seconds: float) -> redis.Redis:
    """A client for one question, that waits so long for its connection and for each answer."""
    pool = connection_pool(url, socket_connect_timeout=seconds, socket_timeout=seconds)
    return redis.Redis.from_pool(pool)


def channel_host(url: str) -> str | dict[str, Any]:
    """The same Redis as an item of ``hosts`` of channels_redis."""
    found = sentinels(url)
    if found is not None:
        found["sentinel_kwargs"] = _once(found["sentinel_kwargs"], AsyncRetry(NoBackoff(), 0))
    return found or url


def _once(options: dict[str, Any], retry: Any) -> dict[str, Any]:
    return {
        "socket_timeout": SENTINEL_SECONDS, "socket_connect_timeout": SENTINEL_SECONDS, "retry": retry, **options
    }  # fmt: skip

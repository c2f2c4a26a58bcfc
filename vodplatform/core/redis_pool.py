"""Connections to the Redis of ``REDIS_URL``: at its address, or wherever its sentinels say that it is now."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any

import redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool

from vodplatform.settings.environment import sentinels

# A sentinel that says nothing is waited for no longer, and not asked again before the next one, as redis-py would.
SENTINEL_SECONDS = 0.5


def connection_pool(url: str, **options: Any) -> redis.ConnectionPool:
    """A pool for :class:`redis.Redis`. options: of its connections, such as ``socket_timeout`` in seconds."""
    found = sentinels(url)
    if found is None:
        return redis.ConnectionPool.from_url(url, **options)
    seconds = min(SENTINEL_SECONDS, options.get("socket_connect_timeout", 1.0) / 2)
    del found["sentinels"], found["sentinel_kwargs"]
    return SentinelConnectionPool(found.pop("master_name"), _asked(url, seconds), **found, **options)


def connect(url: str, seconds: float) -> redis.Redis:
    """A client for one question, that waits so long for its connection, once it knows where, and for each answer."""
    pool = connection_pool(url, socket_connect_timeout=seconds, socket_timeout=seconds, retry=Retry(NoBackoff(), 0))
    return redis.Redis.from_pool(pool)


def channel_host(url: str) -> str | dict[str, Any]:
    """The same Redis as an item of ``hosts`` of channels_redis."""
    found = sentinels(url)
    if found is not None:
        found["sentinel_kwargs"] |= _once(SENTINEL_SECONDS, AsyncRetry(NoBackoff(), 0))
    return found or url


def reason(exc: redis.RedisError) -> str:
    """Why Redis cannot be used, in a few words."""
    return "no sentinel names a master" if isinstance(exc, MasterNotFoundError) else str(exc)


class SharedSentinel(Sentinel):
    """Sentinels that several threads ask at once: redis-py moves the one that answers to the front of one list, where
    two threads put one sentinel there twice and lose another for good.
    """

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """The master's address, as :class:`Sentinel` finds it. Raises ``MasterNotFoundError``."""
        own = copy.copy(self)
        own.sentinels = list(self.sentinels)
        found: tuple[str, int] = Sentinel.discover_master(own, service_name)
        self.sentinels = own.sentinels
        return found


@lru_cache
def _asked(url: str, seconds: float) -> SharedSentinel:
    """The sentinels of an address, the one that answered last first: shared, so that those that are away are known."""
    found = sentinels(url)
    assert found is not None
    options = {**found["sentinel_kwargs"], **_once(seconds, Retry(NoBackoff(), 0))}
    return SharedSentinel(found["sentinels"], sentinel_kwargs=options)  # type: ignore[no-untyped-call]


def _once(seconds: float, retry: Any) -> dict[str, Any]:
    return {"socket_timeout": seconds, "socket_connect_timeout": seconds, "retry": retry}

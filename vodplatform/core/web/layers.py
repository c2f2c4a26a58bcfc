"""The channel layer over Redis, with bounded queues."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer

from vodplatform.core.redis_pool import channel_host

MAX_WAITING = 100  # maximum number of messages that wait for a slow client
KEPT_MESSAGES = 32  # number of decoded messages to cache; several sockets of a process receive the same one


class ShortQueue(asyncio.Queue[Any]):
    """A queue of messages. When the queue is full, the message ``overflow`` replaces all waiting messages."""

    def __init__(self, overflow: bytes) -> None:
        super().__init__()
        self._overflow = overflow

    def put_nowait(self, item: Any) -> None:
        if self.qsize() >= MAX_WAITING:
            while not self.empty():
                self.get_nowait()
            item = self._overflow
        super().put_nowait(item)


class ShortLoopLayer(RedisPubSubLoopLayer):
    async def _subscribe_to_channel(self, channel: str) -> None:
        self.channels[channel] = ShortQueue(self.channel_layer.serialize({"type": "watch.late"}))
        await self._get_shard(channel).subscribe(channel)  # type: ignore[no-untyped-call]


class ShortChannelLayer(RedisPubSubChannelLayer):
    """A channel layer that sends ``watch.late`` to consumers that are too slow.

    Consumers share decoded messages and must not change them.
    """

    def __init__(self, hosts: Sequence[str], **kwargs: Any) -> None:
        super().__init__([channel_host(url) for url in hosts], **kwargs)
        self._decode = lru_cache(KEPT_MESSAGES)(super().deserialize)

    def deserialize(self, message: bytes) -> Any:
        return self._decode(message)

    def _get_layer(self) -> Any:
        loop = asyncio.get_running_loop()
        if loop not in self._layers:
            super()._get_layer()  # type: ignore[no-untyped-call] # it sees to it that the layer ends with the loop
            options: dict[str, Any] = {**self._kwargs, "channel_layer": self}
            self._layers[loop] = ShortLoopLayer(*self._args, **options)  # type: ignore[no-untyped-call]
        return self._layers[loop]

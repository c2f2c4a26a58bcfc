"""The channel layer over Redis: what waits for one socket has a bound, and a message is decoded once for all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer

from vodplatform.core.redis_pool import channel_host

# Messages that wait for a socket whose client reads slowly; the client then asks for all again.
MAX_WAITING = 100
# Decoded messages that a process keeps for the sockets that have not taken them yet.
KEPT_MESSAGES = 32


class ShortQueue(asyncio.Queue[Any]):
    """Keeps so many messages; one more takes the place of all of them and says that they are gone."""

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
    """The library's own, whose queues have no end."""

    async def _subscribe_to_channel(self, channel: str) -> None:
        self.channels[channel] = ShortQueue(self.channel_layer.serialize({"type": "watch.late"}))
        await self._get_shard(channel).subscribe(channel)  # type: ignore[no-untyped-call]


class ShortChannelLayer(RedisPubSubChannelLayer):
    """Tells a consumer ``watch.late`` in place of messages that it was too slow to take.

    The sockets of a process that watch the same thing are handed the same bytes, and so the same object: no consumer
    changes what it is handed.
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

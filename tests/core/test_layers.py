"""What waits for one socket has a bound: who is slower is told so, and begins again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from channels.layers import get_channel_layer
from django.contrib.auth.models import AnonymousUser

from media_app.catalogue.realtime import audience_of, group_of
from tests.support.catalogue import make_catalogue_video
from tests.support.private_redis import PrivateRedis
from tests.support.sockets import ask, connected
from vodplatform.accounts.models import User
from vodplatform.accounts.realtime import TRY_AGAIN
from vodplatform.core.web.layers import MAX_WAITING, ShortChannelLayer

LATE = {"type": "watch.late"}
SECONDS = 10


@pytest.fixture
async def layer(tmp_path: Path) -> AsyncIterator[ShortChannelLayer]:
    server = PrivateRedis(tmp_path)
    server.start()
    found = ShortChannelLayer(hosts=[server.url])
    yield found
    await found.flush()
    server.stop()


async def members(layer: ShortChannelLayer, count: int) -> list[str]:
    """New channels in the group ``group``."""
    channels = [await layer.new_channel() for _ in range(count)]
    for channel in channels:
        await layer.group_add("group", channel)
    return channels


async def taken(layer: ShortChannelLayer, channel: str, count: int) -> list[dict[str, object]]:
    return [await asyncio.wait_for(layer.receive(channel), SECONDS) for _ in range(count)]


async def test_messages_arrive_in_order(layer: ShortChannelLayer) -> None:
    [channel] = await members(layer, 1)
    sent = [{"type": "x", "number": number} for number in range(MAX_WAITING)]
    for message in sent:
        await layer.group_send("group", message)
    assert await taken(layer, channel, MAX_WAITING) == sent


async def test_of_more_than_may_wait_only_those_behind_are_kept(layer: ShortChannelLayer) -> None:
    slow, other = await members(layer, 2)
    for number in range(MAX_WAITING + 3):
        await layer.group_send("group", {"type": "x", "number": number})
        assert (await taken(layer, other, 1))[0]["number"] == number
    last = [{"type": "x", "number": number} for number in (MAX_WAITING + 1, MAX_WAITING + 2)]
    assert await taken(layer, slow, 3) == [LATE, *last]


async def test_a_message_is_decoded_once_for_all(layer: ShortChannelLayer) -> None:
    channels = await members(layer, 3)
    await layer.group_send("group", {"type": "x", "text": "a" * 1000})
    messages = [(await taken(layer, channel, 1))[0] for channel in channels]
    assert all(message is messages[0] for message in messages)


@pytest.mark.django_db(transaction=True)
async def test_a_socket_that_was_too_slow_is_asked_to_come_again(moderator: User) -> None:
    video = await ask(make_catalogue_video, moderator)
    async with connected(f"/ws/videos/{video.pk}/") as socket:
        await get_channel_layer().group_send(group_of(audience_of(AnonymousUser()), video.pk), LATE)
        assert await socket.receive_output(SECONDS) == {"type": "websocket.close", "code": TRY_AGAIN}

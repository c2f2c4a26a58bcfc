"""The base of every WebSocket that watches something: sign-in, permission, snapshot first, then what is newer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.db import DatabaseError, close_old_connections
from redis.exceptions import RedisError

from vodplatform.accounts.authentication import authenticate
from vodplatform.accounts.models import User

logger = logging.getLogger("vodplatform.realtime")
NOT_SIGNED_IN = 4401
NOT_YOURS = 4404
TRY_AGAIN = 1013
CONNECT_TRIES = 3
RECHECK_SECONDS = 30.0


class WatchConsumer(AsyncJsonWebsocketConsumer):
    """Watch one thing. Subclasses say what by :meth:`snapshot`.

    Subscribes, then sends the snapshot, then drops what is not newer. Every half minute sign-in and
    permission are checked again and a snapshot is taken: what a dead broker lost arrives then.
    """

    revision: int = 0
    group: str = ""
    user: User | None = None
    accepted = False
    _checker: asyncio.Task[None] | None = None

    @property
    def route(self) -> dict[str, str]:
        """The parts of the address."""
        return dict(self.scope["url_route"]["kwargs"])

    def snapshot(self, user: User) -> tuple[str, dict[str, Any]] | None:
        """(group, message with ``revision``) for what is watched, or None when ``user`` may not see it. May query."""
        raise NotImplementedError

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run the socket; where the broker has gone meanwhile, its first use fails, the next one connects anew."""
        for _ in range(CONNECT_TRIES):
            try:
                await super().__call__(scope, receive, send)
                return
            except (RedisError, DatabaseError, OSError) as exc:
                logger.warning("socket", extra={"data": {"exception": repr(exc)}})
                if hasattr(self, "channel_name"):
                    break
        if not self.accepted:
            await send({"type": "websocket.accept"})
        with contextlib.suppress(RuntimeError):
            await send({"type": "websocket.close", "code": TRY_AGAIN})

    async def connect(self) -> None:
        await self.accept()
        self.accepted = True
        if any("\x00" in part for part in self.route.values()):
            await self.close(NOT_YOURS)
            return
        found = await self._look()
        if found is None:
            return
        self.group = found[0]
        await self.channel_layer.group_add(self.group, self.channel_name)
        # What changed between the permission check and the subscription is in the second look.
        found = await self._look()
        if found is None:
            return
        await self.show(found[1])
        self._checker = asyncio.create_task(self._recheck())

    async def disconnect(self, code: int) -> None:
        if self._checker:
            self._checker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._checker
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Clients only listen here; what they say is ignored."""

    async def watch_gone(self, event: dict[str, Any]) -> None:
        """What was watched has been deleted."""
        await self.close(NOT_YOURS)

    async def watch_message(self, event: dict[str, Any]) -> None:
        """A message from the group."""
        if event["message"]["revision"] > self.revision:
            await self.show(event["message"])

    async def show(self, message: dict[str, Any]) -> None:
        """Send one message to the client and remember how new it was."""
        self.revision = message["revision"]
        await self.send_json(message)

    async def _look(self) -> tuple[str, dict[str, Any]] | None:
        """The snapshot, after checking who is asking; closes the socket and returns None when they may not see it."""
        self.user = user = await authenticate(self.scope)
        if user is None:
            await self.close(NOT_SIGNED_IN)
            return None

        def take() -> tuple[str, dict[str, Any]] | None:
            close_old_connections()
            try:
                return self.snapshot(user)
            finally:
                close_old_connections()

        found = await sync_to_async(take, thread_sensitive=False)()
        if found is None:
            await self.close(NOT_YOURS)
        return found

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            try:
                found = await self._look()
            except DatabaseError as exc:  # it heals; so does this socket, at the next look
                logger.warning("socket", extra={"data": {"exception": repr(exc)}})
                continue
            if found is None:
                return
            if found[1]["revision"] > self.revision:
                await self.show(found[1])

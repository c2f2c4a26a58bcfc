"""Base class of the WebSockets that watch an object."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections import Counter, deque
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import Error as DatabaseError
from django.db import close_old_connections
from redis.exceptions import RedisError

from vodplatform.accounts.authentication import current_user, sign_in
from vodplatform.accounts.credentials import Credential, headers_of, is_known_host
from vodplatform.accounts.models import User
from vodplatform.core.web.callers import callers
from vodplatform.core.web.throttles import count_request, network_of

T = TypeVar("T")
logger = logging.getLogger("vodplatform.realtime")
NOT_SIGNED_IN = 4401
NOT_FOUND = 4404
TRY_AGAIN = 1013
CONNECT_TRIES = 3
RECHECK_SECONDS = 60.0
# If a check after a change of permissions takes more seconds than this, the socket closes.
URGENT_SECONDS = 2.0
RETRY_SECONDS = 5.0  # seconds until the next check after the database or Redis failed
RECHECK_JITTER = 0.2  # the time between two checks varies randomly by up to this fraction
OVERLAP_SECONDS = 0.5
# number of open sockets in this process, by user id, or by network if anonymous
open_sockets: Counter[str] = Counter()
# All sockets of a group receive the same message object. These caches store its JSON and its changed copies, so that
# each is made only once. Entries: (message, JSON) and (message, key, changed copy).
_encoded: deque[tuple[Any, str]] = deque(maxlen=32)
_variants: deque[tuple[Any, Hashable, Any]] = deque(maxlen=32)


def variant_of(message: Any, key: Hashable, make: Callable[[], T]) -> T:
    """Return a copy of ``message`` made by ``make``, which is called only once per message object and ``key``."""
    for known, name, made in _variants:
        if known is message and name == key:
            return cast(T, made)
    made = make()
    _variants.append((message, key, made))
    return made


class WatchConsumer(AsyncJsonWebsocketConsumer):
    """Base class of WebSockets that watch one object. Subclasses read the object in :meth:`snapshot`.

    The socket subscribes to the object's group, sends the snapshot, and then newer messages. Each minute, the socket
    closes if the viewer may no longer watch. Otherwise, it sends a newer snapshot, if any: messages may get lost.

    A subclass that sends no snapshot sets ``is_silent``. The server then accepts the connection only after the
    subscription, so a client that fetches the object once it is connected misses no change.
    """

    is_silent = False

    revision: int = 0
    group: str = ""
    credential: Credential | None = None
    accepted = False
    is_counted = False  # True once the rate limit has counted the socket
    watcher = ""  # id of the viewer's account, or network of an anonymous viewer
    grant = ""
    place = ""
    _timer: asyncio.TimerHandle | None = None
    _checker: asyncio.Task[None] | None = None
    _is_due_again = False
    _held: list[Any] | None = None  # messages held back until a check of permissions has passed

    @property
    def route(self) -> dict[str, str]:
        return dict(self.scope["url_route"]["kwargs"])

    def snapshot(self, user: Any) -> tuple[str, dict[str, Any] | None] | None:
        """Return the group to subscribe to and the first message, or None if ``user`` may not watch.

        The message is a dict with a ``revision``, or None if there is nothing to send. user: a :class:`User`, or the
        result of :meth:`anonymous_viewer`. The method may query the database.
        """
        raise NotImplementedError

    def anonymous_viewer(self) -> AnonymousUser | None:
        return None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run the socket. Try up to three times to open its channel at the broker.

        The first tries may fail, because a connection to the broker that broke while idle fails on its next use.
        """
        for _ in range(CONNECT_TRIES):
            try:
                try:
                    await super().__call__(scope, receive, send)
                finally:
                    # Channels does not call disconnect() if the client leaves while a message is handled.
                    self.on_leave()
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
        if not self.is_silent:
            await self._open()
        if any("\x00" in part for part in self.route.values()):
            await self._refuse(NOT_FOUND)
            return
        found = await self._look_in_turn()
        if found is None:
            return
        if not self._reserve_slot():
            await self._refuse(TRY_AGAIN)
            return
        await self._follow(found[0])
        # Read the object again, because it may have changed before the subscription took effect.
        found = await self._look_in_turn()
        if found is None:
            return
        await self._follow(found[0])
        await self._open()
        if found[1] is not None:
            await self.show(found[1])
        self._check_later(RECHECK_SECONDS)

    async def _look_in_turn(self) -> tuple[str, dict[str, Any] | None] | None:
        """Wait until the client may run another request (:mod:`vodplatform.core.web.callers`), then call :meth:`_look`.

        Without the wait, a client that opens many sockets at once would delay the sockets of others.
        """
        async with callers.place(self.scope):
            return await self._look()

    def _reserve_slot(self) -> bool:
        if open_sockets[self.watcher] >= settings.SOCKETS_AT_ONCE:
            return False
        self.place = self.watcher
        open_sockets[self.place] += 1
        return True

    def on_leave(self) -> None:
        self._leave_place()
        if self._timer:
            self._timer.cancel()
        if self._checker:
            self._checker.cancel()

    def _leave_place(self) -> None:
        place, self.place = self.place, ""
        if place:
            open_sockets[place] -= 1
            if not open_sockets[place]:
                del open_sockets[place]

    async def _open(self) -> None:
        if not self.accepted:
            await self.accept()
            self.accepted = True

    async def _refuse(self, code: int) -> None:
        """Accept the connection before closing it: browsers hide the code of a refused connection."""
        await self._open()
        await self.close(code)

    async def disconnect(self, code: int) -> None:
        if self._timer:
            self._timer.cancel()
        if self._checker:
            self._checker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._checker
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        pass

    async def watch_gone(self, event: dict[str, Any]) -> None:
        await self.close(NOT_FOUND)

    async def watch_recheck(self, event: dict[str, Any]) -> None:
        """Check permissions now if those of this socket's account or grant have changed."""
        if event["of"] not in (self.watcher, self.grant):
            return
        if self._held is None:
            self._held = []
        if self._checker is not None:
            self._is_due_again = True  # check again, because the running check may have read old permissions
        elif self._timer is not None:
            self._timer.cancel()
            self._begin_check()

    async def send_json(self, content: Any, close: bool = False) -> None:
        if self._held is None:
            await super().send_json(content, close)
        else:
            self._held.append(content)

    async def watch_late(self, event: dict[str, Any]) -> None:
        """Close a slow client's socket, whose messages were dropped. The client reconnects."""
        await self.close(TRY_AGAIN)

    async def watch_message(self, event: dict[str, Any]) -> None:
        if event["message"]["revision"] > self.revision:
            await self.show(event["message"])

    @classmethod
    async def encode_json(cls, content: Any) -> str:
        for known, text in _encoded:
            if known is content:
                return text
        text = json.dumps(content)
        _encoded.append((content, text))
        return text

    async def show(self, message: dict[str, Any]) -> None:
        self.revision = message["revision"]
        await self.send_json(message)

    async def _look(self) -> tuple[str, dict[str, Any] | None] | None:
        user = await self._who() or self._stranger()
        if user is None:
            await self._refuse(NOT_SIGNED_IN)
            return None

        self.watcher = str(user.pk) if isinstance(user, User) else network_of((self.scope.get("client") or [""])[0])

        if not self.is_counted:
            self.is_counted = True
            if await sync_to_async(count_request, thread_sensitive=False)("socket", self.watcher):
                await self._refuse(TRY_AGAIN)
                return None

        def take() -> tuple[str, dict[str, Any] | None] | None:
            close_old_connections()
            try:
                return self.snapshot(user)
            finally:
                close_old_connections()

        found = await sync_to_async(take, thread_sensitive=False)()
        if found is None:
            await self._refuse(NOT_FOUND)
        return found

    async def _who(self) -> User | None:
        if self.credential is not None:
            return await current_user(self.credential)
        found = await sign_in(self.scope)
        if found is None:
            return None
        user, self.credential = found
        return user

    def _stranger(self) -> AnonymousUser | None:
        """Return the anonymous viewer, if the class allows one.

        None if the client was signed in, sent a token or ticket (even an invalid one), or named an unknown host.
        """
        headers = headers_of(self.scope)
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        has_shown_something = self.credential is not None or b"authorization" in headers or "ticket" in query
        return None if has_shown_something or not is_known_host(headers) else self.anonymous_viewer()

    async def _follow(self, group: str) -> None:
        """Subscribe to ``group`` instead of the current group.

        The socket stays in both groups for a short time. It misses no message, but may send one twice.
        """
        if group == self.group:
            return
        former, self.group = self.group, group
        await self.channel_layer.group_add(group, self.channel_name)
        if former:
            await asyncio.sleep(OVERLAP_SECONDS)
            await self.channel_layer.group_discard(former, self.channel_name)

    def _check_later(self, seconds: float) -> None:
        delay = seconds * random.uniform(1 - RECHECK_JITTER, 1 + RECHECK_JITTER)  # noqa: S311 - no secret
        self._timer = asyncio.get_running_loop().call_later(delay, self._begin_check)

    def _begin_check(self) -> None:
        self._checker = asyncio.create_task(self._check())

    async def _check(self) -> None:
        wait = RECHECK_SECONDS
        is_urgent = self._held is not None
        try:
            async with asyncio.timeout(URGENT_SECONDS if is_urgent else None):
                if not await self._recheck():
                    return
        except (DatabaseError, RedisError, OSError) as exc:
            logger.warning("socket", extra={"data": {"exception": repr(exc)}})
            if is_urgent:
                await self.close(TRY_AGAIN)
                return
            wait = RETRY_SECONDS
        self._checker = None
        if self._is_due_again:
            self._is_due_again = False
            self._begin_check()
            return
        held, self._held = self._held or (), None
        for message in held:
            await self.send_json(message)
        self._check_later(wait)

    async def _recheck(self) -> bool:
        found = await self._look()
        if found is None:
            return False
        await self._follow(found[0])
        if found[1] is not None and found[1]["revision"] > self.revision:
            await self.show(found[1])
        return True

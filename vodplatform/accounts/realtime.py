"""The base of every WebSocket that watches something: sign-in, permission, snapshot first, then what is newer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections import Counter, deque
from typing import Any
from urllib.parse import parse_qs

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import Error as DatabaseError
from django.db import close_old_connections
from redis.exceptions import RedisError

from vodplatform.accounts.authentication import current_user, sign_in
from vodplatform.accounts.credentials import Credential, headers_of, known_host
from vodplatform.accounts.models import User
from vodplatform.core.web.throttles import hit, network_of

logger = logging.getLogger("vodplatform.realtime")
NOT_SIGNED_IN = 4401
NOT_YOURS = 4404
TRY_AGAIN = 1013
CONNECT_TRIES = 3
RECHECK_SECONDS = 60.0
RETRY_SECONDS = 5.0  # after a look that failed
# Sockets that came together, as after a restart, do not ask together for ever.
RECHECK_JITTER = 0.2
OVERLAP_SECONDS = 0.5
open_sockets: Counter[str] = Counter()  # of this process, by who watches
# The last messages with their JSON: those who watch the same thing are handed the same object (base/web/layers.py).
_encoded: deque[tuple[Any, str]] = deque(maxlen=32)


class WatchConsumer(AsyncJsonWebsocketConsumer):
    """Watch one thing. Subclasses say what by :meth:`snapshot`.

    Subscribes, then sends the snapshot, then drops what is not newer. Each minute sign-in and permission are
    checked again and a snapshot is taken: what a dead broker lost arrives then. What was signed in with is kept,
    not what proved it: a ticket is used up, and the socket ends with the token, session or JWT behind it.

    Where :meth:`stranger` gives somebody, whoever has not signed in may watch as that. Where nothing is sent first
    (``is_silent``) the connection opens when it is subscribed: what its client reads then misses no change.

    A watcher has ``settings.SOCKETS_AT_ONCE`` in one process; one more is closed with :data:`TRY_AGAIN`.
    """

    is_silent = False

    revision: int = 0
    group: str = ""
    credential: Credential | None = None
    accepted = False
    is_counted = False  # among the sockets that the watcher has opened in this minute
    watcher = ""
    place = ""
    # A timer, not a sleeping task: thousands of sockets wait here.
    _timer: asyncio.TimerHandle | None = None
    _checker: asyncio.Task[None] | None = None
    _is_due_again = False

    @property
    def route(self) -> dict[str, str]:
        """The parts of the address."""
        return dict(self.scope["url_route"]["kwargs"])

    def snapshot(self, user: Any) -> tuple[str, dict[str, Any] | None] | None:
        """(group, message with ``revision``) for what is watched, or None when ``user`` may not see it. May query.

        No message: nothing is sent first. user: :class:`User`, or what :meth:`stranger` gives.
        """
        raise NotImplementedError

    def stranger(self) -> AnonymousUser | None:
        """As whom somebody watches who has not signed in; None: not at all."""
        return None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run the socket; where the broker has gone meanwhile, its first use fails, the next one connects again."""
        for _ in range(CONNECT_TRIES):
            try:
                try:
                    await super().__call__(scope, receive, send)
                finally:
                    # Also where the client has gone in the middle of a message, and nobody has called disconnect.
                    self.let_go()
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
            await self._refuse(NOT_YOURS)
            return
        found = await self._look()
        if found is None:
            return
        if not self._take_place():
            await self._refuse(TRY_AGAIN)
            return
        await self._follow(found[0])
        # What changed between the permission check and the subscription is in the second look.
        found = await self._look()
        if found is None:
            return
        await self._follow(found[0])
        await self._open()
        if found[1] is not None:
            await self.show(found[1])
        self._check_later(RECHECK_SECONDS)

    def _take_place(self) -> bool:
        """Whether whoever watches has fewer sockets in this process than one may have."""
        if open_sockets[self.watcher] >= settings.SOCKETS_AT_ONCE:
            return False
        self.place = self.watcher  # who watches is looked at again later
        open_sockets[self.place] += 1
        return True

    def let_go(self) -> None:
        """Keep nothing running and nothing counted for a socket that has ended; harmless when called again."""
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
        """Close; browsers are told the code only of a connection that was open."""
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
        """Clients only listen here; what they say is ignored."""

    async def watch_gone(self, event: dict[str, Any]) -> None:
        """What was watched has been deleted."""
        await self.close(NOT_YOURS)

    async def watch_recheck(self, event: dict[str, Any]) -> None:
        """Who may watch has changed: look again now instead of within the minute."""
        if self._checker is not None:
            self._is_due_again = True  # what is being looked at now may be from before
        elif self._timer is not None:
            self._timer.cancel()
            self._begin_check()

    async def watch_late(self, event: dict[str, Any]) -> None:
        """The client reads so slowly that messages were thrown away: it comes back, and is sent all again."""
        await self.close(TRY_AGAIN)

    async def watch_message(self, event: dict[str, Any]) -> None:
        """A message from the group."""
        if event["message"]["revision"] > self.revision:
            await self.show(event["message"])

    @classmethod
    async def encode_json(cls, content: Any) -> str:
        """The message as JSON, made once for all sockets of this process that send this very object."""
        for known, text in _encoded:
            if known is content:
                return text
        text = json.dumps(content)
        _encoded.append((content, text))
        return text

    async def show(self, message: dict[str, Any]) -> None:
        """Send one message to the client and remember how new it was."""
        self.revision = message["revision"]
        await self.send_json(message)

    async def _look(self) -> tuple[str, dict[str, Any] | None] | None:
        """The snapshot, after checking who is asking; closes the socket and returns None when they may not see it."""
        user = await self._who() or self._stranger()
        if user is None:
            await self._refuse(NOT_SIGNED_IN)
            return None

        # An account, or where nobody has signed in the network of the address.
        self.watcher = str(user.pk) if isinstance(user, User) else network_of((self.scope.get("client") or [""])[0])

        if not self.is_counted:
            self.is_counted = True
            if await sync_to_async(hit, thread_sensitive=False)("socket", self.watcher):
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
            await self._refuse(NOT_YOURS)
        return found

    async def _who(self) -> User | None:
        """Who is watching, asked again each time; None when not signed in, or not any more."""
        if self.credential is not None:
            return await current_user(self.credential)
        found = await sign_in(self.scope)
        if found is None:
            return None
        user, self.credential = found
        return user

    def _stranger(self) -> AnonymousUser | None:
        """Who has shown nothing to sign in with; not one whose key is wrong or has ended meanwhile."""
        headers = headers_of(self.scope)
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        has_shown_something = self.credential is not None or b"authorization" in headers or "ticket" in query
        return None if has_shown_something or not known_host(headers) else self.stranger()

    async def _follow(self, group: str) -> None:
        """Listen where the viewer may listen now: who is no admin any more has another group.

        First there, and for a moment in both: a message is sent to one group after the other, and who moved between the
        two would miss it. It may come twice.
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
        """Look again, and see to it that the next look comes: soon, where this one was overtaken or failed."""
        wait = RECHECK_SECONDS
        try:
            if not await self._recheck():
                return
        except (DatabaseError, RedisError, OSError) as exc:  # it heals; so does this socket, at the next look
            logger.warning("socket", extra={"data": {"exception": repr(exc)}})
            wait = RETRY_SECONDS
        self._checker = None
        if self._is_due_again:
            self._is_due_again = False
            self._begin_check()
        else:
            self._check_later(wait)

    async def _recheck(self) -> bool:
        """Whether who watches still may; what they have missed is shown then, else the socket is closed."""
        found = await self._look()
        if found is None:
            return False
        await self._follow(found[0])
        if found[1] is not None and found[1]["revision"] > self.revision:
            await self.show(found[1])
        return True

"""The WebSocket ``ws/sessions/{id}/``: the session, its changes, and clock messages during playback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, close_old_connections
from django.http.cookie import parse_cookie
from redis.exceptions import RedisError

from sessions_app.comparison.access import COOKIE_PREFIX, redact_for_grant, viewer_of
from sessions_app.comparison.models import Access, ComparisonSession
from sessions_app.comparison.services import (
    group_name,
    pause_abandoned_session,
    record_viewer,
    record_viewers,
    reload,
    save_playing_position,
)
from sessions_app.comparison.socket_messages import clock_message, has_moving_vods, is_playing, session_message
from vodplatform.accounts.credentials import headers_of, is_same_origin
from vodplatform.accounts.models import User
from vodplatform.accounts.realtime import WatchConsumer, variant_of
from vodplatform.core.errors import DomainError
from vodplatform.core.web import presence

T = TypeVar("T")
CLOCK_SECONDS = 0.5
MAX_FOLLOWING_CHARACTERS = 200  # maximum number of characters in a client's message; longer messages are ignored
REST_SECONDS = 60.0  # seconds for which clock messages are sent after the last VOD has ended
SHARED_SECONDS = 0.02  # maximum age in seconds of a clock message that several viewers share
# latest clock message and the time of its creation, by session id
_clocks: dict[str, tuple[float, dict[str, Any]]] = {}
# Each process renews a lease (`watched_at`) for the playing sessions of its viewers. If no process renews it, the
# session is paused: `LEFT_SECONDS` after its last viewer left, or `WATCH_LEASE` after the process was killed.
RENEW_SECONDS = 0.75
LEFT_SECONDS = 2.0
_renewed: dict[str, float] = {}  # monotonic time of this process's latest renewal of `watched_at`, by session id
# One query renews all sessions that are due, because a query for one session takes about as long. This is the minimum
# number of seconds between two such queries.
COLLECT_SECONDS = 0.25
_due: dict[str, bool] = {}  # sessions to renew, with whether one of their viewers can edit
_leaving: set[asyncio.Task[None]] = set()


class SessionConsumer(WatchConsumer):
    message: dict[str, Any] | None = None
    received_at = 0.0
    access: Access | None = None
    name = ""
    picture = ""
    is_visitor = False
    following = True
    people: list[dict[str, Any]] | None = None  # list of viewers last sent to this client
    _ticker: asyncio.Task[None] | None = None
    collected_at = 0.0  # monotonic time at which this process last renewed all sessions that were due

    def anonymous_viewer(self) -> AnonymousUser | None:
        """Accept a client that has a cookie of a share link; :meth:`snapshot` checks the link itself."""
        return AnonymousUser() if COOKIE_PREFIX + self.route["session_id"] in self._cookies() else None

    def _cookies(self) -> dict[str, str]:
        """Return the client's cookies unless another site's page opened the WebSocket."""
        headers = headers_of(self.scope)
        return parse_cookie(headers.get(b"cookie", b"").decode("latin-1")) if is_same_origin(headers) else {}

    def snapshot(self, user: User | AnonymousUser) -> tuple[str, dict[str, Any]] | None:
        if not settings.MULTI_VOD_ENABLED:
            return None
        viewer = viewer_of(user, self._cookies(), self.route["session_id"])
        if isinstance(viewer, AnonymousUser):
            return None
        sessions = ComparisonSession.objects.visible_to(viewer).at_database_time().select_related("owner")
        session = sessions.filter(pk=self.route["session_id"]).first()
        if session is None:
            return None
        # Pause an abandoned clock before the new viewer renews `watched_at`; otherwise, the clock would continue.
        if session.is_abandoned(session.now()):
            pause_abandoned_session(session.pk)
            with contextlib.suppress(ComparisonSession.DoesNotExist):
                session = reload(session)
        access = session.access_of(viewer)
        if access is None:  # the viewer lost access between two queries
            return None
        self.access, self.grant, self.name = access, access.grant, viewer.username
        self.is_visitor = not isinstance(viewer, User)
        self.picture = viewer.own_picture if isinstance(viewer, User) else ""
        try:
            message = session_message(session, session.owner.username, now=session.now())
        except DomainError:
            return None
        return group_name(session.pk), message

    async def watch_message(self, event: dict[str, Any]) -> None:
        message = event["message"]
        if message["type"] == "session":
            await super().watch_message(event)
        elif message["revision"] > self.revision:  # an events message does not change the clock
            self.revision = message["revision"]
            await self.send_json(self._own_mentions_only(message))

    def _own_mentions_only(self, message: dict[str, Any]) -> dict[str, Any]:
        own = tuple(key for key, names in message["named"].items() if self.name in names)
        name = self.name if own else ""
        return variant_of(message, (name, own), lambda: {**message, "named": {key: [name] for key in own}})

    async def show(self, message: dict[str, Any]) -> None:
        self.message, self.received_at = message, time.monotonic()
        await super().show(self._as_seen(message))
        self._announce_viewer()
        playing = is_playing(message["session"])
        if playing and (self._ticker is None or self._ticker.done()):
            self._ticker = asyncio.create_task(self._tick())
        elif not playing:
            await self._stop_ticking()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Handle the message ``following``: whether the client follows the shared clock."""
        if len(text_data or "") > MAX_FOLLOWING_CHARACTERS:
            return
        try:
            said = json.loads(text_data or "")
        except (ValueError, RecursionError):
            return
        if isinstance(said, dict) and said.get("type") == "following" and isinstance(said.get("following"), bool):
            self.following = said["following"]
            if self.message is not None:
                self._announce_viewer()

    def _announce_viewer(self) -> None:
        assert self.access
        person = {"name": self.name, "role": self.access.role.value, "following": self.following}
        if self.picture:
            person["picture"] = self.picture
        presence.add_socket(self.route["session_id"], self.channel_name, person, self._tell)

    async def _tell(self, message: dict[str, Any]) -> None:
        """Broadcast the viewers connected to this process. Do nothing if Redis is unavailable."""
        with contextlib.suppress(RedisError, OSError):
            event = {"type": "watch.presence", "message": message}
            await self.channel_layer.group_send(group_name(self.route["session_id"]), event)

    async def watch_presence(self, event: dict[str, Any]) -> None:
        people = presence.receive_announcement(self.route["session_id"], event["message"], self._tell)
        message = variant_of(
            people, self.is_visitor, lambda: _presence_message(people, has_pictures=not self.is_visitor)
        )
        people = message["people"]
        if people != self.people and (len(people) > 1 or self.people):
            self.people = people
            await self.send_json(message)

    def on_leave(self) -> None:
        super().on_leave()
        if self._ticker:
            self._ticker.cancel()
        if self.message is not None:
            presence.remove_socket(self.route["session_id"], self.channel_name, self._tell)

    async def disconnect(self, code: int) -> None:
        plays = self._ticker is not None and not self._ticker.done()
        await self._stop_ticking()
        if plays:
            with contextlib.suppress(DatabaseError):
                left_at = await _in_database(record_viewer, self.route["session_id"], self._can_edit)
                leaving = asyncio.create_task(_pause_after_leaving(self.route["session_id"], left_at))
                _leaving.add(leaving)
                leaving.add_done_callback(_leaving.discard)
        await super().disconnect(code)

    async def _stop_ticking(self) -> None:
        ticker, self._ticker = self._ticker, None
        if ticker:
            _clocks.pop(self.route["session_id"], None)
            _renewed.pop(self.route["session_id"], None)
            _due.pop(self.route["session_id"], None)
            ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticker

    async def _tick(self) -> None:
        saved_at = moved_at = time.monotonic()
        while self.message is not None:
            now = time.monotonic()
            clock = self._clock(now)
            await self.send_json(self._as_seen(clock))
            await self._renew()
            moved_at = now if has_moving_vods(clock["session"]) else moved_at
            if now - moved_at > REST_SECONDS:
                await _in_database(save_playing_position, self.route["session_id"])
                return
            if now - saved_at >= settings.MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS:
                saved_at = now
                await _in_database(save_playing_position, self.route["session_id"])
            await asyncio.sleep(self._seconds_to_next_tick())

    async def _renew(self) -> None:
        session_id, now = self.route["session_id"], time.monotonic()
        renewed_at = _renewed.get(session_id)
        if renewed_at is None:
            _renewed[session_id] = now
            with contextlib.suppress(DatabaseError):
                await _in_database(record_viewer, session_id, self._can_edit)
            return
        if now - renewed_at >= RENEW_SECONDS:
            _renewed[session_id] = now
            _due[session_id] = _due.get(session_id, False) or self._can_edit
        if not _due or now - SessionConsumer.collected_at < COLLECT_SECONDS:
            return
        SessionConsumer.collected_at = now
        due = dict(_due)
        _due.clear()
        with contextlib.suppress(DatabaseError):
            await _in_database(record_viewers, due)

    @property
    def _can_edit(self) -> bool:
        return self.access is not None and self.access.can_edit

    def _as_seen(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return the message as this viewer may see it. Viewers with the same access share one object."""
        access = self.access
        if access is None or not access.grant:
            return message
        grant = access.grant
        return variant_of(
            message,
            access,
            lambda: {
                **message,
                "session": redact_for_grant(message["session"], grant),
                # Send the viewer's access, because it may have changed since the page was loaded.
                "access": {"role": access.role.value, "can_comment": access.can_comment},
            },
        )

    async def _recheck(self) -> bool:
        before = self.access
        if not await super()._recheck():
            return False
        presence.announce_soon(self.route["session_id"], self._tell)
        if self.access and self.access != before:
            await self.send_json({"type": "access", "role": self.access.role, "can_comment": self.access.can_comment})
            self._announce_viewer()
        return True

    def _clock(self, now: float) -> dict[str, Any]:
        assert self.message
        made_at, clock = _clocks.get(self.route["session_id"], (0.0, None))
        if clock is None or clock["revision"] != self.message["revision"] or now - made_at > SHARED_SECONDS:
            clock = clock_message(self.message, now - self.received_at)
            _clocks[self.route["session_id"]] = now, clock
        return clock

    def _seconds_to_next_tick(self) -> float:
        phase = hash(self.route["session_id"]) % 1000 / 1000 * CLOCK_SECONDS
        rest = CLOCK_SECONDS - (time.monotonic() - phase) % CLOCK_SECONDS
        # If a sleep ends slightly before its tick, the tick's message is sent early. Skip the tick in this
        # case; otherwise, its message would be sent twice.
        return rest if rest > CLOCK_SECONDS / 4 else rest + CLOCK_SECONDS


def _presence_message(people: list[presence.Person], *, has_pictures: bool) -> dict[str, Any]:
    if not has_pictures:
        people = [{name: value for name, value in one.items() if name != "picture"} for one in people]
    return {"type": "presence", "people": people}


async def _pause_after_leaving(session_id: str, left_at: datetime | None) -> None:
    if left_at is None:
        return
    await asyncio.sleep(LEFT_SECONDS)
    with contextlib.suppress(DatabaseError):
        await _in_database(pause_abandoned_session, session_id, left_at)


async def _in_database(call: Callable[..., T], *args: Any) -> T:
    def run() -> T:
        close_old_connections()
        try:
            return call(*args)
        finally:
            close_old_connections()

    return await sync_to_async(run, thread_sensitive=False)()

"""WebSockets ``ws/videos/`` and ``ws/videos/{id}/`` with changes of the catalogue."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from redis.exceptions import RedisError

from media_app.catalogue.realtime import audience_of, group_of
from media_app.videos.models import Video
from vodplatform.accounts.models import User
from vodplatform.accounts.realtime import WatchConsumer
from vodplatform.core.web import presence


class CatalogueConsumer(WatchConsumer):
    """Changes of all catalogue videos; clients get no initial snapshot and no revision numbers."""

    is_silent = True
    _last: dict[str, Any] | None = None

    def anonymous_viewer(self) -> AnonymousUser | None:
        return AnonymousUser() if settings.PUBLIC_CATALOG else None

    def snapshot(self, user: User | AnonymousUser) -> tuple[str, dict[str, Any] | None] | None:
        return group_of(audience_of(user)), None

    async def watch_message(self, event: dict[str, Any]) -> None:
        message = event["message"]
        # Skip repeated messages: while a viewer moves from one group to another, both groups may deliver a message.
        if message != self._last:
            self._last = message
            await self.send_json(message)


class CatalogueVideoConsumer(CatalogueConsumer):
    """Changes of one catalogue video.

    A viewer who loses access is disconnected with code 4404 at the next check. With ``?editing=1``, moderators also
    receive the names of all current editors.
    """

    name = ""  # the viewer's username if they edit the video, else empty
    _is_there = False
    _people: list[presence.Person] = []

    def snapshot(self, user: User | AnonymousUser) -> tuple[str, dict[str, Any] | None] | None:
        try:
            video_id = UUID(self.route["video_id"])
        except ValueError:
            return None
        if not Video.objects.in_catalogue(user).filter(pk=video_id).exists():
            return None
        asked = parse_qs(self.scope.get("query_string", b"").decode("latin-1")).get("editing") == ["1"]
        self.name = user.username if asked and isinstance(user, User) and user.is_moderator else ""
        return group_of(audience_of(user), video_id), None

    @property
    def _editors(self) -> str:
        return f"editors.{UUID(self.route['video_id'])}"

    async def connect(self) -> None:
        await super().connect()
        if self.name and self.place:
            await self.channel_layer.group_add(self._editors, self.channel_name)
            self._is_there = True
            presence.add_socket(self._editors, self.channel_name, {"name": self.name}, self._tell_editors)

    async def _tell_editors(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(RedisError, OSError):
            await self.channel_layer.group_send(self._editors, {"type": "watch.presence", "message": message})

    async def watch_presence(self, event: dict[str, Any]) -> None:
        """Send the list of editors if it has changed. A client that has always been the only editor gets no list."""
        people = presence.receive_announcement(self._editors, event["message"], self._tell_editors)
        if self._is_there and people != self._people and (len(people) > 1 or self._people):
            self._people = people
            await self.send_json({"event": "EDITORS", "table": "videos", "people": people})

    async def _recheck(self) -> bool:
        if not await super()._recheck():
            return False
        if self._is_there and not self.name:
            self._leave()
            await self.channel_layer.group_discard(self._editors, self.channel_name)
        elif self._is_there:
            presence.announce_soon(self._editors, self._tell_editors)
        return True

    def _leave(self) -> None:
        if self._is_there:
            self._is_there = False
            presence.remove_socket(self._editors, self.channel_name, self._tell_editors)

    def on_leave(self) -> None:
        super().on_leave()
        self._leave()

    async def disconnect(self, code: int) -> None:
        if self._is_there:
            await self.channel_layer.group_discard(self._editors, self.channel_name)
        await super().disconnect(code)

"""``ws/videos/`` and ``ws/videos/{id}/``: each change of the catalogue, or of one video, that the viewer may see."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from media_app.catalogue.realtime import audience_of, group_of
from media_app.videos.models import Video
from vodplatform.accounts.models import User
from vodplatform.accounts.realtime import WatchConsumer


class CatalogueConsumer(WatchConsumer):
    """The whole catalogue. Nothing is sent first, and a change has no revision: the video in it has a version."""

    is_silent = True
    _last: dict[str, Any] | None = None

    def stranger(self) -> AnonymousUser | None:
        return AnonymousUser() if settings.PUBLIC_CATALOG else None

    def snapshot(self, user: User | AnonymousUser) -> tuple[str, dict[str, Any] | None] | None:
        return group_of(audience_of(user)), None

    async def watch_message(self, event: dict[str, Any]) -> None:
        message = event["message"]
        # On the way from one audience's group to another's, what both may see comes from both.
        if message != self._last:
            self._last = message
            await self.send_json(message)


class CatalogueVideoConsumer(CatalogueConsumer):
    """One video of it; whoever may see it no more is told DELETE, and is let go at the next look.

    A look that comes before the message lets go without it: the code of the closing, 4404, says the same.
    """

    def snapshot(self, user: User | AnonymousUser) -> tuple[str, dict[str, Any] | None] | None:
        try:
            video_id = UUID(self.route["video_id"])
        except ValueError:
            return None
        if not Video.objects.in_catalogue(user).filter(pk=video_id).exists():
            return None
        return group_of(audience_of(user), video_id), None

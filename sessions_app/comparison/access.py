from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core import signing

from media_app.videos.media_urls import granted_stream_url
from sessions_app.comparison.models import ComparisonSession, LinkVisitor, ShareLink, Viewer
from vodplatform.accounts.models import User

COOKIE_PREFIX = "link-"
SALT = "comparison-link"


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """A share link opened in a browser. is_unlocked: whether the password was entered, or none is needed."""

    link: ShareLink
    visitor: LinkVisitor
    is_unlocked: bool


def opened_link(cookies: Mapping[str, str], session_id: str) -> OpenedLink | None:
    """Return the valid link to this session from the browser's cookies, or None."""
    try:
        said = signing.loads(cookies.get(COOKIE_PREFIX + session_id, ""), salt=SALT)
    except signing.BadSignature:
        return None
    link = ShareLink.objects.open().filter(pk=UUID(said["link"]), session_id=session_id).first()
    if link is None:
        return None
    visitor = LinkVisitor(link.pk, session_id, UUID(said["visitor"]), said["name"])
    return OpenedLink(link, visitor, said["unlocked"] or not link.has_password)


def viewer_of(user: User | AnonymousUser, cookies: Mapping[str, str], session_id: str) -> Viewer | AnonymousUser:
    """Return the user, or the visitor of an unlocked link if the user may not see the session."""
    if COOKIE_PREFIX + session_id not in cookies:
        return user
    if isinstance(user, User) and ComparisonSession.objects.visible_to(user).filter(pk=session_id).exists():
        return user
    opened = opened_link(cookies, session_id)
    return opened.visitor if opened and opened.is_unlocked else user


def redact_for_grant(shown: dict[str, Any], grant: str) -> dict[str, Any]:
    """Return the serialized session for a share or link: without paths, and with video URLs that expire."""
    if not grant:
        return shown
    vods = [
        {
            **vod,
            "stream_url": granted_stream_url(UUID(str(vod["video_id"])), vod["duration"], grant),
            "path": None,
        }
        for vod in shown["vods"]
    ]
    return {**shown, "vods": vods}

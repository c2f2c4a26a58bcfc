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


def former_visitor(cookies: Mapping[str, str], session_id: str) -> LinkVisitor | None:
    """Return the visitor stored in a session's link cookie, even if the link has ended; None without a valid cookie."""
    said = read_link_cookie(cookies, session_id)
    return _visitor(said, session_id) if said else None


def opened_link(cookies: Mapping[str, str], session_id: str) -> OpenedLink | None:
    said = read_link_cookie(cookies, session_id)
    if said is None:
        return None
    link = ShareLink.objects.open().filter(pk=UUID(said["link"]), session_id=session_id).first()
    if link is None:
        return None
    return OpenedLink(link, _visitor(said, session_id), said["unlocked"] or not link.has_password)


def read_link_cookie(cookies: Mapping[str, str], session_id: str) -> dict[str, Any] | None:
    try:
        said: dict[str, Any] = signing.loads(cookies.get(COOKIE_PREFIX + session_id, ""), salt=SALT)
    except signing.BadSignature:
        return None
    return said


def _visitor(said: dict[str, Any], session_id: str) -> LinkVisitor:
    return LinkVisitor(UUID(said["link"]), session_id, UUID(said["visitor"]), said["name"])


def viewer_of(user: User | AnonymousUser, cookies: Mapping[str, str], session_id: str) -> Viewer | AnonymousUser:
    if COOKIE_PREFIX + session_id not in cookies:
        return user
    if isinstance(user, User) and ComparisonSession.objects.visible_to(user).filter(pk=session_id).exists():
        return user
    opened = opened_link(cookies, session_id)
    return opened.visitor if opened and opened.is_unlocked else user


def redact_for_grant(shown: dict[str, Any], grant: str) -> dict[str, Any]:
    """Return the session ``shown``. If ``grant`` is set, remove file paths and use video URLs with this grant."""
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

"""Broadcasts of catalogue changes. Each audience has its own group, which receives only changes it may see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from media_app.videos.models import Video, VideoScope, VideoStatus
from media_app.videos.serializers import VideoSerializer, with_answer_data
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.web.publish import publish_on_commit


class Audience(StrEnum):
    """Groups of users with the same rights to see catalogue videos. Each group sees more than the previous one."""

    PUBLIC = "public"
    MODERATORS = "moderators"
    ADMINS = "admins"


def audience_of(user: User | AnonymousUser) -> Audience:
    if isinstance(user, User) and user.is_admin:
        return Audience.ADMINS
    if isinstance(user, User) and user.is_moderator:
        return Audience.MODERATORS
    return Audience.PUBLIC


def group_of(audience: Audience, video_id: UUID | str | None = None) -> str:
    return f"video.{video_id}.{audience}" if video_id else f"videos.{audience}"


def sees(audience: Audience, video: Video) -> bool:
    """Return whether an audience may see a video; must agree with :func:`media_app.videos.models.catalogue_rule`."""
    if audience == Audience.ADMINS:
        return True
    if video.deleted_at is not None:
        return False
    return audience == Audience.MODERATORS or (not video.is_hidden and video.status == VideoStatus.READY)


# Fields with signed URLs. Signatures vary, so a change counts only if a field gets or loses its URL.
SIGNED = frozenset({"video_url", "thumbnail_url", "poster_url", "sprite_vtt_url", "peaks_url", "hls_url"})


@dataclass(frozen=True, slots=True)
class VideoSnapshot:
    video_id: UUID
    fields: dict[str, Any]
    audiences: frozenset[Audience]

    @classmethod
    def of(cls, video: Video) -> VideoSnapshot:
        return cls(video.pk, VideoSerializer.show(video), frozenset(one for one in Audience if sees(one, video)))


def broadcast_change(old: VideoSnapshot | None, new: VideoSnapshot | None) -> None:
    """Send a change, on commit, to each audience that saw the video before or sees it now."""
    for audience in Audience:
        before = old.fields if old and audience in old.audiences else None
        after = new.fields if new and audience in new.audiences else None
        if _unsigned(before) == _unsigned(after):
            continue
        event = "INSERT" if before is None else "DELETE" if after is None else "UPDATE"
        known = new or old
        assert known
        groups = (group_of(audience), group_of(audience, known.video_id))
        publish_on_commit(groups, {"event": event, "table": "videos", "new": after, "old": before})


def _unsigned(fields: dict[str, Any] | None) -> dict[str, Any] | None:
    if fields is None:
        return None
    plain = {name: value is not None if name in SIGNED else value for name, value in fields.items()}
    return {**plain, "renditions": [{**one, "url": ""} for one in fields["renditions"]]}


def find(video_id: UUID) -> Video | None:
    return with_answer_data(Video.objects.filter(pk=video_id, place=VideoScope.CATALOGUE)).first()


@contextmanager
def change_and_broadcast(video_id: UUID) -> Iterator[Video]:
    """Lock a catalogue video for changes in one transaction, and broadcast them. Raise ``not_found``."""
    with transaction.atomic():
        rows = with_answer_data(Video.objects.filter(pk=video_id, place=VideoScope.CATALOGUE))
        video = rows.select_for_update(of=("self",), no_key=True).first()
        if video is None:
            raise DomainError("not_found")
        old = VideoSnapshot.of(video)
        yield video
        found = find(video_id)
        broadcast_change(old, VideoSnapshot.of(found) if found else None)

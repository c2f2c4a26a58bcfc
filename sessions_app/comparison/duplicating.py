"""Copies of comparisons, without history, alignments, shares and links."""

from __future__ import annotations

from django.db import transaction

from media_app.videos.models import Video, VideoScope
from media_app.videos.services import create_placeholder
from sessions_app.comparison.events.services import copy_events
from sessions_app.comparison.models import ComparisonSession, ComparisonVod
from sessions_app.comparison.services import check_limit, reload
from vodplatform.accounts.models import User
from vodplatform.core.api import idempotency
from vodplatform.core.errors import DomainError
from vodplatform.core.records.columns import column_values
from vodplatform.core.web.throttles import count_request
from vodplatform.core.web.turns import Locks, Turn

NOT_COPIED = {
    "session_id", "owner", "name", "playback_state", "anchored_at", "auto_sync_result", "revision", "events_revision",
    "archived_at", "watched_at", "events_bytes", "created_at", "updated_at",
}  # fmt: skip
NOT_COPIED_OF_VOD = {"id", "session", "video", "path", "position", "own_playing", "own_rate"}
MAX_NAME = 200
# bytes of events above which copies have a lower request limit, because their long writes delay other writes
LARGE_BYTES = 1024 * 1024
_locks = Locks()


def duplicate_session(session: ComparisonSession, by: User, name: str = "") -> ComparisonSession:
    """Create a paused copy that belongs to ``by``.

    A caller makes one copy at a time. Raises ``session_limit``, ``throttled``, ``unavailable``, and ``video_not_found``
    if ``by`` may see a video only through this session.
    """
    if session.events_bytes > LARGE_BYTES and (wait := count_request("large_copy", str(by.pk))):
        raise DomainError("throttled", retry_after=wait)
    with Turn(_locks.of(by.pk)), transaction.atomic():
        idempotency.bind_to_transaction()
        check_limit(by)
        vods = list(session.vods.select_related("video"))
        copy = ComparisonSession.objects.create(
            owner=by,
            name=name or f"{session.name[: MAX_NAME - 7]} (copy)",
            events_revision=min(session.events_revision, 1),
            **column_values(session, NOT_COPIED),
        )
        ComparisonVod.objects.bulk_create(
            ComparisonVod(
                session=copy, video=_video_for(vod, by), position=vod.placement.time_at(session.global_time),
                path=vod.path if by.is_admin or by.pk == session.owner_id else "",
                **column_values(vod, NOT_COPIED_OF_VOD),
            )
            for vod in vods
        )  # fmt: skip
        copy_events(session, copy)
    return reload(copy)


def _video_for(vod: ComparisonVod, by: User) -> Video:
    """Return a copied VOD's video, or a placeholder if it was deleted.
    Raises ``video_not_found`` if ``by`` may not see the video.
    """
    video = vod.video
    if video.place == VideoScope.SESSION and video.deleted_at is not None:
        return create_placeholder(video, by)
    is_in_own_bin = video.purge_at is not None and video.can_change(by)
    if not is_in_own_bin and not Video.objects.visible_to(by).filter(pk=video.pk).exists():
        raise DomainError("video_not_found", vod_id=vod.vod_id)
    return video

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from jobs_app import outputs
from jobs_app import services as jobs
from jobs_app.models import Job
from media_app.uploads import quota
from media_app.videos.models import Video, VideoScope, VideoStatus
from media_app.videos.services import DELETED, Use, UseKind, check_file, create_placeholder, reference_videos
from sessions_app.comparison.models import (
    MAX_VODS,
    MIN_VODS,
    Access,
    ComparisonSession,
    ComparisonVod,
    OffsetChange,
    PlaybackState,
    SyncMode,
    Viewer,
)
from sessions_app.comparison.socket_messages import session_message
from sessions_app.comparison.timeline import MAX_DRIFT_PPM, TIME_TOLERANCE, Clock, Placement
from vodplatform.accounts.models import User
from vodplatform.accounts.plans import limits_of
from vodplatform.core.api import idempotency
from vodplatform.core.errors import DomainError
from vodplatform.core.records.database import delete_in_batches
from vodplatform.core.web.publish import publish_gone_on_commit, publish_on_commit

USES_SHOWN = 100
EVENTS_AT_ONCE = 500  # maximum number of events deleted by one transaction
# fields of the placeholder that replaces a deleted video
DELETED_VIDEO = {"place": VideoScope.SESSION, "error_type": DELETED}


@dataclass(frozen=True, slots=True)
class NewVod:
    """A VOD of a new session, identified by a path in the library or by a video's id."""

    vod_id: str
    name: str
    path: str = ""
    video_id: UUID | None = None


def group_name(session_id: str) -> str:
    return f"comparison.{session_id}"


def create_session(
    owner: User, vods: list[NewVod], *, name: str | None = "", description: str | None = ""
) -> ComparisonSession:
    """Create a session. Raises ``session_limit``, ``vod_count``, ``duplicate_vod_id``, and errors of single videos."""
    if not MIN_VODS <= len(vods) <= MAX_VODS:
        raise DomainError("vod_count", f"A comparison needs 2 or 3 VODs, not {len(vods)}.")
    if len({vod.vod_id for vod in vods}) < len(vods):
        raise DomainError("duplicate_vod_id")
    videos = _videos(owner, vods)
    with transaction.atomic():
        idempotency.bind_to_transaction()
        check_limit(owner)
        session = ComparisonSession.objects.create(
            owner=owner, name=name or " / ".join(vod.name for vod in vods)[:200], description=description or ""
        )
        ComparisonVod.objects.bulk_create(
            ComparisonVod(
                session=session, ordinal=ordinal, vod_id=vod.vod_id, name=vod.name, path=vod.path, video=video
            )
            for ordinal, (vod, video) in enumerate(zip(vods, videos, strict=True))
        )
    return reload(session)


def check_limit(owner: User) -> None:
    quota.lock_user(owner)
    limit = limits_of(owner)["max_sessions"]
    if ComparisonSession.objects.filter(owner=owner).count() >= limit:
        raise DomainError("session_limit", limit=limit)


def _videos(owner: User, vods: list[NewVod]) -> list[Video]:
    by_path = [(index, vod) for index, vod in enumerate(vods) if vod.video_id is None]
    found: dict[int, Video] = {}
    for index, vod in enumerate(vods):
        if vod.video_id is not None:
            video = Video.objects.visible_to(owner).with_state().filter(pk=vod.video_id).first()
            if video is None:
                raise DomainError("video_not_found", vod_id=vod.vod_id)
            if video.state != VideoStatus.READY:
                raise DomainError("video_not_ready", vod_id=vod.vod_id)
            try:
                check_file(video)
            except FileNotFoundError as exc:
                raise DomainError("vod_file_not_found", vod_id=vod.vod_id) from exc
            found[index] = video
    try:
        referenced = reference_videos(owner, [vod.path for _, vod in by_path])
    except DomainError as exc:
        vod = by_path[exc.extra["index"]][1]
        raise DomainError(exc.type.name, f"{vod.vod_id}: {exc.message}", vod_id=vod.vod_id) from exc
    found.update({index: video for (index, _), video in zip(by_path, referenced, strict=True)})
    return [found[index] for index in range(len(vods))]


def reload(session: ComparisonSession) -> ComparisonSession:
    return ComparisonSession.objects.at_database_time().get(pk=session.pk)


@dataclass(slots=True)
class SessionChange:
    """A locked session that is being changed."""

    session: ComparisonSession
    vods: list[ComparisonVod]
    clock: Clock
    now: datetime
    shown: dict[str, Any] = field(default_factory=dict)

    def index_of(self, vod_id: str, error: str = "unknown_vod") -> int:
        for index, vod in enumerate(self.vods):
            if vod.vod_id == vod_id:
                return index
        raise DomainError(error, f"The comparison has no VOD {vod_id[:100]!r}.", vod_id=vod_id[:100])

    @property
    def longest(self) -> float:
        return max(vod.video.duration for vod in self.vods)


def lock_session(session: ComparisonSession, *, even_archived: bool = False) -> ComparisonSession:
    """Lock the session's row. Every change of a session must call this first.

    Raises ``session_not_found``, and ``archived`` unless ``even_archived``.
    """
    locked = ComparisonSession.objects.select_for_update().filter(pk=session.pk).first()
    if locked is None:
        raise DomainError("session_not_found")
    if locked.archived_at is not None and not even_archived:
        raise DomainError("archived")
    return locked


def access_to(locked: ComparisonSession, by: Viewer) -> Access:
    access = locked.access_of(by)
    if access is None:
        raise DomainError("session_not_found")
    return access


@contextmanager
def edit_session(
    session: ComparisonSession, by: User | None, *, even_archived: bool = False, by_itself: bool = False
) -> Iterator[SessionChange]:
    """Lock a session, let the ``with`` block change it, store it, and broadcast it on commit.

    by_itself: whether the system makes the change, without a check of permissions. Raises ``session_not_found``,
    ``forbidden``, ``archived``.
    """
    with transaction.atomic():
        locked = lock_session(session, even_archived=even_archived)
        if not by_itself and (by is None or not access_to(locked, by).can_edit):
            raise DomainError("forbidden")
        now = locked.now()
        vods = list(locked.vods.select_related("video"))
        change = SessionChange(locked, vods, locked.clock(vods, now), now)
        moved = change.clock.is_moving
        yield change
        for vod, track in zip(vods, change.clock.tracks, strict=True):
            placed = track.placement
            vod.position, vod.offset = track.position, placed.offset
            vod.own_playing, vod.own_rate = track.playing, track.rate
            vod.drift_ppm, vod.drift_anchor = placed.drift_ppm, placed.anchor
        ComparisonVod.objects.bulk_update(
            vods,
            [
                "position", "own_playing", "own_rate", "offset", "drift_ppm", "drift_anchor", "offset_source",
                "offset_confidence",
            ],
        )  # fmt: skip
        locked.global_time = change.clock.global_time
        locked.rate = change.clock.rate
        locked.playback_state = PlaybackState.PLAYING if change.clock.playing else PlaybackState.PAUSED
        locked.anchored_at = locked.updated_at = now
        if not (moved and change.clock.is_moving):
            # Clear `watched_at` when the clock starts or stops. With an old value, the session would count as
            # abandoned, so the started clock would be paused at once. While the clock runs, viewers who may edit set
            # a new value.
            locked.watched_at = None
        locked.revision += 1
        locked.save()
        message = session_message(locked, by.username if by else "", now=now, vods=vods)
        change.shown = message["session"]
        publish_on_commit(group_name(locked.pk), message)


def update_session(session: ComparisonSession, by: User, values: dict[str, Any]) -> dict[str, Any]:
    with edit_session(session, by) as change:
        row = change.session
        for field in ("name", "description", "ui_state"):
            if field in values:
                setattr(row, field, values[field])
        row.sync_config = {**row.sync_config, **values.get("sync_config", {})}
        mode = values.get("sync_mode", row.sync_mode)
        if mode != row.sync_mode and mode == SyncMode.GLOBAL:
            change.clock = change.clock.together().seek(change.clock.global_time)
        row.sync_mode = mode
    return change.shown


def set_archived(session: ComparisonSession, by: User, is_archived: bool) -> dict[str, Any]:
    with edit_session(session, by, even_archived=True) as change:
        change.clock = replace(change.clock.together(), playing=False)
        change.session.archived_at = (change.session.archived_at or change.now) if is_archived else None
    return change.shown


def check_time(field: str, value: float, start: float) -> None:
    if value < start - TIME_TOLERANCE:
        sentence = f"Must not be before {start:.3f} s, the start of the timeline."
        raise DomainError("invalid", f"{field}: {sentence}", errors={field: [sentence]})


def seek_all(session: ComparisonSession, by: User, timestamp: float) -> dict[str, Any]:
    with edit_session(session, by) as change:
        check_time("timestamp", timestamp, change.clock.start)
        change.clock = change.clock.seek(timestamp)
    return change.shown


def seek_vod(session: ComparisonSession, by: User, vod_id: str, timestamp: float) -> dict[str, Any]:
    with edit_session(session, by) as change:
        index = change.index_of(vod_id, "vod_not_found")
        moves_clock = change.session.sync_mode == SyncMode.GLOBAL
        change.clock = change.clock.seek_track(index, timestamp, moves_clock=moves_clock)
    return change.shown


def set_playback(
    session: ComparisonSession, by: User, state: str, rate: float | None, at: float | None
) -> dict[str, Any]:
    """Play or pause all VODs. at: time of the shared clock to seek to first, or None."""
    with edit_session(session, by) as change:
        clock = change.clock.together()
        if at is not None:
            check_time("at", at, clock.start)
            clock = clock.seek(at)
        change.clock = Clock(
            tracks=clock.tracks,
            global_time=clock.global_time,
            rate=clock.rate if rate is None else rate,
            playing=state == PlaybackState.PLAYING,
        )
    return change.shown


def set_vod_playback(session: ComparisonSession, by: User, vod_id: str, values: dict[str, Any]) -> dict[str, Any]:
    """Play or pause one VOD in independent mode. values: ``state``, and optionally ``rate`` and ``at``.

    Raises ``vod_not_found``, ``global_mode``.
    """
    with edit_session(session, by) as change:
        index = change.index_of(vod_id, "vod_not_found")
        if change.session.sync_mode == SyncMode.GLOBAL:
            raise DomainError("global_mode")
        playing = values["state"] == PlaybackState.PLAYING
        change.clock = change.clock.play_track(index, playing, values.get("rate"), values.get("at"))
    return change.shown


@dataclass(frozen=True, slots=True)
class NewPlacement:
    """A new placement of a VOD. confidence: probability that the offset is right; None if a user set the offset."""

    placement: Placement
    source: str
    confidence: float | None


def set_offsets(
    session: ComparisonSession,
    by: User,
    offsets: dict[str, float],
    source: str,
    confidence: float | None,
    *,
    drifts: dict[str, float] | None = None,
    anchors: dict[str, float] | None = None,
) -> dict[str, Any]:
    """Set offsets, drifts and drift anchors by VOD id. If one is invalid, none is set. Omitted values stay."""
    named = [offsets, drifts or {}, anchors or {}]
    with edit_session(session, by) as change:
        new = {}
        for vod_id in {vod_id: None for part in named for vod_id in part}:
            old = change.vods[change.index_of(vod_id)].placement
            offset, drift, anchor = (
                part.get(vod_id, value)
                for part, value in zip(named, (old.offset, old.drift_ppm, old.anchor), strict=True)
            )
            new[vod_id] = NewPlacement(Placement(offset, drift, anchor), source, confidence)
        place_vods(change, by, new)
    return change.shown


def place_vods(change: SessionChange, by: User, new: dict[str, NewPlacement]) -> None:
    if not new:
        raise DomainError("unknown_vod", "Include at least one VOD in `offsets`.")
    placements = {change.index_of(vod_id): item.placement for vod_id, item in new.items()}
    for vod_id, item in new.items():
        if abs(item.placement.offset) > change.longest:
            sentence = f"The offset of {vod_id} exceeds the duration of the longest VOD ({change.longest:.3f} s)."
            raise DomainError("offset_out_of_range", sentence, vod_id=vod_id, limit=change.longest)
        if abs(item.placement.drift_ppm) > MAX_DRIFT_PPM:
            sentence = f"The drift of {vod_id} must be from {-MAX_DRIFT_PPM:.0f} to {MAX_DRIFT_PPM:.0f} ppm."
            raise DomainError("offset_out_of_range", sentence, vod_id=vod_id, limit=MAX_DRIFT_PPM)
    rows = []
    for vod_id, item in new.items():
        vod = change.vods[change.index_of(vod_id)]
        vod.offset_source = item.source
        vod.offset_confidence = 1.0 if item.confidence is None else item.confidence
        if item.placement != vod.placement:
            rows.append(
                OffsetChange(
                    session=change.session, vod=vod, old_offset=vod.offset, new_offset=item.placement.offset,
                    old_drift_ppm=vod.drift_ppm, new_drift_ppm=item.placement.drift_ppm,
                    new_drift_anchor=item.placement.anchor, source=item.source, confidence=item.confidence,
                    changed_by=str(by.pk), changed_by_name=by.username,
                )
            )  # fmt: skip
    OffsetChange.objects.bulk_create(rows)
    change.clock = change.clock.with_placements(placements)


def preview_prefix(session_id: str) -> str:
    return f"previews/{session_id}"


def delete_session(session: ComparisonSession) -> None:
    session_id = session.session_id  # keep the session's id, because Django clears it on deletion
    # With SQLite, a transaction that deletes thousands of events would make all other writers wait. If the process ends
    # between two batches, the session remains with fewer events, and its owner can delete the session again.
    delete_in_batches(session.events.all(), EVENTS_AT_ONCE)
    with transaction.atomic():
        lock_session(session, even_archived=True)
        job_ids = list(session.alignments.values_list("job_id", flat=True))
        jobs.cancel_all(Job.objects.filter(pk__in=job_ids))
        publish_gone_on_commit(group_name(session.pk))
        gap_ids = list(
            Video.objects.filter(comparison_vods__session=session_id, **DELETED_VIDEO).values_list("pk", flat=True)
        )
        session.delete()
        Video.objects.filter(pk__in=gap_ids).delete()
        for job_id in job_ids:
            jobs.delete(Job(pk=job_id))
        transaction.on_commit(lambda: outputs.delete_folder_or_log(preview_prefix(session_id)))


def lock_sessions_of(sender: object, video_id: UUID, **_: Any) -> None:
    """Lock the sessions that show a video.

    Callers that cancel jobs must lock sessions before jobs. Alignments use the same order, so no deadlock can occur.
    """
    list(ComparisonSession.objects.filter(vods__video=video_id).order_by("pk").select_for_update(of=("self",)))


def own_sessions_of(sender: object, video: Video, by: User | None, **_: Any) -> list[dict[str, str]]:
    """Return the user's sessions that prevent the video's deletion; none for admins, who may delete any video."""
    if by is None or by.is_admin:
        return []
    own = ComparisonSession.objects.filter(vods__video=video, owner=by).order_by("pk").distinct()
    return [{"session_id": session.session_id, "name": session.name} for session in own]


def broadcast_video_change(sender: object, video: Video, by: User | None, is_final: bool, **_: Any) -> None:
    """Broadcast the sessions of a video that was moved to the bin, restored or deleted.

    is_final: whether the video is about to be deleted and must be replaced by a placeholder.
    """
    for session in ComparisonSession.objects.filter(vods__video=video).distinct().select_related("owner"):
        with (
            contextlib.suppress(DomainError),
            edit_session(session, by or session.owner, even_archived=True, by_itself=True) as change,
        ):
            if not is_final:
                continue
            gap = create_placeholder(video, session.owner)
            ComparisonVod.objects.filter(session=session, video=video).update(video=gap)
            for vod in change.vods:
                if vod.video_id == video.pk:
                    vod.video = gap


def comparisons_of_videos(sender: object, videos: Sequence[Video], viewer: User, **_: Any) -> list[Use]:
    sessions = ComparisonSession.objects.visible_to(viewer).filter(vods__video__in=videos).distinct()
    shown = sessions.order_by("-updated_at")[:USES_SHOWN]
    return [Use(UseKind.COMPARISON, session.name or "Comparison", f"/compare/{session.pk}") for session in shown]


def record_viewer(session_id: str, can_edit: bool = True) -> datetime | None:
    """Record that a viewer is watching the playing clock. Return the time, or None if nothing was recorded.

    When the last recorded viewer leaves, the clock pauses. A clock that was started by the API has no recorded viewer
    and keeps running. A viewer without ``can_edit`` only renews an existing record. With a new record, a clock that was
    started by the API would pause when this viewer leaves.
    """
    rows = ComparisonSession.objects.filter(pk=session_id)
    if not can_edit:
        rows = rows.filter(watched_at__isnull=False)
    now = rows.annotate(moment=Now()).values_list("moment", flat=True).first()
    if now is not None:
        rows.update(watched_at=now)
    return now


def record_viewers(sessions: Mapping[str, bool]) -> None:
    """Record that viewers are watching these sessions, as :func:`record_viewer` does for one session.

    The values of ``sessions`` say whether a viewer of the session can edit it. Records from the last half second do not
    change, because :func:`pause_abandoned_session` compares them with the time at which the last viewer left.
    """
    editable = [session_id for session_id, can_edit in sessions.items() if can_edit]
    is_old = Q(watched_at__lt=Now() - timedelta(seconds=0.5))
    rows = ComparisonSession.objects.filter(is_old | Q(pk__in=editable, watched_at__isnull=True), pk__in=sessions)
    with transaction.atomic():
        # Do not wait for a locked session: meanwhile, the other sessions would count as abandoned.
        free = rows.select_for_update(skip_locked=True, no_key=True).values("pk")
        ComparisonSession.objects.filter(pk__in=free).update(watched_at=Now())


def pause_abandoned_session(session_id: str, left_at: datetime | None = None) -> None:
    """Pause a session at the time when its last viewer left it, unless a viewer has returned.

    left_at: last result of :func:`record_viewer`. If None, the session is paused if its ``watched_at`` is older than
    ``WATCH_LEASE``.
    """
    if left_at and not ComparisonSession.objects.filter(pk=session_id, watched_at=left_at).exists():
        return
    left = ComparisonSession(pk=session_id)
    with contextlib.suppress(DomainError), edit_session(left, None, even_archived=True, by_itself=True) as change:
        if left_at and change.session.watched_at == left_at:
            change.clock = change.session.clock(change.vods, left_at).paused()


def save_playing_position(session_id: str) -> None:
    """Store the position of a playing session, so that backups contain it. ``revision`` does not change."""
    with transaction.atomic():
        session = ComparisonSession.objects.select_for_update().filter(pk=session_id).first()
        if session is None:
            return
        now = session.now()
        if (now - session.anchored_at).total_seconds() < settings.MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS:
            return
        vods = list(session.vods.select_related("video"))
        clock = session.clock(vods, now)
        if not clock.is_moving:
            return
        for vod, track in zip(vods, clock.tracks, strict=True):
            vod.position = track.position
        ComparisonVod.objects.bulk_update(vods, ["position"])
        ComparisonSession.objects.filter(pk=session_id).update(global_time=clock.global_time, anchored_at=now)

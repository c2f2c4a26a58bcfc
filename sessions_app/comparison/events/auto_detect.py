from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F

from jobs_app import services as jobs
from jobs_app.models import Job, JobStatus
from media_app.videos import work_limit
from media_app.videos.models import Video
from sessions_app.analysis.models import AnalysisSession, AnalysisType
from sessions_app.analysis.params import PARAMS
from sessions_app.comparison.events.serializers import size_of
from sessions_app.comparison.events.services import MAX_EVENTS, edit_events
from sessions_app.comparison.models import ComparisonSession, ComparisonVod, EventOrigin, SessionEvent
from sessions_app.comparison.services import access_to, lock_session
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

DETECT_KIND = "comparison.detect"
EVENT_KINDS: dict[str, str] = {
    EventOrigin.HIGHLIGHTS: "highlight",
    EventOrigin.SHOTS: "shot",
    EventOrigin.SOUND_PEAKS: "sound_peak",
}
ALIKE_SECONDS = 0.05  # maximum seconds between two detections of the same event

# detected events of a VOD (time, end, label, confidence), by detector
Marks = Mapping[str, Sequence[Mapping[str, Any]]]


def start_detection(session: ComparisonSession, by: User, origins: Sequence[str], vod_ids: list[str] | None) -> Job:
    """Queue a detection job that belongs to ``by``. vod_ids: None for all VODs.

    Raises ``forbidden``, ``unknown_vod``, ``work_limit``.
    """
    with transaction.atomic():
        locked = lock_session(session)
        check_editor(locked, by)
        vods = chosen_vods(locked, vod_ids)
        for vod in vods:
            work_limit.check(by, vod.video)
        params = {
            "session_id": locked.pk,
            "kinds": sorted(set(origins)),
            "videos": [{"vod_id": vod.vod_id, "video_id": str(vod.video_id)} for vod in vods],
        }
        return jobs.enqueue(DETECT_KIND, by, params, is_limited=True)


def check_editor(locked: ComparisonSession, by: User) -> None:
    if not access_to(locked, by).can_edit:
        raise DomainError("forbidden")


def chosen_vods(session: ComparisonSession, vod_ids: Sequence[str] | None) -> list[ComparisonVod]:
    vods = list(session.vods.select_related("video"))
    if vod_ids is None:
        return vods
    for vod_id in vod_ids:
        if vod_id not in {vod.vod_id for vod in vods}:
            raise DomainError("unknown_vod", f"The comparison has no VOD {vod_id[:100]!r}.", vod_id=vod_id[:100])
    return [vod for vod in vods if vod.vod_id in vod_ids]


def known_highlights(video: Video, owners: Sequence[User]) -> list[dict[str, Any]] | None:
    """Return the highlights of the latest analysis of the video with default parameters, by one of ``owners``.

    Return None without such an analysis. Ignore moments that a user chose later for a reel.
    """
    rows = AnalysisSession.objects.filter(
        video=video,
        owner__in=owners,
        analysis_type=AnalysisType.HIGHLIGHTS,
        expired_at=None,
        job__status=JobStatus.COMPLETED,
    )
    usual = highlight_params()
    made = rows.order_by("-created_at").values_list("pk", "params")
    latest = [pk for pk, params in made if {name: params.get(name) for name in usual} == usual][:1]
    data = AnalysisSession.objects.filter(pk__in=latest).values_list("data", flat=True).first()
    if not data:
        return None
    return [
        {
            "time": one["start_time"],
            "end": one["end_time"],
            "label": one["description"],
            "confidence": one["score"],
        }
        for one in data.get("found") or data["highlights"]
    ]


def highlight_params() -> dict[str, float | str]:
    return {name: kind.default for name, kind in PARAMS[AnalysisType.HIGHLIGHTS].items()}


def write_found(session: ComparisonSession, by: User, found: Mapping[str, Marks]) -> dict[str, int]:
    """Replace the events detected earlier. Return the number of new events by detector.

    Keep events that a user has changed or answered. Raises ``forbidden``, ``too_many_events``.
    """
    with edit_events(session, by) as change:
        if not change.access.can_edit:
            raise DomainError("forbidden")
        counts = dict.fromkeys({origin for marks in found.values() for origin in marks}, 0)
        made: list[SessionEvent] = []
        for vod in change.vods:
            for origin, marks in found.get(vod.vod_id, {}).items():
                former = change.session.events.filter(vod=vod, origin=origin)
                untouched = former.filter(updated_at=F("created_at"), replies=None)
                change.deleted += untouched.values_list("pk", flat=True)
                kept = [row.time for row in former.exclude(pk__in=change.deleted)]
                rows = [_event(change.session, vod, origin, mark) for mark in marks if _fits(mark, vod, kept)]
                counts[origin] += len(rows)
                made += rows
        SessionEvent.objects.filter(session=change.session, pk__in=change.deleted).delete()
        if change.session.events.count() + len(made) > MAX_EVENTS:
            raise DomainError("too_many_events", limit=MAX_EVENTS)
        change.changed = SessionEvent.objects.bulk_create(made, batch_size=500)
        change.reread()
    return counts


def _fits(mark: Mapping[str, Any], vod: ComparisonVod, kept: Sequence[float]) -> bool:
    return 0 <= mark["time"] <= vod.video.duration and all(abs(mark["time"] - time) > ALIKE_SECONDS for time in kept)


def _event(session: ComparisonSession, vod: ComparisonVod, origin: str, mark: Mapping[str, Any]) -> SessionEvent:
    end = min(mark["end"], vod.video.duration) if mark.get("end") is not None else None
    row = SessionEvent(
        session=session,
        vod=vod,
        time=mark["time"],
        end=end if end is not None and end > mark["time"] else None,
        kind=EVENT_KINDS[origin],
        label=mark["label"][:200],
        origin=origin,
        confidence=mark["confidence"],
        created_by_name="",
    )
    row.thread = []
    row.size = size_of(row)
    return row

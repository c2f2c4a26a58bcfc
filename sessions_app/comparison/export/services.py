from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from jobs_app import outputs
from jobs_app import services as jobs
from jobs_app.models import Job, JobStatus
from media_app.uploads import quota
from media_app.videos import work_limit
from media_app.videos.media_urls import output_url
from media_app.videos.models import Video
from sessions_app.comparison.events.auto_detect import check_editor, chosen_vods
from sessions_app.comparison.export.child.layouts import SINGLE, arrange, videos_of
from sessions_app.comparison.models import ComparisonSession, ComparisonVod, SessionEvent
from sessions_app.comparison.services import lock_session
from sessions_app.comparison.timeline import start_of
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

logger = logging.getLogger("vodplatform.comparison")
EXPORT_KIND = "comparison.export"
NAME = "export.mp4"
MAX_SECONDS = 4 * 3600.0
MAX_PARTS, MAX_AROUND = 500, 60.0  # maximum parts of a reel; maximum seconds shown before or after each event
MIN_HEIGHT, DEFAULT_HEIGHT, MAX_HEIGHT = 360, 720, 2160
MAX_FPS, FILM_FPS = 60, 30
NTSC = [Fraction(count * 1000, 1001) for count in (24, 30, 60)]
NEAR_FPS = 0.005  # maximum difference in fps between a requested rate and the standard rate that replaces it
FPS_ROUNDING = Fraction(1, 5000)
NEAR_END = 0.01  # seconds by which a requested end may exceed the timeline
SHOWN_SECONDS = 3.0  # seconds for which the caption of an event without an end is shown
MAX_CAPTION_LENGTH = 120
MAX_DRAWINGS = 20
LETTERS = "ABC"
MIX, NONE = "mix", "none"


def start_export(session: ComparisonSession, by: User, values: Mapping[str, Any]) -> Job:
    """Queue an export job owned by ``by``.

    Raises ``forbidden``, ``unknown_vod``, ``invalid``, ``work_limit`` and ``storage_full``.
    """
    check_editor(session, by)
    # Prepare the job before the session is locked: reading thousands of events takes a second.
    vods = chosen_vods(session, None)
    shown = _shown(session, vods, values)
    start, end = values["start"], values["end"]
    _check_span(vods, start, end)
    parts = _reel(session, values["reel"], start, end) if values.get("reel") else []
    seconds = sum(until - since for since, until in parts) if parts else end - start
    if seconds > MAX_SECONDS:
        raise _invalid("end", f"An export can be at most {MAX_SECONDS / 3600:g} hours long. Choose a shorter part.")
    sounds = _sounds(vods, shown, values["audio"])
    fps = _fps([vods[number].video for number in shown], values.get("fps"))
    height = values.get("height") or _height(values["layout"], vods[shown[0]].video)
    try:
        made = arrange(values["layout"], [_shape(vods[number].video) for number in shown], height)
    except ValueError as exc:
        raise _invalid("height", str(exc)) from exc
    facts = {
        "width": made.width,
        "height": made.height,
        "duration": seconds,
        "fps": (fps.numerator, fps.denominator),
    }
    work_limit.check(by, facts)
    shown_videos = [vods[number].video for number in shown]
    read = sum(work_limit.gigapixels(video) * min(1.0, seconds / max(video.duration, 1e-6)) for video in shown_videos)
    work = work_limit.gigapixels(facts) + read
    params = {
        "session_id": session.pk,
        "videos": [
            {
                "vod_id": vod.vod_id,
                "video_id": str(vod.video_id),
                "name": vod.name,
                "duration": vod.video.duration,
                "offset": vod.offset,
                "drift_ppm": vod.drift_ppm,
                "drift_anchor": vod.drift_anchor,
            }
            for vod in vods
        ],
        "panes": shown,
        "sounds": sounds,
        "layout": values["layout"],
        "start": start,
        "end": end,
        "parts": parts,
        "fps": [fps.numerator, fps.denominator],
        "height": height,
        "burn": dict(values.get("burn") or {}),
        "gigapixels": round(work, 3),
        "source_gigapixels": round(sum(map(work_limit.gigapixels, shown_videos)), 3),
    }
    if params["burn"].get("events"):
        check_drawings(drawing_spans(session, params))
    with transaction.atomic():
        check_editor(lock_session(session), by)
        quota.check_room(by, _least_bytes(shown_videos, seconds))
        is_short = work <= work_limit.SHORT_GIGAPIXELS
        return jobs.enqueue(EXPORT_KIND, by, params, is_short=is_short, is_limited=True)


def stored_bytes(user_id: UUID) -> int:
    rows = Job.objects.filter(kind=EXPORT_KIND, owner=user_id, status=JobStatus.COMPLETED)
    rows = rows.filter(finished_at__gte=Now() - _kept_for())
    return sum(size for size in rows.values_list("result__size", flat=True) if isinstance(size, int))


def _least_bytes(videos: Sequence[Video], seconds: float) -> int:
    parts = [video.file_size * min(1.0, seconds / max(video.duration, 1e-6)) for video in videos]
    return round(min(parts) / 2)


def drawing_spans(session: ComparisonSession, params: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return the (start, end) of each drawing in the exported span, in seconds of the shared clock."""
    rows = session.events.filter(drawing__isnull=False).select_related("vod").defer("drawing", "body")
    return [(begin, end) for _, _, begin, end in _visible(rows, params)]


def check_drawings(spans: Iterable[tuple[float, float]]) -> None:
    changes = sorted(change for begin, end in spans for change in ((begin, 1), (end, -1)))
    count = 0
    for time, change in changes:
        count += change
        if count > MAX_DRAWINGS:
            raise _invalid(
                "burn",
                f"More than {MAX_DRAWINGS} drawings are visible at {time:.1f} s, which is too many for an export. "
                "Delete some, move some to another time, or export without the events.",
            )


def _invalid(field: str, sentence: str) -> DomainError:
    return DomainError("invalid", f"{field}: {sentence}", errors={field: [sentence]})


def _height(layout: str, video: Video) -> int:
    return min(max(video.height, MIN_HEIGHT), MAX_HEIGHT) if layout == SINGLE else DEFAULT_HEIGHT


def _shape(video: Video) -> tuple[int, int]:
    return video.width, video.height


def _shown(session: ComparisonSession, vods: list[ComparisonVod], values: Mapping[str, Any]) -> list[int]:
    wanted = values.get("vod_ids") or [vod.vod_id for vod in vods]
    chosen_vods(session, wanted)
    if len(set(wanted)) < len(wanted):
        raise _invalid("vod_ids", "List each VOD only once.")
    count = videos_of(values["layout"])
    if count is not None and len(wanted) < count:
        raise _invalid("vod_ids", f"The layout {values['layout']} needs {count} VODs.")
    numbers = {vod.vod_id: number for number, vod in enumerate(vods)}
    return [numbers[vod_id] for vod_id in wanted[:count]]


def _check_span(vods: Sequence[ComparisonVod], start: float, end: float) -> None:
    if end <= start:
        raise _invalid("end", "Must be after `start`.")
    first = start_of(vod.placement for vod in vods)
    if start < first - NEAR_END:
        raise _invalid("start", f"Must not be before {first:.3f} s, the start of the timeline.")
    last = max(vod.placement.global_time(vod.video.duration) for vod in vods)
    if end > last + NEAR_END:
        raise _invalid("end", f"Must not be after {last:.3f} s, the end of the last VOD.")


def _reel(session: ComparisonSession, reel: Mapping[str, Any], start: float, end: float) -> list[list[float]]:
    parts: list[list[float]] = []
    rows = session.events.filter(kind=reel["kind"]).defer("body", "drawing").select_related("vod")
    times = [(first, last) for first, last in map(_times_of, rows) if last >= start and first <= end]
    if not times:
        raise _invalid("reel", f"There is no event of kind {reel['kind']} in the chosen part.")
    for first, last in sorted(times):
        since, until = max(start, first - reel["before"]), min(end, last + reel["after"])
        if until <= since:
            continue
        if parts and since <= parts[-1][1]:
            parts[-1][1] = max(parts[-1][1], until)
        else:
            parts.append([since, until])
    if not parts:
        raise _invalid("reel", "These events have no duration. Add some seconds before or after them.")
    if len(parts) > MAX_PARTS:
        raise _invalid(
            "reel",
            f"A reel can have at most {MAX_PARTS} parts; this one would have {len(parts)}. Choose a shorter part "
            "or another kind of events.",
        )
    return parts


def _times_of(row: SessionEvent) -> tuple[float, float]:
    times = row.time, row.end if row.end is not None else row.time
    if row.vod is None:
        return times
    placement = row.vod.placement
    return placement.global_time(times[0]), placement.global_time(times[1])


def _sounds(vods: Sequence[ComparisonVod], shown: Sequence[int], audio: str) -> list[int]:
    if audio == NONE:
        return []
    if audio == MIX:
        return [number for number in shown if vods[number].video.audio_tracks]
    number = next((number for number, vod in enumerate(vods) if vod.vod_id == audio), None)
    if number is None:
        raise DomainError("unknown_vod", f"The comparison has no VOD {audio[:100]!r}.", vod_id=audio[:100])
    if not vods[number].video.audio_tracks:
        raise _invalid("audio", f"{audio} has no sound.")
    return [number]


def _fps(videos: Sequence[Video], wanted: float | None) -> Fraction:
    if wanted is not None:
        usual = next((fps for fps in NTSC if abs(float(fps) - wanted) < NEAR_FPS), None)
        return usual or Fraction(wanted).limit_denominator(1000)
    rates = [
        Fraction(FILM_FPS if video.fps <= FILM_FPS else MAX_FPS) if video.is_variable_frame_rate else video.fps
        for video in videos
    ]
    most = min(max(rates), Fraction(MAX_FPS))
    # A recorder's clock may be slightly off, so use a standard rate that is near.
    return next((usual for usual in (*NTSC, Fraction(round(most))) if abs(most / usual - 1) < FPS_ROUNDING), most)


def captions_of(session: ComparisonSession, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return an export's texts and drawings, with begin and end in seconds of the shared clock."""
    vods = {vod.vod_id: vod for vod in session.vods.select_related("video")}
    shown = [params["videos"][number] for number in params["panes"]]
    found: list[dict[str, Any]] = []
    for pane, (number, item) in enumerate(zip(params["panes"], shown, strict=True)):
        vod = vods.get(item["vod_id"])
        if vod is None:
            continue
        begins, ends = (_placed(item).placement.global_time(time) for time in (0.0, item["duration"]))
        letter = LETTERS[number]
        if params["burn"].get("names"):
            name = f"{letter} {item['name']}"[:MAX_CAPTION_LENGTH]
            found.append(_caption(pane, params["start"], params["end"], text=name, is_name=True))
        notices = ((params["start"], begins, f"{letter} has not started"), (ends, params["end"], f"{letter} has ended"))
        found += [
            _caption(pane, since, until, text=text, is_notice=True) for since, until, text in notices if until > since
        ]
    if params["burn"].get("events"):
        visible = list(_visible(session.events.select_related("vod").defer("drawing"), params))
        keys = [row.pk for row, *_ in visible]
        drawings = dict(session.events.filter(pk__in=keys, drawing__isnull=False).values_list("pk", "drawing"))
        for row, pane, begin, end in visible:
            found.append(_caption(pane, begin, end, text=_words_of(row)))
            if drawing := drawings.get(row.pk):
                found.append(_caption(pane, begin, end, strokes=drawing["strokes"]))
    return [one for one in found if one["end"] > params["start"] and one["begin"] < params["end"]]


def _visible(
    rows: QuerySet[SessionEvent], params: Mapping[str, Any]
) -> Iterator[tuple[SessionEvent, int, float, float]]:
    shown = {params["videos"][number]["vod_id"]: pane for pane, number in enumerate(params["panes"])}
    for row in rows:
        pane = shown.get(row.vod.vod_id) if row.vod else 0
        if pane is None:
            continue
        begin, end = row.time, row.end if row.end is not None else row.time + SHOWN_SECONDS
        if row.vod:
            placement = _placed(params["videos"][params["panes"][pane]]).placement
            begin, end = placement.global_time(begin), placement.global_time(end)
        if end > params["start"] and begin < params["end"]:
            yield row, pane, begin, end


def _placed(item: Mapping[str, Any]) -> ComparisonVod:
    return ComparisonVod(
        offset=item["offset"], drift_ppm=item["drift_ppm"], drift_anchor=item["drift_anchor"]
    )  # fmt: skip


def _words_of(row: SessionEvent) -> str:
    words = row.label or row.body.partition("\n")[0]
    kind = row.kind.replace("_", " ").replace("-", " ").capitalize()
    return (f"{kind}: {words}" if words else kind)[:MAX_CAPTION_LENGTH]


def _caption(pane: int, begin: float, end: float, **more: Any) -> dict[str, Any]:
    return {"pane": pane, "begin": begin, "end": end, **more}


def request_for(
    session: ComparisonSession, params: Mapping[str, Any], paths: Mapping[int, str], folder: Path, max_bytes: int
) -> dict[str, Any]:
    places = ("offset", "drift_ppm", "drift_anchor", "duration")
    return {
        **{name: params[name] for name in ("panes", "sounds", "layout", "start", "end", "fps", "height")},
        "parts": params.get("parts") or [],
        "videos": [
            {"path": paths.get(number, ""), **{name: item[name] for name in places}}
            for number, item in enumerate(params["videos"])
        ],
        "captions": captions_of(session, params),
        "has_clock": bool(params["burn"].get("clock")),
        "target": str(folder / NAME),
        "max_bytes": max_bytes,
        "folder": str(folder),
        "threads": settings.CHILD_THREADS,
    }


def needed_videos(params: Mapping[str, Any]) -> list[int]:
    return sorted({*params["panes"], *params["sounds"]})


def shown_result(job: Job) -> Any:
    if job.status != JobStatus.COMPLETED or not job.result or job.finished_at is None:
        return job.result
    result = {name: value for name, value in job.result.items() if name != "key"}
    left = (job.finished_at + _kept_for() - timezone.now()).total_seconds()
    key = job.result.get("key")
    return {**result, "url": output_url(key, left) if key and left > 0 else None}


def delete_expired() -> int:
    old = Job.objects.filter(kind=EXPORT_KIND, status=JobStatus.COMPLETED, finished_at__lt=Now() - _kept_for())
    count = 0
    for job in old.filter(result__key__isnull=False).only("pk", "result"):
        # Delete the file before its key: after a crash in between, the next run finds the key.
        outputs.delete_folder(outputs.prefix_of(job.pk))
        job.result = {name: value for name, value in (job.result or {}).items() if name != "key"}
        Job.objects.filter(pk=job.pk).update(result=job.result)
        count += 1
    return count


def _kept_for() -> timedelta:
    return timedelta(hours=settings.EXPORT_TTL_HOURS)

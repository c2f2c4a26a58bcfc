"""A comparison as an OpenTimelineIO timeline: its VODs as tracks at their offsets, its events as markers; and back.

Markers of a clip count in the recording's own time, those of the whole timeline on the shared clock. What OTIO has no
word for stands in their metadata under :data:`OURS`. Format: https://opentimelineio.readthedocs.io.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange

from sessions_app.comparison.event_files import checked, refusal
from sessions_app.comparison.event_serializers import ShownEvent
from sessions_app.comparison.models import ComparisonSession, ComparisonVod
from vodplatform.base.api.parsers import check_json, has_too_many_parts

OURS = "vod_sync"
MAX_PARTS = 600_000  # of ten thousand markers
DIGITS = 9  # of seconds: a rate does not divide them evenly
CLOCK_RATE = 1000.0  # of what stands on the shared clock
KIND = "mark"  # of a marker that names none
COLORS = {
    "RED": 0xE5484D, "ORANGE": 0xF2A541, "YELLOW": 0xFFD166, "GREEN": 0x39C98D, "CYAN": 0x3FCFC4, "BLUE": 0x4EA1FF,
    "PURPLE": 0x8B6CF0, "MAGENTA": 0xD94FD5, "PINK": 0xFF8FB3, "BLACK": 0x000000, "WHITE": 0xFFFFFF,
}  # fmt: skip

Data = dict[str, Any]


def to_otio(session: ComparisonSession, vods: Sequence[ComparisonVod], events: Iterable[ShownEvent]) -> str:
    """The timeline of a session. vods: with their videos, in order. events: each by itself."""
    timeline = otio.schema.Timeline(name=session.name)
    timeline.metadata[OURS] = {"session_id": session.pk}
    clips = {vod.pk: _clip(vod) for vod in vods}
    for vod in vods:
        track = otio.schema.Track(name=vod.name, kind=otio.schema.TrackKind.Video)
        if (begin := vod.placement.global_time(0.0)) > 0:
            rate = _rate(vod)
            track.append(otio.schema.Gap(duration=RationalTime(begin * rate, rate)))
        track.append(clips[vod.pk])
        timeline.tracks.append(track)
    for shown in events:
        own = shown.event.vod
        holder = clips[own.pk] if own else timeline.tracks
        holder.markers.append(_marker(shown, _rate(own) if own else CLOCK_RATE))
    return str(otio.adapters.write_to_string(timeline, "otio_json"))


def _rate(vod: ComparisonVod) -> float:
    """Frames a second, by which its times are counted."""
    return float(vod.video.fps) or CLOCK_RATE


def _clip(vod: ComparisonVod) -> otio.schema.Clip:
    """The recording, from where the clock begins."""
    rate, duration = _rate(vod), vod.video.duration
    start = min(max(vod.placement.time_at(0.0), 0.0), duration)
    clip = otio.schema.Clip(
        name=vod.name,
        # Editors look for a file of this name; where it lies on the server is nobody's business.
        media_reference=otio.schema.ExternalReference(target_url=vod.name, available_range=_range(0.0, duration, rate)),
        source_range=_range(start, duration, rate),
    )
    clip.metadata[OURS] = {"vod_id": vod.vod_id}
    if vod.placement.drift_ppm:
        clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=vod.placement.rate))
    return clip


def _range(start: float, end: float, rate: float) -> TimeRange:
    return TimeRange(RationalTime(start * rate, rate), RationalTime((end - start) * rate, rate))


def _marker(shown: ShownEvent, rate: float) -> otio.schema.Marker:
    row = shown.event
    marker = otio.schema.Marker(
        name=row.label,
        marked_range=_range(row.time, row.time if row.end is None else row.end, rate),
        color=_nearest_color(row.color) if row.color else otio.schema.MarkerColor.BLUE,
        comment=row.body,
    )
    marker.metadata[OURS] = {"kind": row.kind} | {
        name: value for name, value in {"color": row.color, "drawing": row.drawing}.items() if value
    }
    return marker


def _nearest_color(color: str) -> str:
    """The one of OTIO's colours that is nearest to ``#rrggbb``."""
    wanted = int(color[1:], 16)

    def distance(value: int) -> int:
        return sum(((value >> shift & 0xFF) - (wanted >> shift & 0xFF)) ** 2 for shift in (0, 8, 16))

    return min(COLORS, key=lambda name: distance(COLORS[name]))


def from_otio(raw: bytes, vods: Sequence[ComparisonVod]) -> list[Data]:
    """The markers of a timeline as events; raises ``invalid`` with errors by their number, from 1.

    A marker of a clip that is one of ``vods`` (by what we wrote, else by its name) is an event of that VOD; any other
    stands where it is on the timeline, whose time is taken for the shared clock.
    """
    if has_too_many_parts(raw, MAX_PARTS):
        raise refusal({"file": ["The file has too many parts."]})
    try:
        check_json(json.loads(raw))  # the library's own reader is not to be given what is nested too deeply
        timeline = otio.adapters.read_from_string(raw.decode(), "otio_json")
    except (ValueError, KeyError, RecursionError, otio.exceptions.OTIOError) as exc:
        raise refusal({"file": ["The file is no OpenTimelineIO timeline."]}) from exc
    if not isinstance(timeline, otio.schema.Timeline):
        raise refusal({"file": ["The file holds no timeline."]})
    return checked([*_of_clips(timeline, vods), *_of_all(timeline)])


def _of_clips(timeline: otio.schema.Timeline, vods: Sequence[ComparisonVod]) -> Iterator[Data]:
    by_id, by_name = {vod.vod_id: vod for vod in vods}, {vod.name: vod for vod in vods}
    for clip in timeline.find_clips():
        vod = by_id.get(str(_ours(clip).get("vod_id", ""))) or by_name.get(clip.name)
        for marker in clip.markers:
            span = _seconds(marker.marked_range)
            if vod:
                yield _event(marker, span, {"vod_id": vod.vod_id, "time": span[0]})
            else:
                at = clip.transformed_time(marker.marked_range.start_time, timeline.tracks).to_seconds()
                yield _event(marker, (round(at, DIGITS), round(at + span[1] - span[0], DIGITS)), {})


def _of_all(timeline: otio.schema.Timeline) -> Iterator[Data]:
    for part in (timeline.tracks, *timeline.tracks):
        for marker in part.markers:
            yield _event(marker, _seconds(marker.marked_range), {})


def _event(marker: otio.schema.Marker, span: tuple[float, float], place: Data) -> Data:
    """span: from, to, in seconds of the VOD that ``place`` names, else of the clock."""
    ours, (start, end) = _ours(marker), span
    rest: Data = {name: ours[name] for name in ("color", "drawing") if name in ours}
    return {
        **(place or {"global_time": start}),
        "end": end if end > start else None,
        "kind": ours.get("kind", KIND),
        "label": marker.name[:200],
        "body": marker.comment,
        **rest,
    }


def _ours(item: otio.core.SerializableObjectWithMetadata) -> Data:
    found = item.metadata.get(OURS)
    # What the library gives looks like a dictionary and is none.
    return json.loads(otio.core.serialize_json_to_string(found)) if isinstance(found, Mapping) else {}


def _seconds(span: TimeRange) -> tuple[float, float]:
    """From, to. Raises ``invalid`` where a rate says nothing."""
    start, end = span.start_time.to_seconds(), span.end_time_exclusive().to_seconds()
    if not (math.isfinite(start) and math.isfinite(end)):
        raise refusal({"file": ["A marker's time is no time."]})
    return round(start, DIGITS), round(end, DIGITS)

"""Export and import of OpenTimelineIO timelines: VODs as tracks, events as markers.

A clip's markers have times of the recording, other markers times of the shared clock. Fields unknown to OTIO are in
metadata under :data:`METADATA_KEY`. Format: https://opentimelineio.readthedocs.io.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange
from rest_framework.exceptions import ParseError

from sessions_app.comparison.events.files import MAX_ROWS, refusal, validate_events
from sessions_app.comparison.events.paging import Vods, iterate_rows
from sessions_app.comparison.models import ComparisonSession, ComparisonVod, SessionEvent
from sessions_app.comparison.timeline import start_of
from vodplatform.core.api.parsers import check_json, has_too_many_parts, load_json
from vodplatform.core.pauses import pause_for_others, with_pauses

METADATA_KEY = "vod_sync"
MAX_PARTS = 600_000  # maximum number of JSON values in an imported timeline
DIGITS = 9
CLOCK_RATE = 1000.0  # time units per second for markers that belong to no clip
KIND = "mark"  # kind of an event imported from a marker without a kind
COLORS = {
    "RED": 0xE5484D, "ORANGE": 0xF2A541, "YELLOW": 0xFFD166, "GREEN": 0x39C98D, "CYAN": 0x3FCFC4, "BLUE": 0x4EA1FF,
    "PURPLE": 0x8B6CF0, "MAGENTA": 0xD94FD5, "PINK": 0xFF8FB3, "BLACK": 0x000000, "WHITE": 0xFFFFFF,
}  # fmt: skip

Data = dict[str, Any]


def to_otio(session: ComparisonSession, vods: Vods) -> Iterator[str]:
    """Yield a session's timeline as JSON.

    Markers are written as text, because creating ten thousand OTIO objects would take seconds.
    """
    timeline = otio.schema.Timeline(name=session.name)
    # Video editors start a timeline at 0. If the shared clock starts before 0, shift all times.
    start = start_of(vod.placement for vod in vods.values())
    timeline.metadata[METADATA_KEY] = {"session_id": session.pk, "start": start}
    for vod in vods.values():
        track = otio.schema.Track(name=vod.name, kind=otio.schema.TrackKind.Video)
        if (begin := vod.placement.global_time(0.0) - start) > 0:
            rate = _rate(vod)
            track.append(otio.schema.Gap(duration=RationalTime(begin * rate, rate)))
        track.append(_clip(vod))
        timeline.tracks.append(track)
    whole = json.loads(otio.adapters.write_to_string(timeline, "otio_json"))
    tracks = whole["tracks"]
    # Each list of markers has a unique placeholder that is replaced below.
    places: dict[str, ComparisonVod | None] = {f"markers-{uuid.uuid4()}": None}
    tracks["markers"] = list(places)
    for vod, one in zip(vods.values(), tracks["children"], strict=True):
        place = f"markers-{uuid.uuid4()}"
        places[place] = vod
        one["children"][-1]["markers"] = [place]
    for part in re.split(f'"({"|".join(places)})"', json.dumps(whole, indent=4, ensure_ascii=False)):
        yield from _markers(session, vods, places[part], start) if part in places else [part]


def _markers(session: ComparisonSession, vods: Vods, vod: ComparisonVod | None, start: float) -> Iterator[str]:
    rate, zero = (_rate(vod), 0.0) if vod else (CLOCK_RATE, start)
    for number, row in enumerate(iterate_rows(session, vods, of=vod)):
        yield (",\n" if number else "") + _marker(row, rate, zero)


def _rate(vod: ComparisonVod) -> float:
    return float(vod.video.fps) or CLOCK_RATE


def _clip(vod: ComparisonVod) -> otio.schema.Clip:
    rate, duration = _rate(vod), vod.video.duration
    clip = otio.schema.Clip(
        name=vod.name,
        # Write only the file's name, for which video editors search. The server's path stays private.
        media_reference=otio.schema.ExternalReference(target_url=vod.name, available_range=_range(0.0, duration, rate)),
        source_range=_range(0.0, duration, rate),
    )
    clip.metadata[METADATA_KEY] = {"vod_id": vod.vod_id}
    if vod.placement.drift_ppm:
        clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=vod.placement.rate))
    return clip


def _range(start: float, end: float, rate: float) -> TimeRange:
    return TimeRange(RationalTime(start * rate, rate), RationalTime((end - start) * rate, rate))


def _marker(row: SessionEvent, rate: float, start: float) -> str:
    own = {"kind": row.kind, **({"color": row.color} if row.color else {})}
    time = {"OTIO_SCHEMA": "RationalTime.1", "rate": rate}
    marker = {
        "OTIO_SCHEMA": "Marker.2",
        "name": row.label,
        "color": _nearest_color(row.color) if row.color else otio.schema.MarkerColor.BLUE,
        "marked_range": {
            "OTIO_SCHEMA": "TimeRange.1",
            "start_time": {**time, "value": (row.time - start) * rate},
            "duration": {**time, "value": 0.0 if row.end is None else (row.end - row.time) * rate},
        },
        "comment": row.body,
        "metadata": {METADATA_KEY: own},
    }
    text = json.dumps(marker, ensure_ascii=False)
    # Insert the drawing's stored JSON text into the marker's metadata.
    drawing = row.drawing_text  # type: ignore[attr-defined]
    return f'{text[:-3]}, "drawing": {drawing}}}}}}}' if drawing else text


def _nearest_color(color: str) -> str:
    wanted = int(color[1:], 16)

    def distance(value: int) -> int:
        return sum(((value >> shift & 0xFF) - (wanted >> shift & 0xFF)) ** 2 for shift in (0, 8, 16))

    return min(COLORS, key=lambda name: distance(COLORS[name]))


def from_otio(raw: bytes, vods: Sequence[ComparisonVod]) -> list[Data]:
    """Return a timeline's markers as events. Raises ``invalid`` with errors by marker number, starting at 1.

    A clip's VOD is found by the metadata under :data:`METADATA_KEY`, or else by the clip's name. The file is parsed as
    plain JSON, because OTIO's reader crashes the process on self-references and on timelines without tracks.
    """
    if has_too_many_parts(raw, MAX_PARTS):
        raise refusal({"file": ["The timeline has too many elements. Split it into several files."]})
    try:
        timeline = load_json(raw)
        check_json(timeline)
        if _schema(timeline) != "Timeline":
            raise ValueError("no timeline")
        reader = _Reader(vods)
        start = _our_metadata(timeline).get("start", 0.0)
        reader.visit(timeline["tracks"], float(start))
    except _TooManyMarkers:
        raise refusal({"events": [f"Send at most {MAX_ROWS} events."]}) from None
    except (ParseError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as exc:
        raise refusal({"file": ["The file is not a valid OpenTimelineIO timeline."]}) from exc
    return validate_events(reader.found)


class _TooManyMarkers(Exception):
    pass


class _Reader:
    def __init__(self, vods: Sequence[ComparisonVod]) -> None:
        self.found: list[Data] = []
        self._by_id = {vod.vod_id: vod for vod in vods}
        self._by_name = {vod.name: vod for vod in reversed(vods)}

    def visit(self, part: Data, start: float) -> float:
        """Collect the markers of a part of the timeline; return its duration in seconds."""
        pause_for_others()
        schema, span = _schema(part), _span(part.get("source_range"))
        if schema == "Transition":
            return 0.0  # a transition takes no time, since it overlaps its neighbours
        if schema == "Clip" and span is None:
            span = _span((_media(part) or {}).get("available_range"))
        own_start, length = span or (0.0, 0.0)
        vod = self._vod_of(part) if schema == "Clip" else None
        for marker in with_pauses(part.get("markers") or []):
            self._take(marker, start - own_start, vod)
        if schema == "Track":
            inside = start - own_start
            for child in part.get("children") or []:
                inside += self.visit(child, inside)
            length = length if span else inside - start
        elif schema == "Stack":
            lengths = [self.visit(child, start - own_start) for child in part.get("children") or []]
            length = length if span else max(lengths, default=0.0)
        elif schema not in ("Clip", "Gap"):
            raise ValueError(schema)
        return length

    def _vod_of(self, clip: Data) -> ComparisonVod | None:
        return self._by_id.get(str(_our_metadata(clip).get("vod_id", ""))) or self._by_name.get(str(clip.get("name")))

    def _take(self, marker: Data, shift: float, vod: ComparisonVod | None) -> None:
        if len(self.found) == MAX_ROWS:
            raise _TooManyMarkers
        start, length = _span(marker["marked_range"]) or (0.0, 0.0)
        place = {"vod_id": vod.vod_id, "time": _rounded(start)} if vod else {"global_time": _rounded(start + shift)}
        ours = _our_metadata(marker)
        rest: Data = {name: ours[name] for name in ("color", "drawing") if name in ours}
        self.found.append(
            {
                **place,
                "end": _rounded(start + length + (0.0 if vod else shift)) if length > 0 else None,
                "kind": ours.get("kind", KIND),
                "label": str(marker.get("name") or "")[:200],
                "body": marker.get("comment") or "",
                **rest,
            }
        )


def _schema(part: Any) -> str:
    return str(part["OTIO_SCHEMA"]).partition(".")[0]


def _our_metadata(part: Data) -> Data:
    found = (part.get("metadata") or {}).get(METADATA_KEY)
    return found if isinstance(found, dict) else {}


def _media(clip: Data) -> Data | None:
    several = clip.get("media_references")
    if several:
        return several.get(clip.get("active_media_reference_key"))  # type: ignore[no-any-return]
    return clip.get("media_reference")


def _span(span: Any) -> tuple[float, float] | None:
    if span is None:
        return None
    start, length = (span[name]["value"] / span[name]["rate"] for name in ("start_time", "duration"))
    if not (math.isfinite(start) and math.isfinite(length)):
        raise ValueError(span)
    return start, length


def _rounded(seconds: float) -> float:
    return round(seconds, DIGITS)

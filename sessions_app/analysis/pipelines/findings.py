from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media_app.av.smart_cut import PlacedPart
from sessions_app.analysis.pipelines import words
from sessions_app.analysis.pipelines.highlight_scores import MAX_DEVIATION, Interval
from sessions_app.analysis.pipelines.loudness import STEP
from sessions_app.analysis.pipelines.pass_state import PassState
from sessions_app.analysis.pipelines.shots import Edge, EdgeKind

Floats = NDArray[np.float64]
CURVE_POINTS = 1200
CURVE_STEP = 0.5


def segments_of(duration: float, length: float) -> int:
    """Return the number of a video's segments of ``length`` seconds. A last segment below 0.05 s is not counted."""
    return max(1, int(np.ceil((duration - 0.05) / length)))


def build_results(  # noqa: PLR0917 - one argument per stage of the analysis
    params: Mapping[str, Any], known: PassState, final: Sequence[Interval], placed: Mapping[int, PlacedPart],
    edges: Sequence[Edge], method: str, below: Sequence[Interval] = (),
) -> dict[str, Any]:  # fmt: skip
    """Return the results, without file URLs.

    - placed: the highlights' positions in the reel, by highlight number.
    - below: the best moments if no moment reaches the minimum score; otherwise empty.
    """
    length = float(params["segment_length"])
    count = segments_of(known.duration, length)
    segments = [_segment(known, edges, number, length) for number in range(count)]
    highlights = []
    for number, one in enumerate(final):
        place = placed.get(number)
        highlights.append({
            **_moment(known, edges, one, length, count),
            "reel_start": round(place.start, 3) if place else None,
            "reel_end": round(place.end, 3) if place else None,
        })  # fmt: skip
        if place:
            highlights[-1] |= {"start_time": round(place.source_start, 3), "end_time": round(place.source_end, 3)}
    best = [_moment(known, edges, one, length, count) for one in below]
    return {
        "summary": _summary(known, highlights, best, float(params["min_score"])),
        "duration": round(known.duration, 3),
        "segments": segments,
        "highlights": highlights,
        "below_minimum": best,
        "curves": _curves(known),
        "edges": [{"kind": str(e.kind), "start": round(e.start, 3), "end": round(e.end, 3)} for e in edges],
        "warnings": known.warnings,
        "method": method,
    }


def _moment(known: PassState, edges: Sequence[Edge], one: Interval, length: float, count: int) -> dict[str, Any]:
    _, said = known.verdicts.get(f"{one.peak:.2f}", (None, ""))
    cuts = sum(edge.kind == EdgeKind.CUT and one.start + 0.1 < edge.middle < one.end - 0.1 for edge in edges)
    return {
        "start_time": round(one.start, 3),
        "end_time": round(one.end, 3),
        "score": round(min(1.0, one.score), 3),
        "description": said or words.highlight(measured(known, one.start, one.end, cuts)),
        "segment": min(count - 1, int(one.peak / length)),
    }


def _summary(
    known: PassState, highlights: Sequence[Mapping[str, Any]], below: Sequence[Mapping[str, Any]], least: float
) -> str:
    def peak(values: Floats) -> float | None:
        at = int(np.argmax(values))
        return (at + 0.5) * STEP if values[at] / MAX_DEVIATION >= words.SOME else None

    if below:
        best = below[0]
        return words.nothing_reached(known.duration, least, best["score"], best["start_time"], best["end_time"])
    sound = peak(known.moments.sound) if known.has_sound else None
    # Use the highlights' lengths in the reel, because the page shows these lengths.
    lengths = [one["end_time"] - one["start_time"] for one in highlights]
    return words.summary(lengths, known.duration, sound, peak(known.moments.motion), by_sound=known.has_sound)


def measured(known: PassState, start: float, end: float, cuts: int = 0) -> words.Measured:
    part = known.moments.part(start, end)
    return words.Measured(
        sound=float(known.moments.sound[part].max()) / MAX_DEVIATION,
        motion=float(known.moments.motion[part].max()) / MAX_DEVIATION,
        decibels=float(known.moments.level[part].max()),
        cuts=cuts,
        has_sound=known.has_sound,
    )


def _segment(known: PassState, edges: Sequence[Edge], number: int, length: float) -> dict[str, Any]:
    start, end = number * length, min(known.duration, (number + 1) * length)
    seen = measured(known, start, end, sum(start < edge.middle <= end for edge in edges))
    part = known.moments.part(start, end)
    return {
        "index": number,
        "start_time": round(start, 3),
        "end_time": round(end, 3),
        "score": round(float(known.moments.score[part].max()), 3),
        "description": words.segment(seen),
        "signals": {
            "sound": round(seen.sound, 3),
            "motion": round(seen.motion, 3),
            "cuts": round(min(1.0, seen.cuts / max(1.0, (end - start) / 2)), 3),
        },
    }


def _curves(known: PassState) -> dict[str, Any]:
    steps = max(round(CURVE_STEP / STEP), int(np.ceil(len(known.moments.score) / CURVE_POINTS)))
    signals = {
        "score": known.moments.score, "sound": known.moments.sound / MAX_DEVIATION,
        "motion": known.moments.motion / MAX_DEVIATION,
    }  # fmt: skip
    starts = np.arange(0, len(known.moments.score), steps)
    curves: dict[str, Any] = {"step": steps * STEP}
    for name, values in signals.items():
        curves[name] = np.round(np.maximum.reduceat(values, starts), 3).tolist()
    return curves

"""Analyses as the API tells of them: one of highlights and one of a workout, whole, to be answered in its place."""

import math
from typing import Any

LEAST = 0.6
PARAMS: dict[str, dict[str, Any]] = {
    "highlights": {"segment_length": 10.0, "target_duration": 60.0, "max_highlights": 10, "min_score": LEAST},
    "workout": {"exercise": "auto", "min_repetitions": 2},
}
# Begin, end, score and what is said of it.
MOMENTS = [
    (52.1, 61.0, 0.71, "The sound rises sharply, three fast cuts."),
    (160.0, 171.0, 0.78, "A sharp sound, then a long loud part."),
    (372.5, 386.5, 0.94, "The loudest part of the file, fast cuts."),
    (423.0, 431.0, 0.66, "Fast motion, the sound stays low."),
    (491.0, 501.0, 0.83, "The sound rises, a slow part follows."),
    (562.0, 572.0, 0.75, "Steady loud sound to the end."),
]


def highlights(unit: float = 1.0) -> dict[str, Any]:
    """58 segments of 10 s, six of them in the reel. unit: how long a second of it lasts, for a shorter video."""
    found: list[dict[str, Any]] = []
    at = 0.0
    for start, end, score, words in MOMENTS:
        found.append({
            "start_time": start, "end_time": end, "score": score, "description": words, "segment": int(start // 10),
            "reel_start": round(at, 2), "reel_end": round(at + end - start, 2), "thumbnail_url": None,
        })  # fmt: skip
        at += end - start
    segments = [_segment(index) for index in range(58)]
    scores = [segment["score"] for segment in segments]
    return _stretched({
        "summary": "6 highlights, 62 s together. The loudest part and the most motion come together at 6:20.",
        "duration": 580.0, "segments": segments, "highlights": found, "warnings": [], "method": "signals",
        "curves": {"step": 10.0, "score": scores, "sound": scores, "motion": scores},
        "edges": [
            {"kind": "cut", "start": 54.2, "end": 54.2}, {"kind": "dissolve", "start": 240.0, "end": 241.5},
            {"kind": "fade", "start": 576.0, "end": 579.0},
        ],
        "highlight_video_url": "/film/reel.mp4", "thumbnails": [],
    }, unit)  # fmt: skip


TIMES = frozenset({"start_time", "end_time", "reel_start", "reel_end", "start", "end", "turn", "duration", "step"})


def _stretched(value: Any, unit: float) -> Any:
    if isinstance(value, list):
        return [_stretched(one, unit) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: round(one * unit, 4) if name in TIMES and isinstance(one, int | float) else _stretched(one, unit)
        for name, one in value.items()
    }


def _segment(index: int) -> dict[str, Any]:
    start = index * 10.0
    moment = next((one for one in MOMENTS if int(one[0] // 10) == index), None)
    score = moment[2] if moment else min(0.58, round(0.08 + 0.5 * abs(math.sin(index * 0.7)), 3))
    return {
        "index": index, "start_time": start, "end_time": start + 10, "score": score,
        "description": moment[3] if moment else "Steady sound, little motion.",
        "signals": {"sound": score, "motion": round(score / 2, 3), "cuts": 0.1},
    }  # fmt: skip


def workout(unit: float = 1.0) -> dict[str, Any]:
    """12 squats, the last two slow; 9 push-ups; and a part that cannot be counted."""
    return _stretched({
        "summary": "21 repetitions in two exercises. Repetitions could not be counted in 18 s of the video.",
        "duration": 130.0, "total_repetitions": 21, "warnings": [], "method": "poses",
        "preview_url": "/film/source.mp4",
        "exercises": [
            _exercise("squat", 8.0, [3.4] * 10 + [4.6, 5.4], 0.94, "The last two are slower, as at the end of a set."),
            _exercise("push-up", 64.0, [3.1] * 9, 0.81, "The seventh is half as deep as the others."),
        ],
        "not_counted": [{
            "start_time": 112.0, "end_time": 130.0,
            "reason": "The person leaves the frame. Film from further away to have this part counted.",
        }],
    }, unit)  # fmt: skip


def _exercise(name: str, start: float, lengths: list[float], confidence: float, feedback: str) -> dict[str, Any]:
    times, at = [], start
    for length in lengths:
        times.append({"start": round(at, 2), "turn": round(at + length * 0.45, 2), "end": round(at + length, 2)})
        at += length
    seconds = round(sum(lengths) / len(lengths), 2)
    values = [round(0.5 + 0.5 * math.cos(2 * math.pi * 0.1 * n / seconds), 3) for n in range(int((at - start) * 10))]
    return {
        "name": name, "start_time": start, "end_time": round(at, 2), "repetitions": len(lengths), "rep_times": times,
        "tempo": {
            "seconds": seconds, "down": round(seconds * 0.45, 2), "up": round(seconds * 0.55, 2),
            "per_minute": round(60 / seconds, 1), "pauses": [{"start": at - 3, "end": at - 2}],
        },
        "confidence": confidence, "name_confidence": 0.8, "signal": "both knees",
        "curve": {"step": 0.1, "start": start, "values": values}, "feedback": ["Steady.", feedback],
    }  # fmt: skip

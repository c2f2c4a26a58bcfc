from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from media_app.av.container import open_media
from media_app.av.ffmpeg import ConversionFailed
from media_app.av.frames import VideoFile
from media_app.av.source import Source
from sessions_app.analysis.pipelines.counting import Counted, EvenSamples, count, resample_evenly
from sessions_app.analysis.pipelines.feedback import feedback_of
from sessions_app.analysis.pipelines.naming import SIGNALS, UNNAMED, facts_of, name_of, plural
from sessions_app.analysis.pipelines.pose_sampling import PoseTrack, sample_poses
from sessions_app.analysis.pipelines.poses import Poses, PosesUnavailable, joint_paths
from sessions_app.analysis.pipelines.preview import make_preview
from sessions_app.analysis.pipelines.repetitions import Repetition
from sessions_app.analysis.pipelines.task import AnalysisFailed, Result, Task
from vodplatform.core.formatting import counted, duration

SEGMENT_SECONDS = 5.0
LOOKED, COUNTED = 85.0, 88.0  # job progress in percent after sampling the poses, and after counting the repetitions
CURVE_STEP = 0.1
CURVE_POINTS = 1200
# minimum length of a pause: PAUSE_SECONDS, or PAUSE_SHARE of the median repetition if that is longer
PAUSE_SECONDS, PAUSE_SHARE = 1.0, 0.5
MIN_UNCOUNTED = 4.0
ANYBODY = 0.05  # share of samples with a person above which the video counts as showing a person
RESTING = 0.4  # the body counts as moving if the position of a joint varies by at least this many torso lengths
# A part of the video counts as moving if, on average, at least 1 % of the pixels change by this many grey levels (0 to
# 255) from one picture to the next.
MOVES = 4.0
MISSING_SECONDS = 1.0  # seconds that may be missing at a file's end without a warning


def count_workout(task: Task) -> Result:
    _ask_for_picture(task)
    task.progress(0.0, "Reading the video")
    warnings: list[str] = []
    source = Source.open(task.path)
    with VideoFile(task.path, threads=task.threads) as video:
        seen = _look(task, video, warnings)
        task.progress(LOOKED, "Counting the repetitions")
        data = build_results(seen, task.params, warnings)
        files: dict[str, str] = {}
        if data["exercises"] or (len(seen.found) and seen.found.mean() > ANYBODY):
            task.progress(COUNTED, "Drawing the preview")
            try:
                files["preview"] = make_preview(
                    task.folder, source, video, seen=seen, exercises=data["exercises"], threads=task.threads,
                    on_progress=lambda share: task.progress(COUNTED + (100 - COUNTED) * share, "Drawing the preview"),
                )  # fmt: skip
            except ConversionFailed as exc:
                data["warnings"].append(f"The preview could not be created. {exc}")
    return Result(data, files)


UNLIKE = "A movement here differs from the repetitions around it, so it is not counted."


def _ask_for_picture(task: Task) -> None:
    with open_media(task.path) as container:
        if not [one for one in container.streams.video if not one.disposition & one.disposition.attached_pic]:
            raise AnalysisFailed("no_video", "This file contains no video. Choose a video file to analyse.")


def _look(task: Task, video: VideoFile, warnings: list[str]) -> PoseTrack:
    parts = max(1, math.ceil(video.duration / SEGMENT_SECONDS))

    def on_progress(share: float) -> None:
        part = min(parts, int(share * parts) + 1)
        task.progress(LOOKED * share, f"Analyzing segment {part}/{parts}")

    try:
        with Poses() as poses:
            seen = sample_poses(video, poses, task.saved, on_progress, task.checkpoint)
    except PosesUnavailable as exc:
        warnings.append(f"Repetitions were counted only by movement in the image, without body detection. {exc}")
        seen = sample_poses(video, None, None, on_progress, task.checkpoint)
    if seen.announced - seen.end > MISSING_SECONDS + 2 / max(video.fps, 1):
        warnings.append(
            f"The video track is incomplete: it contains only {duration(seen.end)} of {duration(seen.announced)}. "
            "This part was analysed."
        )
    return seen


def build_results(seen: PoseTrack, params: Mapping[str, Any], warnings: list[str]) -> dict[str, Any]:
    asked = str(params.get("exercise") or "auto")
    least = int(params.get("min_repetitions") or 2)
    even = resample_evenly(seen)
    found = count(even, 2, None if asked == "auto" else SIGNALS.get(asked)) if even is not None else []
    exercises: list[dict[str, Any]] = []
    refused: list[tuple[float, float, str]] = []
    for one in found:
        assert even is not None
        count_of = len(one.set.repetitions)
        if count_of < least:
            refused.append((
                one.set.start, one.set.end,
                f"Only {counted(count_of, 'repetition')} in a row. At least {least} are needed.",
            ))  # fmt: skip
            continue
        refused += [(skipped.start, skipped.end, UNLIKE) for skipped in one.set.skipped]
        exercises.append(_exercise(even, one, asked))
    total = sum(one["repetitions"] for one in exercises)
    uncounted = _not_counted(even, found, refused) if even is not None else []
    methods = {("poses" if one.by_poses else "movement") for one in found if len(one.set.repetitions) >= least}
    seen_share = float(seen.found.mean()) if len(seen.found) else 0.0
    method = " and ".join(sorted(methods, reverse=True)) or ("poses" if seen_share > ANYBODY else "movement")
    return {
        "summary": summary(exercises, total, uncounted, _nothing(seen, even, seen_share)),
        "duration": round(max(seen.end, min(seen.announced, seen.end + 1.0)), 3),
        "exercises": exercises,
        "total_repetitions": total,
        "not_counted": uncounted,
        "warnings": warnings,
        "method": "poses and movement" if len(methods) == 2 else method,
    }


def _exercise(even: EvenSamples, one: Counted, asked: str) -> dict[str, Any]:
    reps = one.set.repetitions
    first, last = (int(at) for at in np.searchsorted(even.times, (one.set.start, one.set.end)))
    is_seen = even.found[first : last + 1].mean() >= 0.6
    name, sure = name_of(facts_of(even.times, even.joints, one.set)) if is_seen else (UNNAMED, 0.0)
    if asked != "auto" and name in (UNNAMED, asked):
        # Use the name that the user selected, unless the rules found another exercise.
        name, sure = asked, max(sure, 0.5)
    said = feedback_of(even.times, even.joints, one)
    step = max(CURVE_STEP, (one.set.end - one.set.start) / (CURVE_POINTS - 1))
    moments = np.arange(one.set.start, one.set.end + step / 2, step)[:CURVE_POINTS]
    own = np.linspace(one.set.start, one.set.end, len(one.set.curve))
    return {
        "name": name,
        "start_time": round(one.set.start, 2),
        "end_time": round(one.set.end, 2),
        "repetitions": len(reps),
        "rep_times": [{"start": round(r.start, 2), "turn": round(r.turn, 2), "end": round(r.end, 2)} for r in reps],
        "tempo": tempo(reps),
        "confidence": one.confidence,
        "name_confidence": sure,
        "signal": one.set.signal if one.by_poses else "the picture's movement",
        "curve": {
            "step": round(step, 4),
            "start": round(one.set.start, 2),
            "values": [round(float(value), 3) for value in np.interp(moments, own, one.set.curve)],
        },
        "feedback": said,
    }


def tempo(reps: tuple[Repetition, ...]) -> dict[str, Any]:
    lengths = [one.end - one.start for one in reps]
    usual = float(np.median(lengths))
    apart = max(PAUSE_SECONDS, PAUSE_SHARE * usual)
    span = max(1e-6, reps[-1].end - reps[0].start)
    return {
        "seconds": round(usual, 2),
        "down": round(float(np.median([one.turn - one.start for one in reps])), 2),
        "up": round(float(np.median([one.end - one.turn for one in reps])), 2),
        "per_minute": round(60 * len(reps) / span, 1),
        "pauses": [
            {"start": round(one.end, 2), "end": round(two.start, 2)}
            for one, two in pairwise(reps)
            if two.start - one.end >= apart
        ],
    }


def _not_counted(
    even: EvenSamples, found: list[Counted], refused: list[tuple[float, float, str]]
) -> list[dict[str, Any]]:  # fmt: skip
    parts = [{"start_time": round(a, 2), "end_time": round(b, 2), "reason": why} for a, b, why in refused]
    start, end = float(even.times[0]), float(even.times[-1])
    edges = [start, *(edge for one in found for edge in (one.set.start, one.set.end)), end]
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if last - first < MIN_UNCOUNTED:
            continue
        why = _reason(even, first, last)
        if why:
            parts.append({"start_time": round(first, 2), "end_time": round(last, 2), "reason": why})
    return sorted(parts, key=lambda part: (part["start_time"], part["end_time"]))


def _reason(even: EvenSamples, first: float, last: float) -> str:
    span = slice(*(int(at) for at in np.searchsorted(even.times, (first, last))))
    here = even.found[span]
    share = float(here.mean()) if len(here) else 0.0
    if share < 0.1:
        if not _moves(even, span):
            return ""
        return "No person is visible here. Film the whole body to have this part counted."
    if not here[-max(1, len(here) // 4) :].any():
        return "The person leaves the frame. Film from further away to have this part counted."
    if share < 0.6:
        return "The person is rarely visible. Film from further away and in more light to have this part counted."
    if not _body_moves(even, span):
        return ""
    return "A person moves here, but no movement repeats clearly enough to be counted."


def _body_moves(even: EvenSamples, span: slice) -> bool:
    places = joint_paths(even.joints[span])
    return float(np.max(np.percentile(places, 95, axis=0) - np.percentile(places, 5, axis=0))) >= RESTING


def _moves(even: EvenSamples, span: slice) -> bool:
    pictures = even.pictures[span].astype(np.int16)
    return len(pictures) > 1 and float(np.percentile(np.abs(np.diff(pictures, axis=0)), 99)) >= MOVES


def _nothing(seen: PoseTrack, even: EvenSamples | None, share: float) -> str:
    if even is None:
        return "The video is too short to contain repetitions."
    if share < ANYBODY:
        if not _moves(even, slice(0, len(even.times))):
            return "Hardly anything moves in this video, so there is nothing to count."
        return "No person is visible in this video, and no movement repeats."
    return "No movement repeats clearly enough to be counted."


def summary(exercises: list[dict[str, Any]], total: int, uncounted: list[dict[str, Any]], nothing: str) -> str:
    if not exercises:
        return nothing
    names = list(dict.fromkeys(one["name"] for one in exercises))
    sets = len(exercises)
    if names == [UNNAMED]:
        what = f"{total} repetitions of a movement" if sets == 1 else f"{total} repetitions in {_number(sets)} sets"
    elif len(names) == 1:
        what = f"{total} {plural(names[0])}" + (f" in {_number(sets)} sets" if sets > 1 else "")
    else:
        parts = [(sum(one["repetitions"] for one in exercises if one["name"] == name), plural(name)) for name in names]
        listed = [f"{number} {name}" for number, name in parts]
        what = f"{total} repetitions: {', '.join(listed[:-1])} and {listed[-1]}"
    said = [f"{what}."]
    unsure = sum(one["repetitions"] for one in exercises if one["confidence"] < 0.5)
    if unsure:
        said.append(f"Of these, {unsure} {'is' if unsure == 1 else 'are'} uncertain.")
    lost = sum(one["end_time"] - one["start_time"] for one in uncounted)
    if lost >= MIN_UNCOUNTED:
        said.append(f"Repetitions could not be counted in {_seconds(lost)} of the video.")
    return " ".join(said)


def _number(count_of: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    return words[count_of] if count_of < len(words) else str(count_of)


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if value < 100 else f"{value / 60:.0f} min"

"""Highlights of a video, and the reel cut from them.

Near possible shot edges, every frame is decoded; elsewhere, only the frames that ``signal_pass`` chooses.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace

import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.container import MediaError, open_media
from media_app.av.ffmpeg import ConversionFailed
from media_app.av.frames import Picture, VideoFile
from media_app.av.smart_cut import PlacedPart
from media_app.av.source import Source
from sessions_app.analysis.pipelines import words
from sessions_app.analysis.pipelines.findings import build_results, measured, segments_of
from sessions_app.analysis.pipelines.highlight_scores import (
    SNAP,
    SNAP_INWARD,
    Interval,
    choose,
    find_candidates,
    look_at,
    measure,
    picture_differences,
    snap_ends,
)
from sessions_app.analysis.pipelines.loudness import STEP
from sessions_app.analysis.pipelines.pass_state import PassState, from_saved, to_save
from sessions_app.analysis.pipelines.reel import REEL, cut_reel, write_thumbnail
from sessions_app.analysis.pipelines.shots import Edge, find_edges
from sessions_app.analysis.pipelines.signal_pass import SignalPass, survey
from sessions_app.analysis.pipelines.task import AnalysisFailed, Result, Task
from vodplatform.core import formatting

Floats = NDArray[np.float64]
MAX_CANDIDATES = 300
BEST = 3  # maximum number of moments listed if none reaches the minimum score
ANOTHER_SHOT = 0.25
EDGE_MARGIN = 0.9  # seconds decoded around a possible shot edge to distinguish cuts from flashes
EDGE_PIXELS = 1.5e9  # maximum pixels (of all frames together) decoded in one video to find shot edges
EARLY = 0.95  # a GOP counts as short if it is shorter than this share of the longest GOP
END_TOLERANCE_SECONDS = 0.1  # seconds by which a highlight may end early, so that its end need not be encoded
# The user is warned if more than CUT_SHORT[0] + CUT_SHORT[1] × (announced duration) seconds are missing at the end.
CUT_SHORT = 1.0, 0.02
KEPT_SECONDS = 3.0
WINDOW_PICTURES, WINDOW_WIDTH, WINDOW_QUALITY = 4, 512, 80
WINDOWS_BUDGET = 2.0  # total length of parts for the vision model, as a multiple of the reel's length
QUIET_DB = -59.0  # maximum dB of a silent sound track
# job progress in percent after reading, judging by the vision model, finding shot edges, and creating thumbnails
READ, JUDGED, EDGES, THUMBNAILS = 60.0, 80.0, 86.0, 89.0


def find_highlights(task: Task) -> Result:
    """Find highlights and cut the reel. Raises :class:`AnalysisFailed`, and OSError if the disk fails."""
    task.progress(0, "Reading the video")
    source = open_source(task)
    known = from_saved(task.saved) or _read(task, source)
    budget = min(float(task.params["target_duration"]), known.duration)
    method = "signals"
    candidates = known.candidates
    if task.vision is not None and candidates:
        candidates, counted = _judged(task, known, budget)
        method = "vision" if counted else method
    edges, final = choose_highlights(task, source, known, candidates)
    below = [] if final else best_of(known, candidates)
    files: dict[str, str] = {}
    placed: dict[int, PlacedPart] = {}
    if final:
        _thumbnails(task, known, final, files)
        placed = _reel(task, known, source, final, files)
    task.progress(100, "Done")
    return Result(build_results(task.params, known, final, placed, edges, method, below), files)


def choose_highlights(
    task: Task, source: Source, known: PassState, candidates: Sequence[Interval]
) -> tuple[list[Edge], list[Interval]]:
    """Return the detected shot edges, and the chosen highlights in order of time."""
    budget = min(float(task.params["target_duration"]), known.duration)
    chosen = choose(
        candidates, budget, int(task.params["max_highlights"]), float(task.params["min_score"]),
        known.looks.get,
    )  # fmt: skip
    facts = source.facts
    return _settled(task, known, chosen, budget, float(facts.fps) * facts.coded_width * facts.coded_height)


def best_of(known: PassState, candidates: Sequence[Interval]) -> list[Interval]:
    best = sorted(candidates, key=lambda one: -one.score)[:BEST]
    return [snap_ends(one, [], known.moments, known.duration) for one in best]


def open_source(task: Task) -> Source:
    """Open the video. Raises :class:`AnalysisFailed` if it has no pictures."""
    try:
        with open_media(task.path) as container:
            if not any(not s.disposition & s.disposition.attached_pic for s in container.streams.video):
                raise AnalysisFailed("no_video", "This file contains no video. Choose a video file to analyse.")
        return Source.open(task.path)
    except MediaError as exc:
        raise AnalysisFailed(exc.code, exc.message) from exc
    except av.error.FFmpegError as exc:
        raise AnalysisFailed("vod_unreadable", "The video data is damaged and cannot be decoded.") from exc


def _read(task: Task, source: Source) -> PassState:
    known = summarise_pass(read_all(task, source), source.facts.duration)
    task.checkpoint(to_save(known))
    return known


def read_all(task: Task, source: Source) -> SignalPass:
    announced = source.facts.duration
    length = float(task.params["segment_length"])
    count = segments_of(announced, length)

    def tell(share: float) -> None:
        number = min(count, int(share * announced / length) + 1)
        task.progress(READ * share, f"Analyzing segment {number}/{count}")

    try:
        found = survey(task.path, announced, tell)
    except MediaError as exc:
        raise AnalysisFailed(exc.code, exc.message) from exc
    if not len(found.times):
        raise AnalysisFailed("vod_unreadable", "No frame of the video can be read: the file is damaged or incomplete.")
    return found


def summarise_pass(found: SignalPass, announced: float) -> PassState:
    """Summarise a signal pass. announced: the file's duration in seconds, from its header."""
    duration, warnings = _extent(found, announced)
    if not found.has_sound:
        warnings.append("The video has no sound, so highlights were chosen by motion only.")
    elif float(found.band.max()) < QUIET_DB:
        warnings.append("The video's sound track is silent, so highlights were chosen by motion only.")
    moments = measure(found, duration)
    candidates = find_candidates(moments, duration)[:MAX_CANDIDATES]
    look = look_at(found)
    return PassState(
        duration=duration,
        moments=moments,
        has_sound=found.has_sound and float(found.band.max()) >= QUIET_DB,
        changes=found.key_times[1:][picture_differences(found.key_pictures) >= ANOTHER_SHOT],
        keys=found.times[found.keys],
        candidates=candidates,
        looks={one.peak: shown for one in candidates if (shown := look(one.peak)) is not None},
        warnings=warnings,
    )


def _extent(found: SignalPass, announced: float) -> tuple[float, list[str]]:
    frame = float(np.median(np.diff(found.times))) if len(found.times) > 1 else 0.0
    end = max(found.end + frame, STEP)
    if announced - end > CUT_SHORT[0] + CUT_SHORT[1] * announced:
        present = f"{formatting.duration(end)} of {formatting.duration(announced)}"
        return end, [f"The file is incomplete: it contains only {present}. This part was analysed."]
    duration = max(announced, STEP) if len(found.times) > 1 else max(min(announced, 1.0), STEP)
    return duration, ["Part of the file is damaged; the rest was analysed."] if found.damaged else []


def _judged(task: Task, known: PassState, budget: float) -> tuple[list[Interval], int]:
    from sessions_app.analysis.pipelines.vision import Judge, Window

    assert task.vision is not None
    asked: list[Interval] = []
    for one in known.candidates:
        if sum(other.length for other in asked) >= WINDOWS_BUDGET * budget:
            break
        if one.score >= float(task.params["min_score"]):
            asked.append(one)
    judge = Judge(task.vision)
    kept_at, skipped = time.monotonic(), 0
    with _video(task) as video:
        for number, one in enumerate(asked):
            share = number / len(asked)
            message = f"Asking the AI model about moment {number + 1} of {len(asked)}"
            task.progress(READ + (JUDGED - READ) * share, message)
            key = f"{one.peak:.2f}"
            if key in known.verdicts:
                continue
            if judge.is_spent:
                skipped += 1
                continue
            pictures = tuple(_jpeg(picture) for picture in _pictures(video, one))
            if not pictures:
                continue
            facts = words.facts(measured(known, one.start, one.end), one.start, one.end)
            verdict = judge.judge(Window(one.start, one.end, pictures, facts))
            known.verdicts[key] = (verdict.score, verdict.description)
            if time.monotonic() - kept_at > KEPT_SECONDS:
                kept_at = time.monotonic()
                task.checkpoint(to_save(known))
    if known.verdicts:
        task.checkpoint(to_save(known))
    notes = judge.notes
    if skipped and not notes:
        notes = [
            "The limit for using the AI model has been reached. The remaining highlights were chosen by sound and "
            "motion only."
        ]
    known.warnings += [note for note in notes if note not in known.warnings]
    together, counted = [], 0
    for one in known.candidates:
        score, _ = known.verdicts.get(f"{one.peak:.2f}", (None, ""))
        counted += score is not None
        together.append(one if score is None else replace(one, score=(one.score + score) / 2))
    return sorted(together, key=lambda one: -one.score), counted


def _video(task: Task, threads: int = 1) -> VideoFile:
    try:
        return VideoFile(task.path, threads)
    except MediaError as exc:
        raise AnalysisFailed(exc.code, exc.message) from exc


def _pictures(video: VideoFile, one: Interval) -> list[Picture]:
    wanted = [one.start + (number + 0.5) * one.length / WINDOW_PICTURES for number in range(WINDOW_PICTURES)]
    found: list[Picture] = []
    try:
        for picture in video.iterate_frames(max(one.start, video.first_time), one.start):
            if picture.time >= one.end or not wanted:
                break
            if picture.time >= wanted[0]:
                found.append(picture)
                while wanted and wanted[0] <= picture.time:
                    wanted.pop(0)
    except av.error.FFmpegError:
        pass  # the file is damaged here: use the frames decoded so far
    return found


def _jpeg(picture: Picture) -> bytes:
    done, encoded = cv2.imencode(".jpg", picture.scaled(WINDOW_WIDTH), [cv2.IMWRITE_JPEG_QUALITY, WINDOW_QUALITY])
    return encoded.tobytes() if done else b""


def _settled(
    task: Task, known: PassState, chosen: Sequence[Interval], budget: float, pixels_a_second: float
) -> tuple[list[Edge], list[Interval]]:  # fmt: skip
    found: dict[float, Edge] = {}
    looked: list[tuple[float, float]] = []
    ends = [moment for one in sorted(chosen, key=lambda one: -one.score) for moment in (one.start, one.end)]
    left_to_decode = EDGE_PIXELS / pixels_a_second
    for number, moment in enumerate(ends):
        task.progress(JUDGED + (EDGES - JUDGED) * number / len(ends), "Looking for cuts around the highlights")
        window = max(0.0, moment - SNAP_INWARD - EDGE_MARGIN), min(known.duration, moment + SNAP_INWARD + EDGE_MARGIN)
        if not _may_hold_edge(known, *window) or any(a <= window[0] and window[1] <= b for a, b in looked):
            continue
        if any(window[0] <= edge <= window[1] for edge in found):
            continue
        left_to_decode -= _seconds_to_decode(known, *window)
        if left_to_decode < 0:
            break
        looked.append(window)
        _look(task, window, found)
    near = [moment for moment in sorted(found) if any(abs(moment - end) <= SNAP_INWARD + EDGE_MARGIN for end in ends)]
    cuts = [found[moment].middle for moment in near]
    task.progress(EDGES, "Looking for cuts in the rest of the video")
    for window in _other_windows(known):
        if any(a <= window[0] and window[1] <= b for a, b in looked):
            continue
        left_to_decode -= _seconds_to_decode(known, *window)
        if left_to_decode < 0:
            break
        _look(task, window, found)
    edges = [found[moment] for moment in sorted(found)]
    final: list[Interval] = []
    left = budget
    for one in chosen:
        own = snap_ends(one, cuts, known.moments, known.duration)
        if final and own.start < final[-1].end:
            own = replace(own, start=final[-1].end)
        if own.length > left:
            own = replace(own, end=own.start + left)
        if own.length < min(STEP, known.duration / 2):
            continue
        left -= own.length
        final.append(own)
    return edges, final


def _seconds_to_decode(known: PassState, start: float, end: float) -> float:
    entry = known.keys[: np.searchsorted(known.keys, start, side="right")]
    return end - start + (start - float(entry[-1]) if len(entry) else 0.0) / 2


def _look(task: Task, window: tuple[float, float], found: dict[float, Edge]) -> None:
    with contextlib.suppress(MediaError, av.error.FFmpegError):
        for edge in find_edges(task.path, *window, threads=task.threads):
            if all(abs(edge.middle - other) > SNAP / 4 for other in found):
                found[edge.middle] = edge


def _other_windows(known: PassState) -> list[tuple[float, float]]:
    """Return time windows between keyframes that show different shots.

    Windows at the end of short GOPs come first, because encoders start a new GOP at a cut.
    """
    if len(known.keys) < 2:
        return []
    gaps = np.diff(known.keys)
    usual = EARLY * float(gaps.max())
    places = np.searchsorted(known.keys, known.changes - 1e-3)
    order = sorted((bool(gaps[at - 1] >= usual), at) for at in places if 0 < at < len(known.keys))
    begins = [known.keys[at - 1] if is_usual else known.keys[at] - EDGE_MARGIN for is_usual, at in order]
    ends = [known.keys[at] + EDGE_MARGIN for _, at in order]
    return [(max(0.0, float(begin)), float(end)) for begin, end in zip(begins, ends, strict=True)]


def _may_hold_edge(known: PassState, start: float, end: float) -> bool:
    behind = known.keys[np.searchsorted(known.keys, end) : np.searchsorted(known.keys, end) + 1]
    last = float(behind[0]) if len(behind) else end
    return bool(((known.changes >= start) & (known.changes <= last + 1e-3)).any())


def _thumbnails(task: Task, known: PassState, final: Sequence[Interval], files: dict[str, str]) -> None:
    with _video(task) as video:
        for number, one in enumerate(final):
            task.progress(EDGES + (THUMBNAILS - EDGES) * number / len(final), "Creating a thumbnail of each highlight")
            picture = _picture_of(video, known, one)
            if picture is not None:
                files[f"thumb-{number}"] = write_thumbnail(task, number, picture)


def _picture_of(video: VideoFile, known: PassState, one: Interval) -> Picture | None:
    inside = known.keys[(known.keys >= one.start) & (known.keys <= one.end)]
    try:
        if len(inside):
            nearest = float(inside[np.argmin(np.abs(inside - one.peak))])
            picture = video.keyframe(nearest)
            if picture is not None and one.start - STEP <= picture.time <= one.end:
                return picture
        return video.frame_at(min(max(one.start, one.peak), one.end))
    except av.error.FFmpegError:
        return None


def _reel(
    task: Task, known: PassState, source: Source, final: Sequence[Interval], files: dict[str, str]
) -> dict[int, PlacedPart]:  # fmt: skip
    def tell(share: float) -> None:
        task.progress(THUMBNAILS + (99 - THUMBNAILS) * share, "Cutting the reel")

    tell(0.0)
    try:
        placed = cut_reel(task, source, [(one.start, one.end) for one in final], tell, give=END_TOLERANCE_SECONDS)
    except (ConversionFailed, MediaError, av.error.FFmpegError) as exc:
        why = str(exc) if isinstance(exc, ConversionFailed) else "The video data is damaged."
        known.warnings.append(f"The reel could not be cut. {why}")
        return {}
    files["reel"] = REEL
    return {one.part: one for one in placed}

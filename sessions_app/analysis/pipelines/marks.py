"""Timeline marks of a video: highlights, shots and sound peaks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import av.error

from media_app.av.container import MediaError
from sessions_app.analysis.pipelines.findings import build_results
from sessions_app.analysis.pipelines.highlights import choose_highlights, open_source, read_all, summarise_pass
from sessions_app.analysis.pipelines.loudness import measure_loudness, sound_peaks
from sessions_app.analysis.pipelines.shots import find_edges
from sessions_app.analysis.pipelines.task import AnalysisFailed, Result, Task

READ_PERCENT = 50.0
MAX_SHOTS = 5_000
SHOT_CONFIDENCE = 0.99  # confidence of every shot mark: the F1 score of the cut detection in docs/benchmarks.md (A1)


def find_marks(task: Task) -> Result:
    """Find timeline marks of the kinds in ``params["kinds"]``: ``highlights``, ``sound_peaks``, ``shots``.

    A mark has ``time`` and perhaps ``end`` in seconds, ``label``, ``confidence`` (0 to 1). Raises
    :class:`AnalysisFailed`.
    """
    kinds = set(task.params["kinds"])
    source = open_source(task)
    found: dict[str, list[dict[str, Any]]] = {}
    if kinds & {"highlights", "sound_peaks"}:
        share = READ_PERCENT / 100 if "shots" in kinds else 1.0
        # Save no checkpoints: after a crash, a search for marks starts over.
        reading = replace(
            task,
            progress=lambda percent, message: task.progress(share * percent, message),
            checkpoint=lambda state: None,
        )
        survey = read_all(reading, source)
        known = summarise_pass(survey, source.facts.duration)
        if "highlights" in kinds:
            edges, final = choose_highlights(reading, source, known, known.candidates)
            found["highlights"] = [
                {
                    "time": one["start_time"],
                    "end": one["end_time"],
                    "label": one["description"],
                    "confidence": one["score"],
                }
                for one in build_results(task.params, known, final, {}, edges, "signals")["highlights"]
            ]
        if "sound_peaks" in kinds:
            peaks = sound_peaks(survey, measure_loudness(survey, known.duration), known.duration)
            found["sound_peaks"] = [
                {"time": round(one.time, 3), "label": "", "confidence": round(one.confidence, 3)} for one in peaks
            ]
    if "shots" in kinds:
        found["shots"] = _shots(task, source.facts.duration, READ_PERCENT if len(kinds) > 1 else 0.0)
    task.progress(100, "Done")
    return Result(found)


def _shots(task: Task, duration: float, begins: float) -> list[dict[str, Any]]:
    def tell(reached: float) -> None:
        share = min(1.0, reached / duration) if duration > 0 else 1.0
        task.progress(begins + (99 - begins) * share, "Looking for cuts")

    tell(0.0)
    try:
        edges = find_edges(task.path, threads=task.threads, on_progress=tell)
    except MediaError as exc:
        raise AnalysisFailed(exc.code, exc.message) from exc
    except av.error.FFmpegError as exc:
        raise AnalysisFailed("vod_unreadable", "The video data is damaged and cannot be decoded.") from exc
    return [
        {"time": round(one.end, 3), "label": one.kind.value.capitalize(), "confidence": SHOT_CONFIDENCE}
        for one in edges[:MAX_SHOTS]
    ]

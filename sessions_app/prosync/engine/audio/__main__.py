"""The child process that puts sounds into segments of a video.

``python -m sessions_app.prosync.engine.audio`` reads one request from standard input::

    {"source": path, "target": path, "folder": path for intermediate files,
     "lines": [{"start": seconds, "end": seconds, "sound": path, "mode",
                "from": start of the sound's used part in seconds, or null, "to": end of the part}, …],
     "mouths": true to move the mouths in the segments,
     "remove_text": null, or the argument of :func:`sessions_app.prosync.engine.audio.repainting.repaint`,
     "threads": number, "ffmpeg": path}

It writes JSON lines: ``{"progress": 0 to 100, "message"}``, then ``{"result": …}`` with the fields of
:class:`sessions_app.prosync.engine.audio.outcome.Dubbed` and
:class:`sessions_app.prosync.engine.audio.repainting.Repainted`, or ``{"error": {"type", "message", "line": index of the
faulty segment}}``. If ``lines`` is empty and no text is found, no target is written.
"""

from __future__ import annotations

import math
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

from media_app.av.container import MediaError
from media_app.av.ffmpeg import ConversionFailed, Ffmpeg
from media_app.av.source import Source
from sessions_app.prosync.engine.audio.fitting import MODES, Line
from sessions_app.prosync.engine.audio.outcome import SoundFailed
from sessions_app.prosync.engine.audio.replacing import replace_sound
from vodplatform.core.processes.child import BadRequest, Reports, serve_request

PAINTED = 0.8


def serve(request: Any, reports: Reports) -> dict[str, Any]:
    try:
        path, target, folder = (Path(request[name]).absolute() for name in ("source", "target", "folder"))
        lines = [_line(line) for line in request["lines"]]
        threads = int(request.get("threads") or os.environ.get("VOD_CHILD_THREADS") or 2)
        mouths, removal = bool(request.get("mouths")), request.get("remove_text")
        program = Ffmpeg.default(request.get("ffmpeg"), threads)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise BadRequest(f"The request has a missing or invalid field: {exc}.") from exc
    if removal is None or lines:
        _check(lines)
    reports.progress(0, "Reading the video")
    source = Source.open(path)
    pictures, painted = source, {}
    share = 0.0
    if mouths or removal is not None:
        from sessions_app.prosync.engine.audio.repainting import repaint

        made = repaint(
            source, lines, folder, mouths=mouths, removal=removal, program=program,
            tell=lambda done: reports.progress(1 + 100 * PAINTED * done, "Editing the picture"),
        )  # fmt: skip
        pictures, painted, share = made.source, made.as_json(), PAINTED
    sound: dict[str, Any] = {}
    if lines:
        sound = replace_sound(
            source, target, lines, folder, pictures=pictures, program=program,
            on_progress=lambda done: reports.progress(1 + 98 * (share + (1 - share) * done), "Replacing the sound"),
        ).as_json()  # fmt: skip
    if not lines and pictures is not source:
        Path(pictures.path).replace(target)
    reports.progress(100, "Done")
    return _joined(sound, painted)


def _joined(sound: dict[str, Any], painted: dict[str, Any]) -> dict[str, Any]:
    mouths = painted.pop("mouths", [])
    segments = sound.get("segments", [])
    if mouths:
        segments = [segment | {"mouth": mouth} for segment, mouth in zip(segments, mouths, strict=True)]
    if painted.get("frames_encoded"):
        sound["picture"] = "painted"
    return {**sound, "segments": segments, **painted}


def _line(line: Any) -> Line:
    crop = None if line.get("from") is None else (_seconds(line["from"]), _seconds(line["to"]))
    mode = line.get("mode") or "cut_off"
    if mode not in MODES:
        raise ValueError("mode")
    return Line(_seconds(line["start"]), _seconds(line["end"]), Path(str(line["sound"])).absolute(), mode, crop)


def _seconds(value: Any) -> float:
    found = float(value)
    if not math.isfinite(found) or found < 0:
        raise ValueError(f"the time {value!r}")
    return found


def _check(lines: list[Line]) -> None:
    if not lines:
        raise BadRequest("The request has nothing to replace. Send at least one line.")
    spans = sorted((line.start, line.end) for line in lines)
    if any(end <= start for start, end in spans) or any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
        raise BadRequest("Each line must end after it starts, and lines must not overlap.")
    if any(line.crop is not None and line.crop[1] <= line.crop[0] for line in lines):
        raise BadRequest("The chosen part of a sound must end after it starts.")


def _fault(exc: Exception) -> dict[str, Any] | None:
    if isinstance(exc, SoundFailed):
        return {"type": exc.type, "message": exc.message, "line": exc.line}
    if isinstance(exc, MediaError):
        return {"type": exc.code, "message": exc.message}
    return {"type": "dub_failed", "message": str(exc)} if isinstance(exc, ConversionFailed) else None


if __name__ == "__main__":
    serve_request(serve, _fault)

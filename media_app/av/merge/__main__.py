"""Child process that joins clips into one MP4.

``python -m media_app.av.merge`` reads ``{"clips": [{"path", "name"}, …], "target": path, "folder": path, "ffmpeg":
path, "threads": n, "level": whether to equalize loudness}`` from standard input. It writes JSON lines: ``{"progress": 0
to 100, "message"}``, then ``{"result": {"segments": [{"start", "end"}], …}}`` or ``{"error": {"type", "message",
"clip": index}}``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from media_app.av.merge.joining import Merge, ReportProgress
from media_app.av.merge.segments import ClipFailed, Merged
from vodplatform.core.processes.child import BadRequest, Reports, serve_request

MIN_CLIPS = 2


def serve(request: Any, reports: Reports) -> dict[str, Any]:
    try:
        clips = [(Path(str(clip["path"])), str(clip["name"])) for clip in request["clips"]]
        target, folder = Path(request["target"]).absolute(), Path(request["folder"]).absolute()
        threads = int(request.get("threads") or os.environ.get("VOD_CHILD_THREADS") or 2)
        ffmpeg, level = request.get("ffmpeg"), bool(request.get("level"))
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise BadRequest(f"Missing or invalid in the request: {exc}.") from exc
    if len(clips) < MIN_CLIPS:
        raise BadRequest(f"Choose at least {MIN_CLIPS} clips to merge.")
    made = merge(clips, target, folder, ffmpeg=ffmpeg, threads=threads, level=level, tell=reports.progress)
    reports.progress(100, "Done")
    return made.as_json()


def merge(
    clips: Sequence[tuple[Path, str]], target: Path, folder: Path, *, ffmpeg: str | None, threads: int, level: bool,
    tell: ReportProgress,
) -> Merged:  # fmt: skip
    return Merge(clips, target, folder, ffmpeg, threads, level, tell).make()


def _fault(exc: Exception) -> dict[str, Any] | None:
    return {"type": exc.type, "message": exc.message, "clip": exc.clip} if isinstance(exc, ClipFailed) else None


if __name__ == "__main__":
    serve_request(serve, _fault)

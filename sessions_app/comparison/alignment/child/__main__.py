"""The alignment child process: one JSON request on standard input, JSON lines on standard output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from media_app.av.container import MediaError
from media_app.av.frames import Box
from sessions_app.comparison.alignment.child.by_both import align_by_both
from sessions_app.comparison.alignment.child.by_sound import align_by_sound
from sessions_app.comparison.alignment.child.by_timer import Roi, align_by_timer
from sessions_app.comparison.alignment.child.preview import preview_timers
from sessions_app.comparison.alignment.child.reader import ReaderUnavailable
from sessions_app.comparison.alignment.child.readers import load_reader
from sessions_app.comparison.alignment.child.timer_text import PROFILES
from vodplatform.core.processes.child import BadRequest, Reports


def serve(request: Any, progress: Callable[[float, str], None]) -> dict[str, Any]:
    if not isinstance(request, dict):
        raise BadRequest("The request is not an object.")
    try:
        videos = [(str(v["vod_id"]), str(v["path"])) for v in request["videos"]]
        roi = _roi(request.get("roi"))
        game = str(request.get("game") or "auto")
        threads = int(request.get("threads") or os.environ.get("VOD_CHILD_THREADS") or 2)
        times = {str(v["vod_id"]): [float(t) for t in v["times"]] for v in request["videos"] if v.get("times")}
    except (KeyError, TypeError, ValueError) as exc:
        raise BadRequest(f"The request has a missing or invalid value: {exc}.") from exc
    if game not in PROFILES:
        raise BadRequest(f"Unknown game {game!r}: use one of {', '.join(PROFILES)}.")
    op, method, folder = request.get("op"), request.get("method", "timer_ocr"), request.get("evidence_dir")
    if op == "align" and method == "audio":
        return align_by_sound(videos, evidence_dir=folder, on_progress=progress, threads=threads).as_json()
    if op not in ("align", "preview") or method not in ("timer_ocr", "auto"):
        raise BadRequest("Unknown op or method: op must be align or preview, method timer_ocr, audio or auto.")
    models = request.get("models")
    reader = load_reader(str(request.get("reader") or "rapidocr"), models=Path(models) if models else None)
    if op == "align":
        align = align_by_both if method == "auto" else align_by_timer
        return align(videos, roi, game, reader, evidence_dir=folder, on_progress=progress, threads=threads).as_json()
    folder = request.get("crop_dir")
    return {"readings": preview_timers(videos, roi, game, reader, times=times, crop_dir=folder, threads=threads)}


def _roi(value: Any) -> Roi | None:
    if value is None:
        return None
    box = Box(float(value["x"]), float(value["y"]), float(value["width"]), float(value["height"]))
    return Roi(str(value["vod_id"]), float(value["time"]), box)


def main() -> None:
    """Read a request ``{"op": "align" | "preview", …}``; write progress lines, then a result or error.

    An expected error is a line ``{"error": {"type", "message"}}`` with exit code 0.
    """
    reports = Reports()
    try:
        reports.send({"result": serve(json.load(sys.stdin), reports.progress)})
    except BadRequest as exc:
        reports.error("bad_request", str(exc))
    except json.JSONDecodeError as exc:
        reports.error("bad_request", f"The request is not JSON: {exc}.")
    except MediaError as exc:
        reports.error(exc.code, exc.message)
    except ReaderUnavailable as exc:
        reports.error("reader_unavailable", str(exc))


if __name__ == "__main__":
    main()

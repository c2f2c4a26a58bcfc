"""The alignment child: one JSON request on standard input, JSON lines on standard output; see ``main``."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from media_app.av.container import MediaError
from media_app.av.frames import Box
from sessions_app.comparison.alignment.align import Roi, align_videos, as_json
from sessions_app.comparison.alignment.clock import PROFILES
from sessions_app.comparison.alignment.preview import preview_timers
from sessions_app.comparison.alignment.reader import ReaderUnavailable, load_reader

REPORTS_A_SECOND = 5.0


class BadRequest(Exception):
    """The request is not one of the two that this program serves; the message says why."""


class Protocol:
    """Writes JSON lines to what was standard output; anything printed by libraries goes to standard error."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._percent = 0.0
        self._last = 0.0

    def progress(self, percent: float, message: str) -> None:
        """Report ``percent`` done, never less than before, not more often than :data:`REPORTS_A_SECOND`."""
        now = time.monotonic()
        if percent < self._percent or now - self._last < 1 / REPORTS_A_SECOND:
            return
        self._percent, self._last = percent, now
        self.send({"progress": round(percent, 1), "message": message})

    def send(self, message: dict[str, Any]) -> None:
        """Write one line and flush it."""
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()


def serve(request: Any, progress: Callable[[float, str], None]) -> dict[str, Any]:
    """Answer one request. Raises :class:`BadRequest`, MediaError, ReaderUnavailable."""
    if not isinstance(request, dict):
        raise BadRequest("The request is not an object.")
    try:
        videos = [(str(v["vod_id"]), str(v["path"])) for v in request["videos"]]
        roi = _roi(request.get("roi"))
        game = str(request.get("game") or "auto")
        threads = int(request.get("threads") or os.environ.get("VOD_CHILD_THREADS") or 2)
        times = {str(v["vod_id"]): [float(t) for t in v["times"]] for v in request["videos"] if v.get("times")}
    except (KeyError, TypeError, ValueError) as exc:
        raise BadRequest(f"The request lacks or garbles {exc}.") from exc
    if game not in PROFILES:
        raise BadRequest(f"There is no game named {game!r}; use one of {', '.join(PROFILES)}.")
    reader = load_reader(str(request.get("reader") or "rapidocr"))
    if request.get("op") == "align":
        folder = request.get("evidence_dir")
        return as_json(
            align_videos(videos, roi, game, reader, evidence_dir=folder, on_progress=progress, threads=threads)
        )
    if request.get("op") == "preview":
        folder = request.get("crop_dir")
        return {"readings": preview_timers(videos, roi, game, reader, times=times, crop_dir=folder, threads=threads)}
    raise BadRequest("The request's op is neither align nor preview.")


def _roi(value: Any) -> Roi | None:
    if value is None:
        return None
    box = Box(float(value["x"]), float(value["y"]), float(value["width"]), float(value["height"]))
    return Roi(str(value["vod_id"]), float(value["time"]), box)


def main() -> None:
    """Serve one request: ``{"op": "align" | "preview", …}`` in; progress lines, then ``result`` or ``error``, out.

    Anticipated errors are an ``{"error": {"type", "message"}}`` line and exit code 0; anything else is a crash.
    """
    protocol = Protocol()
    try:
        answer = {"result": serve(json.load(sys.stdin), protocol.progress)}
    except BadRequest as exc:
        answer = {"error": {"type": "bad_request", "message": str(exc)}}
    except json.JSONDecodeError as exc:
        answer = {"error": {"type": "bad_request", "message": f"The request is not JSON: {exc}."}}
    except MediaError as exc:
        answer = {"error": {"type": exc.code, "message": exc.message}}
    except ReaderUnavailable as exc:
        answer = {"error": {"type": "reader_unavailable", "message": str(exc)}}
    protocol.send(answer)


if __name__ == "__main__":
    main()

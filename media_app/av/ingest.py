"""Child process that makes a video's renditions.

``python -m media_app.av.ingest`` reads ``{"source": path, "folder": path, "tasks": [{"do": "poster" | "sprite" |
"peaks" | "hls" | "proxy" | "silent" | "normalized", "rung": "source" | lines, "at": seconds of a poster's frame}, …],
"ffmpeg": path, "threads": n}`` from standard input.

It writes JSON lines: ``{"progress": 0 to 100, "message"}``; per task ``{"made": {"kind", "name", "files", …}}`` or
``{"left_out": {"kind", "name", "reason"}}``; finally ``{"result": {"made", "left_out"}}`` or ``{"error": {"type",
"message"}}``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av.error

from media_app.av import hls, proxy
from media_app.av.container import MediaError
from media_app.av.copy_reasons import inspect
from media_app.av.ffmpeg import ConversionFailed, Ffmpeg, ProgramMissing
from media_app.av.ladder import fitted, rung_of
from media_app.av.source import Progress, Source
from vodplatform.core.processes.child import BadRequest, Reports, serve_request

if TYPE_CHECKING:
    from media_app.av.frames import VideoFile

SOURCE_RUNG = "source"
MAX_LINES = 4320


@dataclass(frozen=True, slots=True)
class Task:
    kind: str
    name: str = ""
    at: float | None = None

    @classmethod
    def parse(cls, value: Any) -> Task:
        kind = value.get("do") if isinstance(value, dict) else None
        if kind not in Ingest.MAKERS:
            raise BadRequest(f"Unknown task {kind!r}; use one of {', '.join(Ingest.MAKERS)}.")
        if kind != "hls":
            at = value.get("at")
            return cls(kind, at=float(at) if isinstance(at, int | float) else None)
        rung = str(value.get("rung", SOURCE_RUNG))
        if rung != SOURCE_RUNG and not (rung.isascii() and rung.isdigit() and 0 < int(rung) <= MAX_LINES):
            raise BadRequest(f"Unknown quality {rung!r}; use `source`, or a height in lines such as `720`.")
        return cls(kind, rung)

    @property
    def folder(self) -> str:
        return f"{self.kind}-{self.name}" if self.name else self.kind

    @property
    def message(self) -> str:
        if self.kind == "hls" and self.name != SOURCE_RUNG:
            return f"Encoding {self.name}p"
        return MESSAGES[self.kind]


MESSAGES = {
    "poster": "Creating the poster image",
    "sprite": "Creating the preview thumbnails",
    "peaks": "Drawing the waveform",
    "hls": "Preparing the stream",
    "proxy": "Creating the quick copy",
    "silent": "Creating a copy without sound",
    "normalized": "Creating a playable copy",
}


class Ingest:
    def __init__(self, source: Source, folder: Path, ffmpeg: str | None, threads: int) -> None:
        self.source = source
        self.folder = folder
        self._ffmpeg = ffmpeg
        self._threads = threads

    @cached_property
    def program(self) -> Ffmpeg:
        return Ffmpeg.default(self._ffmpeg, self._threads)

    def make(self, task: Task, share: Progress) -> dict[str, Any]:
        """Make a rendition in its own folder; return its facts as JSON.

        Raises :class:`media_app.av.hls.RenditionNotAvailable`, ConversionFailed, MediaError, PyAV's errors, OSError.
        """
        folder = self.folder / task.folder
        folder.mkdir(parents=True, exist_ok=True)
        return {"kind": task.kind, "name": task.name, **self.MAKERS[task.kind](self, task, folder, share)}

    def cost(self, task: Task) -> float:
        facts, minutes = self.source.facts, self.source.facts.duration / 60
        if task.kind in ("hls", "proxy") and task.name != SOURCE_RUNG:
            lines = int(task.name) if task.name else proxy.LINES
            width, height = fitted(facts, lines)
            return 1 + minutes * (8 + width * height * float(facts.fps) / 2e6)
        return {"poster": 1.0, "sprite": 2.0}.get(task.kind, 0.2 + minutes / 10)

    @cached_property
    def video(self) -> VideoFile:
        from media_app.av.frames import VideoFile

        return VideoFile(self.source.path)

    def _poster(self, task: Task, folder: Path, share: Progress) -> dict[str, Any]:
        from media_app.av.poster import NAME, make_poster

        made = make_poster(folder / NAME, self.video, share, at=task.at)
        return _said({"image": NAME}, made, width=made.width, height=made.height)

    def _sprite(self, task: Task, folder: Path, share: Progress) -> dict[str, Any]:
        from media_app.av.sprite import IMAGE_NAME, VTT_NAME, make_sprite

        made = make_sprite(folder, self.video, share)
        return _said({"vtt": VTT_NAME, "image": IMAGE_NAME}, made, width=made.width, height=made.height)

    def _peaks(self, task: Task, folder: Path, share: Progress) -> dict[str, Any]:
        from media_app.av.peaks import NAME, make_peaks

        if self.source.sound is None:
            raise hls.RenditionNotAvailable("The video has no sound.")
        return _said({"json": NAME}, make_peaks(folder / NAME, self.source, share))

    def _hls(self, task: Task, folder: Path, share: Progress) -> dict[str, Any]:
        if task.name == SOURCE_RUNG:
            made = hls.make_source(folder, self.source, self.program, share)
        else:
            rung = rung_of(self.source.facts, int(task.name))
            made = hls.make_rung(folder, self.source, rung, self.program, share)
        return _said(
            {"playlist": hls.PLAYLIST, "media": hls.MEDIA}, made,
            width=made.width, height=made.height, bit_rate=made.bit_rate, codecs=made.codecs,
        )  # fmt: skip

    def _proxy(self, task: Task, folder: Path, share: Progress) -> dict[str, Any]:
        made = proxy.make_proxy(folder, self.source, self.program, share)
        return self._mp4(proxy.PROXY_NAME, made)

    def _silent(self, task: Task, folder: Path, share: Progress) -> dict[str, Any]:
        made = proxy.make_silent(folder, self.source, self.program, share)
        return self._mp4(proxy.SILENT_NAME, made)

    def _mp4(self, name: str, made: proxy.Mp4Rendition) -> dict[str, Any]:
        return _said(
            {"video": name}, made, width=made.width, height=made.height, bit_rate=made.bit_rate, codecs=made.codecs
        )  # fmt: skip

    def _normalized(self, task: Task, folder: Path, share: Progress) -> dict[str, Any]:
        from media_app.av.normalize import MIME_TYPES, normalize

        facts = self.source.facts
        reasons = inspect(self.source.path, facts.duration, truncated=facts.truncated, seconds=0.0).reasons
        path, recording = normalize(
            self.source.path, folder, reasons, duration=facts.duration, program=lambda: self.program, on_progress=share
        )
        said = {
            "files": {"video": path.name}, "width": facts.width, "height": facts.height, "bit_rate": 0, "codecs": "",
            "mime_type": MIME_TYPES[path.suffix[1:]], "size": path.stat().st_size,
        }  # fmt: skip
        return {**said, "recording": asdict(recording)}

    MAKERS: dict[str, Callable[[Ingest, Task, Path, Progress], dict[str, Any]]] = {
        "poster": _poster, "sprite": _sprite, "peaks": _peaks, "hls": _hls, "proxy": _proxy, "silent": _silent,
        "normalized": _normalized,
    }  # fmt: skip


def _said(
    files: dict[str, str], made: Any, *, width: int = 0, height: int = 0, bit_rate: int = 0, codecs: str = ""
) -> dict[str, Any]:
    return {
        "files": files, "width": width, "height": height, "bit_rate": bit_rate, "codecs": codecs,
        "mime_type": made.mime_type, "size": made.size,
    }  # fmt: skip


def serve(request: Any, reports: Reports) -> dict[str, Any]:
    if not isinstance(request, dict) or not isinstance(request.get("tasks"), list):
        raise BadRequest("The request is not an object with a list of tasks.")
    try:
        path, folder = Path(request["source"]), Path(request["folder"])
        threads = int(request.get("threads") or os.environ.get("VOD_CHILD_THREADS") or 2)
    except (KeyError, TypeError, ValueError) as exc:
        raise BadRequest(f"Missing or invalid in the request: {exc}.") from exc
    tasks = [Task.parse(value) for value in request["tasks"]]
    reports.progress(0, "Reading the video")
    ingest = Ingest(Source.open(path), folder, request.get("ffmpeg"), threads)
    result: dict[str, list[dict[str, Any]]] = {"made": [], "left_out": []}
    missing: ProgramMissing | None = None
    costs = [ingest.cost(task) for task in tasks]
    for number, task in enumerate(tasks):
        share = partial(_report, reports, task.message, sum(costs[:number]) / sum(costs), costs[number] / sum(costs))
        share(0.0)
        try:
            key, said = _attempt(ingest, task, share)
        except ProgramMissing as exc:
            missing = exc
            continue
        result[key].append(said)
        reports.send({key: said})
    if missing is not None:
        raise missing
    reports.progress(100, "Done")
    return result


def _report(reports: Reports, message: str, begin: float, part: float, done: float) -> None:
    reports.progress(100 * (begin + part * done), message)


def _attempt(ingest: Ingest, task: Task, share: Progress) -> tuple[str, dict[str, Any]]:
    try:
        return "made", ingest.make(task, share)
    except (hls.RenditionNotAvailable, ConversionFailed) as exc:
        reason = str(exc)
    except MediaError as exc:
        reason = exc.message
    except av.error.FFmpegError:
        reason = "The video's data is damaged and cannot be decoded."
    import shutil

    shutil.rmtree(ingest.folder / task.folder, ignore_errors=True)
    return "left_out", {"kind": task.kind, "name": task.name, "reason": reason}


def _fault(exc: Exception) -> dict[str, Any] | None:
    if isinstance(exc, MediaError):
        return {"type": exc.code, "message": exc.message}
    # Treat all of PyAV's errors as faults of the video, even those that are OSErrors.
    if isinstance(exc, av.error.FFmpegError):
        return {"type": "vod_unreadable", "message": "The video's data is damaged and cannot be decoded."}
    return None


if __name__ == "__main__":
    serve_request(serve, _fault)

"""Repainting of a dub's pictures: text removal and lip-sync in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from media_app.av import smart_cut
from media_app.av.ffmpeg import Ffmpeg
from media_app.av.frames import Box
from media_app.av.source import Progress, Source
from sessions_app.prosync.engine.audio.fitting import Line, SampleCount, fit
from sessions_app.prosync.engine.frame_patching.painting import Patched, Run
from sessions_app.prosync.engine.frame_patching.patching import patch
from sessions_app.prosync.engine.lipsync.faces import Faces, FacesUnavailable
from sessions_app.prosync.engine.lipsync.moving import MouthPainter, mouth_painter
from sessions_app.prosync.engine.lipsync.survey import FaceNotUsable
from sessions_app.prosync.engine.text_removal.detector import DetectorMissing
from sessions_app.prosync.engine.text_removal.finding import Found, find_text
from sessions_app.prosync.engine.text_removal.painter import TextPainter

HEARD_RATE = 16_000
LABEL = "basic"
NAME = "painted.mp4"
FOUND, SURVEYED = 0.25, 0.45  # progress (0 to 1) after the search for text and after the search for faces


@dataclass(slots=True)
class Repainted:
    """The changes to the pictures. source: file with the changed pictures."""

    source: Source
    mouths: list[dict[str, Any]]
    text: dict[str, Any] | None = None
    patched: Patched | None = None

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"mouths": self.mouths}
        if self.text is not None:
            found["text"] = self.text
        if self.patched is not None:
            found["frames"], found["frames_encoded"] = self.patched.frames, self.patched.encoded
        return found


def repaint(
    source: Source,
    lines: Sequence[Line],
    folder: Path,
    *,
    mouths: bool,
    removal: Mapping[str, Any] | None,
    program: Ffmpeg,
    tell: Progress,
) -> Repainted:
    """Remove text and move mouths in the pictures, as far as possible.

    removal: optional ``regions`` (boxes as shares of the displayed picture), ``start``, ``end`` (seconds); None for no
    removal. Raise :class:`sessions_app.prosync.engine.audio.outcome.SoundFailed`,
    :class:`media_app.av.ffmpeg.ConversionFailed`, :class:`media_app.av.container.MediaError` and OSError.
    """
    made = _Repainting(source, lines, folder, program, tell)
    with made.open:
        if removal is not None:
            made.find_text(removal)
        if mouths and lines:
            made.find_mouths()
        return made.paint()


@dataclass(slots=True)
class _Repainting:
    source: Source
    lines: Sequence[Line]
    folder: Path
    program: Ffmpeg
    tell: Progress
    runs: list[Run] = field(default_factory=list)
    movers: dict[int, MouthPainter] = field(default_factory=dict)
    said: list[dict[str, Any]] = field(default_factory=list)
    text: dict[str, Any] | None = None
    open: ExitStack = field(default_factory=ExitStack)

    def find_text(self, removal: Mapping[str, Any]) -> None:
        boxes = [Box(**region) for region in removal.get("regions") or ()]
        try:
            found: Found = find_text(
                self.source, regions=boxes, start=removal.get("start") or 0.0, end=removal.get("end"),
                threads=self.program.threads, on_progress=lambda share: self.tell(FOUND * share),
            )  # fmt: skip
        except DetectorMissing as exc:
            self.text = {"found": [], "why": str(exc)}
            return
        self.text = {"found": found.as_json(), "why": None if found.texts else "No text was found."}
        painter = self.open.enter_context(TextPainter(self.source, found, self.program.threads))
        self.runs += painter.runs

    def find_mouths(self) -> None:
        self.said = [{"label": None, "why": None} for _ in self.lines]
        whole = smart_cut.why_not_copied(self.source)
        if whole is not None and not self.runs:
            self._leave_all(f"{whole} Lip-sync would require re-encoding the complete video.")
            return
        try:
            faces = self.open.enter_context(Faces())
        except FacesUnavailable as exc:
            self._leave_all(str(exc))
            return
        rooms = [SampleCount(round((line.end - line.start) * HEARD_RATE)) for line in self.lines]
        fitted = fit(self.lines, rooms, HEARD_RATE, 1, self.folder)
        for number, (line, sound) in enumerate(zip(self.lines, fitted, strict=True)):
            samples = sound.samples(0, sound.count)[0]
            try:
                painter = mouth_painter(
                    self.source, line.start, line.end, np.asarray(samples, np.float32), HEARD_RATE, faces=faces,
                    threads=self.program.threads,
                )  # fmt: skip
            except FaceNotUsable as exc:
                self.said[number]["why"] = str(exc)
            else:
                self.movers[len(self.runs)] = painter
                self.said[number]["run"] = len(self.runs)
                self.runs.append(Run(line.start, line.end, painter))
            self.tell(FOUND + (SURVEYED - FOUND) * (number + 1) / len(self.lines))

    def _leave_all(self, why: str) -> None:
        for entry in self.said:
            entry["why"] = why

    def paint(self) -> Repainted:
        if not self.runs:
            return Repainted(self.source, self.said, self.text)
        target = self.folder / NAME
        patched = patch(
            self.source, target, self.runs, program=self.program, folder=self.folder,
            on_progress=lambda share: self.tell(SURVEYED + (1 - SURVEYED) * share),
        )  # fmt: skip
        for entry in self.said:
            if (number := entry.pop("run", None)) is None:
                continue
            moved, placed = self.movers[number].moved, patched.placed[number]
            entry |= {
                "label": LABEL, "frames": moved.frames, "moved": moved.moved, "own_inside": moved.own_inside,
                "changed": [placed.first, placed.last], "encoded": [placed.encoded_start, placed.encoded_end],
            }  # fmt: skip
        return Repainted(Source.open(target), self.said, self.text, patched)

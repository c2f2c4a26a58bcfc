from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from media_app.videos.ingest import limits
from media_app.videos.local import readable_path
from media_app.videos.services import probe
from sessions_app.prosync.providers.local import DUB_COMMAND
from sessions_app.prosync.segments import Segment, read_segments
from sessions_app.prosync.upload_handlers import PROBE, PROBE_SECONDS
from vodplatform.core.processes.cli_progress import DAY_SECONDS, REFUSED_EXIT, run_with_progress, table, usage_error
from vodplatform.core.processes.process import Access, ChildError, run_child

REFUSALS = frozenset({
    "no_video", "vod_unreadable", "vod_codec_unsupported", "sound_unsupported", "sound_unreadable", "sound_too_long",
    "sound_empty", "dub_failed",
})  # fmt: skip
NUMBER = r"\d+(?:\.\d+)?"
LINE = re.compile(rf"(?P<start>{NUMBER})-(?P<end>{NUMBER})=(?P<sound>.+?)(?:@(?P<from>{NUMBER})-(?P<to>{NUMBER}))?")


@dataclass(frozen=True, slots=True)
class LineRequest:
    """A command-line argument ``START-END=SOUND[@FROM-TO]``.

    START-END is a range of the video. FROM-TO is the used part of the sound file. Both are in seconds.
    """

    start: float
    end: float
    sound: Path
    crop: tuple[float, float] | None

    @classmethod
    def parse(cls, text: str) -> LineRequest:
        found = LINE.fullmatch(text)
        if found is None:
            raise ValueError(text)
        crop = (float(found["from"]), float(found["to"])) if found["from"] else None
        return cls(float(found["start"]), float(found["end"]), Path(found["sound"]), crop)

    def __str__(self) -> str:
        return f"{self.start:g}-{self.end:g}={self.sound}"

    def as_segment(self) -> dict[str, Any]:
        crop = {"startTime": self.crop[0], "endTime": self.crop[1]} if self.crop else {}
        return {"startTime": self.start, "endTime": self.end, "audioInput": {"refId": str(self.sound), **crop}}


def check(video: Path, lines: Sequence[LineRequest]) -> None:
    for path in (video, *(line.sound for line in lines)):
        if not path.is_file():
            usage_error(f"File not found: {path}")


def dub(
    video: Path,
    lines: Sequence[LineRequest],
    output: Path,
    *,
    mode: str,
    mouths: bool,
    remove_text: bool,
    verbosity: int,
) -> tuple[list[Segment], dict[str, Any]]:
    """Write the dubbed video to ``output``. Return the segments and the report of the dubbing process.

    Raise :class:`CommandError` if the video, a sound or a line is unusable, or if the dubbing process makes no video.
    """
    segments = _read(video, lines)
    folder = Path(tempfile.mkdtemp(prefix=".vod-dub-", dir=output.parent))
    try:
        made = folder / "made.mp4"
        source, _ = readable_path(video.resolve(), folder / "copy")
        request = {
            "source": str(source), "target": str(made.resolve()), "folder": str(folder.resolve()),
            "lines": [
                {
                    "start": one.start, "end": one.end, "sound": str(lines[one.index].sound.resolve()), "mode": mode,
                    "from": one.crop[0] if one.crop else None, "to": one.crop[1] if one.crop else None,
                }
                for one in segments
            ],
            "mouths": mouths, "remove_text": {} if remove_text else None, "threads": settings.CHILD_THREADS,
        }  # fmt: skip
        result = run_with_progress(
            DUB_COMMAND, request, limits=limits(DAY_SECONDS), name="Dubbing", refusals=REFUSALS, verbosity=verbosity,
            access=Access(
                reads=[source, *(line.sound.resolve() for line in lines)], writes=[folder.resolve()]
            ),
        )  # fmt: skip
        if not made.exists():
            raise CommandError("No text was found, so no file was written.", returncode=REFUSED_EXIT)
        made.replace(output)
        return segments, result
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(video: Path, lines: Sequence[LineRequest]) -> list[Segment]:
    seen = probe([video.resolve()])[0]
    if error := seen.get("error"):
        raise CommandError(error["message"], returncode=REFUSED_EXIT)
    lengths = _lengths(list(dict.fromkeys(line.sound for line in lines)))
    segments, faults = read_segments([line.as_segment() for line in lines], lengths, seen["facts"]["duration"])
    if faults:
        usage_error("\n".join(f"{lines[fault.index or 0]}: {fault.message}" for fault in faults))
    return segments


def _lengths(sounds: Sequence[Path]) -> dict[str, float | None]:
    if not sounds:
        return {}
    paths = [sound.resolve() for sound in sounds]
    request = json.dumps({"paths": [str(path) for path in paths]}).encode()
    try:
        with tempfile.TemporaryDirectory(prefix="vod-dub-") as folder:
            finished = run_child(
                PROBE, stdin=request, limits=limits(PROBE_SECONDS * len(sounds)),
                access=Access(reads=paths, writes=[folder]),
            )  # fmt: skip
        answers = finished.messages[-1]["result"]
    except ChildError as exc:
        raise CommandError(
            f"The sound files could not be read, or reading them took too long. {exc}", returncode=REFUSED_EXIT
        ) from exc
    for sound, answer in zip(sounds, answers, strict=True):
        if error := answer.get("error"):
            raise CommandError(f"{sound.name}: {error['message']}", returncode=REFUSED_EXIT)
    return {str(sound): answer["facts"]["seconds"] for sound, answer in zip(sounds, answers, strict=True)}


def lines_of(segments: Sequence[Segment], output: Path, result: dict[str, Any]) -> Iterator[str]:
    if segments:
        rows = [("Sound", "From", "To", "Gain", "Mouth")]
        for one, answer in zip(segments, result["segments"], strict=True):
            mouth = answer.get("mouth") or {}
            rows.append((
                Path(one.ref).name, f"{one.start:.3f} s", f"{one.end:.3f} s", f"{answer['gain']:+.1f} dB",
                mouth.get("label") or "unchanged",
            ))  # fmt: skip
        yield from table(rows)
        yield ""
    notes = [answer.get("note") for answer in result.get("segments", [])]
    notes += [(answer.get("mouth") or {}).get("why") for answer in result.get("segments", [])]
    notes += [result.get("why_sound"), result.get("why_picture")]
    for note in dict.fromkeys(note for note in notes if note):
        yield f"Note: {note}"
    yield f"The video was saved as {output}"

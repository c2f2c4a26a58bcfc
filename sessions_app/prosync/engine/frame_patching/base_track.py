from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from media_app.av.ffmpeg import WITHOUT_TAGS, ConversionFailed, Ffmpeg, Track
from media_app.av.ladder import picture_of, round_down_even
from media_app.av.source import Progress, Source
from sessions_app.prosync.engine.frame_patching.pictures import Pictures

WHOLE = {"preset": "veryfast", "crf": 17}
GOP_SECONDS = 1
COPYABLE = ("yuv420p", "yuvj420p")


@dataclass(frozen=True, slots=True)
class BaseTrack:
    """The video track to patch. base: seconds per tick of the output.

    shown: display times of the frames in ticks, ascending; negative for hidden frames. end: end of the last frame in
    ticks.
    """

    source: Source
    pictures: Pictures
    base: Fraction
    shown: list[int]
    end: int
    why_encoded: str | None

    @property
    def seconds(self) -> list[float]:
        return [stamp * self.base.numerator / self.base.denominator for stamp in self.shown]


def why_not_copied(source: Source) -> str | None:
    facts = source.facts
    if facts.codec != "h264":
        return f"The video codec is {facts.codec}, not H.264."
    if facts.pixel_format not in COPYABLE or facts.is_interlaced:
        return "The video is interlaced or has an unusual pixel format."
    if (facts.coded_width, facts.coded_height) != (
        round_down_even(facts.coded_width),
        round_down_even(facts.coded_height),
    ):
        return "The width or height of the video is an odd number of pixels."
    if not source.times_pictures:
        return "The video's frames have no timestamps."
    return None


def base_track_from_source(source: Source) -> BaseTrack:
    pictures = Pictures.of(source.path)
    origin = round(source.origin / pictures.base)
    shown = [stamp - origin for stamp in pictures.shown]
    return BaseTrack(source, pictures, pictures.base, shown, pictures.end - origin, None)


def convert_if_needed(own: BaseTrack, program: Ffmpeg, folder: Path, tell: Progress) -> BaseTrack:
    """Return ``own`` if it can be patched; otherwise, convert it. Raise :class:`ConversionFailed` and OSError."""
    source = own.source
    why = why_not_copied(source)
    if why is None:
        if own.pictures.why_not is None:
            return own
        if not own.pictures.record.startswith(b"\x01"):
            stored = _made(own, folder / "stored.mp4", program, tell)
            if stored.pictures.why_not is None and not stored.pictures.hidden:
                return stored
        why = own.pictures.why_not
    made = _made(own, folder / "whole.mp4", program, tell, why=why)
    if made.pictures.why_not is not None or made.pictures.hidden:
        raise ConversionFailed("The video's frames cannot be converted to standard H.264.")
    return made


def _made(own: BaseTrack, file: Path, program: Ffmpeg, tell: Progress, *, why: str | None = None) -> BaseTrack:
    source = own.source
    options: dict[str, Any] = {"c:v": "copy"}
    track = Track(source.track)
    if why is not None:
        options = {
            "c:v": "libx264", **WHOLE, "profile:v": "high", "threads": program.threads, "bf": 0,
            "g": max(1, round(source.facts.fps * GOP_SECONDS)), "fps_mode": "passthrough", "enc_time_base:v": "demux",
        }  # fmt: skip
        track = picture_of(source, (round_down_even(source.facts.width), round_down_even(source.facts.height)))
    program.make(file, source, [track], {**options, "an": None, "f": "mp4", **WITHOUT_TAGS}, on_progress=tell)
    made = base_track_from_source(Source.open(file))
    times = own.shown[own.pictures.hidden :]
    if len(times) != len(made.shown):
        times = [times[0] + round((one - made.shown[0]) * made.base / own.base) for one in made.shown]
    return BaseTrack(made.source, made.pictures, own.base, times, max(own.end, times[-1] + 1), why)

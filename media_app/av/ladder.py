"""Sizes in which a video is offered, and encoder settings for browsers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from media_app.av.ffmpeg import DEINTERLACE, WITHOUT_TAGS, Ffmpeg, Filter, Track
from media_app.av.probe import VideoFacts
from media_app.av.source import Sound, Source

HEIGHTS = (1080, 720, 480, 360)
MAX_FPS = 60
# Peak bits a second at 30 frames a second, by lines (pixels of the shorter side).
PEAK_BITS = {1080: 5_000_000, 720: 2_800_000, 480: 1_400_000, 360: 800_000}
MIN_BITS = 400_000
FAST_FPS = 32  # frames a second above which the bit rate is multiplied by FAST_SHARE
FAST_SHARE = 1.5
SOUND_BITS = 128_000
SOUND_RATE = 48_000
TAIL_SECONDS = 1.0  # maximum seconds by which encoded sound may outlast the source's stated duration
# Transfer functions PQ and HLG (ITU-T H.273, table 3). In 8 bits, such videos look grey unless tone-mapped.
HDR_TRANSFERS = frozenset({16, 18})
TO_SDR = (
    Filter("zscale", (), (("t", "linear"), ("npl", 100))), Filter("format", ("gbrpf32le",)),
    Filter("zscale", (), (("p", "bt709"),)), Filter("tonemap", (), (("tonemap", "hable"), ("desat", 0))),
    Filter("zscale", (), (("t", "bt709"), ("m", "bt709"), ("r", "tv"))),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rung:
    """A size to encode. lines: requested pixels of the shorter side. bits: peak bits a second."""

    lines: int
    width: int
    height: int
    bits: int

    @property
    def name(self) -> str:
        return str(self.lines)


def ladder(facts: VideoFacts, *, with_source: bool = True) -> list[Rung]:
    """Return the sizes to encode, largest first, none larger than the video.

    with_source: whether the video itself is also offered.
    """
    lines = min(facts.width, facts.height)
    fitting = [height for height in HEIGHTS if height < lines or (height == lines and not with_source)]
    if not fitting and not with_source:
        fitting = [round_down_even(lines)]
    return [rung_of(facts, height) for height in fitting]


def rung_of(facts: VideoFacts, lines: int) -> Rung:
    width, height = fitted(facts, lines)
    known = min(HEIGHTS, key=lambda height: abs(height - lines))
    bits = max(MIN_BITS, round(PEAK_BITS[known] * min(1.0, (lines / known) ** 2)))
    return Rung(lines, width, height, round(bits * FAST_SHARE) if facts.fps > FAST_FPS else bits)


def fitted(facts: VideoFacts, lines: int) -> tuple[int, int]:
    scale = min(Fraction(1), Fraction(lines, min(facts.width, facts.height)))
    width, height = (min(round_down_even(side), 2 * round(side * scale / 2)) for side in (facts.width, facts.height))
    return max(2, width), max(2, height)


def round_down_even(side: int) -> int:
    return max(2, side // 2 * 2)


def picture_of(source: Source, size: tuple[int, int], *, max_fps: int | None = None) -> Track:
    """Return the picture track scaled to ``size``, with square 8-bit 4:2:0 pixels."""
    facts = source.facts
    # Deinterlace first: scaling would mix the lines of both fields.
    whole = (DEINTERLACE,) if facts.is_interlaced else ()
    fewer = (Filter("fps", (max_fps,)),) if max_fps is not None and facts.fps > max_fps else ()
    shaped = (Filter("scale", size, (("flags", "bicubic"),)), Filter("setsar", (1,)))
    seen = TO_SDR if facts.color_transfer in HDR_TRANSFERS else ()
    return Track(source.track, (*whole, *fewer, *shaped, *seen, Filter("format", ("yuv420p",))))


def sound_of(sound: Sound) -> Track:
    return Track(sound.track, (Filter("aresample", (SOUND_RATE,), (("async", 1),)),))


def encoding(source: Source, ffmpeg: Ffmpeg, **options: Any) -> dict[str, Any]:
    return {
        "c:v": "libx264", "preset": "veryfast", "profile:v": "high", "threads": ffmpeg.threads, "sc_threshold": 0,
        **encoded_sound(source), **WITHOUT_TAGS, **options,
    }  # fmt: skip


def encoded_sound(source: Source) -> dict[str, Any]:
    """Return options for AAC; mono stays mono, because stereo would be 3 dB quieter."""
    if source.sound is None:
        return {}
    return {
        "c:a": "aac", "b:a": SOUND_BITS, "ac": min(2, source.sound.channels), "ar": SOUND_RATE,
        # Add the start delay of the first track to the output's time limit. Otherwise, in formats that keep the delay,
        # the end of the output would be cut off.
        "t": source.facts.duration + TAIL_SECONDS + source.late,
    }  # fmt: skip

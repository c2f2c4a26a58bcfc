"""Decisions about a merge: which tracks are copied, and how others are encoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from media_app.av.merge.layout import BLOCK
from media_app.av.merge.survey import Survey, rate_of
from media_app.av.source import Source

MAX_LINES = 1080  # maximum length of the merged video's shorter side, in pixels
MAX_FPS = 60
NTSC = 1001
# Usual frame rates; others are rounded up to an integer.
USUAL_RATES = tuple(
    sorted([Fraction(rate) for rate in (24, 25, 30, 48, 50, 60)] + [Fraction(1000 * n, NTSC) for n in (24, 30, 60)])
)
NEAR = Fraction(1, 100)  # relative difference up to which a frame rate is rounded to a usual rate
CONFIG_BYTES = 2  # length of plain AAC-LC's AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1)
# AudioSpecificConfig of AAC-LC with 1024 samples per frame, no core coder and no extension.
PLAIN = 0b00010_0000_0000_000
PLAIN_MASK = 0b11111_0000_0000_111
EVENNESS = 0.001  # maximum seconds between a copied sound packet's start and its place on an even grid
MIN_COPIED_SECONDS = 0.25  # minimum seconds of a clip whose sound is copied: copying loses 40 ms at each joint


@dataclass(frozen=True, slots=True)
class Clip:
    number: int
    name: str
    source: Source
    survey: Survey

    def __str__(self) -> str:
        return display_name(self.number, self.name)


def display_name(number: int, name: str) -> str:
    return f"Clip {number + 1} (“{name}”)"


@dataclass(frozen=True, slots=True)
class Shape:
    width: int
    height: int
    fps: Fraction


@dataclass(frozen=True, slots=True)
class Plan:
    """Decisions about a merge. why: reason for encoding, or None. shape: format of encoded pictures."""

    copies_picture: bool
    copies_sound: bool
    why: str | None
    shape: Shape
    channels: int


def plan_merge(clips: Sequence[Clip], *, level: bool = False) -> Plan:
    sounds = [clip.source.sound for clip in clips if clip.source.sound is not None]
    channels = min(2, max((sound.channels for sound in sounds), default=0))
    why_pictures = why_not_copied(clips)
    why_sound = None
    if sounds:
        why_sound = why_pictures or ("The clips were made equally loud." if level else why_sound_not_copied(clips))
    return Plan(
        copies_picture=why_pictures is None,
        copies_sound=bool(sounds) and why_sound is None,
        why=why_pictures or why_sound,
        shape=common_shape(clips),
        channels=channels,
    )


def why_not_copied(clips: Sequence[Clip]) -> str | None:
    for clip in clips:
        facts = clip.source.facts
        if facts.codec != "h264":
            return f"{clip} is {facts.codec}, not H.264."
        if facts.pixel_format != "yuv420p" or facts.is_interlaced or facts.sample_aspect_ratio != 1:
            return f"{clip} uses H.264 features that some players do not support."
        if clip.source.hides_pictures or not clip.source.times_pictures:
            return f"{clip} has frames that have no timestamps or are marked as not to be shown."
        if clip.survey.why_not:
            return f"{clip}: {clip.survey.why_not}"
    differences: tuple[tuple[str, Callable[[Clip], Any]], ...] = (
        ("frame size", lambda clip: (clip.source.facts.coded_width, clip.source.facts.coded_height)),
        ("rotation", lambda clip: clip.source.facts.rotation),
        ("encoding", lambda clip: clip.survey.extradata),
        ("time base", lambda clip: clip.survey.base),
    )
    for what, of in differences:
        if odd := _odd_one_out(clips, of):
            return f"The {what} of {odd} differs from that of the other clips."
    return None


def why_sound_not_copied(clips: Sequence[Clip]) -> str | None:
    """Return a reason why the clips' sound must be encoded, or None. At least one clip must have sound."""
    for clip in clips:
        sound, survey = clip.source.sound, clip.survey.sound
        if sound is None or survey is None:
            return f"{clip} has no sound."
        if sound.codec != "aac" or sound.profile != "LC" or not _is_plain(survey.config):
            return f"The sound of {clip} is not standard AAC-LC."
        if clip.survey.seconds < MIN_COPIED_SECONDS:
            return f"{clip} is too short to copy its sound without re-encoding."
        if not is_even(clip):
            return f"The sound of {clip} has gaps."
    for what in (
        lambda clip: clip.source.sound.sample_rate,
        lambda clip: clip.source.sound.channels,
        lambda clip: clip.survey.sound.config,
    ):
        if odd := _odd_one_out(clips, what):
            return f"The sound of {odd} is encoded differently from that of the other clips."
    return None


def is_even(clip: Clip) -> bool:
    sound, survey = clip.source.sound, clip.survey.sound
    assert sound is not None
    assert survey is not None
    ticks = Fraction(BLOCK, sound.sample_rate) / survey.base
    first, step, give = survey.starts[0], float(ticks), EVENNESS / float(survey.base)
    return all(abs(first + step * number - start) <= give for number, start in enumerate(survey.starts))


def common_shape(clips: Sequence[Clip]) -> Shape:
    """Return the clips' most frequent orientation and size (the larger on a tie), and their highest frame rate."""
    every = [clip.source.facts for clip in clips]
    uprights = [facts.height > facts.width for facts in every]
    areas = {True: 0, False: 0}
    for facts, way in zip(every, uprights, strict=True):
        areas[way] += facts.width * facts.height
    upright = max((True, False), key=lambda way: (uprights.count(way), areas[way]))
    sizes = Counter(
        _bounded(facts.width, facts.height) for facts, way in zip(every, uprights, strict=True) if way == upright
    )
    width, height = max(sizes, key=lambda size: (sizes[size], size[0] * size[1]))
    return Shape(width, height, common_rate([usual_rate(clip) for clip in clips]))


def common_rate(rates: Sequence[Fraction]) -> Fraction:
    """Return the highest frame rate, at most 60. An NTSC rate among other rates is rounded to an integer."""
    top = max(rates)
    if top.denominator == NTSC and any(rate.denominator != NTSC for rate in rates):
        top = Fraction(round(top))
    return min(top, Fraction(MAX_FPS))


def usual_rate(clip: Clip) -> Fraction:
    facts = clip.source.facts
    if not facts.is_vfr and (facts.fps.denominator in (1, NTSC)):
        return facts.fps
    rate = rate_of(clip.survey)
    nearest = min(USUAL_RATES, key=lambda usual: abs(usual - rate))
    if abs(nearest / rate - 1) <= NEAR:
        return nearest
    if facts.is_vfr:
        return next((usual for usual in USUAL_RATES if usual >= rate and usual.denominator == 1), Fraction(MAX_FPS))
    return Fraction(max(1, -(-rate.numerator // rate.denominator)))


def _bounded(width: int, height: int) -> tuple[int, int]:
    scale = min(Fraction(1), Fraction(MAX_LINES, min(width, height)))
    return max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2)


def _odd_one_out(clips: Sequence[Clip], of: Callable[[Clip], Any]) -> Clip | None:
    said = [of(clip) for clip in clips]
    usual = max(said, key=said.count)
    return next((clip for clip, one in zip(clips, said, strict=True) if one != usual), None)


def _is_plain(config: bytes) -> bool:
    return (
        len(config) >= CONFIG_BYTES
        and int.from_bytes(config[:CONFIG_BYTES]) & PLAIN_MASK == PLAIN
        and config[1] >> 3 & 15 in (1, 2)
    )

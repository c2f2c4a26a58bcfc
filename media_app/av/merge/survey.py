"""Facts about a file's packets, needed to join files; :mod:`media_app.av.merge.reading` collects them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from media_app.av.avcc import IDR, LENGTH_BYTES, PPS, SPS, Avcc

OTHER = -1  # replaces the NAL unit type of an SPS or PPS that differs from those in the file's header
UNSPECIFIED = 2  # code of unspecified colours (ITU-T H.273)
# The first or last picture is lengthened if the sound starts earlier or ends later by more than this many seconds.
MIN_HELD = Fraction(1, 10)


@dataclass(frozen=True, slots=True)
class Colours:
    """Colours by ITU-T H.273. is_full: whether black is 0 and white 255."""

    primaries: int
    transfer: int
    matrix: int
    is_full: bool


@dataclass(frozen=True, slots=True)
class SoundSurvey:
    """A file's sound packets.

    starts, lengths: start and length of each packet, in ticks of ``base`` seconds. config: AudioSpecificConfig. offset:
    seconds to add to all starts.
    """

    track: int
    base: Fraction
    starts: list[int]
    lengths: list[int]
    config: bytes
    offset: Fraction = Fraction(0)

    @property
    def end(self) -> Fraction:
        return (self.starts[-1] + self.lengths[-1]) * self.base if self.starts else Fraction(0)


@dataclass(frozen=True, slots=True)
class Survey:
    """A file's packets.

    - base: length of a tick in seconds.
    - decoded: presentation timestamps in decoding order.
    - shown: the same timestamps, sorted.
    - last_length: length of the last picture in ticks.
    - why_not: sentence why the pictures cannot be copied, or None.
    - held_first, held_last: seconds by which the first and last picture are lengthened.
    """

    path: str
    track: int
    base: Fraction
    origin: Fraction
    decoded: list[int]
    shown: list[int]
    last_length: int
    extradata: bytes
    colours: Colours
    why_not: str | None
    sound: SoundSurvey | None
    held_first: Fraction = Fraction(0)
    held_last: Fraction = Fraction(0)

    @property
    def start(self) -> float:
        return float(self.shown[0] * self.base - self.origin)

    @property
    def seconds(self) -> Fraction:
        return (self.shown[-1] + self.last_length - self.shown[0]) * self.base

    @property
    def delay(self) -> int:
        return max(shown - own for shown, own in zip(self.shown, self.decoded, strict=True))


def hold_edge_pictures(survey: Survey) -> Survey:
    sound = survey.sound
    if sound is None or not sound.starts:
        return survey
    begin = max(survey.origin, sound.starts[0] * sound.base + sound.offset)
    first, end = survey.shown[0], (survey.shown[-1] + survey.last_length) * survey.base
    if first * survey.base - begin > MIN_HELD:
        early = round(begin / survey.base)
        shown, decoded = [early, *survey.shown[1:]], [early if one == first else one for one in survey.decoded]
        held = first * survey.base - begin
        survey = replace(survey, shown=shown, decoded=decoded, held_first=held)
    if sound.end + sound.offset - end > MIN_HELD:
        last = round((sound.end + sound.offset) / survey.base) - survey.shown[-1]
        held = (last - survey.last_length) * survey.base
        survey = replace(survey, last_length=last, held_last=held)
    return survey


class Pictures:
    def __init__(self, record: bytes) -> None:
        parsed = Avcc.parse(record)
        self.sets = {*parsed.sps, *parsed.pps} if parsed else set()
        self.is_stored_well = parsed is not None
        self.first: int | None = None

    def why(self, content: memoryview, place: int, size: int, *, is_key: bool, stamp: int) -> str | None:
        if not self.is_stored_well:
            return "The video's frames are stored in a way that MP4 does not allow."
        units = _units(content, place, size, self.sets)
        if not units:
            return "A frame of the video is damaged."
        if self.first is None:
            self.first = stamp
            if not (is_key and IDR in units):
                return "The video does not begin with a complete frame (IDR keyframe)."
        elif stamp <= self.first:
            return "Some frames are shown before the first keyframe."
        return "The format changes during the video." if OTHER in units else None


def _units(content: memoryview, at: int, size: int, sets: set[bytes]) -> set[int] | None:
    found: set[int] = set()
    end = at + size
    while at < end:
        length = int.from_bytes(content[at : at + LENGTH_BYTES])
        at += LENGTH_BYTES
        if not length or at + length > end:
            return None
        kind = content[at] & 31
        if kind in (SPS, PPS) and bytes(content[at : at + length]) not in sets:
            kind = OTHER
        found.add(kind)
        at += length
    return found


def rate_of(survey: Survey) -> Fraction:
    """Return a frame rate at which at least 95 % of the intervals between pictures last one frame or longer."""
    steps = sorted(later - earlier for earlier, later in pairwise(survey.shown))
    steps = steps[bisect_left(steps, 1) :]
    if not steps:
        return 1 / (survey.last_length * survey.base)
    return 1 / (steps[len(steps) // 20] * survey.base)

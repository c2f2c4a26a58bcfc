"""What joining has to know of a file, packet by packet; reads no file, see :mod:`media_app.av.merge.reading`."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from media_app.av.avcc import LENGTH_BYTES, Avcc

IDR, SPS, PPS = 5, 7, 8  # NAL unit types (ITU-T H.264, table 7-1)
OTHER = -1  # a parameter set that nobody has announced
UNSPECIFIED = 2  # of colours (ITU-T H.273)
MIN_HELD = Fraction(1, 10)  # minimum seconds of sound without a picture for which a picture is held; less is cut


@dataclass(frozen=True, slots=True)
class Colours:
    """As ITU-T H.273 numbers them. is_full: black is 0 and white 255."""

    primaries: int
    transfer: int
    matrix: int
    is_full: bool


@dataclass(frozen=True, slots=True)
class SoundSurvey:
    """The packets of the sound. starts: when each begins, in ticks of ``base``, hidden ones too. lengths: ticks.

    config: the AudioSpecificConfig of AAC, whatever stands in its place else. offset: seconds by which all that is
    later.
    """

    track: int
    base: Fraction
    starts: list[int]
    lengths: list[int]
    config: bytes
    offset: Fraction = Fraction(0)

    @property
    def end(self) -> Fraction:
        """Seconds on the file's own clock."""
        return (self.starts[-1] + self.lengths[-1]) * self.base if self.starts else Fraction(0)


@dataclass(frozen=True, slots=True)
class Survey:
    """The packets of a file. base: seconds of a tick. decoded: when each picture is shown, ticks, in the order of
    decoding; hidden ones are left out. shown: the same in the order of presentation. last_length: ticks that the last
    one is shown. why_not: why its packets cannot stand in a row with those of its like, None when they can.
    held_first, held_last: seconds of sound alone, during which the first and the last picture are shown.
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
        """Of the first picture, seconds on the scale of ``currentTime``."""
        return float(self.shown[0] * self.base - self.origin)

    @property
    def seconds(self) -> Fraction:
        """That its pictures are shown."""
        return (self.shown[-1] + self.last_length - self.shown[0]) * self.base

    @property
    def delay(self) -> int:
        """Ticks by which decoding has to run ahead of presentation."""
        return max(shown - own for shown, own in zip(self.shown, self.decoded, strict=True))


def filled(survey: Survey) -> Survey:
    """Return the survey with the first picture shown from the sound's beginning and the last one to its end."""
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
    """What is learnt of the pictures' packets while they go by. record: their AVCDecoderConfigurationRecord."""

    def __init__(self, record: bytes) -> None:
        parsed = Avcc.parse(record)
        self.sets = {*parsed.sps, *parsed.pps} if parsed else set()
        self.is_stored_well = parsed is not None
        self.first: int | None = None

    def why(self, content: memoryview, place: int, size: int, *, is_key: bool, stamp: int) -> str | None:
        """Why a packet cannot stand in a row with others, or None. place, size: bytes of it in ``content``."""
        if not self.is_stored_well:
            return "Its pictures are not stored as in an MP4."
        units = _units(content, place, size, self.sets)
        if not units:
            return "Its data is damaged."
        if self.first is None:
            self.first = stamp
            if not (is_key and IDR in units):
                return "It does not begin with a picture that stands alone."
        elif stamp <= self.first:
            return "Its pictures do not begin with its first keyframe."
        return "The form of its pictures changes." if OTHER in units else None


def _units(content: memoryview, at: int, size: int, sets: set[bytes]) -> set[int] | None:
    """The types of a packet's units, and :data:`OTHER` for parameter sets beside ``sets``; None when it is damaged."""
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
    """Pictures a second at which none of them is left out, but for a few that follow very closely."""
    steps = sorted(later - earlier for earlier, later in pairwise(survey.shown))
    steps = steps[bisect_left(steps, 1) :]
    if not steps:
        return 1 / (survey.last_length * survey.base)
    return 1 / (steps[len(steps) // 20] * survey.base)

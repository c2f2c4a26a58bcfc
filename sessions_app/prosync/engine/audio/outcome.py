"""What becomes of a dub: what was done to each segment and to the tracks, or which sound is at fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


class SoundFailed(Exception):
    """A given sound is at fault. type: stable. line: the number of the segment from 0; text: a sentence."""

    UNSUPPORTED, UNREADABLE, TOO_LONG, EMPTY = "sound_unsupported", "sound_unreadable", "sound_too_long", "sound_empty"

    def __init__(self, type: str, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done to one segment.

    used: seconds of the given sound that are heard at least once. repeats: how often that is played, 1.0 unless it is
    repeated. stretch: how much longer it was made. gain: dB. silence: seconds behind it. original, given: loudness,
    LUFS, None for silence. joints: what the copied packets beside it were changed by where they overlap, dB of full
    scale, before it and behind it, None where there is nothing to join. note: a sentence for the owner.
    """

    mode: str
    used: float
    repeats: float
    stretch: float
    gain: float
    silence: float
    original: float | None
    given: float | None
    joints: tuple[float | None, float | None] = (None, None)
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Dubbed:
    """What was written.

    sound: ``spliced`` when all but the segments are the original's own packets, else ``encoded``; why_sound says why.
    picture: ``copied``, or ``encoded`` because of why_picture.
    """

    segments: Sequence[Outcome]
    sound: str
    why_sound: str | None
    picture: str
    why_picture: str | None

    def as_json(self) -> dict[str, Any]:
        """What the child answers."""
        return {**asdict(self), "segments": [asdict(segment) for segment in self.segments]}

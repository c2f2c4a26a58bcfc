from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


class SoundFailed(Exception):
    """Error: an uploaded sound cannot be used. type: error code. line: index of the sound's segment."""

    UNSUPPORTED, UNREADABLE, TOO_LONG, EMPTY = "sound_unsupported", "sound_unreadable", "sound_too_long", "sound_empty"

    def __init__(self, type: str, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class Outcome:
    """The changes to one segment.

    - used: seconds of the new sound that are heard.
    - original, given: loudness of the replaced and of the new sound in LUFS; None for silence.
    - joints: levels in dBFS of the errors that are heard where the new packets begin, and where they end.
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
    """The result of a dub.

    sound: ``spliced`` if packets outside the segments were copied, else ``encoded``.
    """

    segments: Sequence[Outcome]
    sound: str
    why_sound: str | None
    picture: str
    why_picture: str | None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "segments": [asdict(segment) for segment in self.segments]}

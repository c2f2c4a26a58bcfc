"""The recordings that the pages are tried with: three of one match whose frames carry their numbers, and others."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from sessions_app.comparison.samples.rendering.clips import NTSC, small_spec
from sessions_app.comparison.samples.rendering.encode import render
from sessions_app.comparison.samples.rendering.match import round_match
from sessions_app.comparison.samples.rendering.specification import RecordingSpec

SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Recording:
    """A file in the library and what is true of it. start: match time of its first frame, seconds."""

    path: Path
    fps: Fraction
    start: float

    @property
    def offset_to_first(self) -> float:
        """True offset in seconds when the first recording's is 0."""
        return self.start - SPECS[0].start


def _spec(name: str, start: float, fps: Fraction, **changes: Any) -> RecordingSpec:
    return small_spec(name, start, 7, fps=fps, duration=SECONDS, gop=15, frame_barcode=True, **changes)


SPECS = (
    _spec("alpha", 10.1234, Fraction(60), audio=True),
    _spec("bravo", 12.6071, NTSC, style="broadcast"),
    _spec("charlie", 11.4513, Fraction(30), style="arcade"),
)
WITHOUT_TIMER = _spec("delta", 13.0, Fraction(30), style=None)
VARIABLE_RATE = _spec("echo", 12.0, Fraction(60), vfr=True)


def render_all(folder: Path) -> None:
    """Write the three; beside them one without a timer (delta), one of variable frame rate (echo), a text (notes)."""
    match = round_match(77, 60.0)
    for spec in (*SPECS, WITHOUT_TIMER, VARIABLE_RATE):
        render(spec, match, folder / f"{spec.name}.mp4")
    (folder / "notes.mp4").write_text("These are notes, not a video.\n")

"""What one recording of a match is: picture, pace, sound and the match time it starts at; renders nothing."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

#: Raised whenever the same specification gives another file, so that kept files are rendered again.
VERSION = 3
VFR_TIME_BASE = Fraction(1, 90_000)


@dataclass(frozen=True)
class RecordingSpec:
    """One recording: displayed size in pixels, times in seconds, bitrate in bit/s, GOP in frames.

    `start` is the match time at the file's presentation time 0. `style` names a timer style, None draws no timer.
    `bitrate` wins over `crf`. `rotate` (0, 90, 180, 270) is how far a player has to turn the coded picture
    clockwise. `loop` seconds of scene are drawn once and played to and fro, for long files. `vfr` drops and shifts
    frames at random; `fps` is then the highest rate. `drift_ppm` is by how many millionths the recorder's clock runs
    faster than the match.
    """

    name: str
    width: int
    height: int
    fps: Fraction
    start: float
    duration: float
    style: str | None = "tactical"
    seed: int = 0
    bright: bool = False
    codec: Literal["h264", "hevc", "av1"] = "h264"
    preset: str = "veryfast"
    crf: int = 23
    bitrate: int | None = None
    gop: int = 60
    bframes: int = 2
    vfr: bool = False
    rotate: int = 0
    audio: bool = True
    audio_gain: float = 1.0
    audio_cutoff: float = 9000.0
    frame_barcode: bool = False
    loop: float | None = None
    threads: int = 2
    drift_ppm: float = 0.0

    @property
    def rate(self) -> float:
        """Seconds of the recording in one second of the match."""
        return 1 + self.drift_ppm * 1e-6

    def match_time(self, time: float) -> float:
        """The match time that the recording shows at `time`, both in seconds."""
        return self.start + time / self.rate

    def __post_init__(self) -> None:
        if self.width % 2 or self.height % 2 or self.rotate not in (0, 90, 180, 270):
            raise ValueError("width and height must be even and rotate one of 0, 90, 180, 270")


def offset(spec: RecordingSpec, reference: RecordingSpec) -> float:
    """True offset of `spec` in seconds when the reference's is 0, where it begins: vod_time = (T - offset) * rate."""
    return spec.start - reference.start


def presentation_times(spec: RecordingSpec) -> tuple[list[int], Fraction]:
    """Presentation timestamp of every frame, in units of the returned time base (seconds)."""
    count = round(spec.duration * spec.fps)
    if not spec.vfr:
        return list(range(count)), 1 / spec.fps
    rng = np.random.default_rng([spec.seed, 11])
    interval = float(1 / spec.fps / VFR_TIME_BASE)
    steps = rng.choice([1, 1, 1, 1, 2, 3], count) * rng.uniform(0.9, 1.1, count) * interval
    times = np.concatenate(([0], np.cumsum(np.round(steps)))).astype(int)
    return [int(time) for time in times[times < spec.duration / VFR_TIME_BASE]], VFR_TIME_BASE

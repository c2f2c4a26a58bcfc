from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

# Increase the version if the same specification renders a different file.
VERSION = 3
VFR_TIME_BASE = Fraction(1, 90_000)


@dataclass(frozen=True)
class RecordingSpec:
    """A recording to render: size in displayed pixels, times in seconds, bitrate in bit/s, GOP in frames.

    - start: match time of the recording's time 0
    - bitrate: takes precedence over `crf`
    - rotate: rotation by the player, clockwise degrees
    - loop: seconds of the scene that are drawn once and then repeated; None to draw all
    - vfr: whether the frame rate varies up to `fps`
    - drift_ppm: how much too fast the recorder's clock runs, in millionths
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
        return 1 + self.drift_ppm * 1e-6

    def match_time(self, time: float) -> float:
        return self.start + time / self.rate

    def __post_init__(self) -> None:
        if self.width % 2 or self.height % 2 or self.rotate not in (0, 90, 180, 270):
            raise ValueError("width and height must be even, and rotate must be 0, 90, 180 or 270")


def offset(spec: RecordingSpec, reference: RecordingSpec) -> float:
    """Return the true offset in seconds: at time T of `reference`, the recording is at (T - offset) * rate."""
    return spec.start - reference.start


def presentation_times(spec: RecordingSpec) -> tuple[list[int], Fraction]:
    count = round(spec.duration * spec.fps)
    if not spec.vfr:
        return list(range(count)), 1 / spec.fps
    rng = np.random.default_rng([spec.seed, 11])
    interval = float(1 / spec.fps / VFR_TIME_BASE)
    steps = rng.choice([1, 1, 1, 1, 2, 3], count) * rng.uniform(0.9, 1.1, count) * interval
    times = np.concatenate(([0], np.cumsum(np.round(steps)))).astype(int)
    return [int(time) for time in times[times < spec.duration / VFR_TIME_BASE]], VFR_TIME_BASE

"""Small videos with known frames, written with PyAV, for the tests of this folder."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vodplatform.demo.encode import usual_priority

LEVELS = 16  # frame n is grey level 12 × (n mod 16) + 30 in its middle


def grey_of(number: int) -> int:
    return 30 + 12 * (number % LEVELS)


def number_of(grey: float) -> int:
    return round((grey - 30) / 12)


def picture(number: int, width: int, height: int) -> np.ndarray:
    """Frame ``number``: grey, with a red top left corner and a blue bottom right one (BGR)."""
    image = np.full((height, width, 3), grey_of(number), np.uint8)
    image[: height // 4, : width // 4] = (0, 0, 255)
    image[-height // 4 :, -width // 4 :] = (255, 0, 0)
    return image


@usual_priority()
def write_video(
    path: Path,
    frames: int = 60,
    rate: Fraction = Fraction(30),
    codec: str = "libx264",
    size: tuple[int, int] = (160, 96),
    stamps: Sequence[Fraction] | None = None,
    rotation: int = 0,
    ratio: Fraction | None = None,
    pixel_format: str = "yuv420p",
    sound: bool = False,
    container_options: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write ``frames`` pictures at ``rate``, or at ``stamps`` seconds; rotation: degrees clockwise for display."""
    width, height = size
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.thread_count = 1
        stream.options = {"g": "20", "crf": "12", "preset": "ultrafast"} if options is None else options
        if stamps is not None:
            stream.codec_context.time_base = Fraction(1, 90_000)
        if rotation:
            stream.set_display_rotation(-rotation)
        if ratio is not None:
            stream.sample_aspect_ratio = ratio
        audio = container.add_stream("aac", rate=48_000, layout="stereo") if sound else None
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, width, height), format="bgr24")
            if stamps is not None:
                frame.time_base = Fraction(1, 90_000)
                frame.pts = round(stamps[number] * 90_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            silence.sample_rate = 48_000
            for _ in range(int(frames / rate * 48_000 / 1024)):
                silence.pts = None
                container.mux(audio.encode(silence))
            container.mux(audio.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """An MP4 that holds sound alone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        for _ in range(40):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 48_000
            container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    return path

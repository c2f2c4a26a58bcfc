"""Small videos with known frames, written with PyAV, for the tests of this folder."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from sessions_app.comparison.samples.rendering.encode import usual_priority

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
    path: Path, frames: int = 60, rate: Fraction = Fraction(30), codec: str = "libx264",
    size: tuple[int, int] = (160, 96), stamps: Sequence[Fraction] | None = None, rotation: int = 0,
    ratio: Fraction | None = None, pixel_format: str = "yuv420p", sound: bool = False,
    container_options: dict[str, str] | None = None, options: dict[str, str] | None = None,
) -> Path:  # fmt: skip
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


def write_raw(
    path: Path, picture_of: Callable[[int], np.ndarray], rate: int, seconds: float, sound: np.ndarray, sound_rate: int,
    steps: Sequence[int],
) -> Path:  # fmt: skip
    """Write lossless BGR pictures of ``steps`` frames each, in turn, beside ``sound``: int16, of shape (1, n)."""
    height, width = picture_of(0).shape[:2]
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=rate)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.time_base = video.codec_context.time_base = Fraction(1, rate)
        audio = container.add_stream("pcm_s16le", rate=sound_rate, layout="mono")
        ticks = number = 0
        while ticks < rate * seconds:
            frame = av.VideoFrame.from_ndarray(picture_of(number), format="bgr24")
            frame.pts, frame.time_base = ticks, Fraction(1, rate)
            container.mux(video.encode(frame))
            ticks, number = ticks + steps[number % len(steps)], number + 1
        container.mux(video.encode(None))
        block = av.AudioFrame.from_ndarray(sound, format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = sound_rate, 0, Fraction(1, sound_rate)
        container.mux(audio.encode(block))
        container.mux(audio.encode(None))
    return path

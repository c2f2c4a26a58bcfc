"""Small recordings for the tests, made with PyAV: one for each unusual property that the probe must handle."""

import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from sessions_app.comparison.samples.rendering.encode import usual_priority
from tests.support.footage import cut_short

NTSC = Fraction(30_000, 1001)
WIDTH, HEIGHT = 320, 180
SOUND_RATE = 48_000
ENCODERS = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1", "vp9": "libvpx-vp9", "mpeg4": "mpeg4"}
OPTIONS = {
    "libx264": {"preset": "ultrafast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=error:pools=1", "tag": "hvc1"},
    "libsvtav1": {"preset": "12", "svtav1-params": "lp=1"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
}


@usual_priority()
def render_clip(
    path: Path, *, codec: str = "h264", fps: Fraction = Fraction(30), seconds: float = 2.0, rotation: int = 0,
    sound: bool = True, frame_steps: Sequence[int] = (1,),
) -> Path:  # fmt: skip
    """Write a clip of ``seconds`` at ``path``.

    rotation: clockwise degrees by which a player must turn the stored picture. frame_steps: duration of each frame in
    multiples of the usual duration, repeated over the clip; values other than ``(1,)`` make the frame rate variable.
    """
    os.environ.setdefault("SVT_LOG", "1")
    with av.open(str(path), "w") as container:
        name = ENCODERS[codec]
        video = container.add_stream(name, rate=fps, options=OPTIONS.get(name, {}))
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.time_base = video.codec_context.time_base = 1 / fps
        video.codec_context.gop_size = 15
        video.codec_context.thread_count = 1
        if rotation:
            video.set_display_rotation(-rotation)
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="mono") if sound else None
        ramp = np.tile(np.linspace(0, 200, WIDTH, dtype=np.uint8), (HEIGHT, 1))
        ticks, number = 0, 0
        while ticks < seconds * fps:
            picture = np.stack([np.roll(ramp, number * 4, 1)] * 3, axis=-1)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = ticks, 1 / fps
            container.mux(video.encode(frame))
            ticks += frame_steps[number % len(frame_steps)]
            number += 1
        container.mux(video.encode(None))
        if audio is not None:
            tone = np.sin(np.arange(round(seconds * SOUND_RATE)) * 2 * np.pi * 440 / SOUND_RATE).astype(np.float32)
            for start in range(0, len(tone), 1024):
                block = av.AudioFrame.from_ndarray(tone[None, start : start + 1024] * 0.2, format="fltp", layout="mono")
                block.sample_rate, block.pts, block.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
                container.mux(audio.encode(block))
            container.mux(audio.encode(None))
    return path


def write_sound(path: Path) -> None:
    """Write an MP4 with one second of silence and no video track."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        for number in range(50):
            frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            frame.planes[0].update(bytes(4096))
            frame.sample_rate, frame.pts = 48_000, number * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


RECIPES: dict[str, Callable[[Path], object]] = {
    "plain.mp4": lambda path: render_clip(path, seconds=3), "other.mp4": lambda path: render_clip(path, seconds=2),
    "third.mp4": lambda path: render_clip(path, seconds=4, sound=False),
    "ntsc.mp4": lambda path: render_clip(path, fps=NTSC), "rotated.mp4": lambda path: render_clip(path, rotation=90),
    "hevc.mp4": lambda path: render_clip(path, codec="hevc"), "av1.mp4": lambda path: render_clip(path, codec="av1"),
    "vp9.webm": lambda path: render_clip(path, codec="vp9", sound=False),
    "vfr.mp4": lambda path: render_clip(path, frame_steps=(1, 1, 2, 1, 3)),
    "silent.mp4": lambda path: render_clip(path, sound=False),
    # The index of this MP4 is at the end of the file, so half of the file has no index.
    "truncated.mp4": lambda path: cut_short(render_clip(path, seconds=4), 0.5),
    "empty.mp4": lambda path: path.write_bytes(b""),
    "text.mp4": lambda path: path.write_text("This is a shopping list: bread, milk, a 4 K monitor.\n" * 40),
}  # fmt: skip


def render_all(folder: Path) -> Path:
    """Make every clip of :data:`RECIPES` in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in RECIPES.items():
        make(folder / name)
    return folder

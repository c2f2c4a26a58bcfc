"""The preview of a workout: a small video with a drawn skeleton and a counter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.ffmpeg import INPUT_OPTIONS, WITHOUT_TAGS, ConversionFailed, Ffmpeg, run
from media_app.av.frames import VideoFile
from media_app.av.ladder import encoded_sound, fitted
from media_app.av.source import Source
from sessions_app.analysis.pipelines.pose_sampling import PoseTrack, sample_frames

NAME = "preview.mp4"
DRAWN = "drawn.mp4"
LINES, LINES_LONG = 480, 360
RATE, RATE_LONG = 31.0, 12.0
LONG_SECONDS = 1200.0  # seconds above which a video's preview is smaller, because drawing is slow
CLOCK = 90_000
QUALITY = 24
OLDEST_POSE = 0.2  # maximum age in seconds of a frame's latest measured pose; if older, no body is drawn
MIN_VISIBLE = 0.4
BONES = (
    (11, 12), (11, 23), (12, 24), (23, 24), (11, 13), (13, 15), (12, 14), (14, 16), (23, 25), (25, 27), (24, 26),
    (26, 28),
)  # fmt: skip
LINE, JOINT, TEXT, BACK = (238, 171, 92), (255, 255, 255), (255, 255, 255), (24, 18, 14)

Image = NDArray[np.uint8]


def make_preview(
    folder: Path, source: Source, video: VideoFile, *, seen: PoseTrack, exercises: Sequence[dict[str, Any]],
    threads: int,
    on_progress: Callable[[float], None],
) -> str:  # fmt: skip
    """Write ``preview.mp4`` and return its name. Raises :class:`ConversionFailed` and OSError."""
    is_long = seen.end > LONG_SECONDS
    width, height = fitted(source.facts, LINES_LONG if is_long else LINES)
    drawn = folder / DRAWN
    labels = _labels(exercises)
    with av.open(str(drawn), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, CLOCK)
        stream.codec_context.thread_count = threads
        stream.options = {"preset": "veryfast", "crf": str(QUALITY), "profile": "high"}
        stamp = -1
        for picture in sample_frames(video, RATE_LONG if is_long else RATE):
            shown = cv2.resize(picture.scaled(width), (width, height), interpolation=cv2.INTER_AREA)
            image = np.asarray(shown, np.uint8)
            draw_body(image, seen, picture.time)
            draw_count(image, labels, picture.time)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            stamp = max(stamp + 1, round(picture.time * CLOCK))
            frame.pts, frame.time_base = stamp, Fraction(1, CLOCK)
            container.mux(stream.encode(frame))
            on_progress(0.9 * min(1.0, picture.time / max(seen.end, 1e-6)))
        container.mux(stream.encode(None))
    _join(folder, drawn, source, Ffmpeg.default(threads=threads), seen.end)
    drawn.unlink()
    return NAME


def draw_body(image: Image, seen: PoseTrack, at: float) -> None:
    number = int(np.searchsorted(seen.times, at + 1e-6)) - 1
    if number < 0 or at - seen.times[number] > OLDEST_POSE or not seen.found[number]:
        return
    here = seen.joints[number]
    if number + 1 < len(seen.times) and seen.found[number + 1]:
        share = min(1.0, (at - seen.times[number]) / max(1e-6, seen.times[number + 1] - seen.times[number]))
        here = here + share * (seen.joints[number + 1] - here)
    scale = np.array([image.shape[1] / seen.size[1], image.shape[0] / seen.size[0]])
    points = np.rint(here[:, :2] * scale * 4)  # quarter pixels, which cv2 expects with shift=2
    thick = max(1, round(min(image.shape[:2]) / 200))
    for one, other in BONES:
        if min(here[one, 3], here[other, 3]) >= MIN_VISIBLE:
            ends = [(int(points[joint, 0]), int(points[joint, 1])) for joint in (one, other)]
            cv2.line(image, ends[0], ends[1], LINE, thick, cv2.LINE_AA, 2)
    for joint in sorted({joint for bone in BONES for joint in bone}):
        if here[joint, 3] >= MIN_VISIBLE:
            place = (int(points[joint, 0]), int(points[joint, 1]))
            cv2.circle(image, place, 4 * (thick + 1), JOINT, -1, cv2.LINE_AA, 2)


Labels = list[tuple[float, float, str, list[float]]]


def _labels(exercises: Sequence[dict[str, Any]]) -> Labels:
    return [
        (one["start_time"], one["end_time"], str(one["name"]).capitalize(), [rep["end"] for rep in one["rep_times"]])
        for one in exercises
    ]


def count_at(labels: Labels, at: float) -> str:
    text = ""
    for start, end, name, ends in labels:
        if start <= at:
            done = sum(moment <= at + 1e-6 for moment in ends)
            text = f"{name} {done} of {len(ends)}" if at <= end + 2.0 else ""
    return text


def draw_count(image: Image, labels: Labels, at: float) -> None:
    text = count_at(labels, at)
    if not text:
        return
    size = min(image.shape[:2]) / 480 * 0.9
    thick = max(1, round(2 * size))
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    edge = max(4, round(12 * size))
    cv2.rectangle(image, (0, 0), (width + 2 * edge, height + base + 2 * edge), BACK, -1)
    cv2.putText(image, text, (edge, edge + height), cv2.FONT_HERSHEY_SIMPLEX, size, TEXT, thick, cv2.LINE_AA)


def _join(folder: Path, drawn: Path, source: Source, program: Ffmpeg, seconds: float) -> None:
    def reading(path: Path, *more: str) -> list[str]:
        words = [word for name, value in INPUT_OPTIONS.items() for word in (f"-{name}", str(value))]
        return ["-threads", str(program.threads), *words, *more, "-i", f"file:{path}"]

    argv = [
        program.path, "-nostdin", "-hide_banner", "-loglevel", "error", "-nostats", "-progress", "pipe:1",
        *reading(drawn),
    ]  # fmt: skip
    maps = ["-map", "0:v:0"]
    options: dict[str, Any] = {"c:v": "copy", **WITHOUT_TAGS, "f": "mp4", "movflags": "+faststart"}
    if source.sound is not None:
        argv += reading(source.path, "-itsoffset", f"{float(-source.origin):.6f}")
        maps += ["-map", f"1:{source.sound.track}", "-af", "aresample=48000:async=1"]
        options |= encoded_sound(source)
    words = [word for name, value in options.items() for word in (f"-{name}", str(value))]
    run([*argv, *maps, *words, "-copyts", NAME, "-y"], folder=folder, seconds=seconds)
    if not (folder / NAME).stat().st_size:
        raise ConversionFailed("No frame of the preview could be rendered.")

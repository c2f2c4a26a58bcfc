import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from sessions_app.comparison.samples.rendering.barcode import draw_barcode
from sessions_app.comparison.samples.rendering.hud import STYLES, Timer
from sessions_app.comparison.samples.rendering.match import Match
from sessions_app.comparison.samples.rendering.scene import Scene
from sessions_app.comparison.samples.rendering.sound import RATE, Soundtrack
from sessions_app.comparison.samples.rendering.specification import RecordingSpec, presentation_times
from sessions_app.comparison.samples.rendering.sprite import Image

_ENCODERS = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1"}
_AUDIO_CHUNK = 1024 * 40
Progress = Callable[[int, int], None]


def timer_for(spec: RecordingSpec, match: Match) -> Timer | None:
    if spec.style is None:
        return None
    texts = {match.clock_text(spec.start)}
    texts.update(text for _, text in match.flips(spec.start, spec.match_time(spec.duration)))
    return Timer(STYLES[spec.style], spec.width, spec.height, max(texts, key=len))


@contextmanager
def usual_priority() -> Iterator[None]:
    """Restore the thread's scheduling policy after the ``with`` block.

    If run by root, the AV1 encoder gives the thread a real-time policy, which its child processes would inherit.
    """
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if (os.sched_getscheduler(0), os.sched_getparam(0)) != (policy, parameters):
            os.sched_setscheduler(0, policy, parameters)


@usual_priority()
def render(spec: RecordingSpec, match: Match, path: Path, on_progress: Progress | None = None) -> None:
    """Write a recording of `match` to `path` (MP4). Frame n shows the match at spec.match_time(pts(n)).

    The file appears at `path` when it is complete. on_progress: receives the numbers of encoded and of all frames.
    Raises ValueError if the match is too short.
    """
    if spec.start < 0 or spec.match_time(spec.duration) > match.duration:
        raise ValueError(f"{spec.name} must lie within the match of {match.duration} s")
    partial = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
    cv2.setNumThreads(1)
    os.environ.setdefault("SVT_LOG", "1")  # prevents the AV1 encoder from writing its settings to stderr
    try:
        with av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            _write(container, spec, match, on_progress or (lambda done, total: None))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write(container: OutputContainer, spec: RecordingSpec, match: Match, on_progress: Progress) -> None:
    pts, time_base = presentation_times(spec)
    video = _video_stream(container, spec, time_base)
    sound = _sound_packets(container, spec, match) if spec.audio else None
    times = [spec.match_time(float(time * time_base)) for time in pts]
    heard = 0.0
    for number, picture in enumerate(_pictures(spec, match, times)):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = pts[number], time_base
        container.mux(video.encode(frame))
        while sound is not None and heard <= pts[number] * time_base:
            heard = next(sound, float("inf"))
        if number % 20 == 19 or number + 1 == len(pts):
            on_progress(number + 1, len(pts))
    container.mux(video.encode(None))
    for _ in sound or ():
        pass


def _video_stream(container: OutputContainer, spec: RecordingSpec, time_base: Fraction) -> VideoStream:
    params = {
        "h264": {"preset": spec.preset, "profile": "high", "x264-params": f"scenecut=0:bframes={spec.bframes}"},
        "hevc": {
            "preset": spec.preset,
            "tag": "hvc1",
            "x265-params": f"open-gop=0:scenecut=0:log-level=error:pools={spec.threads}",
        },
        "av1": {"preset": "12", "svtav1-params": f"lp={spec.threads}"},
    }[spec.codec]
    if spec.bitrate is None:
        params["crf"] = str(spec.crf)
    stream = cast(VideoStream, container.add_stream(_ENCODERS[spec.codec], rate=spec.fps, options=params))
    turned = spec.rotate in (90, 270)
    stream.width, stream.height = (spec.height, spec.width) if turned else (spec.width, spec.height)
    stream.pix_fmt = "yuv420p"
    stream.time_base = time_base
    context = stream.codec_context
    context.time_base = time_base
    context.gop_size = spec.gop
    context.thread_count = spec.threads
    context.colorspace, context.color_range = 6, 1
    context.color_primaries, context.color_trc = 1, 1
    if spec.bitrate is not None:
        context.bit_rate = spec.bitrate
    if spec.rotate:
        stream.set_display_rotation(-spec.rotate)
    return stream


def _pictures(spec: RecordingSpec, match: Match, times: list[float]) -> Iterator[Image]:
    timer = timer_for(spec, match)
    scene = Scene(match, spec.width, spec.height, spec.seed, spec.bright, timer.style.anchor if timer else None)
    frame: Image = np.empty((spec.height, spec.width, 3), np.uint8)
    kept: list[Image] = []
    loop_length = len(times) if spec.loop is None else round(spec.loop * spec.fps)
    for number, time in enumerate(times):
        lap, at = divmod(number, loop_length)
        if lap == 0:
            scene.draw(frame, time)
            if spec.loop is not None:
                kept.append(frame.copy())
        else:
            np.copyto(frame, kept[at if lap % 2 == 0 else -1 - at])
        if timer is not None:
            timer.draw(frame, match.clock_text(time), match.segment_at(time).label)
        if spec.frame_barcode:
            draw_barcode(frame, number)
        turned = frame if not spec.rotate else np.ascontiguousarray(np.rot90(frame, spec.rotate // 90))
        yield np.asarray(cv2.cvtColor(turned, cv2.COLOR_BGR2YUV_I420), np.uint8)


def _sound_packets(container: OutputContainer, spec: RecordingSpec, match: Match) -> Iterator[float]:
    stream: AudioStream = container.add_stream("aac", rate=RATE, layout="stereo")
    stream.bit_rate = 128_000
    track = Soundtrack(match, spec)
    edges = [*range(0, track.length, _AUDIO_CHUNK), track.length]

    def write() -> Iterator[float]:
        for first, end in pairwise(edges):
            frame = av.AudioFrame.from_ndarray(track.samples(first, end - first), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, first, Fraction(1, RATE)
            container.mux(stream.encode(frame))
            yield end / RATE
        container.mux(stream.encode(None))

    return write()

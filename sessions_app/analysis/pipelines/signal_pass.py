"""A pass over a video file that reads packets, sound and some frames.

In a large video, only keyframes and one frame after each are decoded; in a small video, all reference frames.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import av.error
import cv2
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from media_app.av.container import DECODER_OPTIONS, first_video, open_media, presentation_origin

Progress = Callable[[float], None]
SMALL = (96, 54)  # size of the stored keyframes, pixels
SOUND_RATE = 8000  # Hz
BINS_A_SECOND = 10
BIN = SOUND_RATE // BINS_A_SECOND
BAND = (300.0, 3000.0)  # frequency band in Hz that contains speech and hits, but not wind and hum
SILENCE = -100.0
MAX_BINS = BINS_A_SECOND * 3600 * 24  # maximum number of loudness values, enough for one day
MAX_KEYFRAMES = 12_000
PROGRESS_STEP = 0.002
DENSE_PIXELS = 3e9  # maximum pixels of all frames of a small video
FRAMES_BEHIND = 1
TINY = (48, 27)
CHANGE_SECONDS = 0.34
MAX_WAITING = 32


@dataclass(frozen=True, slots=True)
class SignalPass:
    """Signals from one pass over a video file; times are in seconds.

    - times, sizes, keys: time, bytes and keyframe flag of each video packet, in presentation order.
    - band, loudness: levels in dB of the sound from 300 to 3 000 Hz, and of all sound; one value per tenth of a second.
      Empty without sound.
    - key_times, key_pictures: times of k stored keyframes, and their BGR pictures, shape (k, 54, 96, 3).
    - change_times, changes: for each two successive decoded frames, the time midway between them, and the mean
      difference of their luma, converted to frames a tenth of a second apart.
    """

    times: NDArray[np.float64]
    sizes: NDArray[np.float64]
    keys: NDArray[np.bool_]
    band: NDArray[np.float64]
    loudness: NDArray[np.float64]
    key_times: NDArray[np.float64]
    key_pictures: NDArray[np.uint8]
    change_times: NDArray[np.float64]
    changes: NDArray[np.float64]
    end: float
    damaged: bool

    @property
    def has_sound(self) -> bool:
        return len(self.loudness) > 0


def small(frame: VideoFrame) -> NDArray[np.uint8]:
    picture = frame.reformat(width=SMALL[0], height=SMALL[1], format="bgr24", interpolation="AREA")
    return np.asarray(picture.to_ndarray(), np.uint8)


def survey(  # noqa: PLR0915 - one loop and the functions that it calls
    path: str | os.PathLike[str], duration: float, on_progress: Progress | None = None
) -> SignalPass:
    """Measure a file's signals. duration: seconds. Raises :class:`media_app.av.container.MediaError`."""
    with open_media(path) as container:
        video = first_video(container)
        video.codec_context.options = {**DECODER_OPTIONS, "skip_loop_filter": "all"}
        video.codec_context.skip_frame = "NONREF"
        video.codec_context.thread_count = 1
        is_dense = _pixels(video, duration) <= DENSE_PIXELS
        base = float(video.time_base or 0)
        origin = float(presentation_origin(container))
        audio = next(iter(container.streams.audio), None)
        ear = _SoundMeter(origin)
        packets: list[tuple[float, int, bool]] = []
        pictures: dict[float, NDArray[np.uint8]] = {}
        eye = _ChangeMeter()
        damaged = False
        reached = 0.0
        behind = FRAMES_BEHIND

        def see(packet: Any) -> None:
            try:
                frames = video.decode(packet)
            except av.error.InvalidDataError:
                return
            for frame in frames:
                if frame.pts is None:
                    continue
                at = frame.pts * base - origin
                eye.see(at, frame)
                if frame.key_frame:
                    pictures[at] = small(frame)
            if len(pictures) > MAX_KEYFRAMES:
                for at in sorted(pictures)[1::2]:
                    del pictures[at]

        decoder = _DecoderThread(see)
        try:
            try:
                for packet in container.demux([video] if audio is None else [video, audio]):
                    if packet.stream is not video:
                        ear.hear(packet)
                        continue
                    if packet.pts is not None and packet.size:
                        at = packet.pts * base - origin
                        packets.append((at, packet.size, packet.is_keyframe))
                        if on_progress is not None and at >= reached + PROGRESS_STEP * duration:
                            reached = at
                            on_progress(min(1.0, max(0.0, at / duration)) if duration > 0 else 1.0)
                    behind = 0 if packet.is_keyframe else behind + 1
                    if is_dense or behind <= FRAMES_BEHIND or not packet.size:
                        decoder.give(packet)
            except IndexError:
                pass  # PyAV raises IndexError if a track starts late
            finally:
                decoder.end()
        except av.error.FFmpegError:
            damaged = True
    packets.sort()
    times = np.array([one[0] for one in packets], np.float64)
    shown = sorted(pictures)
    key_pictures = np.empty((len(shown), SMALL[1], SMALL[0], 3), np.uint8)
    for number, at in enumerate(shown):
        key_pictures[number] = pictures.pop(at)
    return SignalPass(
        times=times,
        sizes=np.array([one[1] for one in packets], np.float64),
        keys=np.array([one[2] for one in packets], np.bool_),
        band=ear.levels(ear.band),
        loudness=ear.levels(ear.whole),
        key_times=np.array(shown, np.float64),
        key_pictures=key_pictures,
        change_times=np.array(eye.times, np.float64),
        changes=np.array(eye.changes, np.float64),
        end=float(times[-1]) if len(times) else 0.0,
        damaged=damaged,
    )


class _DecoderThread:
    def __init__(self, do: Callable[[Any], object]) -> None:
        self._do = do
        self._pool = ThreadPoolExecutor(1)
        self._waiting: deque[Future[object]] = deque()

    def give(self, packet: Any) -> None:
        """Queue a packet for decoding. Raises the error of an earlier packet if its decoding failed."""
        if len(self._waiting) == MAX_WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._do, packet))

    def end(self) -> None:
        self._pool.shutdown()
        for one in self._waiting:
            one.result()


def _pixels(video: VideoStream, duration: float) -> float:
    rate = float(video.average_rate or video.guessed_rate or 30)
    return duration * rate * video.codec_context.width * video.codec_context.height


class _ChangeMeter:
    def __init__(self) -> None:
        self.times: list[float] = []
        self.changes: list[float] = []
        self._at = -np.inf
        self._luma = np.zeros((0, 0), np.int16)

    def see(self, at: float, frame: VideoFrame) -> None:
        luma = frame.reformat(width=TINY[0], height=TINY[1], format="gray", interpolation="AREA").to_ndarray()
        now = np.asarray(luma, np.int16)
        if 0 < at - self._at <= CHANGE_SECONDS:
            # In steady motion, the difference between frames grows with the square root of the time between them.
            self.changes.append(float(np.abs(now - self._luma).mean()) * float(np.sqrt(0.1 / (at - self._at))))
            self.times.append((at + self._at) / 2)
        self._at, self._luma = at, now


class _SoundMeter:
    def __init__(self, origin: float) -> None:
        self.band: list[float] = []
        self.whole: list[float] = []
        self._origin = origin
        self._resampler: AudioResampler | None = None
        self._layout: Any = None
        self._rest: NDArray[np.float32] = np.zeros(0, np.float32)
        self._window = np.hanning(BIN).astype(np.float32)
        frequencies = np.fft.rfftfreq(BIN, 1 / SOUND_RATE)
        self._inside = (frequencies >= BAND[0]) & (frequencies <= BAND[1])

    def hear(self, packet: Any) -> None:
        """Measure a packet of sound. An undecodable packet counts as silence."""
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            return
        for frame in frames:
            self._take(frame)

    def levels(self, energies: list[float]) -> NDArray[np.float64]:
        values = np.array(energies, np.float64)
        return np.asarray(np.maximum(10 * np.log10(np.maximum(values, 1e-12)), SILENCE))

    def _take(self, frame: AudioFrame) -> None:
        if frame.pts is None or frame.time_base is None:
            return
        layout = (frame.format.name, frame.layout.name, frame.sample_rate)
        if layout != self._layout:
            self._layout = layout
            self._resampler = AudioResampler("flt", "mono", SOUND_RATE)
        assert self._resampler is not None
        at = round((float(frame.pts * frame.time_base) - self._origin) * SOUND_RATE)
        for mixed in self._resampler.resample(frame):
            self._add(at, mixed.to_ndarray()[0])
            at += mixed.samples

    def _add(self, at: int, samples: NDArray[np.float32]) -> None:
        reached = len(self.whole) * BIN + len(self._rest)
        if at < reached:
            # Timestamps are rounded, so ignore small overlaps.
            skip = reached - at if reached - at > BIN // 4 else 0
            samples = samples[skip:]
        elif at - reached > BIN // 4:
            hole = min(at - reached, MAX_BINS * BIN - reached)
            self._rest = np.concatenate([self._rest, np.zeros(max(0, hole), np.float32)])
        self._rest = np.concatenate([self._rest, samples])
        whole = len(self._rest) // BIN
        if not whole or len(self.whole) >= MAX_BINS:
            return
        blocks = self._rest[: whole * BIN].reshape(whole, BIN)
        self._rest = self._rest[whole * BIN :].copy()
        self.whole.extend(np.mean(blocks * blocks, axis=1).tolist())
        spectrum = np.abs(np.fft.rfft(blocks * self._window, axis=1)) ** 2
        self.band.extend((2 * spectrum[:, self._inside].sum(axis=1) / BIN / np.sum(self._window**2)).tolist())


def histograms(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the histograms of Y, Cr and Cb of each picture as shares of its pixels: 16 bins each, shape (n, 48)."""
    pixels = pictures.shape[1] * pictures.shape[2]
    shares = np.zeros((len(pictures), 48), np.float32)
    offsets = 16 * np.arange(3)
    for number, picture in enumerate(pictures):
        colours = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YCrCb), np.uint8).reshape(pixels, 3)
        shares[number] = np.bincount(((colours >> 4) + offsets).ravel(), minlength=48) / pixels
    return shares

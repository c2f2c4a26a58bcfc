"""Recordings of calm real scenes with planted loud or fast events, for measurement A2."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, RATE = 384, 216, 25
SOUND_RATE = 32_000
BLAND = ("sc_intel_car-detection.mp4", "sc_intel_one-by-one-person-detection.mp4")
LIVELY = ("sc_skv_bikes.mp4", "sp_zc_soccer.mp4", "sc_mdn_frog.mp4", "sc_mdn_rabbit320.mp4")
KINDS = ("shout", "crowd", "hits", "shake", "rush", "scene", "both")
EVENT_SECONDS = (3.0, 9.0)
APART_SECONDS = 12.0

Picture = NDArray[np.uint8]
Sound = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Event:
    kind: str
    start: float
    end: float

    @property
    def length(self) -> float:
        return self.end - self.start


def planted(seed: int, seconds: float, count: int) -> list[Event]:
    random = np.random.default_rng([seed, 2])
    lengths = random.uniform(*EVENT_SECONDS, count)
    room = seconds - 2 * APART_SECONDS - lengths.sum() - (count - 1) * APART_SECONDS
    gaps = np.diff(np.sort(random.uniform(0, room, count)), prepend=0.0)
    kinds = [*random.permutation(KINDS), *random.choice(KINDS, max(0, count - len(KINDS)))][:count]
    events, at = [], APART_SECONDS
    for kind, gap, length in zip(kinds, gaps, lengths, strict=True):
        at += gap
        events.append(Event(str(kind), float(at), float(at + length)))
        at += length + APART_SECONDS
    return events


def render(path: Path, media: Path, seed: int, seconds: float = 300.0, count: int = 8) -> list[Event]:
    random = np.random.default_rng([seed, 3])
    events = planted(seed, seconds, count)
    bland = random.permutation(BLAND)[0]
    with av.open(str(path), "w") as container:
        gop = int(random.choice([50, 75, 125, 250]))
        options = {"preset": "veryfast", "crf": str(random.integers(20, 27)), "threads": "1"}
        video = container.add_stream("libx264", rate=RATE, options=options)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.gop_size = gop
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        ground = _ground(media / str(bland), random)
        effects = [_Effect(event, media, np.random.default_rng([seed, 4, n])) for n, event in enumerate(events)]
        for number in range(int(seconds * RATE)):
            picture = next(ground)
            for effect in effects:
                picture = effect.on(picture, number / RATE)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        sound = _sound(events, seconds, random)
        for start in range(0, len(sound), 1024):
            block = av.AudioFrame.from_ndarray(sound[None, start : start + 1024], format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
            container.mux(audio.encode(block))
        container.mux(audio.encode(None))
    return events


def _frames(path: Path) -> Iterator[Picture]:
    while True:
        with av.open(str(path)) as container:
            due = 0.0
            for frame in container.decode(video=0):
                time = float((frame.pts or 0) * (frame.time_base or 0))
                if time < 0:
                    continue
                picture = frame.reformat(width=WIDTH, height=HEIGHT, format="bgr24", interpolation="AREA").to_ndarray()
                while due <= time:
                    due += 1 / RATE
                    yield np.asarray(picture, np.uint8)


def _ground(path: Path, random: np.random.Generator) -> Iterator[Picture]:
    grain = random.normal(0, random.uniform(1.0, 2.5), (16, HEIGHT, WIDTH, 1))
    for number, picture in enumerate(_frames(path)):
        yield np.clip(picture + grain[(number * 7) % 16], 0, 255).astype(np.uint8)


class _Effect:
    def __init__(self, event: Event, media: Path, random: np.random.Generator) -> None:
        self._event = event
        self._random = random
        self._kind = event.kind
        if self._kind == "both":
            self._kind = str(random.choice(["shake", "rush", "scene"]))
        self._amount = float(random.uniform(5, 16))  # amplitude of the camera's shake, pixels
        self._place = np.zeros(2)
        self._speed = random.normal(0, self._amount / 2, 2)
        self._things = [
            (random.uniform(0, HEIGHT), random.uniform(0.6, 2.5), random.uniform(0, 3), random.integers(0, 255, 3))
            for _ in range(int(random.integers(3, 8)))
        ]
        self._other = _frames(media / str(random.choice(LIVELY)))

    def on(self, picture: Picture, time: float) -> Picture:
        if not self._event.start <= time < self._event.end:
            return picture
        if self._kind == "shake":
            # Simulate the camera of a running person as a spring with random pushes.
            self._speed += self._random.normal(0, self._amount / 2, 2) - 0.4 * self._place - 0.2 * self._speed
            self._place = np.clip(self._place + self._speed, -2 * self._amount, 2 * self._amount)
            shift = np.array([[1, 0, self._place[0]], [0, 1, self._place[1]]], np.float32)
            length = max(1, int(np.abs(self._speed).max() / 2))
            blurred = cv2.blur(picture, (length, 1) if abs(self._speed[0]) > abs(self._speed[1]) else (1, length))
            return cv2.warpAffine(blurred, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        if self._kind == "rush":
            drawn = picture.copy()
            for height, speed, phase, colour in self._things:
                at = ((time * speed + phase) % 1.5 - 0.25) * WIDTH
                y = height + 12 * np.sin(9 * time + phase)
                size = 14 + height / HEIGHT * 30
                cv2.ellipse(
                    drawn, (int(at), int(y)), (int(size), int(size * 0.7)), 30 * time, 0, 360, colour.tolist(), -1
                )
            return drawn
        return next(self._other) if self._kind == "scene" else picture


def _sound(events: list[Event], seconds: float, random: np.random.Generator) -> Sound:
    count = int(seconds * SOUND_RATE)
    times = np.arange(count) / SOUND_RATE
    level = 0.006 * np.exp(0.5 * np.interp(times, np.linspace(0, seconds, 12), random.normal(0, 1, 12)))
    sound = level * _pink(random, count) + 0.01 * np.sin(2 * np.pi * 50 * times)
    for _ in range(int(seconds / 12)):
        at = random.uniform(0, seconds - 3)
        _add(sound, at, _voice(random, random.uniform(0.5, 2.5)) * random.uniform(0.004, 0.012))
    for _ in range(int(seconds / 30)):
        at = random.uniform(0, seconds - 1)
        click = random.normal(0, 0.2, 400) * np.exp(-np.arange(400) / 80)
        _add(sound, at, click)
    for event in events:
        kind = event.kind if event.kind != "both" else str(random.choice(["shout", "crowd", "hits"]))
        length = event.length
        loud = random.uniform(0.05, 0.2)
        if kind == "shout":
            _add(sound, event.start, loud * _voice(random, length))
        elif kind == "crowd":
            swell = np.minimum(1, np.minimum(np.linspace(0, length, int(length * SOUND_RATE)), 1.0) / 0.7)
            _add(sound, event.start, 0.7 * loud * swell * _pink(random, len(swell)))
        elif kind == "hits":
            at = 0.0
            while at < length - 0.3:
                ring = np.sin(2 * np.pi * random.uniform(400, 2000) * np.arange(6000) / SOUND_RATE)
                _add(sound, event.start + at, 2 * loud * ring * np.exp(-np.arange(6000) / 1200))
                at += random.uniform(0.25, 0.9)
    return np.clip(sound, -1, 1).astype(np.float32)


def _add(sound: NDArray[np.float64], at: float, what: NDArray[np.float64]) -> None:
    first = int(at * SOUND_RATE)
    what = what[: max(0, len(sound) - first)]
    sound[first : first + len(what)] += what


def _pink(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(random.normal(0, 1, count))
    spectrum /= np.sqrt(np.maximum(1, np.arange(len(spectrum)) / count * 32_000 / 200))
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / noise.std())


def _voice(random: np.random.Generator, seconds: float) -> NDArray[np.float64]:
    count = int(seconds * SOUND_RATE)
    times = np.arange(count) / SOUND_RATE
    pitch = random.uniform(110, 260) * (1 + 0.1 * np.sin(2 * np.pi * random.uniform(0.5, 2) * times))
    phase = 2 * np.pi * np.cumsum(pitch) / SOUND_RATE
    voice = np.zeros(count)
    for number in range(1, 18):
        frequency = number * float(pitch.mean())
        weight = sum(np.exp(-(((frequency - formant) / 220) ** 2)) for formant in (600, 1300, 2500)) + 0.05
        voice += weight * np.sin(number * phase + random.uniform(0, 6))
    syllables = 0.25 + 0.75 * np.clip(np.sin(2 * np.pi * random.uniform(2.5, 5) * times) + 0.3, 0, 1)
    voice *= syllables
    return voice / max(1e-6, float(voice.std()))


def media() -> Path:
    """Return the folder of the real clips, which the user must provide."""
    folder = os.environ.get("VOD_BENCH_MEDIA", "")
    if not folder or not (Path(folder) / BLAND[0]).is_file():
        raise SystemExit("Set VOD_BENCH_MEDIA to the folder of the real clips for measuring.")
    return Path(folder)

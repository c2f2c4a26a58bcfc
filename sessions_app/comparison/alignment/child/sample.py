"""Timer readings of a video, mostly at keyframes, which are the fastest to decode."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

import numpy as np

from media_app.av.frames import Box, Image, Picture, VideoFile
from sessions_app.comparison.alignment.child.fit import Sample
from sessions_app.comparison.alignment.child.reader import TimerReader
from sessions_app.comparison.alignment.child.timer_text import GameProfile

SPACING = 15.0  # usual seconds between two readings
LEAST = 40  # minimum number of readings of a video
MAX_AT_FIRST = 240
BATCH = 8
WALK_PIXELS = 4000 * 1920 * 1080  # maximum total pixels decoded per video to reach frames between keyframes
STEP_SECONDS = 2.0  # seconds between the frames read after a keyframe, if keyframes are rare
CLOSE = 1e-4

Report = Callable[[int, int], None]


class Source:
    """A video, its timer's box, and the readings so far, for one thread at a time.

    Raises :class:`media_app.av.container.MediaError` if the file cannot be opened.
    """

    def __init__(self, vod_id: str, path: str | os.PathLike[str], reader: TimerReader, profile: GameProfile) -> None:
        self.vod_id = vod_id
        self.file = VideoFile(path)
        self.box: Box | None = None
        self._reader = reader
        self._profile = profile
        self._samples: dict[float, Sample] = {}
        self._tried: set[float] = set()
        self._walk_budget = WALK_PIXELS // max(1, self.file.width * self.file.height)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    @property
    def samples(self) -> list[Sample]:
        return [self._samples[time] for time in sorted(self._samples)]

    @property
    def frame(self) -> float:
        return 1.0 / self.file.fps

    def set_box(self, box: Box) -> None:
        self.box = box
        self._samples.clear()
        self._tried.clear()

    def read(self, pictures: Iterable[Picture]) -> list[Sample]:
        found: list[Sample] = []
        times: list[float] = []
        crops: list[Image] = []
        for picture in pictures:
            times.append(picture.time)
            crops.append(self.crop(picture))
            if len(crops) == BATCH:
                found += self._note(times, crops)
                times, crops = [], []
        return found + self._note(times, crops)

    def crop(self, picture: Picture) -> Image:
        assert self.box is not None
        return picture.crop(self.box)

    def read_crops(self, times: Sequence[float], crops: Sequence[Image]) -> list[Sample]:
        readings = self._reader.read(crops, self._profile)
        return [Sample(t, r) for t, r in zip(times, readings, strict=True)]

    def _note(self, times: Sequence[float], crops: Sequence[Image]) -> list[Sample]:
        samples = self.read_crops(times, crops)
        self._samples.update({round(s.time, 6): s for s in samples})
        return samples

    def pictures(self, keyframes: Iterable[float]) -> Iterable[Picture]:
        for time in keyframes:
            picture = self.file.keyframe(time)
            if picture is not None:
                yield picture

    def spread(self, count: int) -> list[float]:
        return self.nearest(np.linspace(0, self.file.duration, 2 * count + 1)[1::2])

    def looks(self, count: int) -> list[Picture]:
        keyframes = self.spread(count)
        missing = count - len(keyframes)
        if missing <= 0 or not keyframes:
            return list(self.pictures(keyframes))
        steps = [STEP_SECONDS * (1 + number // len(keyframes)) for number in range(missing)]
        times = [keyframes[n % len(keyframes)] + step for n, step in enumerate(steps)]
        between = self._between([time for time in times if time < self.file.duration])
        return [*self.pictures(keyframes), *between]

    def nearest(self, times: Iterable[float]) -> list[float]:
        keyframes = self.file.keyframes
        if not len(keyframes):
            return []
        wanted = np.asarray(list(times), np.float64)
        right = np.clip(np.searchsorted(keyframes, wanted), 1, max(1, len(keyframes) - 1))
        right = np.minimum(right, len(keyframes) - 1)
        left = np.maximum(right - 1, 0)
        choice = np.where(np.abs(keyframes[left] - wanted) <= np.abs(keyframes[right] - wanted), left, right)
        return [float(keyframes[k]) for k in np.unique(choice)]

    def even_times(self) -> list[float]:
        count = max(LEAST, min(MAX_AT_FIRST, round(self.file.duration / SPACING)))
        return [float(t) for t in np.linspace(0, self.file.duration, 2 * count + 1)[1::2]]

    def sample_trial(self, count: int) -> None:
        times = self.even_times()
        self.sample_near(times[:: max(1, len(times) // count)], lambda done, of: None)

    def sample_gaps(self, report: Report = lambda done, of: None) -> None:
        known = np.array([0.0, *sorted(self._samples), self.file.duration])
        gaps = np.diff(known)
        middles = (known[:-1] + known[1:]) / 2
        self.sample_near([float(t) for t in middles[gaps > 0.5 * np.median(gaps)]], report)

    def sample_near(self, times: Sequence[float], report: Report) -> None:
        self._read_keyframes(times, report)
        spacing = (max(times) - min(times)) / max(1, len(times) - 1) if len(times) > 1 else SPACING
        self._sample_between([t for t in times if self._has_no_sample_near(t, 0.75 * spacing)])

    def _read_keyframes(self, times: Sequence[float], report: Report) -> None:
        chosen = [k for k in self.nearest(times) if k not in self._tried]
        self._tried.update(chosen)
        for start in range(0, len(chosen), BATCH):
            part = chosen[start : start + BATCH]
            self.read(self.pictures(part))
            report(start + len(part), len(chosen))

    def _has_no_sample_near(self, time: float, distance: float) -> bool:
        known = sorted(self._samples)
        place = bisect_left(known, time)
        return all(abs(t - time) > distance for t in known[max(0, place - 1) : place + 1])

    def _sample_between(self, times: Sequence[float]) -> None:
        self.read(self._between(times))

    def _between(self, times: Sequence[float]) -> Iterable[Picture]:
        keyframes = self.file.keyframes
        groups: dict[float, list[float]] = {}
        for time in sorted(times):
            place = int(np.searchsorted(keyframes, time, "right")) - 1
            groups.setdefault(float(keyframes[max(0, place)]), []).append(time)
        # Start with frames shortly after a keyframe, which are the fastest to decode.
        for start, wanted in sorted(groups.items(), key=lambda item: item[1][0] - item[0]):
            reachable = [time for time in wanted if round((time - start) * self.file.fps) < self._walk_budget]
            if reachable:
                self._walk_budget -= round((reachable[-1] - start) * self.file.fps) + 1
                yield from self._walk_to(start, reachable)

    def _walk_to(self, start: float, wanted: Sequence[float]) -> Iterable[Picture]:
        left = list(wanted)
        for picture in self.file.iterate_frames(start, wanted[0]):
            if picture.time >= left[0] - CLOSE:
                yield picture
                while left and picture.time >= left[0] - CLOSE:
                    left.pop(0)
                if not left:
                    return

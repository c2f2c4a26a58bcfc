"""Replacement of text with its background.

The painter opens the video itself, so that it can read ahead: later frames often show the pixels behind the text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import Self

import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.frames import Image, Picture, VideoFile
from media_app.av.source import Source
from sessions_app.prosync.engine.frame_patching.painting import Patch, Run
from sessions_app.prosync.engine.text_removal.background import HALF, Background, Flow, View, motion
from sessions_app.prosync.engine.text_removal.finding import Found
from sessions_app.prosync.engine.text_removal.region import Region, merged
from sessions_app.prosync.engine.text_removal.sightings import Text

AHEAD = 20
WINDOW_BYTES = 192 * 1024 * 1024
KEPT_PIXELS = 24_000_000
LINGER = 3.5  # maximum number of frames in which a line fades in before its start, or fades out after its end
AROUND = 0.75
MIN_AROUND, MAX_AROUND = 24, 64
# Minimum speed of the background relative to the text, in pixels per frame. At lower speeds, other frames show hardly
# any hidden pixels.
SLOW = 0.04
FEATHER = 1.0
COLOURS = 1500
RIDGE = 50.0
MAX_VIEWS = 4
# Hidden pixels are copied from earlier and later frames at these distances. The unit is the number of frames in which
# the background moves by the width of a stroke.
STEPS = (1.0, 1.6, 0.6)


@dataclass(slots=True)
class _Frame:
    picture: Picture
    views: dict[Region, View] = field(default_factory=dict)


class TextPainter:
    """A context manager that replaces found text with its background.

    Paint the frames in ascending order of time, because each step back in time needs a seek, which is slow.
    """

    def __init__(self, source: Source, found: Found, threads: int = 1) -> None:
        self._found = found
        self._video = VideoFile(source.path, threads)
        self._behind = VideoFile(source.path, 1)
        self._length = 1.0 / self._video.fps
        frame_bytes = max(1, self._video.width * self._video.height * 3 // 2)
        self._ahead = max(2, min(AHEAD, WINDOW_BYTES // frame_bytes // 2))
        self._frames: deque[_Frame] = deque()
        self._coming: Iterator[Picture] = iter(())
        self._asked = np.inf
        self._kept: set[Region] = set()
        self._masks: dict[Text, NDArray[np.uint8]] = {}
        self._plates: dict[tuple[float, Region], View | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._video.close()
        self._behind.close()

    @property
    def runs(self) -> list[Run]:
        return [Run(start, end, self, whole=True) for start, end in self._found.spans]

    def paint(self, image: NDArray[np.uint8], seconds: float) -> Sequence[Patch]:
        texts = [text for text in self._found.texts if text.start - 1e-4 <= seconds < text.end - 1e-4]
        if not texts:
            return []
        self._read_to(seconds)
        height, width = image.shape[:2]
        regions = merged(
            text.place(seconds).grown(_margin(text.region.height)).inside(width, height) for text in texts
        )  # fmt: skip
        patches = []
        for region in regions:
            if region.is_empty:
                continue
            patch = self._patch(image, seconds, region, [text for text in texts if region.meets(text.place(seconds))])
            if patch is not None:
                patches.append(patch)
        return patches

    def _patch(self, image: NDArray[np.uint8], seconds: float, region: Region, texts: Sequence[Text]) -> Patch | None:
        fits = region.width * region.height * len(self._frames) <= KEPT_PIXELS
        self._kept = {region} if fits and all(text.is_still for text in texts) else set()
        shown = np.ascontiguousarray(image[region.slices])
        hidden = self._hidden(seconds, region, texts)
        allowed = self._allowed(region)
        if not (hidden & allowed).any():
            return None
        frame = self._frame_at(seconds)
        if frame is None:
            clean = Background(View(shown, hidden)).picture()
        else:
            now = self._view(frame, region)
            own = View(now.image, hidden)
            ground = Background(own)
            for other, guess in islice(self._others(ground, region, seconds, texts), MAX_VIEWS):
                ground.add(other, guess)
                if ground.is_known:
                    break
            clean = _recoloured(ground.picture(), own, shown)
        alpha = cv2.GaussianBlur(hidden.astype(np.float32) / 255, (0, 0), FEATHER)
        # Make the new pixels fully opaque inside the strokes, so that the text does not shine through.
        alpha = np.where(cv2.erode(hidden, np.ones((3, 3), np.uint8)) > 0, 1.0, alpha) * (allowed > 0)
        return Patch(region.x, region.y, clean, np.asarray(alpha, np.float32))

    def _others(
        self, ground: Background, region: Region, seconds: float, texts: Sequence[Text]
    ) -> Iterator[tuple[View, Flow | None]]:
        number = next((n for n, frame in enumerate(self._frames) if abs(frame.picture.time - seconds) < 1e-4), None)
        pace = None if number is None else self._pace(ground.now, region, number)
        steps = [] if number is None or pace is None else self._steps(ground, pace, region, number, texts)
        if number is not None and pace is not None:
            yield from self._around(region, number, steps, pace)
        for text in texts:
            for moment in self._moments_without(text):
                plate = self._plate(moment, region)
                if plate is not None:
                    yield plate, None
        if number is not None and pace is not None and not steps:
            yield from self._around(region, number, self._steps(ground, pace, region, number, texts), pace)

    def _around(
        self, region: Region, number: int, steps: Sequence[int], pace: Flow
    ) -> Iterator[tuple[View, Flow | None]]:
        for step in steps:
            for apart in (step, -step):
                other = number + apart
                if 0 <= other < len(self._frames) and self._is_searched(self._frames[other].picture.time):
                    yield self._view(self._frames[other], region), pace * np.float32(apart)

    def _pace(self, now: View, region: Region, number: int) -> Flow | None:
        for apart in (1, -1):
            if 0 <= number + apart < len(self._frames):
                return motion(now, self._view(self._frames[number + apart], region)) * np.float32(apart)
        return None

    def _steps(self, ground: Background, pace: Flow, region: Region, number: int, texts: Sequence[Text]) -> list[int]:
        now = self._frames[number].picture.time
        left = cv2.resize(ground.open.astype(np.float32), pace.shape[1::-1], interpolation=cv2.INTER_AREA) > HALF
        fastest = 0.0
        for text in texts:
            before, after = text.place(now), text.place(now + self._length)
            height, width = pace.shape[:2]
            part = before.moved(-region.x, -region.y).scaled(HALF, HALF).inside(width, height)
            if not part.is_empty and left[part.slices].any():
                own = np.array([after.x - before.x, after.y - before.y])
                apart = pace[part.slices][left[part.slices]] / HALF - own
                fastest = max(fastest, float(np.percentile(np.hypot(apart[..., 0], apart[..., 1]), 75)))
        if fastest < SLOW:
            return []
        steps = (max(1, min(self._ahead, round(ground.now.thickness / fastest * share))) for share in STEPS)
        return list(dict.fromkeys(steps))

    def _moments_without(self, text: Text) -> list[float]:
        moments = []
        if text.appears and text.is_still:
            moments.append(text.start - (LINGER + 0.5) * self._length)
        if text.vanishes and text.is_still:
            moments.append(text.end + (LINGER + 0.5) * self._length)
        return [moment for moment in moments if moment >= 0 and self._is_searched(moment)]

    def _plate(self, moment: float, region: Region) -> View | None:
        key = moment, region
        if key not in self._plates:
            if len(self._plates) > 16:
                self._plates.pop(next(iter(self._plates)))
            try:
                picture = self._behind.frame_at(moment)
            except av.error.FFmpegError:
                picture = None
            self._plates[key] = None if picture is None else self._look(picture, region)
        return self._plates[key]

    def _is_searched(self, seconds: float) -> bool:
        return self._found.start - 1e-4 <= seconds < self._found.end

    def _read_to(self, seconds: float) -> None:
        reach = (self._ahead + 0.5) * self._length
        if seconds < self._asked or not self._frames or seconds - self._frames[-1].picture.time > reach:
            self._frames.clear()
            self._coming = self._walk(seconds - reach)
        self._asked = seconds
        while not self._frames or sum(frame.picture.time > seconds for frame in self._frames) < self._ahead:
            picture = next(self._coming, None)
            if picture is None:
                break
            self._frames.append(_Frame(picture))
            while sum(frame.picture.time < seconds - 1e-4 for frame in self._frames) > self._ahead:
                self._frames.popleft()

    def _walk(self, start: float) -> Iterator[Picture]:
        try:
            for picture in self._video.iterate_frames(max(start, self._video.first_time), start):
                if picture.time >= start:
                    yield picture
        except av.error.FFmpegError:
            return  # the file is truncated

    def _frame_at(self, seconds: float) -> _Frame | None:
        nearest = min(self._frames, key=lambda frame: abs(frame.picture.time - seconds), default=None)
        if nearest is None or abs(nearest.picture.time - seconds) > self._length / 4:
            return None
        return nearest

    def _view(self, frame: _Frame, region: Region) -> View:
        if region in frame.views:
            return frame.views[region]
        view = self._look(frame.picture, region)
        if region in self._kept:
            frame.views[region] = view
        return view

    def _look(self, picture: Picture, region: Region) -> View:
        image = picture.crop(region.box(self._video.width, self._video.height))
        if image.shape[:2] != (region.height, region.width):
            image = np.asarray(cv2.resize(image, (region.width, region.height)), np.uint8)
        linger = LINGER * self._length
        texts = [
            text for text in self._found.texts
            if text.start - linger <= picture.time < text.end + linger and text.place(picture.time).meets(region)
        ]  # fmt: skip
        return View(image, self._hidden(picture.time, region, texts))

    def _hidden(self, seconds: float, region: Region, texts: Sequence[Text]) -> NDArray[np.uint8]:
        hidden = np.zeros((region.height, region.width), np.uint8)
        for text in texts:
            place = text.place(seconds)
            common = place.common(region)
            if common.is_empty:
                continue
            part = self._mask(text)[common.moved(-place.x, -place.y).slices]
            target = hidden[common.moved(-region.x, -region.y).slices]
            np.maximum(target, part, out=target)
        return hidden

    def _mask(self, text: Text) -> NDArray[np.uint8]:
        if text not in self._masks:
            if len(self._masks) > 200:
                self._masks.clear()
            mask = cv2.imdecode(np.frombuffer(text.mask, np.uint8), cv2.IMREAD_GRAYSCALE)
            self._masks[text] = np.asarray(mask, np.uint8)
        return self._masks[text]

    def _allowed(self, region: Region) -> NDArray[np.uint8]:
        allowed = np.zeros((region.height, region.width), np.uint8)
        for part in self._found.within:
            common = part.common(region)
            if not common.is_empty:
                allowed[common.moved(-region.x, -region.y).slices] = 255
        return allowed


def _margin(height: int) -> int:
    return min(MAX_AROUND, max(MIN_AROUND, round(AROUND * height)))


def _recoloured(clean: Image, own: View, shown: Image) -> Image:
    """Return ``shown`` with its text replaced by pixels of ``clean``.

    An affine map adapts the colours of ``clean`` to those of ``shown``, because the painter and the caller convert
    frames to BGR by different linear maps.
    """
    seen, hidden = np.flatnonzero(own.hidden == 0), own.hidden > 0
    picture = shown.copy()
    if len(seen) < COLOURS // 100:
        picture[hidden] = clean[hidden]
        return picture
    chosen = seen[:: max(1, len(seen) // COLOURS)]
    mine = own.image.reshape(-1, 3)[chosen].astype(np.float32)
    shift = shown.reshape(-1, 3)[chosen].astype(np.float32) - mine
    centre, apart = mine.mean(axis=0), shift.mean(axis=0)
    # Use ridge regression, because least squares is unstable if the visible pixels have almost the same colour.
    spread = mine - centre
    slope = np.linalg.solve(spread.T @ spread + RIDGE * np.eye(3, dtype=np.float32), spread.T @ (shift - apart))
    values = clean[hidden].astype(np.float32)
    picture[hidden] = np.clip(np.rint(values + apart + (values - centre) @ slope), 0, 255).astype(np.uint8)
    return picture

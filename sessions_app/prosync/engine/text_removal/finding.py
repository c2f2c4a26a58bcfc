"""Frame-accurate search for lines of text in a video.

Every half second, if the picture changed, the detector searches a frame. New lines are followed forwards, and backwards
to the previous search.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.frames import WHOLE, Box, Image, Picture, VideoFile
from media_app.av.source import Progress, Source
from sessions_app.prosync.engine.text_removal.detector import TextDetector
from sessions_app.prosync.engine.text_removal.region import Region, merged
from sessions_app.prosync.engine.text_removal.sightings import MIN_FRAMES, Pattern, Sighting, Text, Track
from sessions_app.prosync.engine.text_removal.strokes import stroke_mask

LOOK_EVERY = 0.5
HELD = 64
FOLLOW_PIXELS = 960 * 544
# A frame is searched only if at least CHANGED_PIXELS pixels changed by more than CHANGED_LEVELS levels of grey.
CHANGED_LEVELS, CHANGED_PIXELS = 24, 30
COVERED = 0.5  # a found line is new if less than this share of its area is covered by known lines
LONGER = 1.5
# Large, compact areas, such as faces, do not count as lines of text: their shorter side exceeds ``LARGE`` of the
# picture's height, and their longer side is below ``LONG`` times the shorter side. If the caller gives regions, every
# detected area counts.
LARGE, LONG = 0.12, 3.0
MAX_LINES = 48
MARGIN = 0.4  # width of the background examined around a line, in line heights
LOOSE = 0.05
SOUGHT = 2


@dataclass(frozen=True, slots=True)
class Found:
    """The results of a search for text. within: regions in which pixels may be changed."""

    texts: tuple[Text, ...]
    width: int
    height: int
    within: tuple[Region, ...]
    start: float
    end: float
    looks: int

    @property
    def spans(self) -> list[tuple[float, float]]:
        """Return the parts of the video with text as (start, end) in seconds, sorted and disjoint."""
        joined: list[tuple[float, float]] = []
        for text in sorted(self.texts, key=lambda one: one.start):
            if joined and text.start <= joined[-1][1]:
                joined[-1] = joined[-1][0], max(joined[-1][1], text.end)
            else:
                joined.append((text.start, text.end))
        return joined

    def as_json(self) -> list[dict[str, object]]:
        return [
            {"start": round(text.start, 3), "end": round(text.end, 3),
             "box": text.extent.inside(self.width, self.height).box(self.width, self.height).as_json()}
            for text in self.texts
        ]  # fmt: skip


def find_text(
    source: Source,
    *,
    regions: Sequence[Box] = (),
    start: float = 0.0,
    end: float | None = None,
    detector: TextDetector | None = None,
    threads: int = 1,
    on_progress: Progress | None = None,
) -> Found:
    """Return lines of text from ``start`` to ``end`` (seconds), in ``regions`` or everywhere.

    Raise :class:`media_app.av.container.MediaError` and
    :class:`sessions_app.prosync.engine.text_removal.detector.DetectorMissing`.
    """
    tell = on_progress or (lambda share: None)
    detector = detector or TextDetector(threads)
    with VideoFile(source.path, threads) as video:
        finding = _Finding(video, regions, detector)
        last = video.duration if end is None else min(end, video.duration)
        try:
            for picture in video.iterate_frames(max(start, video.first_time)):
                if picture.time < start - 1e-6:
                    continue
                if end is not None and picture.time >= end - 1e-6:
                    break
                finding.take(picture)
                tell(min(1.0, (picture.time - start) / max(1e-3, last - start)))
        except av.error.FFmpegError:
            pass  # the file is truncated
        texts = finding.finish(last if end is not None else np.inf)
        tell(1.0)
        return Found(
            tuple(texts), video.width, video.height, tuple(finding.within), start, np.inf if end is None else end,
            finding.looks,
        )  # fmt: skip


@dataclass(slots=True)
class _Held:
    seconds: float
    grey: NDArray[np.uint8]


class _Finding:
    """A search for text in the frames of a video. Text on objects in the scene is ignored, unless ``boxes`` are given.

    within: the searched regions, in displayed pixels.
    """

    def __init__(self, video: VideoFile, boxes: Sequence[Box], detector: TextDetector) -> None:
        self._size = video.width, video.height
        self.within = merged(Region.of(box.clipped(), *self._size) for box in boxes or (WHOLE,))
        self._width = min(video.width, round(video.width * min(1.0, (FOLLOW_PIXELS / np.prod(self._size)) ** 0.5)))
        self._is_shown = bool(boxes)
        self._detector = detector
        self._held: deque[_Held] = deque(maxlen=HELD)
        self._looked: _Held | None = None
        self._tracks: list[Track] = []
        self._texts: list[Text] = []
        self.looks = 0
        self._now = 0.0
        self._since = 0

    def take(self, picture: Picture) -> None:
        small = picture.scaled(self._width)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        self._now = picture.time
        self._follow(grey, picture.time)
        self._held.append(_Held(picture.time, grey))
        self._since += 1
        first = self._looked is None
        if first or self._since >= HELD or picture.time >= self._looked_at + LOOK_EVERY:
            self._look(picture, small, grey)

    def finish(self, end: float) -> list[Text]:
        if self._held:
            length = self._held[-1].seconds - self._held[-2].seconds if len(self._held) > 1 else 0.04
            for track in self._tracks:
                self._close(track, min(end, self._held[-1].seconds + length), vanishes=False)
        self._tracks = []
        return sorted(self._texts, key=lambda text: text.start)

    @property
    def _looked_at(self) -> float:
        return self._looked.seconds if self._looked is not None else -np.inf

    def _follow(self, grey: NDArray[np.uint8], seconds: float) -> None:
        for track in list(self._tracks):
            if not track.follow(grey, seconds):
                self._tracks.remove(track)
                self._close(track, seconds, vanishes=True)

    def _look(self, picture: Picture, small: Image, grey: NDArray[np.uint8]) -> None:
        before, self._looked, self._since = self._looked, _Held(picture.time, grey), 0
        if before is None or _differ(before.grey, grey):
            self.looks += 1
            lines = self._lines(small)
            for line in self._fresh(lines):
                if len(self._tracks) < MAX_LINES:
                    self._begin(line, lines, small, grey, picture.time)
        everything = [track.region for track in self._tracks]
        for track in self._tracks:
            self._see(track, picture, everything, small.shape)
        self._held.clear()
        self._held.append(self._looked)

    def _lines(self, small: Image) -> list[Region]:
        height, width = small.shape[:2]
        found = []
        for part in self._searched(width, height):
            lines = self._detector.find(small[part.slices])
            found += [line.moved(part.x, part.y) for line in lines]
        return found if self._is_shown else [line for line in found if _is_line(line, height)]

    def _searched(self, width: int, height: int) -> list[Region]:
        across, down = width / self._size[0], height / self._size[1]
        parts = [part.scaled(across, down).inside(width, height) for part in self.within]
        return [part for part in parts if not part.is_empty]

    def _fresh(self, lines: Sequence[Region]) -> list[Region]:
        fresh = []
        for line in lines:
            area, height = _area(line), min(line.width, line.height)
            parts = [track for track in self._tracks if track.region.meets(line)]
            covered = sum(_area(track.region.common(line)) for track in parts)
            if covered < COVERED * area or area - covered > LONGER * height**2:
                fresh.append(line)
                for track in parts:
                    if _area(track.region.common(line)) > 0.8 * _area(track.region):
                        self._tracks.remove(track)
                        self._close(track, self._now, vanishes=False)
        return fresh

    def _begin(
        self, line: Region, lines: Sequence[Region], small: Image, grey: NDArray[np.uint8], seconds: float
    ) -> None:
        height, width = grey.shape
        sighting, around = _sighting(small, line, lines)
        mask = stroke_mask([sighting.image], sighting.line, sighting.ground)
        region = line.grown(SOUGHT).inside(width, height)
        pattern = Pattern(grey, region, mask[region.moved(-around.x, -around.y).slices])
        if not pattern.is_usable:
            return
        track = Track(pattern, [(seconds, 0.0, 0.0)])
        for held in reversed(self._held):
            if held.seconds < seconds and not track.follow(held.grey, held.seconds, backward=True):
                track.appears = True
                break
        self._tracks.append(track)

    def _see(self, track: Track, picture: Picture, everything: Sequence[Region], small: tuple[int, ...]) -> None:
        width, height = self._size
        across, down = width / small[1], height / small[0]
        _, x, y = track.places[-1]
        line = track.pattern.region.scaled(across, down).moved(round(x * across), round(y * down))
        margin = max(8, round(MARGIN * line.height))
        whole = line.grown(margin)
        inner = whole.inside(width, height)
        if inner.is_empty:
            return
        crop = picture.crop(inner.box(width, height))
        if crop.shape[:2] != (inner.height, inner.width):
            crop = np.asarray(cv2.resize(crop, (inner.width, inner.height)), np.uint8)
        image = cv2.copyMakeBorder(
            crop, inner.y - whole.y, whole.bottom - inner.bottom, inner.x - whole.x, whole.right - inner.right,
            cv2.BORDER_REPLICATE,
        )  # fmt: skip
        inside = np.zeros(image.shape[:2], bool)
        edge = margin - round(LOOSE * line.height)
        inside[edge:-edge, edge:-edge] = True
        ground = ~inside
        for other in everything:
            ground[_slices(other.scaled(across, down).moved(-whole.x, -whole.y), ground.shape)] = False
        outside = np.ones(ground.shape, bool)
        outside[_slices(inner.moved(-whole.x, -whole.y), ground.shape)] = False
        sighting = Sighting(np.asarray(image, np.uint8), inside & ~outside, ground & ~outside)
        if not track.sightings or sighting.line.sum() >= track.sightings[0].line.sum():
            track.see(sighting)

    def _close(self, track: Track, end: float, *, vanishes: bool) -> None:
        if not track.sightings or len(track.places) < MIN_FRAMES or not (self._is_shown or track.is_overlay):
            return
        width, height = self._size
        small = self._width, max(2, round(height * self._width / width))
        across, down = width / small[0], height / small[1]
        sightings = track.sightings
        line = np.logical_and.reduce([one.line for one in sightings])
        ground = np.logical_and.reduce([one.ground for one in sightings])
        if not line.any():
            return
        mask = stroke_mask([one.image for one in sightings], line, ground)
        if not mask.any():
            return
        first = track.pattern.region.scaled(across, down)
        x, y, wide, high = cv2.boundingRect(mask)
        corner = first.grown(max(8, round(MARGIN * first.height)))
        region = Region(x, y, x + wide, y + high).moved(corner.x, corner.y)
        times, shifts = _runs(track.steady_places(), across, down)
        _, png = cv2.imencode(".png", mask[y : y + high, x : x + wide])
        self._texts.append(
            Text(track.places[0][0], end, region, png.tobytes(), times, shifts, track.appears, vanishes)
        )  # fmt: skip


def _sighting(small: Image, line: Region, lines: Sequence[Region]) -> tuple[Sighting, Region]:
    height, width = small.shape[:2]
    around = line.grown(max(4, round(MARGIN * line.height))).inside(width, height)
    inside = np.zeros((around.height, around.width), bool)
    inside[_slices(line.moved(-around.x, -around.y), inside.shape)] = True
    ground = ~inside
    for other in lines:
        ground[_slices(other.moved(-around.x, -around.y), ground.shape)] = False
    return Sighting(small[around.slices], inside, ground), around


def _slices(region: Region, shape: tuple[int, ...]) -> tuple[slice, slice]:
    part = region.inside(shape[1], shape[0])
    return part.slices if not part.is_empty else (slice(0, 0), slice(0, 0))


def _is_line(region: Region, height: int) -> bool:
    """Return whether the shape of a detected region fits a line of text. The text detector also reports faces."""
    shorter, longer = sorted((region.width, region.height))
    return shorter <= LARGE * height or longer >= LONG * shorter


def _area(region: Region) -> int:
    return 0 if region.is_empty else region.width * region.height


def _differ(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    if one.shape != other.shape:
        return True
    return int(np.count_nonzero(cv2.absdiff(one, other) > CHANGED_LEVELS)) >= CHANGED_PIXELS


def _runs(
    places: Sequence[tuple[float, float, float]], across: float, down: float
) -> tuple[tuple[float, ...], tuple[tuple[int, int], ...]]:
    times: list[float] = []
    shifts: list[tuple[int, int]] = []
    for seconds, x, y in places:
        shift = round(x * across), round(y * down)
        if not shifts or shift != shifts[-1]:
            times.append(seconds)
            shifts.append(shift)
    return tuple(times), tuple(shifts)

"""Shot edges: cuts, dissolves and fades.

A dissolve mixes the old and the new picture in changing shares (Truong, Dorai and Venkatesh, 2000).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.frames import VideoFile
from sessions_app.analysis.pipelines.signal_pass import SMALL, histograms

Floats = NDArray[np.float32]
COARSE = (24, 14)  # size in pixels of the compared pictures; small moving objects disappear at this size
FINE = (48, 27)
BLOCK = 1500
OVERLAP_SECONDS = 4.0
COLOURS_APART = 6.0
# Limits for cuts
CUT = 0.15  # minimum difference of the pictures at a cut, measured by ``_PictureFeatures.apart`` (0: equal pictures)
# Minimum ratio of the picture difference at a cut to the picture differences around it: CUT_RATIO if the difference at
# the cut is at least 2 * CUT, otherwise CUT_RATIO_SMALL.
CUT_RATIO, CUT_RATIO_SMALL = 3.0, 8.0
AROUND_SECONDS = 0.35
RETURNS_SECONDS = 0.6
# A change is no cut if the old picture returns, as after a flash. Pictures look alike if they differ by less than
# RETURNS[0] × (size of the change) + RETURNS[1].
RETURNS = (0.30, 0.06)
# Limits for fades
ONE_COLOUR = 7.0  # maximum standard deviation of luma in a plain picture
BLACK, WHITE = 45.0, 205.0  # maximum mean luma of a plain black picture, minimum mean luma of a plain white picture
GREY = 12.0
FADE_SECONDS = 2.5
SAME_SHOT = 0.15
# Limits for dissolves
LENGTHS = (1 / 3, 0.47, 2 / 3, 0.93, 1.27, 1.6)
# Maximum correlation between the luma of a dissolve's first and last picture: ENDS_ALIKE_WHOLE for all pixels,
# ENDS_ALIKE for the pixels outside black bars.
ENDS_ALIKE_WHOLE, ENDS_ALIKE = 0.97, 0.75
ENDS_APART = 14.0
# A dissolve's middle picture is compared with the best mix of the first and the last picture. This is the maximum
# squared error, divided by the squared difference between the first and the last picture.
MIXED = 0.16
CHANGED = 12.0
CHANGED_SHARE = 0.2
CHANGED_MIDDLE = 0.24
BAR = 24.0
BAR_SHARE = 0.1


class EdgeKind(StrEnum):
    CUT = "cut"
    DISSOLVE = "dissolve"
    FADE = "fade"


@dataclass(frozen=True, slots=True)
class Edge:
    """A shot edge in seconds. A cut starts and ends at the new shot's first frame."""

    kind: EdgeKind
    start: float
    end: float

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


def find_edges(
    path: str | os.PathLike[str], start: float = 0.0, end: float = float("inf"), threads: int = 2,
    on_progress: Callable[[float], None] | None = None,
) -> list[Edge]:  # fmt: skip
    """Return the shot edges between two times in seconds. Raises :class:`media_app.av.container.MediaError`."""
    found: list[Edge] = []
    for times, pictures in _blocks(path, start, end, threads):
        if on_progress is not None:
            on_progress(float(times[-1]))
        for edge in edges(times, pictures):
            if not any(abs(edge.middle - known.middle) < AROUND_SECONDS for known in found):
                found.append(edge)
    return sorted(found, key=lambda one: one.middle)


def _blocks(
    path: str | os.PathLike[str], start: float, end: float, threads: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.uint8]]]:
    """Yield blocks of frames that overlap, so that each shot edge is complete in one block."""
    times: list[float] = []
    pictures: list[NDArray[np.uint8]] = []
    fresh = 0
    with VideoFile(path, threads) as video:
        for picture in video.iterate_frames(start, start):
            if picture.time < start:
                continue
            if picture.time > end:
                break
            times.append(picture.time)
            pictures.append(picture.squeezed(*SMALL))
            fresh += 1
            if len(times) >= BLOCK:
                yield np.array(times), np.array(pictures)
                kept = sum(time >= times[-1] - OVERLAP_SECONDS for time in times)
                times, pictures, fresh = times[-kept:], pictures[-kept:], 0
    if fresh and len(times) > 4:
        yield np.array(times), np.array(pictures)


class _PictureFeatures:
    def __init__(self, pictures: NDArray[np.uint8]) -> None:
        self.n = len(pictures)
        colours = [cv2.cvtColor(one, cv2.COLOR_BGR2YCrCb) for one in pictures]
        self.luma: Floats = np.array([one[..., 0] for one in colours], np.float32).reshape(self.n, -1)
        self.coarse = _shrunk(colours, COARSE)
        chroma = self.coarse.reshape(self.n, -1, 3)[..., 1:].mean(1)
        self.tint: Floats = np.abs(chroma - 128).max(1)
        self.fine = _shrunk([np.ascontiguousarray(one[..., 0]) for one in colours], FINE)
        # A small change of colour changes cumulative histograms little. Plain histograms can change as much
        # as after a large change of colour.
        shares = histograms(pictures).reshape(self.n, 3, 16)
        self.colours: Floats = np.cumsum(shares, axis=2, dtype=np.float32).reshape(self.n, -1)

    def apart(self, one: NDArray[np.int64] | int, other: NDArray[np.int64] | int) -> NDArray[np.float64]:
        layout = np.abs(self.coarse[one] - self.coarse[other]).mean(-1) / 40
        colours = np.abs(self.colours[one] - self.colours[other]).sum(-1) / COLOURS_APART
        return np.asarray(np.minimum(layout, 2) + colours, np.float64)

    def nearest(self, some: NDArray[np.int64], others: NDArray[np.int64]) -> float:
        return min((float(self.apart(int(one), others).min()) for one in some), default=9.0) if len(others) else 9.0


def _shrunk(pictures: list[NDArray[np.uint8]], size: tuple[int, int]) -> Floats:
    small = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in pictures]
    return np.array(small, np.float32).reshape(len(pictures), -1)


def edges(times: NDArray[np.float64], pictures: NDArray[np.uint8]) -> list[Edge]:
    """Return the shot edges within consecutive frames. pictures: BGR, shape (n, 54, 96, 3)."""
    if len(times) < 5:
        return []
    looks = _PictureFeatures(pictures)
    rate = 1 / max(1e-3, float(np.median(np.diff(times))))
    fades = _fades(looks, rate)
    cuts = [at for at in _cuts(looks, rate) if not any(a - rate / 2 < at < b + rate / 2 for a, b in fades)]
    taken = [(a - 1.2 * rate, b + 1.2 * rate) for a, b in fades]
    found = [Edge(EdgeKind.FADE, float(times[a]), float(times[b - 1])) for a, b in fades]
    found += [Edge(EdgeKind.CUT, float(times[at]), float(times[at])) for at in cuts]
    for middle, length in _dissolves(looks, rate):
        reach = max(0.6 * length, 0.2 * rate)
        if any(a <= middle <= b for a, b in taken) or any(abs(middle - at) <= reach for at in cuts):
            continue
        taken.append((middle - 1.2 * rate, middle + 1.2 * rate))
        first, last = max(0, middle - length // 2), min(len(times) - 1, middle + length // 2)
        found.append(Edge(EdgeKind.DISSOLVE, float(times[first]), float(times[last])))
    return sorted(found, key=lambda one: one.middle)


def _fades(looks: _PictureFeatures, rate: float) -> list[tuple[int, int]]:
    level = looks.luma.mean(1)
    is_plain = (looks.luma.std(1) < ONE_COLOUR) & ((level < BLACK) | (level > WHITE)) & (looks.tint < GREY)
    plain = np.flatnonzero(np.diff(np.concatenate([[0], is_plain, [0]]).astype(np.int8)))
    found = []
    for first, after in plain.reshape(-1, 2).tolist():
        if first <= 3 or after >= looks.n - 3 or after - first > FADE_SECONDS * rate:
            continue
        before = np.arange(first - 3, first)
        later = np.arange(after, min(looks.n, after + int(0.7 * rate) + 1))
        if looks.nearest(before, later) >= SAME_SHOT:
            found.append((first, after))
    return found


def _cuts(looks: _PictureFeatures, rate: float) -> Iterator[int]:
    steps = np.zeros(looks.n)
    steps[1:] = looks.apart(np.arange(1, looks.n), np.arange(looks.n - 1))
    reach, back = max(4, int(AROUND_SECONDS * rate)), max(3, int(RETURNS_SECONDS * rate))
    for at in np.flatnonzero(steps >= CUT).tolist():
        if not 2 <= at < looks.n - 2:
            continue
        low, high = max(1, at - reach), min(looks.n, at + reach + 1)
        around = np.sort(np.concatenate([steps[low:at], steps[at + 1 : high]]))
        ratio = CUT_RATIO if steps[at] >= 2 * CUT else CUT_RATIO_SMALL
        if steps[at] < ratio * around[int(0.8 * len(around))] or steps[at] < steps[at - 2 : at + 3].max():
            continue
        before, after = np.arange(max(0, at - 3), at), np.arange(at, min(looks.n, at + 3))
        later = np.arange(min(looks.n - 1, at + 2), min(looks.n, at + back))
        earlier = np.arange(max(0, at - back), at - 1)
        if min(looks.nearest(before, later), looks.nearest(after, earlier)) >= RETURNS[0] * steps[at] + RETURNS[1]:
            yield at


def _dissolves(looks: _PictureFeatures, rate: float) -> list[tuple[int, int]]:
    centred = looks.fine - looks.fine.mean(1, keepdims=True)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    found: list[tuple[float, int, int]] = []
    for seconds in LENGTHS:
        length = 2 * round(seconds * rate / 2)
        if length < 4 or looks.n < length + 3:
            continue
        middles = np.arange(length // 2 + 1, looks.n - length // 2 - 1, max(1, round(rate / 15)))
        first, last = middles - length // 2, middles + length // 2
        change = looks.fine[last] - looks.fine[first]
        energy = (change * change).sum(1)
        apart = (unit[first] * unit[last]).sum(1) < ENDS_ALIKE_WHOLE
        apart &= np.sqrt(energy / change.shape[1]) > ENDS_APART
        middles, first, last, change, energy = (one[apart] for one in (middles, first, last, change, energy))
        if not len(middles):
            continue
        shares, left = [], []
        for part in (0.25, 0.375, 0.5, 0.625, 0.75):
            now = looks.fine[first + round(part * length)] - looks.fine[first]
            share = (now * change).sum(1) / energy
            shares.append(share)
            left.append(((now - share[:, None] * change) ** 2).sum(1) / energy)
        share, rest = np.array(shares), np.array(left)
        growth = np.diff(share, axis=0)
        mixed = (np.abs(share[2] - 0.5) < 0.2) & (share[0] < 0.46) & (share[4] > 0.54)
        mixed &= (growth > -0.02).all(0) & (growth.max(0) < 0.45) & (rest[2] < MIXED) & (rest.max(0) < 1.25 * MIXED)
        for at in np.flatnonzero(mixed).tolist():
            if _changes_all_over(looks, int(first[at]), int(middles[at]), int(last[at])):
                cost = float(rest[:, at].mean() + 0.3 * abs(share[2, at] - 0.5))
                found.append((cost, int(middles[at]), length))
    return [(middle, length) for _, middle, length in sorted(found)]


def _correlation(one: Floats, other: Floats) -> float:
    first, second = one - one.mean(), other - other.mean()
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / lengths if lengths > 0 else 0.0


def _changes_all_over(looks: _PictureFeatures, first: int, middle: int, last: int) -> bool:
    """Return whether enough pixels change, apart from black bars and uniform changes (of the exposure)."""
    ends = looks.luma[[first, middle, last]]
    ends = ends[:, ends.max(0) > BAR]
    if ends.shape[1] < BAR_SHARE * looks.luma.shape[1]:
        return False
    if _correlation(ends[0], ends[2]) > ENDS_ALIKE:
        return False
    change = np.abs(ends[2] - ends[0] - np.median(ends[2] - ends[0]))
    changed = change > CHANGED
    if changed.mean() < CHANGED_SHARE:
        return False
    change = np.abs(ends[2] - ends[0])
    changed &= change > CHANGED
    if not changed.any():
        return False
    off = np.abs(ends[1] - (ends[0] + ends[2]) / 2)
    return bool(np.median(off[changed] / change[changed]) < CHANGED_MIDDLE)

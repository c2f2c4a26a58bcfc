"""Measured and target shapes of a mouth.

A mouth has its own coordinates, which turn with the head. The unit is the distance between the outer corners of the
eyes. The origin lies midway between the corners of the mouth. The x axis runs through these corners to the picture's
right, and the y axis points to the chin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sessions_app.prosync.engine.lipsync.survey import (
    BELOW_NOSE,
    CHIN,
    LEFT_EYE,
    LOWER,
    OUTER,
    RIGHT_EYE,
    STEADY,
    UPPER,
    Track,
    shots,
)

Floats = NDArray[np.float64]

NODES = np.linspace(-1.0, 1.0, 33)
HEAD_SECONDS, LIPS_SECONDS = 0.28, 0.16  # seconds over which the movements of head and lips are smoothed
TREMBLING = 0.008
MIN_UNIT = 10.0
UPPER_SHARE = 0.2  # the upper lip's share of a mouth's opening
# where closing lips meet: share of the way from the upper lip (0) to the lower lip (1) of the open mouth
REST_SHARE = 0.25
# limits of the widest opening of a person's mouth, in distances between the outer corners of the eyes
MIN_OPEN, MAX_OPEN = 0.13, 0.19
OWN_PERCENTILE = 96
# A fully spread mouth is wider than usual by the share WIDER, a fully open mouth narrower by the share OPEN_NARROWER.
WIDER, OPEN_NARROWER = 0.09, 0.05
MAX_STRETCHED = 0.16
KEPT_WIDTH = 0.35  # share of a mouth's difference from its usual width that is kept, so that smiles remain


@dataclass(frozen=True, slots=True)
class Mouth:
    """The shape of a mouth in a frame.

    - origin: pixel position of the mouth's origin in the frame; shape (2,).
    - axes: matrix that converts distances in the mouth's coordinates to pixels, shape (2, 2).
    - half: half width of the mouth.
    - upper, lower: y of the inner lip edges at :data:`NODES`.
    - nose, chin: y of the nose's bottom and of the chin's tip.
    - trust: share of a wanted change to apply to this mouth, 0 to 1.
    """

    origin: Floats
    axes: Floats
    half: float
    upper: Floats
    lower: Floats
    nose: float
    chin: float
    trust: float

    @property
    def opening(self) -> float:
        return float(self.lower[len(NODES) // 2] - self.upper[len(NODES) // 2])


@dataclass(frozen=True, slots=True)
class Habit:
    """The usual size of a person's mouth. half: half of the usual width. open: widest opening."""

    half: float
    open: float


def mouths(track: Track, fade_frames: int) -> list[Mouth | None]:
    """Return the mouth in each frame, or None for an unusable frame.

    fade_frames: number of frames in which ``Mouth.trust`` rises at a shot's start, and falls at its end.
    """
    found: list[Mouth | None] = [None] * len(track.times)
    for run in shots(track):
        if run.stop - run.start > 2 * fade_frames:
            found[run] = _of_shot(track, run, fade_frames)
    return found


def habit(found: Sequence[Mouth | None]) -> Habit:
    known = [mouth for mouth in found if mouth is not None]
    widest = float(np.percentile([mouth.opening for mouth in known], OWN_PERCENTILE))
    return Habit(float(np.median([mouth.half for mouth in known])), float(np.clip(widest, MIN_OPEN, MAX_OPEN)))


def wanted(mouth: Mouth, own: Habit, opening: float, spread: float, weight: float) -> Mouth:
    """Return ``mouth``, changed towards the shape for a sound.

    opening: share of the person's widest opening. spread: -1 (rounded) to 1 (wide). weight: share of the change made.
    """
    gap = mouth.lower - mouth.upper
    rest = mouth.upper + REST_SHARE * gap
    profile = (1 - NODES**2) ** (0.8 - 0.2 * min(0.0, spread)) * opening * own.open
    upper, lower = rest - UPPER_SHARE * profile, rest + (1 - UPPER_SHARE) * profile
    half = own.half * (1 + WIDER * spread - OPEN_NARROWER * opening) + KEPT_WIDTH * (mouth.half - own.half)
    half = float(np.clip(half, mouth.half * (1 - MAX_STRETCHED), mouth.half * (1 + MAX_STRETCHED)))
    return replace(
        mouth,
        half=mouth.half + weight * (half - mouth.half),
        upper=mouth.upper + weight * (upper - mouth.upper),
        lower=mouth.lower + weight * (lower - mouth.lower),
    )


def _of_shot(track: Track, run: slice, fade_frames: int) -> list[Mouth | None]:
    times = track.times[run]
    part = Track(times, track.points[run])
    step = max(1e-3, float(np.median(np.diff(times))))
    axes = smoothed(_axes(part), HEAD_SECONDS, step)
    if np.linalg.det(axes).min() < MIN_UNIT**2:
        return [None] * len(times)
    inverse = np.linalg.inv(axes)
    corners = part.of(UPPER[0], UPPER[-1]).astype(float)
    unit = float(np.sqrt(np.median(np.abs(np.linalg.det(axes)))))
    origin = _steadied(corners.mean(1), step, TREMBLING * unit)
    level = np.einsum("nij,nj->ni", inverse, corners[:, 1] - corners[:, 0])
    angle = _steadied(np.arctan2(level[:, 1], level[:, 0]), step, TREMBLING / 0.25)
    turn = np.stack(
        [np.stack([np.cos(angle), -np.sin(angle)], 1), np.stack([np.sin(angle), np.cos(angle)], 1)], 1
    )  # fmt: skip
    axes, inverse = axes @ turn, np.linalg.inv(axes @ turn)

    def own(*numbers: int) -> Floats:
        return np.asarray(np.einsum("nij,nkj->nki", inverse, part.of(*numbers) - origin[:, None]))

    half = _steadied(np.abs(own(*OUTER)[:, :, 0]).mean(1), step, TREMBLING)
    upper = _steadied(_edge(own(*UPPER)), step, TREMBLING)
    lower = _steadied(_edge(own(*LOWER)), step, TREMBLING)
    lower = np.maximum(lower, upper)
    nose = smoothed(own(BELOW_NOSE)[:, 0, 1], HEAD_SECONDS, step)
    chin = smoothed(own(CHIN)[:, 0, 1], LIPS_SECONDS, step)
    count = len(times)
    return [
        Mouth(
            origin[n], axes[n], float(half[n]), upper[n], lower[n], float(min(nose[n], -0.05)),
            float(max(chin[n], lower[n].max() + 0.1)), min(1.0, (n + 1) / fade_frames, (count - n) / fade_frames),
        )
        for n in range(count)
    ]  # fmt: skip


def _axes(part: Track) -> Floats:
    steady = part.of(*STEADY).astype(float)
    eyes = part.of(LEFT_EYE, RIGHT_EYE).astype(float)
    across = eyes[:, 1] - eyes[:, 0]
    down = np.stack([-across[:, 1], across[:, 0]], 1)
    frames = np.stack([across, down], 2)
    usual = np.median(np.einsum("nij,nkj->nki", np.linalg.inv(frames), steady - steady.mean(1, keepdims=True)), axis=0)
    usual -= usual.mean(0)
    centred = steady - steady.mean(1, keepdims=True)
    return np.asarray(np.einsum("nki,kj->nij", centred, usual @ np.linalg.inv(usual.T @ usual)))


def _edge(points: Floats) -> Floats:
    found = []
    for line in points:
        left, right = line[0], line[-1]
        middle, half = (left[0] + right[0]) / 2, max(1e-3, (right[0] - left[0]) / 2)
        places = np.maximum.accumulate((line[:, 0] - middle) / half)
        chord = left[1] + (right[1] - left[1]) * (places + 1) / 2
        found.append(np.interp(NODES, places, line[:, 1] - chord))
    return np.array(found)


def _steadied(values: Floats, step: float, noise: float) -> Floats:
    way = smoothed(values, LIPS_SECONDS, step)
    off = values - way
    return np.asarray(way + np.sign(off) * np.maximum(np.abs(off) - noise, 0))


def smoothed(values: Floats, seconds: float, step: float) -> Floats:
    """Smooth values along the first axis without changing parabolas (Savitzky and Golay, 1964).

    seconds: width of the filter. step: seconds between values.
    """
    reach = min(max(1, round(seconds / step / 2)), (len(values) - 1) // 2)
    if reach < 2:
        return values
    places = np.arange(-reach, reach + 1)
    weights = np.linalg.pinv(np.stack([places**0, places, places**2], 1).astype(float))[0]
    head, tail = 2 * values[0] - values[reach:0:-1], 2 * values[-1] - values[-2 : -reach - 2 : -1]
    padded = np.concatenate([head, values, tail])
    return np.asarray(sum(weight * padded[n : n + len(values)] for n, weight in enumerate(weights)))

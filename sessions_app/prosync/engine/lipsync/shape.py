"""The shape of a mouth, measured in the frame of its own face, and the shape it is to have; reads and paints no pixel.

Face units: 1 is the distance between the outer corners of the eyes, x goes to the right of the picture and y down to
the chin, so that a head that turns, nods or comes nearer leaves them as they are. A mouth's curves are given in its own
frame: from the middle between its corners, along the line through them.
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

NODES = np.linspace(-1.0, 1.0, 33)  # along a lip, from corner to corner
HEAD_SECONDS, LIPS_SECONDS = 0.28, 0.16  # within which the way of the head and of the lips is a parabola
TREMBLING = 0.008  # face units by which the points tremble
MIN_UNIT = 10.0  # pixels
UPPER_SHARE = 0.2  # of an opening that the upper lip makes
REST_SHARE = 0.25  # of the way from the upper to the lower lip, where both meet
MIN_OPEN, MAX_OPEN = 0.13, 0.19  # face units, the widest that somebody opens the mouth in speech
OWN_PERCENTILE = 96  # of somebody's own openings
WIDER, OPEN_NARROWER = 0.09, 0.05  # shares of the width at rest
MAX_STRETCHED = 0.16  # the same, of what is seen in the frame
KEPT_WIDTH = 0.35  # of the difference to the width at rest: smiles stay smiles


@dataclass(frozen=True, slots=True)
class Mouth:
    """One mouth in one frame. origin: pixels, shape (2,); axes: pixels per face unit along and across it, shape (2, 2),
    columns. half: its half width; upper, lower: y of the inner edges of both lips at :data:`NODES`; nose, chin: y of
    the bottom of the nose (negative) and of the tip of the chin. All in face units. trust: 0 to 1.
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
        """Between the lips in the middle, face units."""
        return float(self.lower[len(NODES) // 2] - self.upper[len(NODES) // 2])


@dataclass(frozen=True, slots=True)
class Habit:
    """What somebody's mouth does in this video. half: at rest; open: when it is wide open in speech; face units."""

    half: float
    open: float


def mouths(track: Track, fade_frames: int) -> list[Mouth | None]:
    """The mouth in each frame; None where it is not known. fade_frames: trust grows from each break over so many."""
    found: list[Mouth | None] = [None] * len(track.times)
    for run in shots(track):
        if run.stop - run.start > 2 * fade_frames:
            found[run] = _of_shot(track, run, fade_frames)
    return found


def habit(found: Sequence[Mouth | None]) -> Habit:
    """Of the mouths of one part, one of which at least is known."""
    known = [mouth for mouth in found if mouth is not None]
    widest = float(np.percentile([mouth.opening for mouth in known], OWN_PERCENTILE))
    return Habit(float(np.median([mouth.half for mouth in known])), float(np.clip(widest, MIN_OPEN, MAX_OPEN)))


def wanted(mouth: Mouth, own: Habit, opening: float, spread: float, weight: float) -> Mouth:
    """The mouth as it is to be. opening: 0 to 1; spread: -1 to 1; weight: 0 leaves it as it is, 1 changes it wholly."""
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
        return [None] * len(times)  # these points are no face
    inverse = np.linalg.inv(axes)
    corners = part.of(UPPER[0], UPPER[-1]).astype(float)
    unit = float(np.sqrt(np.median(np.abs(np.linalg.det(axes)))))
    origin = _steadied(corners.mean(1), step, TREMBLING * unit)
    # Everything in face units around the middle of the mouth, then turned so that its corners are level.
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
    """Pixels per face unit to the right and down in each frame, shape (n, 2, 2), by least squares over the points that
    no speech moves.
    """
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
    """y at :data:`NODES` of a lip's inner edge, shape (n, 33), level with its own ends there."""
    found = []
    for line in points:
        left, right = line[0], line[-1]
        middle, half = (left[0] + right[0]) / 2, max(1e-3, (right[0] - left[0]) / 2)
        places = np.maximum.accumulate((line[:, 0] - middle) / half)
        chord = left[1] + (right[1] - left[1]) * (places + 1) / 2
        found.append(np.interp(NODES, places, line[:, 1] - chord))
    return np.array(found)


def _steadied(values: Floats, step: float, noise: float) -> Floats:
    """``values`` without what trembles by less than ``noise``: whatever moves further than that goes its own way."""
    way = smoothed(values, LIPS_SECONDS, step)
    off = values - way
    return np.asarray(way + np.sign(off) * np.maximum(np.abs(off) - noise, 0))


def smoothed(values: Floats, seconds: float, step: float) -> Floats:
    """``values`` along the first axis through a filter that keeps parabolas (Savitzky and Golay, 1964).

    seconds: its width; step: seconds between values.
    """
    reach = min(max(1, round(seconds / step / 2)), (len(values) - 1) // 2)
    if reach < 2:
        return values
    places = np.arange(-reach, reach + 1)
    weights = np.linalg.pinv(np.stack([places**0, places, places**2], 1).astype(float))[0]
    # Mirrored through the end points: a way that goes on as it went.
    head, tail = 2 * values[0] - values[reach:0:-1], 2 * values[-1] - values[-2 : -reach - 2 : -1]
    padded = np.concatenate([head, values, tail])
    return np.asarray(sum(weight * padded[n : n + len(values)] for n, weight in enumerate(weights)))

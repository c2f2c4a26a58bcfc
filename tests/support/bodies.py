"""Joints of a stick figure that squats or bends its elbows, for tests of workouts without video."""

import numpy as np
from numpy.typing import NDArray

from sessions_app.analysis.pipelines.pose_sampling import JOINTS, KEPT, SMALL, PoseTrack

RATE = 15.0
HEIGHT, WIDTH = 288, 216
TRUNK, THIGH, SHIN, UPPER, FORE = 50.0, 42.0, 42.0, 28.0, 26.0
Floats = NDArray[np.float64]


def bends(count: int, *, length: float = 2.0, rest: float = 0.4, depths: list[float] | None = None) -> Floats:
    """Return a curve of ``count`` repetitions, from 0 (at rest) to 1 (fully bent), with a second of rest at both ends.

    length: seconds of a repetition. rest: seconds of rest after each. depths: peak of each repetition.
    """
    depths = depths or [1.0] * count
    phase = np.arange(round(length * RATE)) / round(length * RATE)
    bend, pause = (1 - np.cos(2 * np.pi * phase)) / 2, np.zeros(round(rest * RATE))
    parts = [part for depth in depths for part in (depth * bend, pause)]
    return np.concatenate([np.zeros(int(RATE)), *parts, np.zeros(int(RATE))])


def _limb(start: Floats, angle: Floats, length: float) -> Floats:
    """Return the end of a limb that hangs from ``start``, shape (n, 2), swung forward by ``angle`` radians."""
    return np.asarray(start + length * np.stack([np.sin(angle), np.cos(angle)], axis=1))


def figure(knees: Floats, elbows: Floats, shoulders: Floats, *, shift: Floats | None = None) -> Floats:
    """Return the joints of an upright person seen from the side, shape (n, 33, 4).

    knees, elbows: 0 straight to 1 fully bent. shoulders: 0 arms down to 1 arms up. shift: pixels sideways.
    """
    count = len(knees)
    joints = np.full((count, JOINTS, 4), np.nan)
    joints[:, list(KEPT), 3] = 0.95
    shin, thigh = -0.5 * knees, 1.25 * knees
    ankle = np.tile((100.0, 260.0), (count, 1))
    knee = ankle - _limb(np.zeros((count, 2)), shin, SHIN)
    hip = knee - _limb(np.zeros((count, 2)), thigh, THIGH)
    shoulder = hip - _limb(np.zeros((count, 2)), -0.5 * knees, TRUNK)
    elbow = _limb(shoulder, np.pi * 0.95 * shoulders, UPPER)
    wrist = _limb(elbow, np.pi * 0.95 * shoulders + 2.4 * elbows, FORE)
    sides = {(11, 12): shoulder, (13, 14): elbow, (15, 16): wrist, (23, 24): hip, (25, 26): knee, (27, 28): ankle}
    for (left, right), place in sides.items():
        joints[:, left, :2], joints[:, right, :2] = place - 2, place + 2
    joints[:, 0, :2] = shoulder - (0, 22)
    if shift is not None:
        joints[:, :, 0] += shift[:, None]
    return joints


def squatting(curve: Floats) -> Floats:
    """Return the joints of a person who squats with the arms down."""
    return figure(curve, np.zeros(len(curve)), np.zeros(len(curve)))


def curling(curve: Floats) -> Floats:
    """Return the joints of a person who bends both elbows."""
    return figure(np.zeros(len(curve)), curve, np.zeros(len(curve)))


def lying(joints: Floats) -> Floats:
    """Rotate a standing person by 90 degrees, so that the person lies on the floor."""
    turned = joints.copy()
    turned[:, :, 0], turned[:, :, 1] = joints[:, :, 1] - 60, 300 - joints[:, :, 0]
    return turned


def seen(joints: Floats, *, noise: float = 0.4, seed: int = 0, pictures: NDArray[np.uint8] | None = None) -> PoseTrack:
    """Return the track that pose detection would give for these joints. noise: standard deviation in pixels."""
    shaken = joints.copy()
    shaken[:, :, :2] += np.random.default_rng(seed).normal(0, noise, shaken[:, :, :2].shape)
    times = np.arange(len(joints)) / RATE
    if pictures is None:
        pictures = np.random.default_rng(seed).integers(90, 110, (len(joints), SMALL, SMALL)).astype(np.uint8)
    end = float(times[-1]) if len(times) else 0.0
    return PoseTrack(times, shaken.astype(np.float32), pictures, (HEIGHT, WIDTH), end, end + 1 / RATE)

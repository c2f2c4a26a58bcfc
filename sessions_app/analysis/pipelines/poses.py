"""Joints of a person, found by MediaPipe's BlazePose (Bazarevsky et al., 2020).

MediaPipe's dependencies (``requirements/pose.txt``) conflict with this project's, so they are installed in a separate
folder.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.mediapipe import solution
from sessions_app.analysis.pipelines.repetitions import Signal, filled, smoothed

SIDE = 288  # longer side of the pose model's input picture, pixels
JOINTS = 33
# BlazePose numbers of the three joints of each angle, with the corner in the middle
ANGLES = {
    "left elbow": (11, 13, 15), "right elbow": (12, 14, 16), "left knee": (23, 25, 27), "right knee": (24, 26, 28),
    "left hip": (11, 23, 25), "right hip": (12, 24, 26), "left shoulder": (13, 11, 23), "right shoulder": (14, 12, 24),
}  # fmt: skip
# BlazePose numbers of shoulders, elbows, wrists, hips, knees and ankles
MOVING = (11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
SIDES = ("elbow", "knee", "hip", "shoulder")

BODY_SIGNALS = frozenset({
    *ANGLES, *(f"both {name}s" for name in SIDES), "hips' height", "shoulders' height", "wrists' height", "feet apart",
    "wrists apart",
})  # fmt: skip


class PosesUnavailable(Exception):
    pass


class Poses:
    """A detector of one person's joints in frames. Raises :class:`PosesUnavailable`."""

    def __init__(self) -> None:
        try:
            pose = solution("pose")
        except ImportError as exc:
            raise PosesUnavailable(
                f"The pose model is not installed on the server. An administrator can run `make install` ({exc})."
            ) from exc
        self._model: Any = pose.Pose(model_complexity=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._model.close()

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return each joint's x, y, depth (pixels) and visibility (0 to 1), shape (33, 4); NaN without a person."""
        height, width = image.shape[:2]
        found = self._model.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).pose_landmarks
        if found is None:
            return np.full((JOINTS, 4), np.nan)
        return np.array([(one.x * width, one.y * height, one.z * width, one.visibility) for one in found.landmark])


def signals(joints: NDArray[np.float64]) -> dict[str, Signal]:
    """Return signals of the body's movement. joints: shape (n, 33, 4).

    Angles are divided by 180°. The hips' and the shoulders' y in the picture, and the horizontal distance between the
    feet, are divided by two torso lengths. The wrists' y relative to the shoulders, and the distance between the
    wrists, are divided by three torso lengths.
    """
    places, seen = joints[:, :, :2], joints[:, :, 3]
    shoulders, hips = (places[:, [11, 12]].mean(1), places[:, [23, 24]].mean(1))
    body = body_length(joints)
    found: dict[str, Signal] = {}
    for name, (one, corner, other) in ANGLES.items():
        # At rest, limbs are straight, so all angles except those of the shoulders are large.
        straight = "shoulder" not in name
        found[name] = Signal(angle(places, one, corner, other) / 180, _trust(seen[:, [one, corner, other]]), straight)
    for name in SIDES:
        left, right = found[f"left {name}"], found[f"right {name}"]
        mean = (left.values + right.values) / 2
        found[f"both {name}s"] = Signal(mean, (left.trust + right.trust) / 2, left.rests_high)
    wrists = places[:, [15, 16]].mean(1)
    # y points down, so a standing body's hips have low values.
    found["hips' height"] = Signal(hips[:, 1] / body / 2, rests_high=False)
    found["shoulders' height"] = Signal(shoulders[:, 1] / body / 2, rests_high=False)
    found["wrists' height"] = Signal((wrists - shoulders)[:, 1] / body / 3, _trust(seen[:, [15, 16]]))
    found["feet apart"] = Signal(np.abs(places[:, 27, 0] - places[:, 28, 0]) / body / 2, _trust(seen[:, [27, 28]]))
    found["wrists apart"] = Signal(
        np.linalg.norm(places[:, 15] - places[:, 16], axis=1) / body / 3, _trust(seen[:, [15, 16]])
    )
    return found


def angle(places: NDArray[np.float64], one: int, corner: int, other: int) -> NDArray[np.float64]:
    first, second = places[:, one] - places[:, corner], places[:, other] - places[:, corner]
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray(np.degrees(np.arccos(np.clip((first * second).sum(1) / np.maximum(lengths, 1e-9), -1, 1))))


def _trust(seen: NDArray[np.float64]) -> float:
    found = seen.min(axis=1)
    return float(np.nanmean(found)) if not np.isnan(found).all() else 0.0


def joint_paths(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return x and y of twelve joints in torso lengths, shape (n, 24)."""
    places = joints[:, MOVING, :2] / body_length(joints)
    flat = places.reshape(len(places), -1)
    return np.stack([smoothed(filled(flat[:, number]), 3) for number in range(flat.shape[1])], axis=1)


def body_length(joints: NDArray[np.float64]) -> float:
    trunk = joints[:, [11, 12], :2].mean(1) - joints[:, [23, 24], :2].mean(1)
    lengths = np.linalg.norm(trunk, axis=1)
    return max(5.0, float(np.nanmedian(lengths))) if not np.isnan(lengths).all() else 5.0

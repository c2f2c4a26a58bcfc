"""Samples of a video: a person's joints and very small pictures.

Checkpoints hold only the joints, because the pictures can be decoded again quickly.
"""

from __future__ import annotations

import base64
import math
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.frames import Picture, VideoFile
from sessions_app.analysis.pipelines.poses import JOINTS, SIDE, Poses

RATE = 15.0  # samples per second
MIN_RATE = 5.0
MAX_LOOKS = 36_000  # maximum number of samples
SMALL = 24  # width and height of the small pictures, pixels
# BlazePose numbers of nose, shoulders, elbows, wrists, hips, knees, ankles.
KEPT = (0, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
# After ABSENT_SECONDS without a person, joints are searched only every ABSENT_STEP seconds.
ABSENT_SECONDS = 2.0
ABSENT_STEP = 0.5
MIN_BODY = 0.06  # minimum length of torso or thighs, as a share of the picture's height
SAVE_SECONDS = 10.0
MAX_SAVED = 900_000
# Steps in pixels to which a checkpoint's joints are rounded. The finest step whose checkpoint has at most MAX_SAVED
# characters is used.
STEPS = (0.25, 0.5, 1.0, 2.0, 4.0)
VERSION = 1


@dataclass(frozen=True, slots=True)
class PoseTrack:
    """Samples of a video in time order.

    times: seconds. joints: x, y, depth in pixels of a picture of ``size`` (height, width), and visibility 0 to 1; shape
    (n, 33, 4), NaN without a person. pictures: grey, shape (n, 24, 24). end: seconds at the last decodable frame.
    announced: seconds, from the file's header.
    """

    times: NDArray[np.float64]
    joints: NDArray[np.float32]
    pictures: NDArray[np.uint8]
    size: tuple[int, int]
    end: float
    announced: float

    @property
    def found(self) -> NDArray[np.bool_]:
        return np.asarray(~np.isnan(self.joints[:, KEPT[0], 0]))


def rate_for(duration: float) -> float:
    return max(MIN_RATE, min(RATE, MAX_LOOKS / max(duration, 1.0)))


def sample_poses(
    video: VideoFile, poses: Poses | None, saved: dict[str, Any] | None,
    on_progress: Callable[[float], None], checkpoint: Callable[[dict[str, Any]], None],
) -> PoseTrack:  # fmt: skip
    """Sample a video. poses: None to sample only pictures."""
    known = unpacked(saved) if poses is not None else np.zeros((0, JOINTS, 4), np.float32)
    times: list[float] = []
    joints: list[NDArray[np.float32]] = []
    pictures: list[NDArray[np.uint8]] = []
    nobody = np.full((JOINTS, 4), np.nan, np.float32)
    width = max(2, round(video.width * min(1.0, SIDE / max(video.width, video.height))))
    size = (1, 1)
    end = seen_at = looked_at = video.first_time
    saved_at = time.monotonic()
    for picture in sample_frames(video, rate_for(video.duration)):
        image = picture.scaled(width)
        end, size = picture.time, image.shape[:2]
        grey = cv2.cvtColor(cv2.resize(image, (SMALL, SMALL), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
        pictures.append(np.asarray(grey, np.uint8))
        if len(times) < len(known):
            here = known[len(times)]
        elif poses is None or (end - seen_at > ABSENT_SECONDS and end - looked_at < ABSENT_STEP):
            here = nobody
        else:
            here, looked_at = _kept(poses.find(image), size[0]), end
        if not np.isnan(here[KEPT[0], 0]):
            seen_at = end
        times.append(end)
        joints.append(here)
        on_progress(min(1.0, (end - video.first_time) / max(video.duration - video.first_time, 1e-6)))
        if poses is not None and time.monotonic() - saved_at > SAVE_SECONDS and len(times) > len(known):
            checkpoint(packed(np.array(joints)))
            saved_at = time.monotonic()
    seen = np.array(joints, np.float32).reshape(-1, JOINTS, 4)
    if poses is not None and len(times) > len(known):
        checkpoint(packed(seen))
    return PoseTrack(
        np.array(times), seen, np.array(pictures, np.uint8).reshape(-1, SMALL, SMALL), size, end, video.duration
    )


def sample_frames(video: VideoFile, rate: float) -> Iterator[Picture]:
    """Yield about ``rate`` frames per second of video, up to the first damaged frame."""
    step = 1 / rate
    due = -math.inf
    try:
        for picture in video.iterate_frames(video.first_time):
            if picture.time >= due - 1e-6:
                due = max(due + step, picture.time + step / 2)
                yield picture
    except av.error.FFmpegError:
        return  # the file is damaged here: stop, so that the frames yielded so far are used


def _kept(joints: NDArray[np.float64], height: int) -> NDArray[np.float32]:
    here = np.full((JOINTS, 4), np.nan, np.float32)
    trunk = joints[[11, 12], :2].mean(0) - joints[[23, 24], :2].mean(0)
    limbs = joints[[23, 24], :2].mean(0) - joints[[25, 26], :2].mean(0)
    if max(np.hypot(*trunk), np.hypot(*limbs)) >= MIN_BODY * height:
        here[list(KEPT)] = joints[list(KEPT)]
    return here


def packed(joints: NDArray[np.float32]) -> dict[str, Any]:
    """Return the joints as JSON of less than a megabyte."""
    part = joints[:, list(KEPT)][:, :, [0, 1, 3]].astype(np.float64)
    is_seen = ~np.isnan(part[:, 0, 0])
    text, step = "", STEPS[0]
    for step in STEPS:
        scaled = np.nan_to_num(part / (step, step, 1 / 15))
        whole = np.rint(scaled).clip(-32_000, 32_000).astype(np.int16).reshape(len(part), -1)
        # Differences between consecutive samples compress best.
        differences = np.diff(whole[is_seen], axis=0, prepend=np.zeros((1, whole.shape[1]), np.int16)).T
        content = np.packbits(is_seen).tobytes() + np.ascontiguousarray(differences).astype("<i2").tobytes()
        text = base64.b64encode(zlib.compress(content, 6)).decode()
        if len(text) <= MAX_SAVED:
            break
    return {"version": VERSION, "looks": len(joints), "step": step, "joints": text}


def unpacked(saved: dict[str, Any] | None) -> NDArray[np.float32]:
    none = np.zeros((0, JOINTS, 4), np.float32)
    if not saved or saved.get("version") != VERSION:
        return none
    try:
        count, step = int(saved["looks"]), float(saved["step"])
        content = zlib.decompress(base64.b64decode(saved["joints"]))
        flags = -(-count // 8)
        is_seen = np.unpackbits(np.frombuffer(content[:flags], np.uint8))[:count].astype(bool)
        numbers = np.frombuffer(content[flags:], "<i2").reshape(len(KEPT) * 3, int(is_seen.sum()))
    except (KeyError, TypeError, ValueError, zlib.error):
        return none
    whole = np.cumsum(numbers, axis=1, dtype=np.int16).T.reshape(-1, len(KEPT), 3)
    joints = np.full((count, JOINTS, 4), np.nan, np.float32)
    places = np.flatnonzero(is_seen)
    for number, joint in enumerate(KEPT):
        joints[places, joint, 0] = whole[:, number, 0] * step
        joints[places, joint, 1] = whole[:, number, 1] * step
        joints[places, joint, 3] = whole[:, number, 2] / 15
    return joints

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from media_app.av.frames import Box, Image, Picture, VideoFile
from sessions_app.prosync.engine.lipsync.faces import Faces

Points = NDArray[np.float32]

# Mesh points that speech does not move.
STEADY = (33, 133, 362, 263, 168, 6, 197, 195, 127, 356, 162, 389, 193, 417)
# Mesh points of the inner lip edges, left to right in the picture.
UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER = (61, 291)
BELOW_NOSE, CHIN = 2, 152
LEFT_EYE, RIGHT_EYE = 33, 263
BRIDGE, TEMPLES = 195, (127, 356)
KEPT = (*STEADY, *UPPER, *LOWER, *OUTER, BELOW_NOSE, CHIN)

DETECTED_WIDTH = 640
AGAIN = 1.0  # seconds between two detections of faces
MARGIN = 1.2
ENOUGH_PIXELS = 400
MIN_MOUTH = 24.0
# minimum ratio of the largest face's area to the second-largest face's; below it, the frame counts as crowded
MUCH_LARGER = 1.8
# minimum distance from nose to temple in a usable face, as a share of the distance between the temples
MIN_NOSE_TO_TEMPLE = 0.23
# maximum movement of a face between two frames of a shot, as a share of the distance between the eyes
JUMP = 0.5
MIN_FOLLOWED = 0.5
MAX_FRAMES = 20_000


class FaceNotUsable(Exception):
    """Error: no face in this part can be used."""


@dataclass(frozen=True, slots=True)
class Face:
    picture: Picture
    points: Points
    size: tuple[int, int]

    def cut_out(self, left: int, top: int, right: int, bottom: int) -> Image:
        return self.picture.crop(aligned((left, top, right, bottom), self.size))


@dataclass(frozen=True, slots=True)
class Track:
    """The mesh points of a face in each frame of a part. times: seconds, shape (n,).

    points: mesh points :data:`KEPT` in displayed pixels, shape (n, len(KEPT), 2), NaN in unusable frames.
    """

    times: NDArray[np.float64]
    points: Points

    def of(self, *numbers: int) -> Points:
        return self.points[:, [KEPT.index(number) for number in numbers]]


def follow(
    path: str | os.PathLike[str], start: float, end: float, faces: Faces, *, threads: int = 1,
    on_face: Callable[[Face], None] | None = None,
) -> Track:  # fmt: skip
    """Follow the face from ``start`` to ``end`` (seconds). Raise :class:`FaceNotUsable`."""
    times: list[float] = []
    points: list[Points] = []
    crowded = 0
    with VideoFile(path, threads) as video:
        follower = _Follower(faces, video.width, video.height)
        for picture in video.iterate_frames(start):
            if picture.time >= end - 1e-4 or len(times) >= MAX_FRAMES:
                break
            if picture.time < start - 1e-4:
                continue
            found = follower.find(picture)
            if on_face is not None and found is not None:
                on_face(Face(picture, found, (video.width, video.height)))
            times.append(picture.time)
            points.append(np.full((len(KEPT), 2), np.nan, np.float32) if found is None else found)
            crowded += follower.is_crowded
    if not times:
        raise FaceNotUsable("The segment contains no frame.")
    return drop_unusable_frames(Track(np.array(times), np.stack(points)), crowded)


class _Follower:
    def __init__(self, faces: Faces, width: int, height: int) -> None:
        self.faces = faces
        self.size = (width, height)
        self.box: Box | None = None
        self.looked_at = -np.inf
        self.is_crowded = False

    def find(self, picture: Picture) -> Points | None:
        if picture.time - self.looked_at >= AGAIN:
            self.look(picture)
        found = self.mesh(picture)
        if found is None and self.box is not None and self.looked_at < picture.time:
            self.look(picture)
            found = self.mesh(picture)
        return found

    def look(self, picture: Picture) -> None:
        self.looked_at = picture.time
        boxes = self.faces.boxes(picture.scaled(DETECTED_WIDTH))
        areas = [box.width * box.height for box in boxes]
        self.is_crowded = len(areas) > 1 and areas[0] < MUCH_LARGER * areas[1]
        if not boxes:
            return
        face = boxes[0]
        if self.box is None or not _holds(self.box, face.grown(0.3, 0.3)):
            self.box = self.to_pixels(face.grown(MARGIN, MARGIN))
            self.faces.forget()

    def mesh(self, picture: Picture) -> Points | None:
        if self.box is None:
            return None
        image = picture.crop(self.box)
        # Reduce the image first, because the mesh model reduces it to 192 pixels anyway.
        step = max(1, max(image.shape[:2]) // ENOUGH_PIXELS)
        points = self.faces.points(np.ascontiguousarray(image[::step, ::step]))
        if points is None:
            return None
        corner = np.floor([self.box.x * self.size[0], self.box.y * self.size[1]])
        return np.asarray(points[list(KEPT)] * step + corner, np.float32)

    def to_pixels(self, box: Box) -> Box:
        width, height = self.size
        right, bottom = round((box.x + box.width) * width), round((box.y + box.height) * height)
        return aligned((int(box.x * width), int(box.y * height), right, bottom), self.size)


def aligned(corners: tuple[int, int, int, int], size: tuple[int, int]) -> Box:
    """Return a box as fractions of a picture, which convert back to exactly these ``corners``."""
    (left, top, right, bottom), (width, height) = corners, size
    x, y = (left + 0.2) / width, (top + 0.2) / height
    return Box(x, y, (right - 0.2) / width - x, (bottom - 0.2) / height - y)


def _holds(box: Box, face: Box) -> bool:
    return (
        box.x <= face.x and box.y <= face.y
        and box.x + box.width >= face.x + face.width and box.y + box.height >= face.y + face.height
    )  # fmt: skip


def drop_unusable_frames(track: Track, crowded: int) -> Track:
    """Return the track without unusable frames. Raise :class:`FaceNotUsable`.

    crowded: number of frames with several faces of similar size; the track is refused if they are the majority.
    """
    count = len(track.times)
    seen = ~np.isnan(track.points[:, 0, 0])
    if not seen.any():
        raise FaceNotUsable("No face was found in the segment.")
    if crowded > count / 2:
        raise FaceNotUsable("Several people are visible, and none of them is clearly in front.")
    corners = track.of(*OUTER)
    widths = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    if float(np.nanmedian(widths)) < MIN_MOUTH:
        raise FaceNotUsable("The face is too small.")
    turned = np.abs(_turned(track) - 0.5) > 0.5 - MIN_NOSE_TO_TEMPLE
    if (turned & seen).sum() > seen.sum() / 2:
        raise FaceNotUsable("The face is turned away from the camera.")
    trusted = seen & ~turned & (widths >= MIN_MOUTH / 2)
    if trusted.sum() < MIN_FOLLOWED * count:
        raise FaceNotUsable("The face cannot be tracked through the segment.")
    points = track.points.copy()
    points[~trusted] = np.nan
    return Track(track.times, points)


def _turned(track: Track) -> NDArray[np.float32]:
    left, right, nose = (track.of(number)[:, 0] for number in (*TEMPLES, BRIDGE))
    across = right - left
    return np.asarray(((nose - left) * across).sum(1) / np.maximum((across**2).sum(1), 1e-6))


def shots(track: Track) -> list[slice]:
    eyes = track.of(LEFT_EYE, RIGHT_EYE)
    distance = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)
    seen = ~np.isnan(distance)
    moved = np.linalg.norm(np.diff(track.of(*STEADY).mean(1), axis=0), axis=1)
    breaks = ~seen[1:] | ~seen[:-1] | (np.nan_to_num(moved) > JUMP * np.nan_to_num(distance[1:], nan=1.0))
    edges = [0, *(np.flatnonzero(breaks) + 1).tolist(), len(seen)]
    return [slice(a, b) for a, b in pairwise(edges) if seen[a]]

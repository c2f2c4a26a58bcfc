"""Follow the one face of a part of a video and say where its mouth is in each frame, or why it is to be left alone."""

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

# Points that no speech moves: corners of the eyes, bridge of the nose, temples.
STEADY = (33, 133, 362, 263, 168, 6, 197, 195, 127, 356, 162, 389, 193, 417)
# From the corner on the left of the picture to the other: inner edge of each lip.
UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER = (61, 291)
BELOW_NOSE, CHIN = 2, 152
LEFT_EYE, RIGHT_EYE = 33, 263
BRIDGE, TEMPLES = 195, (127, 356)
KEPT = (*STEADY, *UPPER, *LOWER, *OUTER, BELOW_NOSE, CHIN)

DETECTED_WIDTH = 640  # pixels of the picture in which faces are looked for
AGAIN = 1.0  # seconds between two looks at how many there are
MARGIN = 1.2  # of a face's size, around it
ENOUGH_PIXELS = 400  # of the longer side of what the mesh is shown
MIN_MOUTH = 24.0  # pixels from corner to corner
MUCH_LARGER = 1.8  # areas: who is in front is taken for the one who speaks
MAX_TURNED = 0.23  # of the way between the temples, how near to one of them the bridge of the nose may be
JUMP = 0.5  # of the distance of the eyes in one frame: another shot
MIN_FOLLOWED = 0.5  # of the frames
MAX_FRAMES = 20_000  # of a part: what is behind them stays as it is


class FaceNotUsable(Exception):
    """No mouth is moved here; the text is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Face:
    """One frame with a face. points: see :class:`Track`, of this frame. size: width and height as displayed, pixels."""

    picture: Picture
    points: Points
    size: tuple[int, int]

    def cut_out(self, left: int, top: int, right: int, bottom: int) -> Image:
        """The pixels of the displayed picture from ``left`` and ``top`` on up to the others; all inside of it."""
        return self.picture.crop(aligned((left, top, right, bottom), self.size))


@dataclass(frozen=True, slots=True)
class Track:
    """A face in each frame of a part. times: seconds, shape (n,). points: pixels of the displayed picture, those of
    :data:`KEPT` in its order, shape (n, len(KEPT), 2), NaN where there is none to be trusted.
    """

    times: NDArray[np.float64]
    points: Points

    def of(self, *numbers: int) -> Points:
        """The points of these numbers, shape (n, len(numbers), 2)."""
        return self.points[:, [KEPT.index(number) for number in numbers]]


def follow(
    path: str | os.PathLike[str], start: float, end: float, faces: Faces, *, threads: int = 1,
    on_face: Callable[[Face], None] | None = None,
) -> Track:  # fmt: skip
    """Where the face is from ``start`` to ``end``, seconds. on_face: is shown it in each frame that has one.

    Raises :class:`FaceNotUsable`, and :class:`media_app.av.container.MediaError`.
    """
    times: list[float] = []
    points: list[Points] = []
    crowded = 0
    with VideoFile(path, threads) as video:
        follower = _Follower(faces, video.width, video.height)
        for picture in video.walk(start):
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
        raise FaceNotUsable("There is no picture in this part.")
    return judged(Track(np.array(times), np.stack(points)), crowded)


class _Follower:
    """box: the part of the picture in which the face is looked for, None before one is found."""

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
        """Count the faces, and look for the mesh around the largest from now on where it has left its box."""
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
        # Every so many pixels are enough for the mesh, which looks at 192 of them.
        step = max(1, max(image.shape[:2]) // ENOUGH_PIXELS)
        points = self.faces.points(np.ascontiguousarray(image[::step, ::step]))
        if points is None:
            return None
        corner = np.floor([self.box.x * self.size[0], self.box.y * self.size[1]])
        return np.asarray(points[list(KEPT)] * step + corner, np.float32)

    def to_pixels(self, box: Box) -> Box:
        """The same box, begun and ended by whole pixels."""
        width, height = self.size
        right, bottom = round((box.x + box.width) * width), round((box.y + box.height) * height)
        return aligned((int(box.x * width), int(box.y * height), right, bottom), self.size)


def aligned(corners: tuple[int, int, int, int], size: tuple[int, int]) -> Box:
    """The box of left, top, right and bottom, pixels, a little inside of them: rounding then gives back the same."""
    (left, top, right, bottom), (width, height) = corners, size
    x, y = (left + 0.2) / width, (top + 0.2) / height
    return Box(x, y, (right - 0.2) / width - x, (bottom - 0.2) / height - y)


def _holds(box: Box, face: Box) -> bool:
    return (
        box.x <= face.x and box.y <= face.y
        and box.x + box.width >= face.x + face.width and box.y + box.height >= face.y + face.height
    )  # fmt: skip


def judged(track: Track, crowded: int) -> Track:
    """The track without the frames that cannot be trusted. crowded: how many showed several people alike.

    Raises :class:`FaceNotUsable`.
    """
    count = len(track.times)
    seen = ~np.isnan(track.points[:, 0, 0])
    if not seen.any():
        raise FaceNotUsable("No face was found in this part.")
    if crowded > count / 2:
        raise FaceNotUsable("Several people are seen, and none of them is much nearer than the others.")
    corners = track.of(*OUTER)
    widths = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    if float(np.nanmedian(widths)) < MIN_MOUTH:
        raise FaceNotUsable("The face is too small.")
    turned = np.abs(_turned(track) - 0.5) > 0.5 - MAX_TURNED
    if (turned & seen).sum() > seen.sum() / 2:
        raise FaceNotUsable("The face is turned away.")
    trusted = seen & ~turned & (widths >= MIN_MOUTH / 2)
    if trusted.sum() < MIN_FOLLOWED * count:
        raise FaceNotUsable("The face cannot be followed through this part.")
    points = track.points.copy()
    points[~trusted] = np.nan
    return Track(track.times, points)


def _turned(track: Track) -> NDArray[np.float32]:
    """Where the bridge of the nose stands between the temples, 0 to 1: in the middle of a face seen from the front."""
    left, right, nose = (track.of(number)[:, 0] for number in (*TEMPLES, BRIDGE))
    across = right - left
    return np.asarray(((nose - left) * across).sum(1) / np.maximum((across**2).sum(1), 1e-6))


def shots(track: Track) -> list[slice]:
    """Runs of frames in which the face was followed without a break or a jump."""
    eyes = track.of(LEFT_EYE, RIGHT_EYE)
    distance = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)
    seen = ~np.isnan(distance)
    moved = np.linalg.norm(np.diff(track.of(*STEADY).mean(1), axis=0), axis=1)
    breaks = ~seen[1:] | ~seen[:-1] | (np.nan_to_num(moved) > JUMP * np.nan_to_num(distance[1:], nan=1.0))
    edges = [0, *(np.flatnonzero(breaks) + 1).tolist(), len(seen)]
    return [slice(a, b) for a, b in pairwise(edges) if seen[a]]

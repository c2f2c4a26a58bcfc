"""Detection of faces and of one face's 478 mesh points, with MediaPipe.

Models: BlazeFace (Bazarevsky et al., 2019) and Attention Mesh (Grishchenko et al., 2020).
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.frames import Box, Image
from media_app.av.mediapipe import solution

POINTS = 478
MIN_DETECTED, MIN_FOLLOWED = 0.5, 0.6
CLOSE, FAR = 0, 1  # face detectors for distances up to 2 m and up to 5 m


class FacesUnavailable(Exception):
    """Error: the face model cannot be loaded."""


class Faces:
    """The loaded face models, as a context manager."""

    def __init__(self) -> None:
        try:
            face_detection, face_mesh = solution("face_detection"), solution("face_mesh")
        except ImportError as exc:
            raise FacesUnavailable(
                f"The face model is not installed on this server ({exc}). "
                "An administrator can install it with `make install`."
            ) from exc
        self._detectors: list[Any] = [
            face_detection.FaceDetection(MIN_DETECTED, model_selection=model) for model in (FAR, CLOSE)
        ]
        self._mesh: Any = face_mesh.FaceMesh(
            max_num_faces=1, refine_landmarks=True, min_tracking_confidence=MIN_FOLLOWED
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for model in (*self._detectors, self._mesh):
            model.close()

    def boxes(self, image: Image) -> list[Box]:
        """Return faces in a BGR image, largest first, as fractions of the image."""
        colours = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        for detector in self._detectors:
            found = detector.process(colours).detections
            if found:
                seen = [one.location_data.relative_bounding_box for one in found]
                boxes = [Box(one.xmin, one.ymin, one.width, one.height).clipped() for one in seen]
                return sorted(boxes, key=lambda box: box.width * box.height, reverse=True)
        return []

    def forget(self) -> None:
        self._mesh.reset()

    def points(self, image: Image) -> NDArray[np.float32] | None:
        """Return a face's points in pixels, shape (478, 2), or None. image: BGR.

        The centre of the first pixel is (0, 0).
        """
        height, width = image.shape[:2]
        found = self._mesh.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).multi_face_landmarks
        if not found:
            return None
        return np.array([(point.x * width - 0.5, point.y * height - 0.5) for point in found[0].landmark], np.float32)

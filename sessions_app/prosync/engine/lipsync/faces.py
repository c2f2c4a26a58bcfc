"""Where faces are in a picture and where the points of one of them are, by MediaPipe; follows nobody through a video.

Detection is BlazeFace (Bazarevsky et al., 2019), the points are those of Attention Mesh (Grishchenko et al., 2020).
Both come with the package that finds poses, in a folder of its own beside the environment's
(``requirements/pose.txt``). OpenCV reads the mesh without attention alone, and that one leaves closed lips open.
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
MIN_DETECTED, MIN_FOLLOWED = 0.5, 0.6  # confidences, 0 to 1
CLOSE, FAR = 0, 1  # models of the detector: within 2 m of the camera, and within 5


class FacesUnavailable(Exception):
    """The model cannot be loaded; the text is a sentence."""


class Faces:
    """The models, loaded once. Use as a context manager. Raises :class:`FacesUnavailable`."""

    def __init__(self) -> None:
        try:
            face_detection, face_mesh = solution("face_detection"), solution("face_mesh")
        except ImportError as exc:
            raise FacesUnavailable(f"The face model is not installed: `make install` does it ({exc}).") from exc
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
        """The faces in a BGR image, the largest first: brow to chin, fractions of the image."""
        colours = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        for detector in self._detectors:
            found = detector.process(colours).detections
            if found:
                seen = [one.location_data.relative_bounding_box for one in found]
                boxes = [Box(one.xmin, one.ymin, one.width, one.height).clipped() for one in seen]
                return sorted(boxes, key=lambda box: box.width * box.height, reverse=True)
        return []

    def forget(self) -> None:
        """What comes next is another view: look for the face again."""
        self._mesh.reset()

    def points(self, image: Image) -> NDArray[np.float32] | None:
        """The 478 points of the one face in a BGR image, shape (478, 2), None where there is none.

        In pixels of it, the middle of the first at 0. It looks first where the face was in the picture before.
        """
        height, width = image.shape[:2]
        found = self._mesh.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).multi_face_landmarks
        if not found:
            return None
        return np.array([(point.x * width - 0.5, point.y * height - 0.5) for point in found[0].landmark], np.float32)

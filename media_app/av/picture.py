"""Writer of JPEG files of bounded size."""

from __future__ import annotations

from pathlib import Path

import cv2

from media_app.av.container import MediaError
from media_app.av.frames import Image

MIME_TYPE = "image/jpeg"
QUALITIES = (85, 75, 65, 50)
SMALLER = (cv2.IMWRITE_JPEG_OPTIMIZE, 1, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)


def write_jpeg(path: Path, image: Image, max_file_bytes: int, first_quality: int = QUALITIES[0]) -> int:
    """Write ``image`` (BGR) as JPEG in the best quality that fits ``max_file_bytes``, else the lowest.

    Return the number of bytes. Raises OSError, MediaError.
    """
    content = b""
    for quality in (first_quality, *(lower for lower in QUALITIES if lower < first_quality)):
        done, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality, *SMALLER])
        if not done:
            raise MediaError(MediaError.UNREADABLE, "A frame of the video cannot be saved as a JPEG picture.")
        content = encoded.tobytes()
        if len(content) <= max_file_bytes:
            break
    path.write_bytes(content)
    return len(content)

"""Child process that makes a thumbnail of an uploaded picture, without metadata.

``python -m media_app.av.thumbnail`` reads ``{"source": path, "folder": path}`` and writes ``{"result": {"file",
"mime_type", "width", "height", "size"}}`` or ``{"error": {"type", "message"}}``.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from media_app.av.sniff import JPEG, PNG, WEBP, Kind, sniff

if TYPE_CHECKING:
    from media_app.av.frames import Image

MAX_SIDE = 1280
MAX_PIXELS = 50_000_000  # maximum number of pixels in an uploaded picture: 150 MB when decoded
MAX_PICTURE_SIDE = 30_000
KINDS = (JPEG, PNG, WEBP)
QUALITY = 85
NAME = "thumbnail"
HEAD_BYTES = 4096
# JPEG markers of frame headers, which contain the picture's size (ITU-T T.81, table B.1).
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xDA)}) - {0xD9}


class Refused(Exception):
    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type


NOT_A_PICTURE = Refused("not_a_picture", "This is not a JPEG, PNG or WebP picture.")
UNREADABLE = Refused("picture_unreadable", "The picture is damaged and cannot be read.")


@dataclass(frozen=True, slots=True)
class Made:
    file: str
    mime_type: str
    width: int
    height: int
    size: int


def dimensions(content: bytes, kind: Kind) -> tuple[int, int]:
    found = {PNG: _png, JPEG: _jpeg, WEBP: _webp}[kind](content)
    if not found or not min(found):
        raise UNREADABLE
    return found


def _png(content: bytes) -> tuple[int, int] | None:
    if len(content) < 24:
        return None
    return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])


def _jpeg(content: bytes) -> tuple[int, int] | None:
    """Return a JPEG's size from its frame header; with several headers the largest, since decoders differ."""
    found: tuple[int, int] | None = None
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in JPEG_ALONE:
            at += 2
            continue
        if marker in (0xD9, 0xDA):  # end of the image, or start of its pixels: no size follows
            break
        length = int.from_bytes(content[at + 2 : at + 4])
        if marker in JPEG_FRAMES and at + 9 <= len(content):
            height, width = int.from_bytes(content[at + 5 : at + 7]), int.from_bytes(content[at + 7 : at + 9])
            found = max(found or (0, 0), (width, height), key=lambda size: size[0] * size[1])
        if length < 2:
            return None
        at += 2 + length
    return found


def _webp(content: bytes) -> tuple[int, int] | None:
    """Return a WebP's size from its first chunk (RFC 6386, 9.1; RFC 9649, 2.7)."""
    name, body = content[12:16], content[20:30]
    if len(body) < 10:
        return None
    if name == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if name == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if body[3:6] != b"\x9d\x01\x2a":
        return None
    return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF


def make(source: Path, folder: Path) -> Made:
    content = source.read_bytes()
    kind = sniff(content[:HEAD_BYTES])
    if kind is None or kind not in KINDS:
        raise NOT_A_PICTURE
    width, height = dimensions(content, kind)
    if width * height > MAX_PIXELS or max(width, height) > MAX_PICTURE_SIDE:
        raise Refused("picture_unreadable", f"The picture is too large: {width}×{height} pixels.")
    image = _decoded(content)
    image = _fitted(image)
    path = folder / f"{NAME}.{kind.extension}"
    path.write_bytes(_encoded(image, kind))
    return Made(path.name, kind.mime_type, image.shape[1], image.shape[0], path.stat().st_size)


def _decoded(content: bytes) -> Image:
    # OpenCV may read a larger size from the header than `dimensions` did, so OpenCV also limits the picture size.
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MAX_PIXELS)
    import cv2
    import numpy as np

    data = np.frombuffer(content, np.uint8)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        if image is None or image.ndim != 3 or image.shape[2] != 4:
            # Use the mode that applies the EXIF orientation: the thumbnail is stored without EXIF.
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as exc:
        raise UNREADABLE from exc
    if image is None:
        raise UNREADABLE
    return np.asarray(image if image.dtype == np.uint8 else (image // 257).astype(np.uint8), np.uint8)


def _fitted(image: Image) -> Image:
    import cv2
    import numpy as np

    height, width = image.shape[:2]
    share = MAX_SIDE / max(width, height)
    if share >= 1:
        return image
    size = max(1, round(width * share)), max(1, round(height * share))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _encoded(image: Image, kind: Kind) -> bytes:
    import cv2

    options = {
        JPEG: [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1, cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
        PNG: [cv2.IMWRITE_PNG_COMPRESSION, 9],
        WEBP: [cv2.IMWRITE_WEBP_QUALITY, QUALITY],
    }[kind]
    done, encoded = cv2.imencode(f".{kind.extension}", image, options)
    if not done:
        raise UNREADABLE
    return encoded.tobytes()


def main() -> None:
    request: dict[str, Any] = json.load(sys.stdin)
    answer: dict[str, Any]
    try:
        made = make(Path(request["source"]), Path(request["folder"]))
        answer = {"result": {name: getattr(made, name) for name in Made.__slots__}}
    except Refused as exc:
        answer = {"error": {"type": exc.type, "message": str(exc)}}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()

"""Picture files for tests, with metadata as cameras write it, or with false sizes that would exhaust memory."""

import struct
import zlib

import cv2
import numpy as np

SECRET = b"52.5200N 13.4050E"


def picture(width: int, height: int, *, alpha: bool = False) -> np.ndarray:
    """Return a picture (BGR) whose left half is red and right half blue. alpha: make its lower half transparent."""
    image = np.zeros((height, width, 4 if alpha else 3), np.uint8)
    image[:, : width // 2, 2] = 255
    image[:, width // 2 :, 0] = 255
    if alpha:
        image[: height // 2, :, 3] = 255
    return image


def encoded(suffix: str, image: np.ndarray) -> bytes:
    """Encode a picture as a file. suffix: ``.jpg``, ``.png``, ``.webp``."""
    done, content = cv2.imencode(suffix, image)
    assert done
    return content.tobytes()


def tiff(orientation: int) -> bytes:
    """Return EXIF data with an orientation, and with the coordinates of the place where the picture was taken."""
    entries = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack(">HHII", 0x010E, 2, len(SECRET), 38)
    return b"MM\0*" + struct.pack(">IH", 8, 2) + entries + struct.pack(">I", 0) + SECRET


def with_exif(content: bytes, orientation: int = 1) -> bytes:
    """Insert EXIF data into a JPEG, PNG or WebP."""
    block = tiff(orientation)
    if content[:2] == b"\xff\xd8":
        body = b"Exif\0\0" + block
        return content[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body + content[2:]
    if content[:4] == b"RIFF":
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        height, width = image.shape[:2]
        extended = b"\x08\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        body = b"WEBP" + _riff(b"VP8X", extended) + content[12:] + _riff(b"EXIF", block)
        return b"RIFF" + struct.pack("<I", len(body)) + body
    return content[:33] + _chunk(b"eXIf", block) + _chunk(b"tEXt", b"Comment\0" + SECRET) + content[33:]


def png_bomb(width: int, height: int) -> bytes:
    """Return a small PNG that claims this size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100_000, 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def jpeg_bomb(width: int, height: int) -> bytes:
    """Return a small JPEG whose frame header claims this size."""
    content = encoded(".jpg", picture(16, 16))
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def webp_bomb(width: int, height: int) -> bytes:
    """Return a small WebP whose header claims this size."""
    content = with_exif(encoded(".webp", picture(16, 16)))
    at = content.index(b"VP8X") + 12
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return content[:at] + sides + content[at + 6 :]


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _riff(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)

"""Safe file names and content types for response headers; free of Django."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

MAX_LETTERS = 150
FORBIDDEN = frozenset('/\\:*?"<>|')
PLAIN_TYPE = "application/octet-stream"
_MEDIA_TYPE = re.compile(r"(video|audio)/[a-z0-9][a-z0-9.+-]{0,60}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
# Content types that may be sent, by file suffix. Browsers run no code from files of these types.
MADE_TYPES = {
    ".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".vtt": "text/vtt; charset=utf-8",
    ".json": "application/json", ".mp4": "video/mp4", ".mp3": "audio/mpeg", ".wav": "audio/wav", ".m4a": "audio/mp4",
    ".aac": "audio/aac", ".ogg": "audio/ogg", ".flac": "audio/flac",
    # Results of dubbing providers may also have the following types.
    ".m4v": "video/x-m4v", ".mov": "video/quicktime", ".webm": "video/webm", ".mkv": "video/x-matroska",
    ".3gp": "video/3gpp", ".ogv": "video/ogg", ".avi": "video/x-msvideo", ".ts": "video/mp2t",
}  # fmt: skip


def media_type(claimed: str) -> str:
    return claimed if _MEDIA_TYPE.fullmatch(claimed) else PLAIN_TYPE


def made_type(name: str) -> str | None:
    """Return the content type of a rendition or job output; None if it may not be sent."""
    return MADE_TYPES.get(PurePosixPath(name).suffix)


def attachment(title: str, location: str) -> str:
    """Return a Content-Disposition (RFC 6266, RFC 8187) that names a download by title and file suffix."""
    stem = " ".join("".join(map(_harmless, title)).split())[:MAX_LETTERS].strip(". ") or "video"
    suffix = PurePosixPath(location).suffix.lower()
    if not _SUFFIX.fullmatch(suffix) or stem.lower().endswith(suffix):
        suffix = ""
    name = stem + suffix
    plain = "".join(letter if letter.isascii() else "_" for letter in name).replace("%", "_")
    header = f'attachment; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe='')}"


def _harmless(letter: str) -> str:
    if letter in FORBIDDEN:
        return "_"
    return " " if unicodedata.category(letter)[0] in "CZ" else letter

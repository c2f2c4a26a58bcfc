"""The addresses of media: signed, for one file and one purpose."""

from __future__ import annotations

from urllib.parse import quote

from media_app.catalog.models import Video
from vodplatform.base import signing

STREAM_PREFIX = "/api/v1/media/stream/"
MADE_PREFIX = "/api/v1/media/made/"
STREAM = "stream"
MADE = "made"


def stream_url(video: Video) -> str:
    """Where the bytes of ``video`` can be read without signing in, for a while. Check permission first."""
    return f"{STREAM_PREFIX}{video.pk}?sig={signing.sign(STREAM, str(video.pk))}"


def made_url(key: str) -> str:
    """The same for a small file that a job has stored under ``key``."""
    return f"{MADE_PREFIX}{quote(key)}?sig={signing.sign(MADE, key)}"

"""Forms with files of catalogue videos, sent through the whole program."""

from __future__ import annotations

import uuid
from pathlib import Path

from media_app.videos.models import Video
from tests.support.streams import Answer, ask
from tests.uploads.forms import FORM, Part, form_of

ALIASES = ("/videos-upload", "/functions/v1/videos-upload")


def canonical(video: Video | uuid.UUID) -> str:
    return f"/api/v1/videos/{getattr(video, 'pk', video)}/file"


def part_of(path: Path, name: str = "video", filename: str = "") -> Part:
    return (name, path.read_bytes(), filename or path.name)


async def send(key: str, url: str, *parts: Part, headers: dict[str, str] | None = None) -> Answer:
    return await ask("POST", url, {**FORM, **(headers or {})}, form_of(parts), key=key)

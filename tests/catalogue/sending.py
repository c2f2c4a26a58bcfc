"""Forms with files of catalogue videos, sent through the whole program."""

import uuid
from pathlib import Path

from jobs_app.models import Job
from media_app.uploads.models import Upload
from media_app.videos.models import Video
from tests.support.sockets import ask as ask_rows
from tests.support.stored import files_in
from tests.support.streams import Answer, ask
from tests.uploads.forms import FORM, Part, form_of

ALIASES = ("/videos-upload", "/functions/v1/videos-upload")


def canonical(video: Video | uuid.UUID) -> str:
    return f"/api/v1/videos/{getattr(video, 'pk', video)}/file"


def part_of(path: Path, name: str = "video", filename: str = "") -> Part:
    return (name, path.read_bytes(), filename or path.name)


async def send(key: str, url: str, *parts: Part, headers: dict[str, str] | None = None) -> Answer:
    return await ask("POST", url, {**FORM, **(headers or {})}, form_of(parts), key=key)


async def expect_untouched(bare: Video, media: Path) -> None:
    """Fail unless the video is as it was made, and nothing of what was sent for it is left."""
    assert files_in(media) == []
    video = await ask_rows(lambda: Video.objects.get(pk=bare.pk))
    assert (video.status, video.location) == ("uploading", "")
    assert await ask_rows(lambda: (Job.objects.count(), Upload.objects.filter(status="completed").count())) == (0, 0)

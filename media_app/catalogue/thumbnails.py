"""Uploaded thumbnails of catalogue videos, re-encoded without the picture's metadata."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from media_app.storage import files as store
from media_app.uploads.quota import scratch_folder
from media_app.videos.models import Rendition, RenditionKind, Video
from media_app.videos.services import waiting_room
from vodplatform.core.errors import DomainError
from vodplatform.core.files import untrusted_files
from vodplatform.core.logs import event
from vodplatform.core.processes.process import Access, ChildError, Limits

WORK = [sys.executable, "-m", "media_app.av.thumbnail"]
SECONDS = 20.0
MEMORY_BYTES = 1024**3
PREFIX = "thumbnails/"


def store_thumbnail(video_id: UUID, source: Path, name: str, *, caller: str) -> dict[str, Any]:
    """Store a thumbnail of the picture at ``source``. Return its facts for :func:`show`.

    name: file name without suffix. caller: user id; each user has at most one child process at a time. Raise the errors
    of :func:`render`, ``StoreUnavailable``, ``StoreFull``.
    """
    with tempfile.TemporaryDirectory(prefix="thumbnail-", dir=scratch_folder()) as folder:
        path, made = render(source, Path(folder), caller=caller)
        file = f"{name}{path.suffix}"
        store.put_file(f"{PREFIX}{video_id}/{file}", path, content_type=made["mime_type"])
    return {**made, "file": file}


def render(source: Path, folder: Path, *, caller: str) -> tuple[Path, dict[str, Any]]:
    """Write a small copy of a picture below ``folder``. Return its path and facts.

    Raise ``not_a_picture``, ``picture_unreadable``, ``unavailable``.
    """
    own = folder / "made"
    own.mkdir()
    request = json.dumps({"source": str(source), "folder": str(own)}).encode()
    limits = Limits(wall_seconds=SECONDS, memory_bytes=MEMORY_BYTES, threads=settings.CHILD_THREADS)
    try:
        access = Access(reads=[source], writes=[own])
        done = waiting_room.run_child(WORK, caller=caller, stdin=request, limits=limits, access=access)
        answer = done.messages[-1]
    except (ChildError, IndexError) as exc:
        if isinstance(exc, ChildError) and exc.kind == ChildError.BUSY:
            raise DomainError("unavailable", f"{exc} Try again in a moment.") from exc
        raise DomainError("picture_unreadable") from exc
    if error := answer.get("error"):
        raise DomainError(error["type"], error["message"])
    made: dict[str, Any] = answer["result"]
    return untrusted_files.move_out(own, made["file"]), made


def show(video: Video, made: dict[str, Any]) -> None:
    drop(video)
    Rendition.objects.create(
        video=video, kind=RenditionKind.THUMBNAIL, folder=f"{PREFIX}{video.pk}/", files={"image": made["file"]},
        mime_type=made["mime_type"], width=made["width"], height=made["height"], size=made["size"],
    )  # fmt: skip


def drop(video: Video) -> None:
    for rendition in Rendition.with_lost.filter(video=video, kind=RenditionKind.THUMBNAIL):
        key = rendition.key_of("image")
        rendition.delete()
        transaction.on_commit(lambda key=key: delete_quietly(key))  # type: ignore[misc]


def delete_quietly(key: str) -> None:
    """Delete a file; if the storage is unavailable, the periodic cleanup deletes it later."""
    try:
        store.delete(key)
    except store.StoreUnavailable as exc:
        event("thumbnail.left", key=key, reason=exc.reason)

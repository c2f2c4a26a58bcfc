"""Taking files into the library by reference: probe in a child, one row per owner and file."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction

from media_app.catalog import library_roots
from media_app.catalog.models import Video, VideoSource
from vodplatform.accounts.models import User
from vodplatform.base.errors import DomainError
from vodplatform.base.process import ChildError, Limits, WaitingRoom

PROBE = [sys.executable, "-m", "media_app.av.probe"]
PROBES_AT_ONCE = 4
waiting_room = WaitingRoom(PROBES_AT_ONCE)
PROBE_SECONDS = 30.0
MIME_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm", ".ogv": "video/ogg",
    ".ogg": "video/ogg", ".mkv": "video/x-matroska", ".avi": "video/x-msvideo", ".ts": "video/mp2t",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int
    modified_ns: int


def reference_videos(user: User, paths: list[str]) -> list[Video]:
    """The videos of these library files, in order, made or refreshed where the file is new or has changed.

    Raises ``path_not_allowed``, ``vod_file_not_found``, ``vod_unreadable``, ``vod_codec_unsupported``, each with
    the index of the path in ``index``; nothing is written then.
    """
    roots = library_roots.roots_of(user)
    files = []
    for index, path in enumerate(paths):
        try:
            files.append(_look(library_roots.resolve(path, roots)))
        except DomainError as exc:
            raise DomainError(exc.type.name, exc.message, index=index) from exc
    # A file that has been replaced is another video: older sessions keep the facts that they were made with.
    known = {
        _File(Path(video.location), video.file_size, video.modified_ns): video
        for video in Video.objects.filter(owner=user, location__in=[str(file.path) for file in files])
    }
    fresh = list(dict.fromkeys(file for file in files if file not in known))
    facts = dict(zip(fresh, probe([file.path for file in fresh], user.pk), strict=True))
    for index, file in enumerate(files):
        answer = facts.get(file, {})
        if error := answer.get("error"):
            raise DomainError(error["code"], error["message"], index=index)
        if answer.get("facts", {}).get("truncated"):
            raise DomainError("vod_unreadable", "The file is cut short: its end is missing.", index=index)
    with transaction.atomic():
        for file in fresh:
            values = {**_columns(file, facts[file]["facts"]), "title": file.path.name[:255]}
            known[file], _ = Video.objects.get_or_create(
                owner=user, location=str(file.path), file_size=file.size, modified_ns=file.modified_ns, defaults=values
            )
    return [known[file] for file in files]


def probe(paths: list[Path], caller: object = "") -> list[dict[str, Any]]:
    """What the probe says of each file: ``{"facts": …}`` or ``{"error": {"code", "message"}}``; runs in a child."""
    if not paths:
        return []
    limits = Limits(
        wall_seconds=PROBE_SECONDS * len(paths),
        memory_bytes=settings.CHILD_MEMORY_BYTES,
        threads=settings.CHILD_THREADS,
    )
    request = json.dumps({"paths": [str(path) for path in paths]}).encode()
    try:
        finished = waiting_room.run_child(PROBE, caller=str(caller), stdin=request, limits=limits)
        results: list[dict[str, Any]] = finished.messages[-1]["result"]
    except (ChildError, IndexError, KeyError) as exc:
        if isinstance(exc, ChildError) and exc.kind == ChildError.BUSY:
            raise DomainError("unavailable", f"{exc} Try again in a moment.") from exc
        if len(paths) > 1:
            # One of them takes the reader down: find out which.
            return [answer for path in paths for answer in probe([path], caller)]
        message = "The file cannot be read as a video: reading it broke or took too long."
        return [{"error": {"code": "vod_unreadable", "message": message}}]
    return results


def open_video(video: Video) -> int:
    """A read-only file descriptor of the video's bytes; the caller closes it.

    A referenced file is opened only while it lies below a library root of the video's owner. Raises
    ``FileNotFoundError``.
    """
    return os.open(local_path(video), os.O_RDONLY | os.O_CLOEXEC)


def local_path(video: Video) -> Path:
    """Where the bytes are on this machine. Raises ``FileNotFoundError`` when they are gone or out of bounds."""
    if video.source == VideoSource.STORED:
        path = Path(default_storage.path(video.location))
    else:
        path = Path(os.path.realpath(video.location))
        if not library_roots.is_inside(path, library_roots.roots_of(video.owner)):
            raise FileNotFoundError(video.location)
    if not path.is_file():
        raise FileNotFoundError(video.location)
    return path


def _look(path: Path) -> _File:
    found = path.stat()
    return _File(path, found.st_size, found.st_mtime_ns)


def _columns(file: _File, facts: dict[str, Any]) -> dict[str, Any]:
    numerator, denominator = facts["fps"]
    return {
        "source": VideoSource.REFERENCE,
        "mime_type": MIME_TYPES.get(file.path.suffix.lower(), "application/octet-stream"),
        "duration": facts["duration"],
        "fps_numerator": numerator,
        "fps_denominator": denominator,
        "is_variable_frame_rate": facts["is_vfr"],
        "width": facts["width"],
        "height": facts["height"],
        "codec": facts["codec"][:32],
        "audio_tracks": facts["audio_tracks"],
    }

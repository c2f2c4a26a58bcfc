from __future__ import annotations

import json
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Sum

from media_app.storage import files as store
from media_app.uploads import assemble, quota
from media_app.uploads.handlers import UploadHandler
from media_app.uploads.models import Upload
from media_app.uploads.protocols.multipart import FilePart, form
from media_app.videos import work_limit
from media_app.videos.models import Rendition, RenditionKind
from media_app.videos.services import probe, waiting_room
from media_app.videos.upload_handlers import create_session_video, key_of, title_of
from sessions_app.prosync import services
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.processes.process import Access, ChildError, Limits

VIDEO_NAME, SOUND_NAME = "pro-video", "pro-sound"
MAX_SOUNDS = 50
PROBE = [sys.executable, "-m", "sessions_app.prosync.engine.audio.probe"]
PROBE_SECONDS = 60.0  # a probe's time limit, in seconds per sound
NO_SOUND = {"error": {"type": "not_a_sound", "message": "The file is not an MP3, WAV, M4A, AAC, Ogg or FLAC file."}}


def _admit(user: User, given: Mapping[str, str]) -> None:
    services.most_segments(user)


FORMS = [
    form(
        "api/v1/sync/pro-sync-process", FilePart(frozenset({"video"}), VIDEO_NAME),
        FilePart(frozenset({"audio_files"}), SOUND_NAME, most=MAX_SOUNDS),
    ),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sound:
    """An uploaded sound. ``seconds`` is the decoded duration, and ``extension`` has no dot."""

    upload: Upload
    seconds: float
    extension: str
    mime_type: str
    peaks: list[float]


@dataclass(frozen=True, slots=True)
class Inspection:
    """Results of inspecting uploads. video: facts about a usable video, or None.

    sounds: None for each unusable sound. refusals: pairs (form part, error).
    """

    video: dict[str, Any] | None
    sounds: list[Sound | None]
    refusals: list[tuple[str, DomainError]]


def inspect_files(user: User, video: Upload | None, sounds: Sequence[Upload]) -> Inspection:
    """Probe all files, and collect an error for each unusable one.

    Types of these errors: ``not_a_video``, ``not_a_sound``, ``work_limit``, ``no_video``, ``video_too_long``,
    ``sound_unreadable``, ``dub_failed``.
    """
    # A user's inspections run one at a time, because parallel copies from S3 could fill the disk.
    with (
        waiting_room.turn(str(user.pk)),
        tempfile.TemporaryDirectory(dir=quota.scratch_folder(), ignore_cleanup_errors=True) as name,
    ):
        folder = Path(name)
        if not store.is_local():
            quota.check_disk(sum(upload.size for upload in sounds))
        seen = [_probe_video(user, video)] if video and video.mime_type else []
        paths = [_local(upload, folder / f"sound-{number}") for number, upload in enumerate(sounds) if upload.mime_type]
        answers = iter(_probe_sounds(user, paths, folder) if paths else [])
    inspection = Inspection(None, [], [])
    try:
        if video is not None:
            facts = _video(seen)
            work_limit.check(user, facts)
            inspection = Inspection(facts, [], [])
    except DomainError as exc:
        inspection.refusals.append(("video", exc))
    for upload in sounds:
        sound = None
        try:
            sound = _sound(upload, next(answers) if upload.mime_type else NO_SOUND)
        except DomainError as exc:
            inspection.refusals.append(("audio_files", exc))
        inspection.sounds.append(sound)
    return inspection


def _probe_video(user: User, upload: Upload) -> dict[str, Any]:
    if store.is_local():
        return probe([store.local_path(upload.key)], user.pk)[0]
    assemble.finish_multipart_uploads(upload)
    with store.start_range_server([upload.key]) as server:
        found = probe(server.paths, user.pk, ranged=server)[0]
    if server.error is not None:
        raise server.error
    return found


def _local(upload: Upload, folder: Path) -> Path:
    if store.is_local():
        return store.local_path(upload.key)
    assemble.finish_multipart_uploads(upload)
    folder.mkdir()
    return store.local_copy(upload.key, folder)


def _probe_sounds(user: User, paths: Sequence[Path], folder: Path) -> list[dict[str, Any]]:
    limits = Limits(
        wall_seconds=PROBE_SECONDS * max(1, len(paths)), memory_bytes=settings.CHILD_MEMORY_BYTES,
        threads=settings.CHILD_THREADS,
    )  # fmt: skip
    request = json.dumps({"paths": [str(path) for path in paths]}).encode()
    try:
        access = Access(reads=paths, writes=[folder])
        finished = waiting_room.run_child(PROBE, caller=str(user.pk), stdin=request, limits=limits, access=access)
        answers: list[dict[str, Any]] = finished.messages[-1]["result"]
    except (ChildError, IndexError, KeyError) as exc:
        if isinstance(exc, ChildError) and exc.kind == ChildError.BUSY:
            raise DomainError("unavailable", f"{exc} Try again in a moment.") from exc
        if len(paths) > 1:
            return [answer for path in paths for answer in _probe_sounds(user, [path], folder)]
        return [
            {
                "error": {
                    "type": "sound_unreadable",
                    "message": "The sound could not be read, or reading it took too long. Upload another file.",
                }
            }
        ]
    return answers


def _video(seen: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if not seen:
        raise DomainError("not_a_video")
    if error := seen[0].get("error"):
        if error["code"] == "no_video":
            raise DomainError("no_video")
        raise DomainError("dub_failed", error["message"])
    facts: dict[str, Any] = seen[0]["facts"]
    if not facts["width"]:
        raise DomainError("no_video")
    if facts.get("truncated"):
        raise DomainError("dub_failed", "The video is incomplete: its end is missing. Upload it again.")
    if facts["duration"] > settings.MAX_VIDEO_SECONDS:
        hours = settings.MAX_VIDEO_SECONDS / 3600
        raise DomainError(
            "video_too_long", f"The video is longer than the maximum of {hours:g} hours. Upload a shorter video."
        )
    return facts


def _sound(upload: Upload, answer: dict[str, Any]) -> Sound:
    if error := answer.get("error"):
        raise DomainError(error["type"], f"{upload.filename}: {error['message']}")
    facts = answer["facts"]
    return Sound(upload, facts["seconds"], facts["extension"], facts["mime_type"], facts["peaks"])


def _only_in_its_form() -> DomainError:
    sentence = "Upload the files of a pro job in the request that starts the job."
    return DomainError("invalid", errors={"purpose": [sentence]})


class ProVideoUpload(UploadHandler):
    name = VIDEO_NAME
    label = "Video of a pro job"
    # Check the file's type late, so that errors about the plan and the number of segments come first.
    checks_type_early = False

    def key_of(self, upload: Upload) -> str:
        return key_of(upload.resource_id, upload.filename)

    def finish(self, upload: Upload) -> None:
        services.create_rows(upload, lambda job: create_session_video(upload, job, title=title_of(upload.filename)))

    def admit(self, user: User, given: Mapping[str, str]) -> None:
        _admit(user, given)

    def begin(self, user: User, metadata: Mapping[str, Any]) -> dict[str, Any]:
        raise _only_in_its_form()


VIDEO = ProVideoUpload()


class ProSoundUpload(UploadHandler):
    name = SOUND_NAME
    label = "Sound of a pro job"
    families = frozenset({"audio", "video"})
    checks_type_early = False

    def finish(self, upload: Upload) -> None:
        """Do nothing: the video's upload creates the job."""

    def stored_bytes(self, user_id: uuid.UUID) -> int:
        rows = Rendition.objects.filter(video__owner=user_id, kind__in=[RenditionKind.SOUND, RenditionKind.DUB])
        return int(rows.aggregate(total=Sum("size", default=0))["total"])

    def admit(self, user: User, given: Mapping[str, str]) -> None:
        _admit(user, given)

    def begin(self, user: User, metadata: Mapping[str, Any]) -> dict[str, Any]:
        raise _only_in_its_form()

    def max_bytes(self) -> int:
        return int(settings.PROSYNC_MAX_AUDIO_BYTES)

    def refusal(self) -> DomainError:
        return DomainError("not_a_sound")


SOUND = ProSoundUpload()

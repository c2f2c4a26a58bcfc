"""Private videos: import of files used in place, file access, changes, bin, deletion, uses."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import RestrictedError
from django.db.models.functions import Now
from django.dispatch import Signal

from jobs_app import leases
from jobs_app import services as jobs
from jobs_app.context import JobFailed, WaitRequested
from jobs_app.models import LIVE, Job, JobStatus
from jobs_app.periodic import periodic_task
from media_app.av.sniff import sniff
from media_app.storage import files as store
from media_app.uploads import quota
from media_app.uploads import services as uploads
from media_app.uploads.handlers import registry as purposes
from media_app.uploads.models import LIVE as UPLOADS_LIVE
from media_app.uploads.models import Upload
from media_app.videos import library_roots, rendition_quota, work_limit
from media_app.videos.models import TRANSITIONS, Rendition, RenditionKind, Video, VideoScope, VideoSource, VideoStatus
from media_app.videos.recordings import is_notable
from vodplatform.accounts.models import User
from vodplatform.core.api import idempotency
from vodplatform.core.errors import DomainError
from vodplatform.core.logs import event
from vodplatform.core.processes.child_pool import ChildPool
from vodplatform.core.processes.process import Access, ChildError, Limits
from vodplatform.core.processes.ranged import RangeServer
from vodplatform.core.records import audit
from vodplatform.core.records.transitions import transition
from vodplatform.core.records.unreferenced import confirm_unreferenced

RENDER_KIND = "render"
NORMALIZE_KIND = "normalize"
DELETED = "video_deleted"
# Signal with ``video`` and ``by`` (user), before a deletion or a move to the bin. If a receiver returns
# sessions of the user that show the video, the deletion is refused.
video_deleting = Signal()
# Signal with ``video``, ``by`` (user) and ``is_final``: after a move to or from the bin (False), and before
# the final deletion (True).
video_shelving = Signal()
# Signal with ``videos`` and ``viewer``. Receivers return each :class:`Use` that the viewer may see.
video_showing = Signal()
# Signal with ``video_id``, before the video's jobs are locked. Receivers lock their own rows now, because a
# fixed order of locks avoids deadlocks.
video_locking = Signal()
PROBE = [sys.executable, "-m", "media_app.av.probe"]
PROBES_AT_ONCE = 4
waiting_room = ChildPool(PROBES_AT_ONCE)
PROBE_SECONDS = 30.0
PURGE_BATCH = 500
COPY_SECONDS, COPY_DEADLINE = 3.0, 86_400.0  # poll interval and maximum wait for a normalised copy, seconds
HEAD_BYTES = 4096
UNKNOWN_TYPE = "application/octet-stream"
OF_THE_FILE = frozenset({
    "location", "file_size", "mime_type", "sha256", "duration", "fps_numerator", "fps_denominator",
    "is_variable_frame_rate", "width", "height", "codec", "audio_tracks", "recording",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int
    modified_ns: int


def reference_videos(user: User, paths: list[str]) -> list[Video]:
    """Return the videos of these library files, in order. New and changed files get new videos.

    Raise ``path_not_allowed``, ``vod_file_not_found``, ``vod_unreadable``, ``vod_codec_unsupported``, with the
    ``index`` of the path.
    """
    roots = library_roots.roots_of(user)
    files = []
    for index, path in enumerate(paths):
        try:
            files.append(_look(library_roots.resolve(path, roots)))
        except DomainError as exc:
            raise DomainError(exc.type.name, exc.message, index=index) from exc
    # A changed file matches no known video, so it gets a new one. Older sessions keep the video with the old facts.
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
            raise DomainError(
                "vod_unreadable", "The file is incomplete: its end is missing. Upload the complete file.", index=index
            )
    with transaction.atomic():
        for file in fresh:
            values = {
                **columns_of(facts[file]["facts"]),
                "source": VideoSource.REFERENCE,
                "mime_type": mime_type_of(file.path),
                "title": file.path.name[:255],
            }
            known[file], _ = Video.objects.get_or_create(
                owner=user, location=str(file.path), file_size=file.size, modified_ns=file.modified_ns, defaults=values
            )
            if known[file].needs_copy:
                request_copy(known[file])
        for video in known.values():
            if video.purge_at is not None:
                restore_from_bin(video, user)
    return [known[file] for file in files]


def probe(
    paths: Sequence[Path | str], caller: object = "", *, ranged: RangeServer | None = None
) -> list[dict[str, Any]]:
    """Probe files in a child process. Return ``{"facts": …}`` or ``{"error": {"code", "message"}}`` for each file."""
    assert ranged is None or len(paths) == 1
    if not paths:
        return []
    limits = Limits(
        wall_seconds=PROBE_SECONDS * len(paths),
        memory_bytes=settings.CHILD_MEMORY_BYTES,
        threads=settings.CHILD_THREADS,
    )
    request = json.dumps({"paths": [str(path) for path in paths]}).encode()
    try:
        finished = waiting_room.run_child(
            PROBE, caller=str(caller), stdin=request, limits=limits, access=Access(reads=paths), ranged=ranged
        )
        results: list[dict[str, Any]] = finished.messages[-1]["result"]
    except (ChildError, IndexError, KeyError) as exc:
        if isinstance(exc, ChildError) and exc.kind == ChildError.BUSY:
            raise DomainError("unavailable", f"{exc} Try again in a moment.") from exc
        if len(paths) > 1:
            # Probe each file alone, to find the one that crashed the probe or exceeded its limits.
            return [answer for path in paths for answer in probe([path], caller)]
        message = (
            "The file cannot be read as a video, or reading it takes too long. Check that it plays, or convert it."
        )
        return [{"error": {"code": "vod_unreadable", "message": message, "broke": True}}]
    return results


def is_local(video: Video) -> bool:
    return video.source == VideoSource.REFERENCE or store.is_local()


def local_path(video: Video) -> Path:
    """Return the local path of a video's file. Raise ``FileNotFoundError``, ``StoreUnavailable``."""
    if video.source == VideoSource.STORED:
        path = store.local_path(video.location)
    else:
        path = Path(os.path.realpath(video.location))
        if not library_roots.is_inside(path, library_roots.roots_of(video.owner)):
            raise FileNotFoundError(video.location)
    with store.storage_errors(video.location):
        if not path.is_file():
            raise FileNotFoundError(video.location)
    return path


def check_watchable(videos: Sequence[Video], viewer: User | None) -> None:
    """Raise ``FileNotFoundError`` if the viewer may not see all videos. viewer: None for no check."""
    if viewer is None:
        return
    rows = Video.objects.watchable_by(viewer).filter(pk__in=[video.pk for video in videos])
    seen = set(rows.values_list("pk", flat=True))
    if hidden := next((video for video in videos if video.pk not in seen), None):
        raise FileNotFoundError(hidden.location)


class CopyPending(WaitRequested):
    def __init__(self) -> None:
        super().__init__(None, COPY_SECONDS, COPY_DEADLINE, "Waiting for a playable copy")


def normalized_copy(video: Video) -> Rendition | None:
    """Return the normalised copy of a video, or None if the video needs none.

    Raise :class:`CopyPending` while a job makes the copy, and :class:`jobs_app.context.JobFailed` if this job failed.
    """
    if not video.needs_copy:
        return None
    if row := video.renditions.filter(kind=RenditionKind.NORMALIZED, name=copy_name(video)).first():
        return row
    request_copy(video)
    raise CopyPending


def copy_name(video: Video) -> str:
    return hashlib.sha256(video.location.encode()).hexdigest()[:16]


def request_copy(video: Video) -> Job:
    """Return the unfinished job that makes a video's normalised copy. If there is no such job, queue a new job.

    Raise :class:`jobs_app.context.JobFailed` if the last such job failed.
    """
    with transaction.atomic():
        Video.objects.select_for_update(no_key=True).get(pk=video.pk)
        last = Job.objects.filter(kind=NORMALIZE_KIND, params__video_id=str(video.pk)).first()
        if last is not None and last.status == JobStatus.FAILED:
            error = last.error or {}
            raise JobFailed(
                error.get("type", "vod_unreadable"),
                error.get("message", "No playable copy of this video can be created."),
            )
        if last is not None and last.status in LIVE:
            return last
        return jobs.enqueue(NORMALIZE_KIND, video.owner, {"video_id": str(video.pk)})


def local_playable_path(
    video: Video, folder: Path, on_progress: Callable[[int], None] | None = None, *, viewer: User | None
) -> Path:
    """Return a local path of the playable file: the video's own or its normalised copy.

    A file on S3 is downloaded into ``folder``. viewer: user who sees the result, None for no check. Raise the errors of
    :func:`check_watchable` and :func:`normalized_copy`, ``FileNotFoundError``, ``StoreUnavailable``, ``StoreFull``.
    """
    check_watchable([video], viewer)
    if (made := normalized_copy(video)) is None:
        return local_original_path(video, folder, on_progress)
    check_file(video)  # fail unless the original exists in a folder that its owner may use
    if store.is_local():
        return store.local_path(made.key_of("video"))
    quota.check_disk(made.size)
    return store.local_copy(made.key_of("video"), folder, on_progress)


def local_original_path(video: Video, folder: Path, on_progress: Callable[[int], None] | None = None) -> Path:
    if is_local(video):
        return local_path(video)
    quota.check_disk(video.file_size)
    return store.local_copy(video.location, folder, on_progress)


def check_file(video: Video) -> None:
    if is_local(video):
        local_path(video)
    else:
        store.size(video.location)


def mime_type_of(path: Path, otherwise: str = UNKNOWN_TYPE) -> str:
    with path.open("rb") as file:
        kind = sniff(file.read(HEAD_BYTES))
    return kind.mime_type if kind else otherwise


def write_guard_of(purpose: str) -> Callable[[uuid.UUID], AbstractContextManager[Any]]:
    found = purposes().get(purpose)
    return found.write_guard if found else lambda video_id: contextlib.nullcontext()


def restore_previous_file(video_id: uuid.UUID, previous: Mapping[str, Any], error_type: str, message: str) -> None:
    """Restore the former file of a video whose new file failed; store the new file's error."""
    values = {name: value for name, value in previous.items() if name in OF_THE_FILE}
    values |= {"error_type": error_type, "error_message": message, "updated_at": Now()}
    rows = Video.objects.filter(pk=video_id)
    if not transition(rows, TRANSITIONS, VideoStatus.READY, **values):
        rows.filter(status=VideoStatus.READY).update(**values)
    transaction.on_commit(lambda: delete_other_files(video_id, str(previous["location"])))


def delete_other_files(video_id: uuid.UUID, location: str) -> None:
    """Delete the files in a video's folder other than ``location``, except those of live uploads.

    Nothing is deleted if the video's file is no longer at ``location``.
    """
    try:
        # List the files first, to keep files that arrive later.
        found = [file.key for file in store.files(f"videos/{video_id}/")]
        coming = Upload.objects.filter(resource_id=video_id, status__in=UPLOADS_LIVE)
        kept = {location, *coming.values_list("key", flat=True)}
        with transaction.atomic():
            row = Video.objects.select_for_update(no_key=True).filter(pk=video_id).values_list("location", flat=True)
            if row.first() != location:
                return
        for key in found:
            if key not in kept:
                store.delete(key)
    except store.StoreUnavailable as exc:
        event("video.left", video=str(video_id), reason=exc.reason)


def change(video: Video, values: dict[str, Any]) -> Video:
    for name, value in values.items():
        setattr(video, name, value)
    video.save(update_fields=[*values, "updated_at"])
    return video


def request_rendition(video: Video, kind: str, time: float | None = None) -> tuple[Rendition | None, Job | None]:
    """Return a rendition if it exists, else the job that makes it, queued if necessary.

    time: seconds of the frame for a new poster. Raise ``video_not_ready`` (409), ``work_limit`` (403), ``invalid``
    (400), ``storage_full`` (413).
    """
    if video.status != VideoStatus.READY:
        raise DomainError("video_not_ready")
    if kind == RenditionKind.NORMALIZED:
        if not video.needs_copy:
            raise DomainError(
                "invalid", errors={"kind": ["This video needs no playable copy: browsers can play the original file."]}
            )
        made = video.renditions.filter(kind=kind, name=copy_name(video)).first()
        if made:
            return made, None
        with transaction.atomic():
            idempotency.bind_to_transaction()
            return None, request_copy(video)
    with transaction.atomic():
        idempotency.bind_to_transaction()
        Video.objects.select_for_update(no_key=True).get(pk=video.pk)
        made = video.renditions.filter(kind=kind).first()
        if made and time is None:
            return made, None
        if time is None:
            work_limit.check(video.owner, video)
            if error := rendition_quota.refusal(video.owner):
                raise error
        tasks = [{"do": kind} if time is None else {"do": kind, "at": time}]
        live = Job.objects.filter(
            kind=RENDER_KIND, owner=video.owner_id, status__in=LIVE, params__video_id=str(video.pk)
        )
        if time is not None:
            former = [job.pk for job in live if "at" in job.params["tasks"][0] and job.params["tasks"] != tasks]
            jobs.cancel_all(Job.objects.filter(pk__in=former))
        running = live.filter(params__tasks=tasks).first()
        is_short = time is not None or 2 * work_limit.gigapixels(video) <= work_limit.SHORT_GIGAPIXELS
        params = {"video_id": str(video.pk), "tasks": tasks}
        return None, running or jobs.enqueue(RENDER_KIND, video.owner, params, is_short=is_short)


def cancel_jobs(video_id: uuid.UUID) -> None:
    video_locking.send(Video, video_id=video_id)
    jobs.cancel_all(Job.objects.filter(status__in=LIVE, params__video_id=str(video_id)))


def delete_video(video: Video, by: User | None, *, leave_gaps: bool = False) -> None:
    """Delete a video and its renditions, but not a file in a library folder.

    by: user; None if the time in the bin is over. Raise ``video_in_use`` (409) with the user's ``sessions`` that show
    the video. The sessions are not checked if ``leave_gaps`` is set, the video is in the bin, or the user is an admin.
    """
    with transaction.atomic():
        cancel_jobs(video.pk)
        if not leave_gaps and video.purge_at is None:
            _check_unused(video, by)
        # In the same transaction: if the deletion is refused, the sessions must keep the video.
        video_shelving.send(Video, video=video, by=by, is_final=True)
        audit.record("video.delete", actor=by, target=video, title=video.title, location=video.location)
        video_id, location, is_stored = video.pk, video.location, video.source == VideoSource.STORED
        try:
            video.delete()
        except RestrictedError as exc:  # a job or a new session still refers to the video
            raise DomainError("video_in_use", sessions=[]) from exc
        transaction.on_commit(lambda: _delete_files(video_id, location if is_stored else ""))


def _check_unused(video: Video, by: User | None) -> None:
    answers: list[Any] = video_deleting.send(Video, video=video, by=by)
    if in_the_way := [session for _, found in answers for session in found]:
        raise DomainError("video_in_use", sessions=in_the_way)


def move_to_bin(video: Video, by: User, *, leave_gaps: bool = False) -> None:
    """Move a library video to the bin, cancel its jobs and set ``video.deleted_at``.

    Raise ``not_found`` (404), ``video_in_use`` (409) as :func:`delete_video`.
    """
    with transaction.atomic():
        cancel_jobs(video.pk)
        if not leave_gaps:
            _check_unused(video, by)
        if not Video.objects.private().filter(pk=video.pk).update(deleted_at=Now(), updated_at=Now()):
            raise DomainError("not_found")
        video.refresh_from_db(fields=["deleted_at"])
        audit.record("video.bin", actor=by, target=video, title=video.title, location=video.location)
        _broadcast_on_commit(video, by)


def _broadcast_on_commit(video: Video, by: User) -> None:
    # After the commit: many sessions can show the video, and each is changed in a short transaction of its own.
    transaction.on_commit(lambda: video_shelving.send(Video, video=video, by=by, is_final=False))


def restore_from_bin(video: Video, by: User) -> None:
    """Move a video from the bin back to the library; do nothing if it is there already. Raise ``not_found`` if it is
    in neither."""
    with transaction.atomic():
        video_locking.send(Video, video_id=video.pk)
        if not Video.objects.in_bin().filter(pk=video.pk).update(deleted_at=None, updated_at=Now()):
            if not Video.objects.private().filter(pk=video.pk).exists():
                raise DomainError("not_found")
            return
        video.refresh_from_db()
        audit.record("video.unbin", actor=by, target=video, title=video.title)
        _broadcast_on_commit(video, by)
    if video.job and video.job.status == JobStatus.CANCELLED:
        with contextlib.suppress(DomainError):  # if the retry is refused, the owner can retry the job later
            jobs.retry(video.job)


@periodic_task("bin", seconds=60)
def empty_bin() -> int:
    count = 0
    over = Video.objects.in_bin().filter(deleted_at__lte=Now() - timedelta(days=settings.BIN_DAYS))
    for pk in list(over.order_by("deleted_at").values_list("pk", flat=True)[:PURGE_BATCH]):
        with transaction.atomic():
            cancel_jobs(pk)  # lock the jobs before the video, to avoid deadlocks
            if video := over.filter(pk=pk).select_for_update(no_key=True).first():
                delete_video(video, by=None)
                count += 1
    return count


class UseKind(StrEnum):
    COMPARISON = "comparison"
    ANALYSIS = "analysis"


@dataclass(frozen=True, slots=True)
class Use:
    kind: UseKind
    name: str
    url: str

    @property
    def icon(self) -> str:
        return "compare" if self.kind == UseKind.COMPARISON else "analysis"


def uses_of(videos: Sequence[Video], viewer: User) -> list[Use]:
    answers: list[Any] = video_showing.send(Video, videos=videos, viewer=viewer)
    return [use for _, found in answers for use in found]


def create_placeholder(video: Video, owner: User) -> Video:
    facts = {name: getattr(video, name) for name in OF_THE_FILE - {"location", "file_size", "sha256"}}
    number = uuid.uuid4()
    gap = Video.objects.create(
        **facts, id=number, owner=owner, title="A deleted video", place=VideoScope.SESSION, source=VideoSource.STORED,
        location=f"videos/{number}/deleted", file_size=0, deleted_at=Now(),
    )  # fmt: skip
    rows = Video.objects.filter(pk=number)
    sentence = "The video has been deleted."
    transition(rows, TRANSITIONS, VideoStatus.FAILED, error_type=DELETED, error_message=sentence)
    gap.refresh_from_db()
    return gap


def _delete_files(video_id: uuid.UUID, location: str) -> None:
    try:
        store.delete_folder(f"renditions/{video_id}/")
        store.delete_folder(f"thumbnails/{video_id}/")
        store.delete_folder(f"sounds/{video_id}/")
        uploads.delete_uploads_of(video_id)  # delete upload parts that were not joined
        for upload in Upload.objects.filter(resource_id=video_id, status__in=UPLOADS_LIVE):
            with contextlib.suppress(DomainError):
                uploads.cancel(upload)
        if location:
            store.delete_folder(f"videos/{video_id}/")
    except store.StoreUnavailable as exc:
        event("video.left", video=str(video_id), reason=exc.reason)


def sweep_renditions() -> int:
    """Delete files of ended job attempts that no row has used for ``VOD_UNREFERENCED_HOURS``; return their number."""
    found: dict[str, list[str]] = {}
    for file in store.files("renditions/"):
        if file.key.count("/") > 2:
            found.setdefault(folder_of(file.key), []).append(file.key)
    # Read files, then attempts, then rows: in another order, files made meanwhile could count as unreferenced.
    held = leases.held_tokens({token for folder in found if (token := attempt_of(folder.split("/")[2]))})
    kept = set(Rendition.with_lost.values_list("folder", flat=True))
    left = [folder for folder in found if folder not in kept and attempt_of(folder.split("/")[2]) not in held]
    gone = confirm_unreferenced("renditions", (key for folder in left for key in found[folder]))
    for key in gone:
        store.delete(key)
    return len(gone)


def folder_of(key: str) -> str:
    return "/".join(key.split("/")[:4]) + "/"


def attempt_of(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(name)
    except ValueError:
        return None


def _look(path: Path) -> _File:
    found = path.stat()
    return _File(path, found.st_size, found.st_mtime_ns)


def columns_of(facts: dict[str, Any]) -> dict[str, Any]:
    numerator, denominator = facts["fps"]
    return {
        "duration": facts["duration"],
        "fps_numerator": numerator,
        "fps_denominator": denominator,
        "is_variable_frame_rate": facts["is_vfr"],
        "width": facts["width"],
        "height": facts["height"],
        "codec": facts["codec"][:32],
        "audio_tracks": facts["audio_tracks"],
        "recording": recording if is_notable(recording := facts.get("recording") or {}) else {},
    }

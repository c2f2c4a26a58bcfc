"""Videos: taken in by reference, opened, changed and deleted. Uploads arrive by receiving and handlers."""

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
from jobs_app.periodic import chore
from media_app.av.sniff import sniff
from media_app.storage import files as store
from media_app.uploads import quota
from media_app.uploads import services as uploads
from media_app.uploads.handlers import registry as purposes
from media_app.uploads.models import LIVE as UPLOADS_LIVE
from media_app.uploads.models import Upload
from media_app.videos import library_roots, work_limit
from media_app.videos.models import TRANSITIONS, Place, Rendition, RenditionKind, Video, VideoSource, VideoStatus
from media_app.videos.recordings import is_notable
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.logs import event
from vodplatform.core.processes.child_pool import WaitingRoom
from vodplatform.core.processes.process import Access, ChildError, Limits
from vodplatform.core.processes.ranged import RangeServer
from vodplatform.core.records import audit
from vodplatform.core.records.transitions import transition
from vodplatform.core.records.unreferenced import seen_again

RENDER_KIND = "render"
NORMALIZE_KIND = "normalize"
DELETED = "video_deleted"
# Sent with ``video`` and ``by`` before a video is deleted or moved to the bin. Receivers return the sessions of ``by``
# that show it, as ``session_id`` and ``name``.
video_deleting = Signal()
# Sent with ``video`` and ``by`` after a video was moved to the bin or restored, and with ``is_final`` before it is
# deleted for good. Receivers notify the viewers of sessions that show it and, if final, replace it by a
# :func:`create_placeholder`.
video_shelving = Signal()
# Sent with ``videos`` and ``viewer`` to find the uses of videos; receivers return lists of :class:`Use`.
video_showing = Signal()
# Sent with ``video_id`` before jobs of a video are locked: rows that others lock before jobs are locked by it.
video_locking = Signal()
PROBE = [sys.executable, "-m", "media_app.av.probe"]
PROBES_AT_ONCE = 4
waiting_room = WaitingRoom(PROBES_AT_ONCE)
PROBE_SECONDS = 30.0
PURGE_BATCH = 500  # maximum number of videos of the bin that are deleted at once
COPY_SECONDS, COPY_DEADLINE = 3.0, 86_400.0  # interval and maximum time of a job's wait for a normalised copy
HEAD_BYTES = 4096
UNKNOWN_TYPE = "application/octet-stream"
# What a video's row says of its file.
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
            values = {
                **columns_of(facts[file]["facts"]),
                "source": VideoSource.REFERENCE,
                "mime_type": mime_type_of(file.path),
                "title": file.path.name[:255],
            }
            known[file], _ = Video.objects.get_or_create(
                owner=user, location=str(file.path), file_size=file.size, modified_ns=file.modified_ns, defaults=values
            )
            if known[file].recording:
                request_copy(known[file])
        for video in known.values():
            if video.purge_at is not None:  # its owner uses it again
                restore_from_bin(video, user)
    return [known[file] for file in files]


def probe(
    paths: Sequence[Path | str], caller: object = "", *, ranged: RangeServer | None = None
) -> list[dict[str, Any]]:
    """What the probe says of each file: ``{"facts": …}`` or ``{"error": {"code", "message"}}``; runs in a child.

    ranged: what has the one file, where that is not of this machine.
    """
    assert ranged is None or len(paths) == 1  # it serves one child
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
            # One of them takes the reader down: find out which.
            return [answer for path in paths for answer in probe([path], caller)]
        message = "The file cannot be read as a video: reading it broke or took too long."
        return [{"error": {"code": "vod_unreadable", "message": message, "broke": True}}]
    return results


def is_local(video: Video) -> bool:
    """Whether the bytes can be opened by a path of this machine."""
    return video.source == VideoSource.REFERENCE or store.is_local()


def local_path(video: Video) -> Path:
    """Where the bytes are on this machine.

    Raises ``FileNotFoundError`` when they are gone or out of bounds, ``StoreUnavailable`` when their disk fails.
    """
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
    """Raises ``FileNotFoundError`` for the first of these videos that the viewer may not see now; None may see all."""
    if viewer is None:
        return
    rows = Video.objects.watchable_by(viewer).filter(pk__in=[video.pk for video in videos])
    seen = set(rows.values_list("pk", flat=True))
    if hidden := next((video for video in videos if video.pk not in seen), None):
        raise FileNotFoundError(hidden.location)


class CopyPending(WaitRequested):
    """A normalised copy that is still being made. A job that needs it waits."""

    def __init__(self) -> None:
        super().__init__(None, COPY_SECONDS, COPY_DEADLINE, "Waiting for a copy that can be played")


def normalized_copy(video: Video) -> Rendition | None:
    """Return the normalised copy that is read in place of a video's file, or None if the file itself is read.

    Raises :class:`CopyPending` while the copy is being made, after enqueueing its job if necessary, and
    :class:`jobs_app.context.JobFailed` if that job failed.
    """
    if not video.recording.get("reasons"):
        return None
    if row := video.renditions.filter(kind=RenditionKind.NORMALIZED, name=copy_name(video)).first():
        return row
    request_copy(video)
    raise CopyPending


def copy_name(video: Video) -> str:
    """Return the name of the rendition for a video's normalised copy. A file that replaces another has a new name."""
    return hashlib.sha256(video.location.encode()).hexdigest()[:16]


def request_copy(video: Video) -> Job:
    """Return the live job that makes the normalised copy of a video, or enqueue one.

    Raises :class:`jobs_app.context.JobFailed` if the last one failed. Its owner can retry it.
    """
    with transaction.atomic():
        Video.objects.select_for_update(no_key=True).get(pk=video.pk)
        last = Job.objects.filter(kind=NORMALIZE_KIND, params__video_id=str(video.pk)).first()
        if last is not None and last.status == JobStatus.FAILED:
            error = last.error or {}
            raise JobFailed(error.get("type", "vod_unreadable"), error.get("message", "No copy can be made of it."))
        if last is not None and last.status in LIVE:
            return last
        return jobs.enqueue(NORMALIZE_KIND, video.owner, {"video_id": str(video.pk)})


def path_for_work(
    video: Video, folder: Path, on_progress: Callable[[int], None] | None = None, *, viewer: User | None
) -> Path:
    """Return a local path of the file that browsers play: the video's own or its normalised copy.

    A file on S3 is downloaded into ``folder``. viewer: the user who sees the result and must be allowed to see the
    video; None if the program works for the video itself. on_progress: as in
    :func:`media_app.storage.files.local_copy`. Raises ``FileNotFoundError``, also if the viewer may not see the video,
    ``StoreUnavailable``, ``StoreFull`` if the download does not fit, and the errors of :func:`normalized_copy`.
    """
    check_watchable([video], viewer)
    if (made := normalized_copy(video)) is None:
        return original_for_work(video, folder, on_progress)
    check_file(video)  # the copy is used only while the file exists and its owner may use its folder
    if store.is_local():
        return store.local_path(made.key_of("video"))
    quota.check_disk(made.size)
    return store.local_copy(made.key_of("video"), folder, on_progress)


def original_for_work(video: Video, folder: Path, on_progress: Callable[[int], None] | None = None) -> Path:
    """Return a local path of the video's own file. Raises the errors of :func:`path_for_work`."""
    if is_local(video):
        return local_path(video)
    quota.check_disk(video.file_size)
    return store.local_copy(video.location, folder, on_progress)


def check_file(video: Video) -> None:
    """Raises ``FileNotFoundError`` when the video's bytes are gone, ``StoreUnavailable`` when nobody can tell."""
    if is_local(video):
        local_path(video)
    else:
        store.size(video.location)


def mime_type_of(path: Path, otherwise: str = UNKNOWN_TYPE) -> str:
    """The type of a file by its first bytes, or ``otherwise``. Raises OSError."""
    with path.open("rb") as file:
        kind = sniff(file.read(HEAD_BYTES))
    return kind.mime_type if kind else otherwise


def write_guard_of(purpose: str) -> Callable[[uuid.UUID], AbstractContextManager[Any]]:
    """What stands around every write of a video that came by uploads of this purpose; empty for none."""
    found = purposes().get(purpose)
    return found.write_guard if found else lambda video_id: contextlib.nullcontext()


def restore_previous_file(video_id: uuid.UUID, previous: Mapping[str, Any], error_type: str, message: str) -> None:
    """Show the former file of a video again whose new one could not be taken in; why stays on the row.

    previous: the columns of the former file. What the new one has left in the store goes once that is committed.
    """
    values = {name: value for name, value in previous.items() if name in OF_THE_FILE}
    values |= {"error_type": error_type, "error_message": message, "updated_at": Now()}
    rows = Video.objects.filter(pk=video_id)
    # Somebody may have called it ready before it was.
    if not transition(rows, TRANSITIONS, VideoStatus.READY, **values):
        rows.filter(status=VideoStatus.READY).update(**values)
    transaction.on_commit(lambda: delete_other_files(video_id, str(previous["location"])))


def delete_other_files(video_id: uuid.UUID, location: str) -> None:
    """Delete what lies beside the file at ``location`` in its video's folder; the sweep finds what cannot be now.

    What uploads are bringing stays. Where another file has taken the place of that one meanwhile nothing is deleted:
    whoever takes that one in sees to the rest.
    """
    try:
        # Listed before the rows are read: what comes meanwhile is not in the list.
        found = [file.key for file in store.files(f"videos/{video_id}/")]
        coming = Upload.objects.filter(resource_id=video_id, status__in=UPLOADS_LIVE)
        kept = {location, *coming.values_list("key", flat=True)}
        with transaction.atomic():
            # Whoever is putting another file in its place right now is waited for.
            row = Video.objects.select_for_update(no_key=True).filter(pk=video_id).values_list("location", flat=True)
            if row.first() != location:
                return
        for key in found:
            if key not in kept:
                store.delete(key)
    except store.StoreUnavailable as exc:
        event("video.left", video=str(video_id), reason=exc.reason)


def change(video: Video, values: dict[str, Any]) -> Video:
    """Write title, description or tags."""
    for name, value in values.items():
        setattr(video, name, value)
    video.save(update_fields=[*values, "updated_at"])
    return video


def request_rendition(video: Video, kind: str, time: float | None = None) -> tuple[Rendition | None, Job | None]:
    """The rendition if it is made, else the job that makes it, begun now if there is none.

    time: seconds of the frame that a poster is to show; it takes the place of the one that there is.
    Raises ``video_not_ready`` (409), ``work_limit`` (403), ``invalid`` (400) for the normalised copy of a video that is
    played as it is.
    """
    if video.status != VideoStatus.READY:
        raise DomainError("video_not_ready")
    if kind == RenditionKind.NORMALIZED:
        if not video.recording:
            raise DomainError("invalid", errors={"kind": ["This video is played as it is."]})
        made = video.renditions.filter(kind=kind, name=copy_name(video)).first()
        return (made, None) if made else (None, request_copy(video))
    with transaction.atomic():
        Video.objects.select_for_update(no_key=True).get(pk=video.pk)
        made = video.renditions.filter(kind=kind).first()
        if made and time is None:
            return made, None
        if time is None:
            work_limit.check(video.owner, video)
        tasks = [{"do": kind} if time is None else {"do": kind, "at": time}]
        live = Job.objects.filter(
            kind=RENDER_KIND, owner=video.owner_id, status__in=LIVE, params__video_id=str(video.pk)
        )
        if time is not None:
            # The frame that was chosen last is the one.
            former = [job.pk for job in live if "at" in job.params["tasks"][0] and job.params["tasks"] != tasks]
            jobs.cancel_all(Job.objects.filter(pk__in=former))
        running = live.filter(params__tasks=tasks).first()
        is_short = time is not None or 2 * work_limit.gigapixels(video) <= work_limit.SHORT_GIGAPIXELS
        params = {"video_id": str(video.pk), "tasks": tasks}
        return None, running or jobs.enqueue(RENDER_KIND, video.owner, params, is_short=is_short)


def cancel_jobs(video_id: uuid.UUID) -> None:
    """Cancel all that is under way for a video, in the caller's transaction."""
    video_locking.send(Video, video_id=video_id)
    jobs.cancel_all(Job.objects.filter(status__in=LIVE, params__video_id=str(video_id)))


def delete_video(video: Video, by: User | None, *, leave_gaps: bool = False) -> None:
    """Delete a video with all that was made of it; a file used in place stays where it is.

    by: None if the video has expired.
    Raises ``video_in_use`` (409), with the ``sessions``, if sessions of ``by`` show it, unless ``leave_gaps`` or an
    admin deletes it. All other sessions that show it get a gap; for a video in the bin they have had it since the move.
    """
    with transaction.atomic():
        cancel_jobs(video.pk)
        if not leave_gaps and video.purge_at is None:
            _check_unused(video, by)
        video_shelving.send(Video, video=video, by=by, is_final=True)
        audit.record("video.delete", actor=by, target=video, title=video.title, location=video.location)
        video_id, location, is_stored = video.pk, video.location, video.source == VideoSource.STORED
        try:
            video.delete()
        except RestrictedError as exc:  # a session that was made meanwhile, or the job that it is the video of
            raise DomainError("video_in_use", sessions=[]) from exc
        transaction.on_commit(lambda: _delete_files(video_id, location if is_stored else ""))


def _check_unused(video: Video, by: User | None) -> None:
    """Raise ``video_in_use`` (409) if sessions of ``by`` show the video."""
    answers: list[Any] = video_deleting.send(Video, video=video, by=by)
    if in_the_way := [session for _, found in answers for session in found]:
        raise DomainError("video_in_use", sessions=in_the_way)


def move_to_bin(video: Video, by: User, *, leave_gaps: bool = False) -> None:
    """Move a library video to the bin and cancel its jobs. ``video.deleted_at`` is set.

    Comparisons show a gap until it is restored. Raises ``not_found`` (404) if it is no longer in the library,
    ``video_in_use`` (409) as :func:`delete_video`.
    """
    with transaction.atomic():
        cancel_jobs(video.pk)
        if not leave_gaps:
            _check_unused(video, by)
        if not Video.objects.private().filter(pk=video.pk).update(deleted_at=Now(), updated_at=Now()):
            raise DomainError("not_found")
        video.refresh_from_db(fields=["deleted_at"])
        audit.record("video.bin", actor=by, target=video, title=video.title, location=video.location)
        video_shelving.send(Video, video=video, by=by, is_final=False)


def restore_from_bin(video: Video, by: User) -> None:
    """Move a video from the bin back to the library; comparisons show it again. Does nothing outside the bin.

    If the move to the bin cancelled its ingest, that job starts again. Raises ``not_found`` if the video was deleted.
    """
    with transaction.atomic():
        video_locking.send(Video, video_id=video.pk)
        if not Video.objects.in_bin().filter(pk=video.pk).update(deleted_at=None, updated_at=Now()):
            if not Video.objects.private().filter(pk=video.pk).exists():
                raise DomainError("not_found")
            return
        video.refresh_from_db()
        audit.record("video.unbin", actor=by, target=video, title=video.title)
        video_shelving.send(Video, video=video, by=by, is_final=False)
    if video.job and video.job.status == JobStatus.CANCELLED:
        with contextlib.suppress(DomainError):  # the owner sees the failure, and can retry
            jobs.retry(video.job)


@chore("bin", seconds=60)
def empty_bin() -> int:
    """Delete the videos that have been in the bin for ``VOD_BIN_DAYS``; return their number."""
    count = 0
    over = Video.objects.in_bin().filter(deleted_at__lte=Now() - timedelta(days=settings.BIN_DAYS))
    for pk in list(over.order_by("deleted_at").values_list("pk", flat=True)[:PURGE_BATCH]):
        with transaction.atomic():
            cancel_jobs(pk)  # locks sessions and jobs before the video, as every other deletion does
            if video := over.filter(pk=pk).select_for_update(no_key=True).first():  # unless restored meanwhile
                delete_video(video, by=None)
                count += 1
    return count


class UseKind(StrEnum):
    """The kinds of objects that can use a video."""

    COMPARISON = "comparison"
    ANALYSIS = "analysis"


@dataclass(frozen=True, slots=True)
class Use:
    """A comparison or analysis that uses a video. name: its title. url: its page."""

    kind: UseKind
    name: str
    url: str

    @property
    def icon(self) -> str:
        """The kind's symbol in static/icons.svg."""
        return "compare" if self.kind == UseKind.COMPARISON else "analysis"


def uses_of(videos: Sequence[Video], viewer: User) -> list[Use]:
    """Return the uses of these videos that the viewer may see."""
    answers: list[Any] = video_showing.send(Video, videos=videos, viewer=viewer)
    return [use for _, found in answers for use in found]


def create_placeholder(video: Video, owner: User) -> Video:
    """What takes a deleted video's place where somebody's session shows it: how long it was, and nothing to be seen.

    Whoever shows it deletes it when it is shown no more.
    """
    facts = {name: getattr(video, name) for name in OF_THE_FILE - {"location", "file_size", "sha256"}}
    number = uuid.uuid4()
    gap = Video.objects.create(
        **facts, id=number, owner=owner, title="A deleted video", place=Place.SESSION, source=VideoSource.STORED,
        location=f"videos/{number}/deleted", file_size=0, deleted_at=Now(),
    )  # fmt: skip
    rows = Video.objects.filter(pk=number)
    sentence = "The video has been deleted."
    transition(rows, TRANSITIONS, VideoStatus.FAILED, error_type=DELETED, error_message=sentence)
    gap.refresh_from_db()
    return gap


def _delete_files(video_id: uuid.UUID, location: str) -> None:
    """The sweep finds what is left when the storage does not answer now."""
    try:
        store.delete_folder(f"renditions/{video_id}/")
        store.delete_folder(f"thumbnails/{video_id}/")
        store.delete_folder(f"sounds/{video_id}/")
        uploads.delete_uploads_of(video_id)  # pieces that were never joined
        for upload in Upload.objects.filter(resource_id=video_id, status__in=UPLOADS_LIVE):
            with contextlib.suppress(DomainError):  # it has ended meanwhile
                uploads.cancel(upload)
        if location:
            store.delete_folder(f"videos/{video_id}/")
    except store.StoreUnavailable as exc:
        event("video.left", video=str(video_id), reason=exc.reason)


def sweep_renditions() -> int:
    """Delete what attempts made and did not come to keep, seen so a day ago too; returns how many files went.

    The folder below a video's carries the token of the attempt, as in :mod:`jobs_app.outputs`. Of an attempt that was
    ended some renditions may be kept, and what it was about to keep after them not.
    """
    found: dict[str, list[str]] = {}
    for file in store.files("renditions/"):
        if file.key.count("/") > 2:
            found.setdefault(folder_of(file.key), []).append(file.key)
    # Listed first: what an attempt makes meanwhile is not in the list. Then who is alive, and only then the rows: what
    # an attempt that has ended came to keep is in them.
    held = leases.held_tokens({token for folder in found if (token := attempt_of(folder.split("/")[2]))})
    kept = set(Rendition.with_lost.values_list("folder", flat=True))
    left = [folder for folder in found if folder not in kept and attempt_of(folder.split("/")[2]) not in held]
    gone = seen_again("renditions", (key for folder in left for key in found[folder]))
    for key in gone:
        store.delete(key)
    return len(gone)


def folder_of(key: str) -> str:
    """The folder of the rendition that a file ``renditions/{video}/{attempt}/{rendition}/…`` is part of."""
    return "/".join(key.split("/")[:4]) + "/"


def attempt_of(name: str) -> uuid.UUID | None:
    """The lease's token in the name of a folder that an attempt made; None for any other name."""
    try:
        return uuid.UUID(name)
    except ValueError:
        return None


def _look(path: Path) -> _File:
    found = path.stat()
    return _File(path, found.st_size, found.st_mtime_ns)


def columns_of(facts: dict[str, Any]) -> dict[str, Any]:
    """The columns of a video that hold what the probe found."""
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

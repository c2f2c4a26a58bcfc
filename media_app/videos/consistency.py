"""Search and repair of videos without files, and of files without rows.

A new file is stored before its row. Therefore, files of the last hour are skipped, and files are listed before rows are
read.
Functions raise ``StoreUnavailable``, :class:`WrongInstallation`.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from jobs_app import leases
from jobs_app.models import FINISHED as JOBS_FINISHED
from jobs_app.models import LIVE as JOBS_LIVE
from jobs_app.models import JobStatus
from jobs_app.services import enqueue
from media_app.storage import files as store
from media_app.uploads.models import Upload, UploadStatus
from media_app.videos.models import TRANSITIONS, Rendition, RenditionKind, Video, VideoScope, VideoSource, VideoStatus
from media_app.videos.services import (
    RENDER_KIND,
    attempt_of,
    check_file,
    folder_of,
    restore_previous_file,
    write_guard_of,
)
from vodplatform.core.errors import DomainError
from vodplatform.core.files.installation import WrongInstallation
from vodplatform.core.records import audit
from vodplatform.core.records.database import in_batches
from vodplatform.core.records.transitions import transition
from vodplatform.core.records.unreferenced import confirm_unreferenced

GRACE = timedelta(hours=1)
PREFIXES = ("videos/", "uploads/", "renditions/", "thumbnails/", "sounds/")
IN_PARTS = (*PREFIXES, "jobs/")
BY_ATTEMPT = ("renditions", "jobs")
OPEN_UPLOADS = (UploadStatus.INITIATED, UploadStatus.UPLOADING, UploadStatus.COMPLETED)
MANY = 0.1
GONE = "vod_file_not_found"
GONE_SENTENCE = "The file no longer exists."
# :func:`mark_lost_renditions` queues no job for these kinds: they are made on request or by other jobs.
ON_DEMAND = (
    RenditionKind.NORMALIZED, RenditionKind.PROXY, RenditionKind.SILENT, RenditionKind.REEL, RenditionKind.PREVIEW,
    RenditionKind.DUB,
)  # fmt: skip
# Renditions that users uploaded, so they cannot be made again.
UPLOADED_KINDS = (RenditionKind.THUMBNAIL, RenditionKind.SOUND)


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Data in the storage to which no database row refers: files, and unfinished S3 multipart uploads."""

    files: list[store.StoredFile]
    unfinished: list[store.UnfinishedUpload]

    def __bool__(self) -> bool:
        return bool(self.files or self.unfinished)

    @property
    def count(self) -> int:
        return len(self.files) + len(self.unfinished)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def lost_videos() -> list[Video]:
    present = {file.key for file in store.files("videos/")}
    rows = Video.objects.filter(status=VideoStatus.READY)
    return [
        video
        for video in in_batches(rows)
        if (video.source == VideoSource.REFERENCE or video.location not in present) and _is_there(video) is False
    ]


def describe_mass_loss() -> str:
    """Return a text with the numbers of lost videos or renditions if more than a tenth is lost, else ""."""
    lost = (
        (
            "videos",
            [video for video in lost_videos() if not is_away(video)],
            Video.objects.filter(status=VideoStatus.READY),
        ),
        ("renditions", lost_renditions(), Rendition.objects.all()),
    )
    found = []
    for name, missing, rows in lost:
        total = rows.count()
        if len(missing) > max(1, total * MANY):
            found.append(f"{len(missing)} of {total} {name}")
    return " and ".join(found)


def mark_lost() -> tuple[list[Video], list[Video]]:
    """Mark videos with lost files as failed, and videos with files found again as ready; return both lists.

    Files of a missing or empty library folder are not lost: its disk may not be mounted.
    """
    lost = [video for video in lost_videos() if not is_away(video)]
    if any(video.source == VideoSource.STORED for video in lost) and not any(True for _ in store.files("videos/")):
        raise WrongInstallation(
            "The database lists stored videos, but the storage contains no files. Check that both belong to this "
            "installation."
        )
    marked = []
    for video in lost:
        rows = Video.objects.filter(pk=video.pk, location=video.location)
        with suppress(DomainError), _changing(video):
            if transition(rows, TRANSITIONS, VideoStatus.FAILED, error_type=GONE, error_message=GONE_SENTENCE):
                audit.record("video.lost", actor=None, target=video, title=video.title, location=video.location)
                marked.append(video)
    back = []
    for video in Video.objects.filter(status=VideoStatus.FAILED, error_type=GONE):
        if _is_there(video):
            rows = Video.objects.filter(pk=video.pk, location=video.location)
            with suppress(DomainError), _changing(video):
                if transition(rows, TRANSITIONS, VideoStatus.PROCESSING, error_type="", error_message=""):
                    transition(rows, TRANSITIONS, VideoStatus.READY)
                    back.append(video)
    return marked, back


@contextmanager
def _changing(video: Video) -> Iterator[None]:
    purpose = "catalogue" if video.place == VideoScope.CATALOGUE else ""
    with transaction.atomic(), write_guard_of(purpose)(video.pk):
        yield


def lost_renditions() -> list[Rendition]:
    return [rendition for rendition, is_whole in _renditions() if not is_whole and rendition.lost_at is None]


def mark_lost_renditions() -> tuple[list[Rendition], list[Rendition]]:
    """Mark renditions with lost files, unmark renditions with files found again; return both lists."""
    lost: list[Rendition] = []
    back: list[Rendition] = []
    for rendition, is_whole in _renditions():
        if is_whole != (rendition.lost_at is not None):
            continue
        video = rendition.video
        rows = Rendition.with_lost.filter(pk=rendition.pk, folder=rendition.folder, lost_at__isnull=not is_whole)
        with suppress(DomainError), _changing(video):
            if not rows.update(lost_at=None if is_whole else Now()):
                continue
            (back if is_whole else lost).append(rendition)
            if (
                not is_whole
                and rendition.kind not in (*ON_DEMAND, *UPLOADED_KINDS)
                and video.status == VideoStatus.READY
            ):
                enqueue(RENDER_KIND, video.owner, {"video_id": str(video.pk), "tasks": [_task_of(rendition)]})
    return lost, back


def _renditions() -> list[tuple[Rendition, bool]]:
    present = {file.key for prefix in ("renditions/", "thumbnails/", "sounds/") for file in store.files(prefix)}
    return [
        (row, all(key in present or store.exists(key) for key in map(row.key_of, row.files)))
        for row in in_batches(Rendition.with_lost.select_related("video__owner"))
    ]


def leftovers() -> Leftovers:
    over = timezone.now() - GRACE
    files = [file for prefix in PREFIXES for file in store.files(prefix) if file.modified < over]
    unfinished = _unfinished()
    known = _StoreReferences.now([*(file.key for file in files), *(item.key for item in unfinished)])
    return Leftovers([file for file in files if not known.keeps(file.key)], known.unreferenced_uploads(unfinished))


def old_leftovers(found: Leftovers) -> Leftovers:
    """Return the data that was first found unreferenced at least ``VOD_UNREFERENCED_HOURS`` ago; record the rest."""
    files = confirm_unreferenced("leftovers", (file.key for file in found.files))
    return Leftovers([file for file in found.files if file.key in files], _old("leftover parts", found.unfinished))


def remove_leftovers() -> Leftovers:
    found = old_leftovers(leftovers())
    if found:
        _check_store_belongs_to_database()
    for file in found.files:
        store.delete(file.key)
    _abort(found.unfinished)
    return found


def abort_unfinished() -> int:
    """Abort multipart uploads that have been unused for ``VOD_UNREFERENCED_HOURS``. Return their number."""
    begun = _unfinished()
    found = _old(
        "unfinished", _StoreReferences.now([item.key for item in begun]).unreferenced_uploads(begun) if begun else []
    )
    if found:
        _check_store_belongs_to_database()
    _abort(found)
    return len(found)


def _old(sweep: str, unfinished: list[store.UnfinishedUpload]) -> list[store.UnfinishedUpload]:
    names = confirm_unreferenced(sweep, (f"{item.key} {item.upload}" for item in unfinished))
    return [item for item in unfinished if f"{item.key} {item.upload}" in names]


def restore_files_of_dead_jobs() -> int:
    """Restore the former file of each video whose job for a new file failed or was cancelled; return their number."""
    count = 0
    waiting = Video.objects.filter(status=VideoStatus.PROCESSING, job__params__has_key="previous")
    for video in waiting.filter(job__status__in=JOBS_FINISHED - {JobStatus.COMPLETED}).select_related("job"):
        assert video.job
        upload = Upload.objects.filter(pk=video.job.params.get("upload_id")).first()
        error = video.job.error or {}
        try:
            with write_guard_of(upload.purpose if upload else "")(video.pk), transaction.atomic():
                restore_previous_file(
                    video.pk, video.job.params["previous"], str(error.get("type", "cancelled")),
                    str(error.get("message", "Processing of the new file was cancelled. Upload it again.")),
                )  # fmt: skip
        except DomainError:
            continue
        count += 1
    return count


def _unfinished() -> list[store.UnfinishedUpload]:
    over = timezone.now() - GRACE
    return [item for item in store.unfinished_uploads() if item.begun < over and item.key.startswith(IN_PARTS)]


def _abort(unfinished: Iterable[store.UnfinishedUpload]) -> None:
    for item in unfinished:
        store.abort_multipart(item.key, item.upload)


def _check_store_belongs_to_database() -> None:
    if not Video.objects.filter(source=VideoSource.STORED).exists():
        raise WrongInstallation(
            "The database lists no stored videos, but the storage contains files. Check that both belong to this "
            "installation."
        )


@dataclass(frozen=True, slots=True)
class _StoreReferences:
    locations: frozenset[str]
    busy: frozenset[str]
    uploads: frozenset[str]
    multiparts: frozenset[str]
    folders: frozenset[str]
    held: frozenset[str]

    @classmethod
    def now(cls, keys: Iterable[str]) -> _StoreReferences:
        tokens = {parts[2] for key in keys if (parts := key.split("/"))[0] in BY_ATTEMPT and len(parts) > 3}
        videos = Video.objects.filter(source=VideoSource.STORED)
        unready = (VideoStatus.UPLOADING, VideoStatus.PROCESSING)
        busy = videos.filter(Q(status__in=unready) | Q(job__status__in=JOBS_LIVE))
        uploads = list(Upload.objects.filter(status__in=OPEN_UPLOADS).values_list("pk", "key", "multipart_id"))
        folders = Rendition.with_lost.values_list("folder", flat=True)
        given = in_batches(Rendition.with_lost.filter(kind__in=UPLOADED_KINDS))
        held = leases.held_tokens(token for name in tokens if (token := attempt_of(name)))
        return cls(
            locations=frozenset(videos.values_list("location", flat=True))
            | {key for _, key, _ in uploads if key}
            | {row.key_of(role) for row in given for role in row.files},
            busy=frozenset(str(pk) for pk in busy.values_list("pk", flat=True)),
            uploads=frozenset(str(pk) for pk, _, _ in uploads),
            multiparts=frozenset(name for _, _, name in uploads if name),
            folders=frozenset(folders),
            held=frozenset(token.hex for token in held),
        )

    def keeps(self, key: str) -> bool:
        if key in self.locations or self.is_at_work(key):
            return True
        return key.startswith("renditions/") and folder_of(key) in self.folders

    def unreferenced_uploads(self, unfinished: Iterable[store.UnfinishedUpload]) -> list[store.UnfinishedUpload]:
        return [item for item in unfinished if item.upload not in self.multiparts and not self.is_at_work(item.key)]

    def is_at_work(self, key: str) -> bool:
        kind, *parts = key.split("/")
        if kind == "videos":
            return parts[0] in self.busy
        if kind == "uploads":
            return parts[0] in self.uploads
        if kind in ("thumbnails", "sounds"):
            return False
        return len(parts) > 1 and parts[1] in self.held


def _is_there(video: Video) -> bool | None:
    if video.source == VideoSource.REFERENCE:
        return _is_file(Path(video.location))
    try:
        check_file(video)
    except FileNotFoundError:
        return False
    return True


def is_away(video: Video) -> bool:
    """Return whether a video's missing file may be on an unmounted disk."""
    if video.source == VideoSource.STORED:
        return False
    roots = [root for root, _ in settings.LIBRARY_ROOTS if Path(video.location).is_relative_to(root)]
    return any(not has_content(root) for root in roots)


def has_content(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _is_file(path: Path) -> bool | None:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return None


def _task_of(rendition: Rendition) -> dict[str, object]:
    name = rendition.name
    rung = {"rung": int(name) if name.isdigit() else name} if name else {}
    return {"do": str(rendition.kind), **rung}

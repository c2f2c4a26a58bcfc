"""Uploads of catalogue videos and thumbnails by moderators."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from jobs_app import services as jobs
from jobs_app.models import LIVE, Job, JobStatus
from media_app.av.sniff import AVI, JPEG, M4V, MOV, MP4, OGV, PNG, WEBM, WEBP
from media_app.catalogue import thumbnails
from media_app.catalogue.models import ProcessingReport
from media_app.catalogue.realtime import change_and_broadcast
from media_app.storage import files as store
from media_app.uploads import assemble, quota, scan
from media_app.uploads import services as uploads
from media_app.uploads.handlers import UploadHandler
from media_app.uploads.models import Upload
from media_app.videos.models import TRANSITIONS, Rendition, RenditionKind, Video, VideoScope, VideoSource, VideoStatus
from media_app.videos.services import OF_THE_FILE, check_file
from media_app.videos.upload_handlers import INGEST_KIND, UNKNOWN_TYPE, check_header
from vodplatform.accounts.models import User
from vodplatform.core.api import idempotency
from vodplatform.core.errors import DomainError
from vodplatform.core.logs import event
from vodplatform.core.records import audit
from vodplatform.core.records.transitions import transition

VIDEO_KINDS = (MP4, M4V, MOV, WEBM, OGV, AVI)
EXTENSIONS = {kind.mime_type: kind.extension for kind in VIDEO_KINDS}
# Suffixes kept in a key while the file's type is unknown; ``ogg`` becomes ``ogv``.
SUFFIXES = frozenset({*EXTENSIONS.values(), "ogg"})
USUAL_EXTENSION = "mp4"
# Values that reset the columns about a video's file when another file replaces it.
NOTHING_KNOWN: dict[str, Any] = {
    "sha256": "", "duration": 0.0, "fps_numerator": 0, "fps_denominator": 1, "is_variable_frame_rate": False,
    "width": 0, "height": 0, "codec": "", "audio_tracks": [], "recording": {},
}  # fmt: skip
WRONG_ID = {"video_id": ["Send the id of a catalogue video."]}


def find(user: User, video_id: uuid.UUID | str) -> Video:
    """Return a catalogue video for a moderator. Raise ``not_found``, ``forbidden``, ``video_deleted``."""
    try:
        key = video_id if isinstance(video_id, uuid.UUID) else uuid.UUID(video_id)
    except ValueError as exc:
        raise DomainError("not_found") from exc
    video = Video.objects.in_catalogue(user).filter(pk=key).first()
    if video is None:
        raise DomainError("not_found")
    _check_moderator(user)
    _check_present(video)
    return video


def _check_moderator(user: User) -> None:
    if not user.is_moderator:
        raise DomainError("forbidden", "Only moderators and administrators can change the catalogue.")


def accept_file(upload: Upload, video_id: uuid.UUID, thumbnail: Upload | None = None) -> None:
    """Set a video's file and thumbnail to those sent in a form. A job then ingests the file.

    Raise ``no_video``, ``file_incomplete``, ``malware_found``, ``not_scanned``, and the errors of
    :func:`media_app.catalogue.thumbnails.store_thumbnail` and :func:`media_app.uploads.services.complete`.
    """
    check_header(upload)
    made: dict[str, Any] | None = None
    try:
        if thumbnail is not None:
            made = _picture(thumbnail, video_id)
        is_scanned = False
        if scan.is_configured():
            with _path_of(upload) as path:
                is_scanned = _scan(path)
        upload.metadata |= ({"scanned": True} if is_scanned else {}) | ({"thumbnail": made} if made else {})
        _place(upload, video_id)
        with transaction.atomic():
            if thumbnail is not None:
                uploads.complete(thumbnail)
            uploads.complete(upload)
    except BaseException:
        if made:
            thumbnails.delete_quietly(f"{thumbnails.PREFIX}{video_id}/{made['file']}")
        raise


def accept_thumbnail(thumbnail: Upload, video_id: uuid.UUID) -> None:
    """Set a video's thumbnail to an uploaded picture. Raise the errors of :func:`accept_file`."""
    made = _picture(thumbnail, video_id)
    try:
        with transaction.atomic():
            idempotency.bind_to_transaction()
            uploads.complete(thumbnail)
            with change_and_broadcast(video_id) as video:
                _check_present(video)
                thumbnails.show(video, made)
                Video.objects.filter(pk=video_id).update(updated_at=Now())
                audit.record("video.thumbnail", actor=thumbnail.owner, target=video, filename=thumbnail.filename)
    except BaseException:
        thumbnails.delete_quietly(f"{thumbnails.PREFIX}{video_id}/{made['file']}")
        raise


def _picture(thumbnail: Upload, video_id: uuid.UUID) -> dict[str, Any]:
    with _path_of(thumbnail) as path:
        _scan(path)
        return thumbnails.store_thumbnail(video_id, path, f"{_timestamp()}_thumb", caller=str(thumbnail.owner_id))


def make_ready(video_id: uuid.UUID, by: User, *, duration: float | None = None, results: Any = None) -> None:
    """Make a video watchable before its file is completely processed.

    duration: seconds, used until the file has been measured. results: the client's own processing results, stored as a
    :class:`ProcessingReport`. Raise ``video_no_file``, ``video_not_ready`` (409), ``video_deleted``, ``not_found``.
    """
    with change_and_broadcast(video_id) as video:
        _check_present(video)
        if not video.location:
            raise DomainError("video_no_file")
        if results is not None:
            report = {"results": results, "reported_by": by, "reported_at": Now()}
            ProcessingReport.objects.update_or_create(video_id=video.pk, defaults=report)
        if video.status == VideoStatus.READY:
            return
        _check_taken(video)
        values: dict[str, Any] = {"updated_at": Now()}
        if duration is not None and not video.duration:
            values["duration"] = duration
        if not transition(Video.objects.filter(pk=video_id), TRANSITIONS, VideoStatus.READY, **values):
            raise DomainError("video_not_ready")
        audit.record("video.ready", actor=by, target=video, duration=duration, results=results)


def _check_taken(video: Video) -> None:
    job = video.job
    if video.status == VideoStatus.FAILED or job is None or job.status in (JobStatus.FAILED, JobStatus.CANCELLED):
        message = video.error_message or str(((job.error if job else None) or {}).get("message", ""))
        raise DomainError("video_not_ready", f"The file could not be processed. {message} Upload another file.")
    upload = Upload.objects.filter(pk=job.params.get("upload_id")).first()
    if scan.is_configured() and not (upload and upload.metadata.get("scanned")):
        raise DomainError("video_not_ready", "The file has not been scanned for viruses yet. Try again later.")
    if video.location.endswith("/") or (upload and upload.multipart_id):
        # On S3, a tus upload also consists of parts until the ingest job has joined them.
        with contextlib.suppress(FileNotFoundError):
            return check_file(video)
        raise DomainError("video_not_ready", "The file's parts are still being joined. Try again later.")
    try:
        check_file(video)
    except FileNotFoundError as exc:
        raise DomainError("video_no_file") from exc


def _check_present(video: Video) -> None:
    if video.deleted_at is not None:
        raise DomainError("video_deleted")


def _admit(user: User, given: Mapping[str, str]) -> None:
    if "video_id" in given:
        find(user, given["video_id"])
    _check_moderator(user)


def _resource(upload: Upload) -> uuid.UUID | None:
    video_id = upload.metadata.get("video_id")
    return uuid.UUID(video_id) if video_id else None


def _key(upload: Upload) -> str:
    video_id = _resource(upload)
    if video_id is None:
        return f"uploads/{upload.pk}/whole"
    suffix = PurePosixPath(upload.filename.lower()).suffix.lstrip(".")
    named = "ogv" if suffix == "ogg" else suffix if suffix in SUFFIXES else USUAL_EXTENSION
    return f"videos/{video_id}/{_timestamp()}.{EXTENSIONS.get(upload.mime_type, named)}"


def _timestamp() -> str:
    return str(time.time_ns())


def _place(upload: Upload, video_id: uuid.UUID) -> None:
    assemble.finish_multipart_uploads(upload)
    source = upload.key
    upload.resource_id, upload.metadata = video_id, {**upload.metadata, "video_id": str(video_id)}
    # Save the new key before the move, so that a cleanup finds the file at either key.
    upload.key, upload.multipart_id, upload.parts = _key(upload), "", []
    upload.save(update_fields=["resource_id", "metadata", "key", "multipart_id", "parts"])
    store.move(source, upload.key)


def _fits_content(upload: Upload) -> bool:
    name = PurePosixPath(upload.key)
    return name.suffix == f".{EXTENSIONS.get(upload.mime_type, '')}" and name.stem.isdecimal()


class _FileReplaced(Exception):
    pass


def _replace_file(upload: Upload, video: Video, former: Job | None) -> None:
    _check_present(video)
    in_pieces, key = assemble.is_in_pieces(upload), upload.key
    if not in_pieces and store.is_local() and not _fits_content(upload):
        key = _key(upload)
    previous = _previous(video, former)
    params = {
        "video_id": str(video.pk),
        "upload_id": str(upload.pk),
        **({"previous": previous} if previous else {}),
    }
    job = jobs.enqueue(INGEST_KIND, upload.owner, params)
    values = NOTHING_KNOWN | {
        # If the upload consists of parts, the job attempt that joins them chooses the final key.
        "location": f"uploads/{upload.pk}/" if in_pieces else key,
        "source": VideoSource.STORED, "file_size": upload.size, "mime_type": upload.mime_type or UNKNOWN_TYPE,
        "sha256": upload.sha256, "job": job, "error_type": "", "error_message": "", "updated_at": Now(),
    }  # fmt: skip
    rows = Video.objects.filter(pk=video.pk, place=VideoScope.CATALOGUE)
    if not transition(rows, TRANSITIONS, VideoStatus.PROCESSING, **values):
        rows.update(**values)
    if not previous:
        _drop_failed(video)
    if made := upload.metadata.get("thumbnail"):
        thumbnails.show(video, made)
    audit.record(
        "video.file", actor=upload.owner, target=video, filename=upload.filename, bytes=upload.size,
        key=values["location"], replaces=video.location,
    )  # fmt: skip
    if key != upload.key:
        Upload.objects.filter(pk=upload.pk).update(key=key)
        store.move(upload.key, key)


def _end_jobs(video_id: uuid.UUID) -> Job | None:
    live = Job.objects.filter(status__in=LIVE, params__video_id=str(video_id))
    for job in live.order_by("pk"):
        with contextlib.suppress(DomainError):
            jobs.cancel(job)
    video = Video.objects.filter(pk=video_id).select_related("job").first()
    return video.job if video else None


def _previous(video: Video, job: Job | None) -> dict[str, Any] | None:
    if video.status == VideoStatus.READY and video.location:
        return {name: getattr(video, name) for name in OF_THE_FILE}
    if video.status == VideoStatus.PROCESSING and job is not None and job.pk == video.job_id:
        previous: dict[str, Any] | None = job.params.get("previous")
        return previous
    return None


def _drop_failed(video: Video) -> None:
    made = Rendition.with_lost.filter(video=video).exclude(kind=RenditionKind.THUMBNAIL)
    folders, location = list(made.values_list("folder", flat=True)), video.location
    made.delete()

    def drop() -> None:
        try:
            for folder in folders:
                store.delete_folder(folder)
            if location and not location.endswith("/"):
                store.delete(location)
        except store.StoreUnavailable as exc:
            event("video.left", video=str(video.pk), reason=exc.reason)

    transaction.on_commit(drop)


def _forget_others(video_id: uuid.UUID, upload: Upload) -> None:
    try:
        uploads.delete_uploads_of(video_id, but=upload.pk)
        if not assemble.is_in_pieces(upload):
            store.delete_folder(f"uploads/{upload.pk}/")
    except store.StoreUnavailable as exc:
        event("video.left", video=str(video_id), reason=exc.reason)


@contextlib.contextmanager
def _path_of(upload: Upload) -> Iterator[Path]:
    assemble.finish_multipart_uploads(upload)
    path = store.local_copy(upload.key, quota.scratch_folder())
    try:
        yield path
    finally:
        if not store.is_local():
            path.unlink(missing_ok=True)


def _scan(path: Path) -> bool:
    if not scan.is_configured():
        return False
    try:
        found = scan.scan(path)
    except scan.ScannerDown:
        return False
    except scan.NotScanned as exc:
        raise DomainError("not_scanned", str(exc)) from exc
    if found:
        raise DomainError("malware_found", f"The virus scanner found {found} in this file.")
    return True


class CatalogueUploadHandler(UploadHandler):
    name = "catalogue"
    label = "Catalogue"
    mime_types = frozenset(EXTENSIONS)
    counts_towards_quota = False

    def begin(self, user: User, metadata: Mapping[str, Any]) -> dict[str, Any]:
        _admit(user, {})
        try:
            video_id = uuid.UUID(str(metadata.get("video_id") or ""))
        except ValueError as exc:
            raise DomainError("invalid", errors=WRONG_ID) from exc
        find(user, video_id)
        return {"video_id": str(video_id)}

    def finish(self, upload: Upload) -> None:
        video_id, is_done = upload.resource_id, False
        while not is_done:
            former = _end_jobs(video_id)
            with contextlib.suppress(_FileReplaced), change_and_broadcast(video_id) as video:
                if video.job_id != (former.pk if former else None) or (former and former.status in LIVE):
                    raise _FileReplaced
                _replace_file(upload, video, former)
                is_done = True
        transaction.on_commit(lambda: _forget_others(video_id, upload))

    def admit(self, user: User, given: Mapping[str, str]) -> None:
        _admit(user, given)

    def resource_of(self, upload: Upload) -> uuid.UUID | None:
        return _resource(upload)

    def key_of(self, upload: Upload) -> str:
        return _key(upload)

    def refusal(self) -> DomainError:
        return DomainError("not_a_video", "The file is not MP4, WebM, OGG, AVI or MOV. Convert it and upload it again.")

    def write_guard(self, resource_id: uuid.UUID) -> contextlib.AbstractContextManager[Video]:
        return change_and_broadcast(resource_id)


CATALOGUE = CatalogueUploadHandler()


class ThumbnailUploadHandler(UploadHandler):
    name = "thumbnail"
    label = "Thumbnail"
    families = frozenset({"image"})
    mime_types = frozenset(kind.mime_type for kind in (JPEG, PNG, WEBP))
    counts_towards_quota = False

    def begin(self, user: User, metadata: Mapping[str, Any]) -> dict[str, Any]:
        raise DomainError(
            "invalid", errors={"purpose": ["Send a thumbnail together with its video, in the same form."]}
        )

    def finish(self, upload: Upload) -> None:
        """Delete the original picture and its metadata on commit."""
        upload_id = upload.pk

        def drop() -> None:
            try:
                store.delete_folder(f"uploads/{upload_id}/")
            except store.StoreUnavailable as exc:
                event("upload.left", upload=str(upload_id), reason=exc.reason)

        transaction.on_commit(drop)

    def admit(self, user: User, given: Mapping[str, str]) -> None:
        _admit(user, given)

    def max_bytes(self) -> int:
        return int(settings.MAX_THUMBNAIL_SIZE)

    def refusal(self) -> DomainError:
        return DomainError("not_a_picture")


THUMBNAIL = ThumbnailUploadHandler()

"""Hourly cleanup of expired and abandoned uploads."""

from __future__ import annotations

import contextlib
import shutil
import time
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.db.models.functions import Now

from media_app.uploads import services
from media_app.uploads.models import LIVE, Upload, UploadProtocol, UploadStatus
from media_app.uploads.quota import scratch_folder
from vodplatform.core.errors import DomainError
from vodplatform.core.logs import event

EXPIRED_KEPT_FOR = timedelta(days=7)
FORM_IS_LEFT = timedelta(hours=1)
# time before a direct upload's expiry at which S3 is asked for its chunks; longer than the cleanup's interval
FINAL_S3_CHECK = timedelta(hours=2)
BATCH, MAX_BATCHES = 1000, 50
ENDED = (UploadStatus.FAILED, UploadStatus.CANCELLED, UploadStatus.EXPIRED)
SCRATCH_SECONDS = 3600  # age in seconds at which temporary files of killed processes are deleted


def expire_uploads() -> int:
    _complete_whole()
    over = Q(expires_at__lte=Now())
    # Forms cannot be resumed, so they expire early.
    over |= Q(front=UploadProtocol.MULTIPART, status__in=LIVE, updated_at__lte=Now() - FORM_IS_LEFT)
    # Oldest first: thousands of uploads of one user must not delay others.
    rows = Upload.objects.filter(over, taken_up=False).exclude(status=UploadStatus.EXPIRED).order_by("expires_at", "pk")
    count = 0
    for _ in range(MAX_BATCHES):
        batch = list(rows[:BATCH])
        count += (ended := sum(services.end_upload(upload, UploadStatus.EXPIRED) for upload in batch))
        if len(batch) < BATCH or not ended:
            break
    _delete_left()
    old = Upload.objects.filter(expires_at__lt=Now() - EXPIRED_KEPT_FOR, is_partial=False)
    old = old.filter(Q(status=UploadStatus.EXPIRED, key="") | Q(taken_up=True), chunks=None)
    # Keep an S3 upload's row while its job may be retried: only the row lists the parts.
    job_may_need = Q(expires_at__gte=Now() - EXPIRED_KEPT_FOR - timedelta(days=settings.JOB_RETENTION_DAYS))
    old = old.exclude(job_may_need & Q(taken_up=True) & ~Q(multipart_id=""))
    gone = [
        upload.pk for upload in old
        if not upload.concatenates or not Upload.objects.filter(pk__in=upload.concatenates).exists()
    ]  # fmt: skip
    Upload.objects.filter(pk__in=gone).delete()
    parts = Upload.objects.filter(is_partial=True, status=UploadStatus.EXPIRED, key="")
    parts.filter(expires_at__lt=Now() - EXPIRED_KEPT_FOR).delete()
    return count


def _delete_left() -> None:
    ended = Upload.objects.filter(status__in=ENDED, taken_up=False).exclude(key="")
    for upload_id in list(ended.values_list("pk", flat=True)[:1000]):
        if not services.try_delete_bytes(upload_id):
            return


def _complete_whole() -> None:
    """Complete uploads whose last request died after all bytes arrived."""
    free = Q(lock_until=None) | Q(lock_until__lte=Now())
    live = Upload.objects.filter(free, status__in=LIVE, expires_at__gt=Now())
    whole = live.filter(front=UploadProtocol.TUS, offset=F("size"))
    # Only S3 knows which chunks of a direct upload arrived, so ask it before the upload expires.
    ending = live.filter(front=UploadProtocol.DIRECT, expires_at__lte=Now() + FINAL_S3_CHECK).exclude(multipart_id="")
    for upload in [*whole, *ending]:
        try:
            services.complete(upload)
        except DomainError as exc:
            event("upload.left", upload=str(upload.pk), reason=exc.message)


def sweep_scratch() -> None:
    folder = scratch_folder()
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > SCRATCH_SECONDS:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()

"""What becomes of uploads whose time is over, and of what nobody is left to finish or to delete; once an hour."""

from __future__ import annotations

import contextlib
import shutil
import time
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.db.models.functions import Now

from media_app.uploads import services
from media_app.uploads.models import LIVE, Upload, UploadFront, UploadStatus
from media_app.uploads.quota import scratch_folder
from vodplatform.core.errors import DomainError
from vodplatform.core.logs import event

EXPIRED_KEPT_FOR = timedelta(days=7)
FORM_IS_LEFT = timedelta(hours=1)
LAST_LOOK = timedelta(hours=2)  # the sweep comes by once an hour
BATCH, MAX_BATCHES = 1000, 50
ENDED = (UploadStatus.FAILED, UploadStatus.CANCELLED, UploadStatus.EXPIRED)
# What a killed process left in the scratch folder goes after so many seconds.
SCRATCH_SECONDS = 3600


def expire() -> int:
    """End the uploads whose time is over and delete their bytes; returns how many. Tombstones go after a week."""
    _complete_whole()
    over = Q(expires_at__lte=Now())
    # A form that nobody reads any more cannot be gone on with.
    over |= Q(front=UploadFront.MULTIPART, status__in=LIVE, updated_at__lte=Now() - FORM_IS_LEFT)
    # Oldest first: who makes thousands of uploads keeps the sweep from nobody else's.
    rows = Upload.objects.filter(over, taken_up=False).exclude(status=UploadStatus.EXPIRED).order_by("expires_at", "pk")
    count = 0
    for _ in range(MAX_BATCHES):
        batch = list(rows[:BATCH])
        count += (ended := sum(services.end(upload, UploadStatus.EXPIRED) for upload in batch))
        if len(batch) < BATCH or not ended:
            break
    _delete_left()
    # What has been taken up goes with its pieces, when these are joined.
    old = Upload.objects.filter(expires_at__lt=Now() - EXPIRED_KEPT_FOR, is_partial=False)
    old = old.filter(Q(status=UploadStatus.EXPIRED, key="") | Q(taken_up=True), chunks=None)
    # On S3 the row alone knows the parts that the job joins; its job may be tried again for as long as it is kept.
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
    """Delete the bytes that were left because the storage did not answer when their uploads ended."""
    ended = Upload.objects.filter(status__in=ENDED, taken_up=False).exclude(key="")
    for upload_id in list(ended.values_list("pk", flat=True)[:1000]):
        if not services.delete_quietly(upload_id):
            return


def _complete_whole() -> None:
    """Complete what came whole while nobody was left to say so; its sender, seeing that offset, asks no more."""
    free = Q(lock_until=None) | Q(lock_until__lte=Now())
    live = Upload.objects.filter(free, status__in=LIVE, expires_at__gt=Now())
    whole = live.filter(front=UploadFront.TUS, offset=F("size"))
    # What has gone to the bucket is known there alone, and asked for while there is time.
    ending = live.filter(front=UploadFront.DIRECT, expires_at__lte=Now() + LAST_LOOK).exclude(multipart_id="")
    for upload in [*whole, *ending]:
        try:
            services.complete(upload)
        except DomainError as exc:
            event("upload.left", upload=str(upload.pk), reason=exc.message)


def sweep_scratch() -> None:
    """Remove what forms have left in this host's scratch folder."""
    folder = scratch_folder()
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > SCRATCH_SECONDS:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()

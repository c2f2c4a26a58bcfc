"""View counts of catalogue videos: one view per video, viewer and hour."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from jobs_app.periodic import periodic_task
from media_app.videos.models import Video, VideoScope, VideoView

KEPT = timedelta(days=1)


def note_view(video_id: UUID, viewer: str) -> None:
    """Record a view of a catalogue video. viewer: user id, or a daily digest of an IP address."""
    if not Video.objects.filter(pk=video_id, place=VideoScope.CATALOGUE).exists():
        return
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    try:
        with transaction.atomic():
            VideoView.objects.bulk_create(
                [VideoView(video_id=video_id, viewer=viewer, hour=hour)], ignore_conflicts=True
            )
    except IntegrityError:
        return


@periodic_task("views", seconds=60)
def roll_up() -> int:
    """Add new views to each ``view_count`` and delete old rows; return the number of new views."""
    count = 0
    waiting = VideoView.objects.filter(is_counted=False).order_by().values_list("video_id", flat=True).distinct()
    for video_id in list(waiting):
        with transaction.atomic():
            # To avoid deadlocks, lock the video before its views: deletions use the same order.
            if Video.objects.filter(pk=video_id).select_for_update(no_key=True).first() is None:
                continue
            found = VideoView.objects.filter(video_id=video_id, is_counted=False).update(is_counted=True)
            Video.objects.filter(pk=video_id).update(view_count=F("view_count") + found)
            count += found
    VideoView.objects.filter(is_counted=True, hour__lt=Now() - KEPT).delete()
    return count

"""Views of catalogue videos: one per video, viewer and hour, added up a little later; permission is not asked here."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from jobs_app.periodic import chore
from media_app.videos.models import Place, Video, VideoView

KEPT = timedelta(days=1)


def note_view(video_id: UUID, viewer: str) -> None:
    """Note that ``viewer`` watches a catalogue video; again within the hour, or of another video, changes nothing.

    viewer: a user's id, else a digest of an address that is another one each day, at most 64 letters.
    """
    if not Video.objects.filter(pk=video_id, place=Place.CATALOGUE).exists():
        return
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    try:
        with transaction.atomic():
            VideoView.objects.bulk_create(
                [VideoView(video_id=video_id, viewer=viewer, hour=hour)], ignore_conflicts=True
            )
    except IntegrityError:  # the video has been deleted meanwhile
        return


@chore("views", seconds=60)
def roll_up() -> int:
    """Add what has not been counted to the videos' ``view_count`` and delete old rows; returns how many were counted.

    Two at once count nothing twice: whose update marks a row has counted it. A video's ``version``, ``vector_clock``
    and ``updated_at`` stay: to be watched is no change of it.
    """
    count = 0
    waiting = VideoView.objects.filter(is_counted=False).order_by().values_list("video_id", flat=True).distinct()
    for video_id in list(waiting):
        with transaction.atomic():
            # The video before its views, as whoever deletes it goes: no two wait for each other.
            if Video.objects.filter(pk=video_id).select_for_update(no_key=True).first() is None:
                continue
            found = VideoView.objects.filter(video_id=video_id, is_counted=False).update(is_counted=True)
            Video.objects.filter(pk=video_id).update(view_count=F("view_count") + found)
            count += found
    VideoView.objects.filter(is_counted=True, hour__lt=Now() - KEPT).delete()
    return count

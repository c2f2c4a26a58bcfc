"""Moderation of catalogue videos and reports. Functions may raise ``not_found``, ``video_deleted``."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from media_app.catalogue import services
from media_app.catalogue.models import VideoReport
from media_app.catalogue.realtime import change_and_broadcast
from media_app.videos.models import Video
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.records import audit
from vodplatform.core.records.reports import reopen_last


def publish(video_id: UUID, by: User, *, reason: str) -> None:
    """Show a video to the public once it is ready."""
    _set_hidden(video_id, False, by, "video.publish", reason)


def hide(video_id: UUID, by: User, *, reason: str) -> None:
    _set_hidden(video_id, True, by, "video.hide", reason)


def feature(video_id: UUID, by: User, *, reason: str) -> None:
    _set_featured(video_id, True, by, "video.feature", reason)


def unfeature(video_id: UUID, by: User, *, reason: str) -> None:
    _set_featured(video_id, False, by, "video.unfeature", reason)


def delete(video_id: UUID, by: User, *, reason: str) -> None:
    with transaction.atomic():
        services.delete(video_id, by, reason=reason)
        mark_reviewed(video_id, by, reason=reason)


def settle(video_id: UUID, by: User, *, reason: str) -> None:
    with transaction.atomic():
        video = _locked(video_id)
        rows = VideoReport.objects.filter(video=video, settled_at=None)
        count = rows.update(settled_at=Now(), settled_by=by, outcome=reason)
        if count:
            audit.record("video.reports_settled", actor=by, target=video, reason=reason, reports=count)
        mark_reviewed(video_id, by, reason=reason)


def reopen(video_id: UUID, by: User, *, reason: str) -> None:
    """Reopen the reports that were closed last."""
    with transaction.atomic():
        video = _locked(video_id)
        if count := reopen_last(VideoReport.objects.filter(video=video)):
            audit.record("video.reports_reopened", actor=by, target=video, reason=reason, reports=count)


def settle_report(report_id: UUID, by: User, *, reason: str) -> bool:
    with transaction.atomic():
        report = VideoReport.objects.filter(pk=report_id).first()
        if report is None:
            raise DomainError("not_found")
        # To avoid deadlocks, all code locks a video before its reports.
        _locked(report.video_id)
        rows = VideoReport.objects.filter(pk=report_id, settled_at=None)
        if not rows.update(settled_at=Now(), settled_by=by, outcome=reason):
            return False
        audit.record("report.settled", actor=by, target=report, reason=reason, video=str(report.video_id))
        mark_reviewed(report.video_id, by, reason=reason)
    return True


def mark_reviewed(video_id: UUID, by: User, *, reason: str) -> None:
    with transaction.atomic():
        if Video.objects.filter(pk=video_id, reviewed_at=None).update(reviewed_at=Now()):
            video = Video.objects.get(pk=video_id)
            audit.record("video.review", actor=by, target=video, title=video.title, reason=reason)


def _set_hidden(video_id: UUID, is_hidden: bool, by: User, action: str, reason: str) -> None:
    with change_and_broadcast(video_id) as video:
        if video.deleted_at is not None:
            raise DomainError("video_deleted")
        if video.is_hidden != is_hidden:
            Video.objects.filter(pk=video_id).update(is_hidden=is_hidden, updated_at=Now())
            audit.record(action, actor=by, target=video, title=video.title, reason=reason)
        mark_reviewed(video_id, by, reason=reason)


def _set_featured(video_id: UUID, is_featured: bool, by: User, action: str, reason: str) -> None:
    with transaction.atomic():
        video = _locked(video_id)
        services.edit(video_id, {"is_featured": is_featured}, by)
        if video.is_featured != is_featured:
            audit.record(action, actor=by, target=video, title=video.title, reason=reason)
        mark_reviewed(video_id, by, reason=reason)


def _locked(video_id: UUID) -> Video:
    video = Video.objects.select_for_update(no_key=True).filter(pk=video_id).first()
    if video is None:
        raise DomainError("not_found")
    return video

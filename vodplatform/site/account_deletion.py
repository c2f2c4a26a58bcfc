"""Deletion of accounts with all that they own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from jobs_app import services as jobs
from jobs_app.models import Job
from media_app.catalogue import services as catalogue
from media_app.uploads import services as uploads
from media_app.uploads.models import LIVE, Upload
from media_app.videos.models import Video, VideoScope
from media_app.videos.services import delete_video
from sessions_app.analysis import services as analyses
from sessions_app.analysis.models import AnalysisSession
from sessions_app.challenges import challenges, merges
from sessions_app.challenges.models import Challenge, MergeSession
from sessions_app.comparison import services as comparisons
from sessions_app.comparison.models import ComparisonSession, SessionEvent
from sessions_app.prosync import services as prosync
from sessions_app.prosync.models import ProJob
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.logs import event
from vodplatform.core.records import audit

logger = logging.getLogger(__name__)
ROWS_AT_ONCE = 100


def delete_account(user: User, **by: Any) -> None:
    """Delete an account with its videos, comparisons, challenges, jobs and files.

    The user's comments and events in other users' comparisons remain. After an error, call it again. ``by`` is written
    to the audit log. Raise :class:`DomainError`.
    """
    own = {"owner": user}
    # Use many short transactions, so that other processes can write in between.
    while keys := list(Job.objects.live().filter(**own).values_list("pk", flat=True)[:ROWS_AT_ONCE]):
        jobs.cancel_all(Job.objects.filter(pk__in=keys))
    _each(ComparisonSession.objects.filter(**own), comparisons.delete_session)
    _each(Challenge.objects.filter(**own), lambda row: challenges.delete(row, user))
    _each(MergeSession.objects.filter(**own), lambda row: merges.delete(row, None))
    _each(AnalysisSession.objects.filter(**own), lambda row: analyses.clean_up(row, None))
    _each(ProJob.objects.filter(**own), lambda row: prosync.delete(row, None))
    _each(Upload.objects.filter(**own, status__in=LIVE, expires_at__gt=Now()), uploads.cancel)
    _each(
        Video.objects.filter(**own, place=VideoScope.CATALOGUE), lambda row: catalogue.delete(row.pk, user, hard=True)
    )
    _each(Video.objects.filter(**own), lambda row: delete_video(row, None, leave_gaps=True))
    while keys := list(Job.objects.filter(**own).values_list("pk", flat=True)[:ROWS_AT_ONCE]):
        Job.objects.filter(pk__in=keys).delete()
    while keys := list(SessionEvent.objects.filter(created_by=user).values_list("pk", flat=True)[:ROWS_AT_ONCE]):
        SessionEvent.objects.filter(pk__in=keys).update(created_by=None)
    with transaction.atomic():
        if not User.objects.select_for_update().filter(pk=user.pk).exists():
            return  # another process has deleted it
        audit.record("user.deleted", actor=None, target=user, **by)
        user.delete()


def _each(rows: QuerySet[Any], delete: Callable[[Any], object]) -> None:
    keys: Iterable[Any] = list(rows.order_by("pk").values_list("pk", flat=True))
    for key in keys:
        if row := rows.filter(pk=key).first():
            delete(row)


def delete_requested() -> int:
    """Delete the accounts whose deletion was requested; return their number."""
    count = 0
    requested = User.objects.filter(is_active=False, deletion_requested_at__isnull=False)
    for key in list(requested.order_by("deletion_requested_at").values_list("pk", flat=True)):
        user = requested.filter(pk=key).first()
        if user is None:  # enabled again, or deleted by another process
            continue
        try:
            delete_account(user)
            count += 1
        except Exception as exc:  # the next call tries again
            logger.warning("could not delete the account %s", user.pk, exc_info=not isinstance(exc, DomainError))
            event("account.left", user=str(user.pk), reason=str(exc))
    return count

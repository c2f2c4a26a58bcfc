"""Reports of users that moderators close and reopen."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet, Subquery


def reopen_last(reports: QuerySet[Any]) -> int:
    """Reopen the reports of one thing that were closed last, in the caller's transaction; return their number.

    A user can have one open report of a thing, so the closed reports of users who have reported it again stay closed.
    """
    again = list(reports.filter(settled_at=None).values_list("reporter", flat=True))
    closed = reports.filter(settled_at__isnull=False).exclude(reporter__in=again)
    last = closed.order_by("-settled_at").values("settled_at")[:1]  # computed by the database, which may round times
    return closed.filter(settled_at=Subquery(last)).update(settled_at=None, settled_by=None, outcome="")

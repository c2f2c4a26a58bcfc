"""Users' reports, which moderators close and reopen."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet, Subquery


def reopen_last(reports: QuerySet[Any]) -> int:
    """Reopen the reports of an item that were closed last, in the caller's transaction; return their number.

    A user can have only one open report of an item. If a user has reported the item again, the closed report stays
    closed. reports: all reports of the item.
    """
    again = list(reports.filter(settled_at=None).values_list("reporter", flat=True))
    closed = reports.filter(settled_at__isnull=False).exclude(reporter__in=again)
    last = closed.order_by("-settled_at").values("settled_at")[:1]  # computed by the database, which may round times
    return closed.filter(settled_at=Subquery(last)).update(settled_at=None, settled_by=None, outcome="")

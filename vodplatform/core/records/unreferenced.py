"""Stored files are deleted for having no row only when that was seen twice, a day apart.

What looks like rubbish at one moment may be what somebody writes, a row that another transaction has not shown yet, or
a fault of the sweep itself: a day is time to notice.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from vodplatform.core.models import Unreferenced

BATCH = 500


def seen_again(sweep: str, keys: Iterable[str]) -> set[str]:
    """Which of ``keys`` a sweep saw ``VOD_UNREFERENCED_HOURS`` ago too; the others are noted for its next look.

    keys: all that it sees now. What it has noted and does not see any more is forgotten.
    """
    now = set(keys)
    noted = Unreferenced.objects.filter(sweep=sweep)
    over = sorted(set(noted.values_list("key", flat=True)) - now)
    for start in range(0, len(over), BATCH):
        noted.filter(key__in=over[start : start + BATCH]).delete()
    Unreferenced.objects.bulk_create((Unreferenced(sweep=sweep, key=key) for key in now), BATCH, ignore_conflicts=True)
    hours = timedelta(hours=settings.UNREFERENCED_HOURS)
    rows = noted.annotate(at=Now()).values_list("key", "since", "at")
    return {key for key, since, at in rows if key in now and at - since >= hours}

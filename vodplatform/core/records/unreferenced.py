"""Stored files that no row references. They are deleted only if found twice, a day apart.

When a file is first found, its row may not be committed yet, or the search may have a fault.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from vodplatform.core.models import Unreferenced

BATCH = 500


def confirm_unreferenced(sweep: str, keys: Iterable[str]) -> set[str]:
    """Return the keys that have been unreferenced for at least ``VOD_UNREFERENCED_HOURS``.

    ``keys`` are all keys that are unreferenced now.
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

"""Filtered and paged lists of catalogue videos."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.db.models import Q

from media_app.catalogue.realtime import audience_of
from media_app.videos import search
from media_app.videos.models import (
    IS_DELETED_FROM_CATALOGUE,
    IS_IN_CATALOGUE,
    NOT_READY,
    Video,
    VideoQuerySet,
    VideoStatus,
)
from media_app.videos.serializers import with_answer_data
from vodplatform.accounts.models import User

DELETED = "deleted"
COUNTED = 10_000  # number of videos above which a catalogue is large and the totals of lists are cached
COUNT_SECONDS = 10  # seconds for which a total is cached
LARGE_SECONDS = 60  # seconds for which the result of :func:`_is_large` is cached


def filter_videos(user: User | AnonymousUser, query: dict[str, Any]) -> VideoQuerySet:
    """Return the visible videos that match the filters, unordered.

    query: filters by name: ``category, status, featured, hidden, tag, search``.
    """
    videos = Video.objects.in_catalogue(user)
    status = query.get("status")
    videos = videos.filter(IS_DELETED_FROM_CATALOGUE if status == DELETED else IS_IN_CATALOGUE)
    if status and status != DELETED:
        videos = _with_status(videos, status)
    if "category" in query:
        videos = videos.filter(category=query["category"])
    if "featured" in query:
        videos = videos.filter(is_featured=query["featured"])
    if "hidden" in query:
        videos = videos.filter(is_hidden=query["hidden"])
    if "tag" in query:
        videos = videos.tagged(query["tag"])
    if "search" in query:
        videos = search.matching(videos, query["search"])
    return videos


def _with_status(videos: VideoQuerySet, status: str) -> VideoQuerySet:
    return videos.in_state(status) if status == VideoStatus.READY else videos.filter(NOT_READY).in_state(status)


def page_of(user: User | AnonymousUser, query: dict[str, Any]) -> tuple[list[Video], int]:
    """Return one page of videos, and the number of videos on all pages.

    Videos are sorted newest first. If a search finds at most ``search.MAX_RANKED`` videos, these are sorted by
    relevance.
    """
    videos = filter_videos(user, query)
    page, limit = query["page"], query["limit"]
    filters = {name: value for name, value in query.items() if name not in ("page", "limit")}
    total = count(videos, f"{audience_of(user)} {json.dumps(filters, sort_keys=True)}")
    if "search" in query and total <= search.MAX_RANKED:
        videos = search.ranked(videos, query["search"])
    else:
        videos = videos.order_by("-created_at", "-id")
    ids = list(videos.values_list("pk", flat=True)[(page - 1) * limit : page * limit])
    rows = {video.pk: video for video in with_answer_data(Video.objects.in_catalogue(user).filter(Q(pk__in=ids)))}
    return [rows[pk] for pk in ids if pk in rows], total


def count(videos: VideoQuerySet, name: str) -> int:
    key = f"catalogue-count-{COUNTED}-{hashlib.sha256(name.encode()).hexdigest()}"
    known: int | None = cache.get(key)
    if known is None:
        known = videos.order_by().count()
        if _is_large(known):
            cache.set(key, known, COUNT_SECONDS)
    return known


def _is_large(found: int) -> bool:
    key = f"catalogue-is-large-{COUNTED}"
    if found > COUNTED:
        return True
    is_large: bool | None = cache.get(key)
    if is_large is None:
        is_large = Video.objects.filter(IS_IN_CATALOGUE).order_by()[: COUNTED + 1].count() > COUNTED
        cache.set(key, is_large, LARGE_SECONDS)
    return is_large

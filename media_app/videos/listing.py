"""Filtered and paged lists of the private library."""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Lower

from media_app.videos.models import Video, VideoQuerySet
from media_app.videos.serializers import show_page, with_answer_data
from vodplatform.accounts.models import User

# Columns for each sort order of the library; videos with equal values are sorted newest first.
ORDERS: dict[str, tuple[Any, ...]] = {
    "newest": (), "title": (Lower("title"),), "longest": ("-duration",), "largest": ("-file_size",),
}  # fmt: skip


def list_library(user: User, query: dict[str, Any]) -> dict[str, Any]:
    """Return one page of the user's own videos, in the form of the API's response.

    query: valid values of :class:`media_app.videos.serializers.LibraryQuerySerializer`.
    """
    rows = Video.objects.in_bin() if query["bin"] else Video.objects.private()
    videos = _filter(rows.filter(owner=user).with_state(), query)
    newest = ("-deleted_at", "-id") if query["bin"] else ("-created_at", "-id")
    total = videos.count()
    videos = with_answer_data(videos.order_by(*ORDERS[query["order"]], *newest))
    first = (query["page"] - 1) * query["limit"]
    return show_page(videos[first : first + query["limit"]], query, total)


def _filter(videos: VideoQuerySet, query: dict[str, Any]) -> VideoQuerySet:
    if "search" in query:
        videos = videos.containing(query["search"])
    if "status" in query:
        videos = videos.filter(state=query["status"])  # type: ignore[misc]
    if "tag" in query:
        videos = videos.tagged(query["tag"])
    return videos

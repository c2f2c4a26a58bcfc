"""Pages ``/library``, ``/upload`` and ``/watch/{id}``."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from rest_framework.exceptions import ValidationError

from media_app.videos.listing import list_library
from media_app.videos.models import Video, VideoScope, VideoStatus
from media_app.videos.recordings import notes_of
from media_app.videos.serializers import LibraryQuerySerializer, VideoSerializer, with_answer_data
from media_app.videos.services import uses_of
from vodplatform.accounts.models import User
from vodplatform.accounts.plans import limits_of
from vodplatform.core.api.fields import validate_query
from vodplatform.core.errors import error_response
from vodplatform.core.web.context_processors import navigation
from vodplatform.core.web.throttles import client_of, count_request

STATUSES: dict[str, tuple[str, str]] = {
    "": ("All", "film"),
    VideoStatus.READY: ("Ready", "check"),
    VideoStatus.PROCESSING: ("Processing", "hour"),
    VideoStatus.FAILED: ("Needs attention", "alert"),
    "bin": ("Bin", "trash"),
}
ORDERS = {"": "Newest first", "title": "Name", "longest": "Longest first", "largest": "Largest first"}
TAGS_SHOWN = 30
PAGE_LENGTH = 24  # number of videos that the scripts of the library and catalogue load at a time
LIST_PARAMETERS = ("search", "status", "tag", "order", "category", "featured", "page")


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str
    href: str
    count: int
    current: bool
    icon: str = ""


@require_safe
@never_cache
def library(request: HttpRequest) -> HttpResponse:
    if request.GET.get("part") == "rail":
        if not request.user.is_authenticated:
            return error_response("unauthenticated")
        return _library(request, "library/rail.html")
    return _library(request, "library/index.html")


@login_required
def _library(request: HttpRequest, template: str) -> HttpResponse:
    own = Video.objects.filter(owner=cast(User, request.user))
    videos = own.private()
    status, tag = request.GET.get("status", ""), request.GET.get("tag", "")
    context = {
        "statuses": _statuses(videos, own.in_bin().count(), status if status in STATUSES else ""),
        "tags": _tags(videos, tag),
        "orders": [
            {"value": value, "label": label, "current": value == request.GET.get("order", "")}
            for value, label in ORDERS.items()
        ],
        "search": request.GET.get("search", "")[:200],
        "bin_days": math.ceil(settings.BIN_DAYS),
    }
    if template == "library/index.html":
        context |= first_answer(request, _list)
    return render(request, template, context)


def _list(user: User, values: dict[str, str]) -> dict[str, Any]:
    in_bin = {"status": "", "bin": "true"} if values.get("status") == "bin" else {}
    return list_library(user, validate_query(LibraryQuerySerializer, values | in_bin))


def first_answer(request: HttpRequest, find: Callable[[Any, dict[str, str]], dict[str, Any]]) -> dict[str, Any]:
    """Return the part of a template's context that holds the list of videos with the page's filters.

    The page's script shows ``answer`` without a request of its own. Browsers without JavaScript show it as a table with
    links to the other pages of the list (``previous`` and ``next``). find: returns the API's response for a user
    and the parameters of the query string. If it refuses a parameter, or the client asks too often, ``answer`` is
    None, and the script asks the API.
    """
    values = {name: str(value) for name, value in request.GET.items() if name in LIST_PARAMETERS}
    if (values.get("search") or values.get("page")) and count_request("read", client_of(request)):
        return {"answer": None}
    try:
        answer = find(request.user, values | {"limit": str(PAGE_LENGTH)})
    except ValidationError:
        return {"answer": None}
    page, pages = answer["pagination"]["page"], answer["pagination"]["totalPages"]
    around = {"previous": page - 1 if page > 1 else 0, "next": page + 1 if page < pages else 0}
    links = {name: f"?{urlencode(values | {'page': number})}" for name, number in around.items() if number}
    return {"answer": answer, **links}


def _statuses(videos: QuerySet[Video], binned: int, current: str) -> list[Choice]:
    rows = videos.with_state().order_by().values_list("state").annotate(count=Count("pk"))  # type: ignore[attr-defined]
    counts = dict(rows)
    counts[""] = sum(counts.values())
    counts["bin"] = binned
    return [
        Choice(name, label, _address(status=name), counts.get(name, 0), name == current, icon)
        for name, (label, icon) in STATUSES.items()
    ]


def _tags(videos: QuerySet[Video], current: str) -> list[Choice]:
    counts = videos.most_used_tags(TAGS_SHOWN)  # type: ignore[attr-defined]
    if current and current not in counts:
        counts[current] = videos.tagged(current).count()  # type: ignore[attr-defined]
    shown = sorted(counts, key=lambda tag: (-counts[tag], tag))
    return [Choice(tag, tag, _address(tag=tag), counts[tag], tag == current) for tag in shown]


def _address(**query: str) -> str:
    given = urlencode({name: value for name, value in query.items() if value})
    return f"/library?{given}" if given else "/library"


@require_safe
@login_required
def upload(request: HttpRequest) -> HttpResponse:
    return render(request, "uploads/index.html")


@require_safe
@never_cache
def watch(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """Show a video of the library or catalogue; 404 if the user may not see it.

    Anonymous visitors are sent to the sign-in page even if the video does not exist.
    """
    user = request.user
    video = with_answer_data(Video.objects.visible_to(user)).filter(pk=video_id).select_related("owner").first()
    if video is None:
        if not user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        raise Http404
    is_listed = video.place == VideoScope.CATALOGUE
    may = isinstance(user, User) and video.can_change(user)
    facts = {
        "id": str(video.pk),
        "place": video.place,
        "is_signed_in": user.is_authenticated,
        "may_change": may and not is_listed,
        "may_edit": may and is_listed,
        "may_publish": may and not is_listed and isinstance(user, User) and user.is_moderator,
        "has_pro": isinstance(user, User) and bool(limits_of(user)["max_segments"]),
        "fps": float(video.fps),
        "is_variable_frame_rate": video.is_variable_frame_rate,
        "audio_tracks": video.audio_tracks,
    }
    uses = uses_of([video], user) if isinstance(user, User) else []
    context = {"video": video, "facts": facts, "listed": is_listed, "uses": uses, "notes": notes_of(video)}
    context["video_url"] = VideoSerializer.show(video)["video_url"]
    context["bin_days"] = math.ceil(settings.BIN_DAYS)
    if is_listed:
        context["nav_items"] = navigation(request, "/catalogue")
    return render(request, "videos/watch.html", context)

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import Truncator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from media_app.catalogue.crdt import FIELDS, OperationType
from media_app.catalogue.listing import page_of
from media_app.catalogue.models import SERVER, CrdtOperation, ReportReason
from media_app.catalogue.serializers import CatalogueQuerySerializer
from media_app.videos.models import IS_DELETED_FROM_CATALOGUE, MAX_TAG_LENGTH, MAX_TAGS, Video, VideoStatus
from media_app.videos.pages import first_answer
from media_app.videos.serializers import MAX_DESCRIPTION, show_page
from vodplatform.accounts.models import User
from vodplatform.accounts.plans import limits_of
from vodplatform.core.api.fields import validate_query
from vodplatform.core.errors import error_response

CATEGORIES_SHOWN = 100
# Number of history entries loaded per click, and maximum number in total.
STEP, MAX_SHOWN = 50, 1000
LONGEST_QUOTE = 160
GONE = "a deleted account"
STATUSES = (
    ("", "Any status"),
    (VideoStatus.READY, "Ready"),
    (VideoStatus.PROCESSING, "Processing"),
    (VideoStatus.UPLOADING, "Without a file"),
    (VideoStatus.FAILED, "Failed"),
    ("hidden", "Hidden"),
)
FOR_ADMINS = ("deleted", "Deleted")


@require_safe
@never_cache
def catalogue(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not user.is_authenticated and not settings.PUBLIC_CATALOG:
        return redirect_to_login(request.get_full_path())
    statuses = _statuses(user)
    context = {
        "is_moderator": _is_moderator(user),
        "statuses": statuses,
        "status": request.GET.get("status", ""),
        "categories": _categories(user),
        "category": request.GET.get("category", ""),
        "is_featured": request.GET.get("featured") == "true",
        "search": request.GET.get("search", "")[:200],
        "facts": {
            "user": str(user.pk) if user.is_authenticated else None,
            "is_moderator": _is_moderator(user),
            "is_admin": _is_admin(user),
            "statuses": [value for value, _ in statuses if value],
            "reasons": [[value, label] for value, label in ReportReason.choices],
            **(_limits(user) if isinstance(user, User) and user.is_moderator else {}),
        },
        **first_answer(request, _list),
    }
    return render(request, "catalogue/index.html", context)


def _statuses(user: User | AnonymousUser) -> list[tuple[str, str]]:
    if not _is_moderator(user):
        return []
    return [*STATUSES, FOR_ADMINS] if _is_admin(user) else [*STATUSES]


def _list(user: User | AnonymousUser, values: dict[str, str]) -> dict[str, Any]:
    # Ignore what the page's script ignores.
    status = values["status"] if values.get("status") in dict(_statuses(user)) else ""
    featured = "true" if values.get("featured") == "true" else ""
    chosen = {"hidden": "true", "status": ""} if status == "hidden" else {"status": status}
    query = validate_query(CatalogueQuerySerializer, values | chosen | {"featured": featured, "tag": ""})
    videos, total = page_of(user, query)
    return show_page(videos, query, total)


@require_safe
@never_cache
def edit(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """Show the page where moderators edit a video: 403 without the right to edit, 404 if the video is not visible.

    If the video is deleted, the page shows unsent edits from the browser. ``part=history`` returns only the history, at
    most ``shown`` changes.
    """
    is_part = request.GET.get("part") == "history"
    if is_part and not request.user.is_authenticated:
        return error_response("unauthenticated")
    return _edit(request, video_id, is_part)


@login_required
def _edit(request: HttpRequest, video_id: UUID, is_part: bool) -> HttpResponse:
    user = cast(User, request.user)
    video = Video.objects.in_catalogue(user).filter(pk=video_id).first()
    if video is None and user.is_moderator and not is_part:
        video = Video.objects.filter(IS_DELETED_FROM_CATALOGUE).filter(pk=video_id).first()
        if video is not None:
            video.title, video.description, video.category = "A deleted video", "", ""
            video.tags, video.is_featured = [], False
    if video is None:
        raise Http404
    if not video.can_change(user):
        raise PermissionDenied
    if is_part:
        return render(request, "catalogue/history.html", _history(video, request.GET.get("shown", "")))
    context = {
        "video": video,
        "is_admin": user.is_admin,
        "categories": _categories(user),
        "max_description": MAX_DESCRIPTION,
        "facts": {
            "id": str(video.pk),
            "user": str(user.pk),
            "is_admin": user.is_admin,
            "is_deleted": video.deleted_at is not None,
            "has_file": bool(video.location),
            "tags": video.tags,
            "max_tags": MAX_TAGS,
            "max_tag_length": MAX_TAG_LENGTH,
            **_limits(user),
        },
    }
    return render(request, "catalogue/edit.html", context)


@dataclass(frozen=True, slots=True)
class Entry:
    id: str
    who: str
    at: datetime
    what: str
    value: str = ""
    how: str = ""


def _history(video: Video, wanted: str) -> dict[str, Any]:
    shown = min(int(wanted), MAX_SHOWN) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 9 else STEP
    newest = CrdtOperation.objects.filter(video=video).order_by("-created_at", "-timestamp", "-actor", "-counter")
    rows = list(newest[: shown + 1])
    users = User.objects.in_bulk([*{row.writer for row in rows}, video.owner_id])
    names = {pk: user.get_username() for pk, user in users.items()}
    entries = [_entry(row, names) for row in rows[:shown]]
    if len(rows) <= shown:
        entries.append(Entry(str(video.pk), names.get(video.owner_id, GONE), video.created_at, "created the video"))
    return {"entries": entries, "shown": shown, "older": len(rows) > shown and shown < MAX_SHOWN}


def _entry(row: CrdtOperation, names: dict[UUID, str]) -> Entry:
    kind, value = OperationType(row.operation_type), row.operation_data["value"]
    match kind:
        case OperationType.UPDATE_FEATURED:
            what, detail = ("featured it" if value else "removed it from featured"), ""
        case OperationType.SET_TAGS:
            what, detail = ("set the tags to" if value else "removed all tags"), ", ".join(value)
        case OperationType.ADD_TAG | OperationType.REMOVE_TAG:
            what, detail = ("added the tag" if kind == OperationType.ADD_TAG else "removed the tag"), value
        case _:
            name = FIELDS[kind]
            what, detail = (f"changed the {name} to" if value else f"emptied the {name}"), value
    who = names.get(row.writer, GONE)
    how = "through the API or the admin site" if row.actor == SERVER else ""
    return Entry(str(row.pk), who, row.timestamp, what, Truncator(detail).chars(LONGEST_QUOTE), how)


def _limits(user: User) -> dict[str, int]:
    """Return the maximum bytes of a form with a video, of an upload by this user, and of a thumbnail."""
    return {
        "max_video_size": settings.MAX_VIDEO_SIZE,
        "max_upload_size": limits_of(user)["max_upload_bytes"],
        "max_thumbnail_size": settings.MAX_THUMBNAIL_SIZE,
    }


def _categories(user: Any) -> list[str]:
    rows = Video.objects.in_catalogue(user).filter(deleted_at=None).exclude(category="").order_by()
    counted = rows.values_list("category").annotate(count=Count("pk")).order_by("-count", "category")
    return sorted(category for category, _ in counted[:CATEGORIES_SHOWN])


def _is_moderator(user: Any) -> bool:
    return isinstance(user, User) and user.is_moderator


def _is_admin(user: Any) -> bool:
    return isinstance(user, User) and user.is_admin

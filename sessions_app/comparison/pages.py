"""HTML pages of comparisons. The pages make changes by the API."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.db.models import F, OrderBy
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from media_app.videos.library_roots import roots_of
from media_app.videos.models import Video
from media_app.videos.pages import ORDERS, TAGS_SHOWN
from sessions_app.comparison.access import former_visitor, opened_link, redact_for_grant, viewer_of
from sessions_app.comparison.alignment.services import latest_alignment_id
from sessions_app.comparison.models import Access, ComparisonSession, LinkVisitor
from sessions_app.comparison.proxies import LETTERS, posters_of, proxy_urls
from sessions_app.comparison.samples.services import request_sample, sample_of
from sessions_app.comparison.serializers import SessionSerializer, SessionSnapshot
from sessions_app.comparison.sharing.link_pages import add_noindex, check_enabled, show_ended, show_locked
from vodplatform.accounts.models import User

PER_PAGE = 50
MAX_SEARCH = 200
# Expression that each sortable column of the list is sorted by.
SORT_COLUMNS: dict[str, Any] = {"name": Lower("name"), "creator": Lower("owner__username"), "changed": F("updated_at")}
COPIES_COOKIE = "copies"  # cookie written by static/js/comparison/proxies.js


@require_safe
@login_required
def index(request: HttpRequest) -> HttpResponse:
    """Render the list of comparisons.

    With ``?new``, render the choice of videos for a new one. With ``?new&start``, redirect to the user's comparison of
    these videos if there is one, so that no second alignment of the same videos starts. ``?search=`` filters by words.
    ``?archived`` lists archived comparisons. ``?order=`` names a column of ``SORT_COLUMNS``, with ``-`` for descending.
    """
    check_enabled()
    if "new" in request.GET:
        return _new(request)
    search, is_archived = request.GET.get("search", "")[:MAX_SEARCH], "archived" in request.GET
    visible = ComparisonSession.objects.visible_to(request.user)
    user = cast(User, request.user)
    sessions = visible.with_role(user).with_mentions(user).filter(archived_at__isnull=not is_archived)
    sessions = sessions.found_by(search)
    sessions = sessions.select_related("owner").prefetch_related("vods__video")
    order = request.GET.get("order", "")
    order = order if order.removeprefix("-") in SORT_COLUMNS else "-changed"
    column = OrderBy(SORT_COLUMNS[order.removeprefix("-")], descending=order.startswith("-"))
    sessions = sessions.order_by(column, "-updated_at", "-session_id")
    page = Paginator(sessions, PER_PAGE).get_page(request.GET.get("page"))
    pictures = posters_of(list(page.object_list))
    rows = [
        {
            "pictures": pictures[session.pk],
            "session_id": session.session_id,
            "name": session.name,
            "videos": [vod.name for vod in session.vods.all()],
            "created_by": session.owner.username,
            "role": session.role,  # type: ignore[attr-defined]
            "updated_at": session.updated_at,
            "mentions": session.mentions,  # type: ignore[attr-defined]
        }
        for session in page.object_list
    ]
    filters = {"search": search} if search else {}
    if is_archived:
        filters["archived"] = ""
    pages = {
        "previous": page.previous_page_number() if page.has_previous() else None,
        "next": page.next_page_number() if page.has_next() else None,
    }
    context = {
        "sessions": rows,
        "total": page.paginator.count,
        "pages": pages,
        "search": search,
        "is_archived": is_archived,
        "query": urlencode(filters | {"order": order}),
        "order": order if "order" in request.GET else "",
        "columns": {name: _column(name, order, filters) for name in SORT_COLUMNS},
        "has_any": bool(rows) or visible.exists(),
    }
    return render(request, "comparison/index.html", context)


def _column(name: str, order: str, filters: dict[str, str]) -> dict[str, str]:
    """Return a column header's link, which sorts by the column or reverses the order, and its ``aria-sort`` value."""
    is_current, is_descending = order.removeprefix("-") == name, order.startswith("-")
    # The first click on "Changed" lists the newest first; on the other columns, from A to Z.
    following = (f"-{name}" if not is_descending else name) if is_current else {"changed": "-changed"}.get(name, name)
    sort = ("descending" if is_descending else "ascending") if is_current else ""
    return {"href": f"/compare?{urlencode(filters | {'order': following})}", "sort": sort}


@require_POST
@login_required
def make_sample(request: HttpRequest) -> HttpResponse:
    check_enabled()
    user = cast(User, request.user)
    if (made := sample_of(user)) is not None:
        return redirect("compare-session", session_id=made.session_id)
    request_sample(user)
    return redirect("home")


def _new(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    if "start" in request.GET and (made := _comparison_of(user, request.GET.getlist("video"))):
        address = reverse("compare-session", args=[made.session_id])
        return redirect(address if made.is_aligned else f"{address}?setup")
    context = {
        "tags": Video.objects.private().filter(owner=user).most_used_tags(TAGS_SHOWN).items(),
        "orders": ORDERS,
        "has_folders": bool(roots_of(user)),
    }
    return render(request, "comparison/new.html", context)


def _comparison_of(user: User, video_ids: list[str]) -> ComparisonSession | None:
    try:
        videos = {UUID(video_id) for video_id in video_ids}
    except ValueError:
        return None
    made = ComparisonSession.objects.filter(owner=user, archived_at=None).comparing(videos)
    return made.order_by("-updated_at", "-session_id").first() if videos else None


@require_safe
def session(request: HttpRequest, session_id: str) -> HttpResponse:
    """Render one comparison, or 404 if it is hidden from the user.

    ``?setup`` renders its alignment, ``?print`` a list of its events. A link's visitor may have to enter the password
    first.
    """
    check_enabled()
    viewer = viewer_of(request.user, request.COOKIES, session_id)
    found = ComparisonSession.objects.visible_to(viewer).filter(session_id=session_id).first()
    if found is None and opened_link(request.COOKIES, session_id):
        return show_locked(request, session_id)
    if isinstance(viewer, AnonymousUser) or found is None or (access := found.access_of(viewer)) is None:
        if former := former_visitor(request.COOKIES, session_id):
            return show_ended(request, former)
        if isinstance(viewer, AnonymousUser):
            return redirect_to_login(request.get_full_path())
        raise Http404
    state = redact_for_grant(SessionSerializer.show(SessionSnapshot.of(found)), access.grant)
    visitor = viewer if isinstance(viewer, LinkVisitor) else None
    copies = proxy_urls(found, viewer, access.grant)
    is_quick = request.COOKIES.get(COPIES_COOKIE) != "full"
    context: dict[str, Any] = {
        "session": state,
        "access": {
            "role": access.role,
            "can_comment": access.can_comment,
            "user_id": str(visitor.visitor_id if visitor else viewer.pk),
            "username": viewer.username,
            "is_visitor": visitor is not None,
        },
        "visitor": visitor,
        "copies": copies,
        "panes": [
            {
                "letter": letter,
                "vod": vod,
                "src": (is_quick and copy["proxy_url"]) or vod["stream_url"],
                "peaks": copy["peaks_url"],
                "is_gone": copy["is_gone"],
            }
            for letter, vod, copy in zip(LETTERS, state["vods"], copies, strict=False)
        ],
        "latest_alignment": latest_alignment_id(found),
    }
    response = render(request, f"comparison/{_page_of(request, access)}.html", context)
    return add_noindex(response) if visitor else response


def _page_of(request: HttpRequest, access: Access) -> str:
    if "print" in request.GET:
        return "print"
    return "setup" if "setup" in request.GET and access.can_edit else "session"

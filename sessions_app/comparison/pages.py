"""The pages of the comparison: the list, a new one, setting one up, and playing it. Changes go through the API."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from sessions_app.comparison.alignments import latest_alignment_id
from sessions_app.comparison.copies import copies_of
from sessions_app.comparison.models import ComparisonSession
from sessions_app.comparison.serializers import SessionSerializer, SessionSnapshot
from sessions_app.comparison.sharing import as_granted
from vodplatform.accounts.models import User

PER_PAGE = 50
MAX_SEARCH = 200  # letters
LETTERS = "ABC"
COPIES_COOKIE = "copies"  # written by static/js/comparison/copies.js


@require_safe
@login_required
def index(request: HttpRequest) -> HttpResponse:
    """The comparisons the user may see, the last changed first; with ``?new``, the choosing of videos for one more.

    ``?search=`` names words that they have, ``?archived`` asks for those that are archived.
    """
    _check_enabled()
    if "new" in request.GET:
        return render(request, "comparison/new.html")
    search, is_archived = request.GET.get("search", "")[:MAX_SEARCH], "archived" in request.GET
    visible = ComparisonSession.objects.visible_to(request.user)
    sessions = visible.with_role(cast(User, request.user)).filter(archived_at__isnull=not is_archived)
    sessions = sessions.found_by(search)
    sessions = sessions.select_related("owner").prefetch_related("vods")
    page = Paginator(sessions.order_by("-updated_at", "-session_id"), PER_PAGE).get_page(request.GET.get("page"))
    rows = [
        {
            "session_id": session.session_id,
            "name": session.name,
            "videos": [vod.name for vod in session.vods.all()],
            "created_by": session.owner.username,
            "role": session.role,  # type: ignore[attr-defined]
            "updated_at": session.updated_at,
        }
        for session in page.object_list
    ]
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
        "query": urlencode({"search": search} if search else {}) + ("&archived" if is_archived else ""),
        "has_any": bool(rows) or visible.exists(),
    }
    return render(request, "comparison/index.html", context)


@require_safe
@login_required
def session(request: HttpRequest, session_id: str) -> HttpResponse:
    """One comparison: the players; with ``?setup``, the timer box and the alignment. 404 for what is not the user's."""
    _check_enabled()
    found = get_object_or_404(ComparisonSession.objects.visible_to(request.user), session_id=session_id)
    user = cast(User, request.user)
    access = found.access_of(user)
    if access is None:  # withdrawn between two statements
        raise Http404
    state = as_granted(SessionSerializer.show(SessionSnapshot.of(found)), access.grant)
    copies = copies_of(found, user, access.grant)
    is_quick = request.COOKIES.get(COPIES_COOKIE) != "full"
    context: dict[str, Any] = {
        "session": state,
        "access": {"role": access.role, "can_comment": access.can_comment, "user_id": str(user.pk)},
        "copies": copies,
        "panes": [
            {
                "letter": letter,
                "vod": vod,
                "src": (is_quick and copy["proxy_url"]) or vod["stream_url"],
                "is_gone": copy["is_gone"],
            }
            for letter, vod, copy in zip(LETTERS, state["vods"], copies, strict=False)
        ],
        "latest_alignment": latest_alignment_id(found),
    }
    is_setup = "setup" in request.GET and access.can_edit
    return render(request, "comparison/setup.html" if is_setup else "comparison/session.html", context)


def _check_enabled() -> None:
    if not settings.MULTI_VOD_ENABLED:
        raise Http404

"""The front door ``/``: a page for people, facts about the service for programs."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from sessions_app.comparison.models import ComparisonSession
from vodplatform.accounts.models import User
from vodplatform.base.web.views import read_only, wants_html

LOOPBACK = ("127.0.0.1", "::1")


@read_only
def home(request: HttpRequest) -> HttpResponse:
    """Signed in: the comparisons. Signed out: what this is. Under ``make demo``: the demo's comparison."""
    if not wants_html(request):
        links = {"docs": "/api/docs", "schema": "/api/schema", "health": "/health"}
        return JsonResponse({"service": "vodplatform", "version": "1", **links})
    demo = _demo_session(request)
    if demo is not None:
        if not request.user.is_authenticated:
            login(request, demo.owner)
        return redirect("compare-session", session_id=demo.session_id)
    if isinstance(request.user, User):
        return redirect("compare")
    return render(request, "home.html", {"signup_open": settings.SIGNUP})


def _demo_session(request: HttpRequest) -> ComparisonSession | None:
    """The comparison that `make demo` shows, to whoever sits at this machine."""
    if not settings.DEMO_ACCOUNT or request.META.get("REMOTE_ADDR") not in LOOPBACK:
        return None
    sessions = ComparisonSession.objects.filter(owner__username=settings.DEMO_ACCOUNT, owner__is_active=True)
    session = sessions.select_related("owner").first()
    if session is None or session.owner.is_staff:
        return None
    if request.user.is_authenticated and request.user != session.owner:
        return None
    return session

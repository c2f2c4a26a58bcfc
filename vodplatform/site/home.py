"""The home page: HTML for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from jobs_app.pages import failed_rows, live_rows
from media_app.videos.media_urls import rendition_url
from media_app.videos.models import Rendition, RenditionKind, Video, VideoScope
from sessions_app.analysis.models import AnalysisSession
from sessions_app.challenges.models import Challenge
from sessions_app.comparison.models import ComparisonSession
from sessions_app.comparison.proxies import posters_of
from vodplatform.accounts.models import User
from vodplatform.core.formatting import duration
from vodplatform.core.web.views import read_only, wants_html
from vodplatform.site.moderation import open_count

LOOPBACK = ("127.0.0.1", "::1")
COMPARISONS, VIDEOS, MADE, JOBS, CONCERNS = 6, 5, 3, 4, 4
FAILED_SINCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Card:
    """A card of the home page: a video, analysis or challenge.

    ``length`` is the video's duration as text.
    """

    title: str
    href: str
    icon: str
    at: datetime
    picture: str | None = None
    detail: str = ""
    length: str = ""


@dataclass(frozen=True, slots=True)
class Concern:
    icon: str
    tone: str
    title: str
    text: str
    href: str
    act: str


@read_only
def home(request: HttpRequest) -> HttpResponse:
    """Render the home page.

    ``?part=running`` returns only running work and problems. Anonymous visitors get the landing page, or the comparison
    of ``make demo``.
    """
    if not wants_html(request):
        links = {"docs": "/api/docs", "schema": "/api/schema", "health": "/health"}
        return JsonResponse({"service": "vodplatform", "version": "1", **links})
    demo = _demo_session(request)
    if demo is not None:
        login(request, demo.owner)
        return redirect("compare-session", session_id=demo.session_id)
    if not isinstance(request.user, User):
        return render(request, "front.html", {"signup_open": settings.SIGNUP})
    if request.GET.get("part") == "running":
        return render(request, "home/running.html", _work_of(request.user))
    return render(request, "home/index.html", _own_things(request.user) | _work_of(request.user))


def _own_things(user: User) -> dict[str, Any]:
    visible = ComparisonSession.objects.visible_to(user).with_role(user).with_mentions(user)
    current = visible.filter(archived_at=None)
    newest = current.select_related("owner").prefetch_related("vods__video").order_by("-updated_at", "-session_id")
    sessions = list(newest[:COMPARISONS])
    pictures = posters_of(sessions)
    videos = Video.objects.private().filter(owner=user)
    shown = list(videos.order_by("-created_at", "-id")[:VIDEOS])
    made = _made_by(user)
    return {
        "comparisons": [{"session": session, "pictures": pictures[session.pk]} for session in sessions],
        "comparison_count": current.count(),
        "videos": _cards_of(shown),
        "video_count": videos.count(),
        "made": made,
        "is_new": not sessions and not shown and not made,
    }


def _work_of(user: User) -> dict[str, Any]:
    return {"running": live_rows(user, JOBS), "concerns": _concerns_of(user)[:CONCERNS]}


def _cards_of(videos: Iterable[Video]) -> list[Card]:
    posters = _posters_of(video.pk for video in videos)
    return [
        Card(video.title, f"/watch/{video.pk}", "film", video.created_at, posters.get(video.pk),
             length=duration(video.duration) if video.duration else "")
        for video in videos
    ]  # fmt: skip


def _made_by(user: User) -> list[Card]:
    analyses = AnalysisSession.objects.filter(owner=user, expired_at=None).order_by("-created_at")[:MADE]
    challenges = Challenge.objects.filter(owner=user).select_related("merge").order_by("-created_at")[:MADE]
    found = [
        (row.video_id, row.name, f"/analysis/{row.pk}", "analysis", row.created_at, row.get_analysis_type_display())
        for row in analyses
    ] + [
        (row.merge.video_id, row.title, f"/challenges/{row.pk}", "challenge", row.created_at,
         "Challenge" if row.published_at else "Challenge draft")
        for row in challenges
    ]  # fmt: skip
    posters = _posters_of(video for video, *_ in found)
    cards = [
        Card(title, href, icon, at, posters.get(video) if video else None, detail)
        for video, title, href, icon, at, detail in found
    ]
    return sorted(cards, key=lambda card: card.at, reverse=True)[:MADE]


def _posters_of(videos: Iterable[UUID | None]) -> dict[UUID, str]:
    rows = Rendition.objects.filter(video__in=[pk for pk in videos if pk], kind=RenditionKind.POSTER)
    return {
        row.video_id: rendition_url(row, as_shown=row.video.place == VideoScope.CATALOGUE)
        for row in rows.select_related("video")
    }


def _concerns_of(user: User) -> list[Concern]:
    visible = ComparisonSession.objects.visible_to(user).with_mentions(user).filter(archived_at=None)
    asked = visible.filter(mentions__gt=0).order_by("-updated_at")[:CONCERNS]  # type: ignore[misc]
    lost = visible.filter(owner=user, vods__video__deleted_at__isnull=False).distinct().order_by("-updated_at")
    return [
        *_waiting_reports(user),
        *(_mention_concern(session.name, session.pk, session.mentions) for session in asked),  # type: ignore[attr-defined]
        *(
            Concern("alert", "warn", f"A video is missing in {session.name or 'a comparison'}",
                    "The video was deleted. The other videos still play.", f"/compare/{session.pk}",
                    "Open comparison")
            for session in lost[:CONCERNS]
        ),
        *(
            Concern("alert", "bad", f"Failed: {row.subject.title}", (row.job.error or {}).get("message", ""),
                    row.subject.href or "/jobs?show=failed", "Show the error")
            for row in failed_rows(user, FAILED_SINCE, CONCERNS)
        ),
    ]  # fmt: skip


def _waiting_reports(user: User) -> list[Concern]:
    count = open_count(user) if user.is_moderator else 0
    if not count:
        return []
    title = "1 video or challenge was reported" if count == 1 else f"{count} videos and challenges were reported"
    text = "Review the reports and decide what stays public."
    return [Concern("flag", "warn", title, text, "/moderation", "Review reports")]


def _mention_concern(name: str, session_id: str, count: int) -> Concern:
    title = f"You were mentioned in {name or 'a comparison'}"
    text = "1 comment mentions you." if count == 1 else f"{count} comments mention you."
    return Concern("comment", "run", title, text, f"/compare/{session_id}", "Open comparison")


def _demo_session(request: HttpRequest) -> ComparisonSession | None:
    if not settings.DEMO_ACCOUNT or request.user.is_authenticated or request.META.get("REMOTE_ADDR") not in LOOPBACK:
        return None
    sessions = ComparisonSession.objects.filter(owner__username=settings.DEMO_ACCOUNT, owner__is_active=True)
    session = sessions.select_related("owner").first()
    if session is None or session.owner.is_staff:
        return None
    return session

"""The page ``/moderation``: reported videos and challenges, and decisions about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from media_app.catalogue import moderation
from media_app.catalogue.models import VideoReport
from media_app.videos.media_urls import rendition_url, stream_url
from media_app.videos.models import Rendition, RenditionKind, Video, VideoScope
from sessions_app.challenges import challenges
from sessions_app.challenges.models import MAX_REASON, Challenge, ChallengeReport
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.models import AuditEntry
from vodplatform.core.pauses import PausedIterable

VIDEO, CHALLENGE = "video", "challenge"
OPEN, CLOSED = "open", "closed"
KINDS = (("", "All"), (VIDEO, "Videos"), (CHALLENGE, "Challenges"))
READ = {OPEN: 1000, CLOSED: 200}  # maximum number of reports read from the database
SHOWN = 100  # maximum number of items in the moderation queue
ENTRIES = 10  # maximum number of entries in an item's history
# Labels of audit log entries that moderators see. Other entries are shown only to admins.
ACTION_LABELS = {
    "video.hide": "Taken down", "video.publish": "Shown again", "video.reports_settled": "Reports closed",
    "video.reports_reopened": "Reports reopened", "challenge.reports_reopened": "Reports reopened",
    "video.delete": "Deleted", "video.restore": "Restored", "challenge.withhold": "Taken down",
    "challenge.release": "Shown again",
}  # fmt: skip
# Outcomes that the page confirms, by decision.
DONE = {
    "dismiss": "Dismissed", "settle": "Resolved", "take_down": "Taken down", "restore": "Shown again",
    "reopen": "Reopened",
}  # fmt: skip
NOTHING_WRONG = "No violation"


@dataclass(frozen=True, slots=True)
class Complaint:
    """A report and its outcome.

    ``reason`` is the label that the reporter chose from a list, and ``text`` the reporter's own words.
    """

    reporter: str
    reason: str
    text: str
    at: datetime
    settled_at: datetime | None = None
    settled_by: str = ""
    outcome: str = ""


@dataclass(slots=True)
class ReportedItem:
    """A catalogue video or challenge with its reports, oldest first.

    ``is_down``: whether a moderator has taken the item down.
    """

    kind: str
    pk: UUID
    title: str
    owner: User
    video: Video | None
    href: str
    is_down: bool
    statements: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)
    poster: str | None = None

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.pk}"

    @property
    def count(self) -> int:
        return len(self.complaints)

    @property
    def reason(self) -> str:
        return self.complaints[0].reason

    @property
    def at(self) -> datetime:
        return self.complaints[0].at


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """Render the moderation queue and one item.

    ``state`` (open or closed) and ``kind`` filter the queue, and ``item`` selects the item. POST decides about the item
    by ``act`` (dismiss, settle, take_down, restore or reopen) and ``reason``.
    """
    user = cast(User, request.user)
    if not user.is_moderator:
        raise Http404
    query = request.POST if request.method == "POST" else request.GET
    state = query.get("state", OPEN) if query.get("state") in READ else OPEN
    kind = query.get("kind", "") if query.get("kind") in (VIDEO, CHALLENGE) else ""
    queue = reported_items(user, state, kind)
    keys = [one.key for one in queue]
    asked = query.get("item", "")
    if request.method == "POST":
        follower = keys[(keys.index(asked) + 1) % len(keys)] if asked in keys and len(keys) > 1 else ""
        if not _apply_decision(request, user, asked):
            follower = asked
        return redirect(_address(state, kind, follower))
    shown = next((one for one in queue if one.key == asked), None)
    context = {
        "queue": [(one, _address(state, kind, one.key)) for one in queue],
        "shown": shown or (queue[0] if queue else None),
        "is_chosen": shown is not None,
        "state": state,
        "kind": kind,
        "back": _address(state, kind, ""),
        "open_count": open_count(user),
        "tabs": [(name, label, _address(name, kind, "")) for name, label in ((OPEN, "Open"), (CLOSED, "Closed"))],
        "kinds": [(name, label, _address(state, name, "")) for name, label in KINDS],
    }
    if context["shown"]:
        context |= _details_of(cast(ReportedItem, context["shown"]))
    return render(request, "moderation/index.html", context)


def reported_items(user: User, state: str, kind: str = "") -> list[ReportedItem]:
    """Return reported items.

    Open items: those with most reports first, then the oldest. Closed items: last settled first.
    """
    found: dict[str, ReportedItem] = {}
    for one, complaint in [
        *(_video_reports(user, state) if kind != CHALLENGE else ()),
        *(_of_challenges(user, state) if kind != VIDEO else ()),
    ]:
        found.setdefault(one.key, one).complaints.append(complaint)
    for one in found.values():
        one.complaints.sort(key=lambda complaint: complaint.at)
    if state == OPEN:
        ordered = sorted(found.values(), key=lambda one: (-one.count, one.at))
    else:
        ordered = sorted(
            found.values(), key=lambda one: max(c.settled_at or c.at for c in one.complaints), reverse=True
        )
    shown = ordered[:SHOWN]
    posters = _posters_of(one.video for one in shown)
    for one in shown:
        one.poster = posters.get(one.video.pk) if one.video else None
    return shown


def open_count(user: User) -> int:
    videos = VideoReport.objects.filter(settled_at=None, video__in=Video.objects.in_catalogue(user))
    others = ChallengeReport.objects.filter(settled_at=None)
    return videos.values("video").distinct().count() + others.values("challenge").distinct().count()


def badge(request: HttpRequest) -> str:
    """Return the number of items with open reports for the admin's side bar; an empty text for none."""
    user = request.user
    count = open_count(user) if isinstance(user, User) and user.is_moderator else 0
    return str(count) if count else ""


def _video_reports(user: User, state: str) -> Iterable[tuple[ReportedItem, Complaint]]:
    rows = VideoReport.objects.filter(settled_at__isnull=state == OPEN, video__in=Video.objects.in_catalogue(user))
    rows = rows.select_related("video__owner", "reporter", "settled_by")
    rows._iterable_class = PausedIterable
    for row in rows[: READ[state]]:
        video = row.video
        yield (
            ReportedItem(VIDEO, video.pk, video.title, video.owner, video, f"/watch/{video.pk}", video.is_hidden),
            _complaint(row, str(row.get_reason_display()), row.text),
        )


def _of_challenges(user: User, state: str) -> Iterable[tuple[ReportedItem, Complaint]]:
    rows = ChallengeReport.objects.filter(
        settled_at__isnull=state == OPEN, challenge__in=Challenge.objects.visible_to(user)
    )
    rows = rows.select_related("challenge__owner", "challenge__merge__video", "reporter", "settled_by")
    rows._iterable_class = PausedIterable
    for row in rows[: READ[state]]:
        shown = row.challenge
        starts = [part["start_time"] for part in shown.merge.statement_segments]
        # Moderators may play the challenge, so the page does not show them which statement is false.
        statements = [
            {"text": text, "start": start}
            for text, start in zip(challenges.texts_of(shown.statements), starts, strict=False)
        ]
        yield (
            ReportedItem(
                CHALLENGE, shown.pk, shown.title, shown.owner, shown.merge.video, f"/challenges/{shown.pk}",
                shown.withheld_at is not None, statements,
            ),
            _complaint(row, "", row.reason),
        )  # fmt: skip


def _complaint(row: VideoReport | ChallengeReport, reason: str, text: str) -> Complaint:
    return Complaint(
        row.reporter.username if row.reporter else "A deleted account", reason, text, row.created_at,
        settled_at=row.settled_at, settled_by=row.settled_by.username if row.settled_by else "", outcome=row.outcome,
    )  # fmt: skip


def _details_of(shown: ReportedItem) -> dict[str, Any]:
    names = {complaint.reporter for complaint in shown.complaints}
    made: dict[str, int] = {}
    for model in (VideoReport, ChallengeReport):
        rows = model.objects.filter(reporter__username__in=names).order_by().values("reporter__username")
        for row in rows.annotate(count=Count("pk")):
            made[row["reporter__username"]] = made.get(row["reporter__username"], 0) + row["count"]
    entries = AuditEntry.objects.filter(target_id=str(shown.pk), action__in=ACTION_LABELS)[:ENTRIES]
    owner = shown.owner
    videos = Video.objects.filter(owner=owner, place=VideoScope.CATALOGUE, deleted_at=None)
    theirs = Challenge.objects.filter(owner=owner)
    down = videos.filter(is_hidden=True).count() + theirs.filter(withheld_at__isnull=False).count()
    settled = (
        VideoReport.objects.filter(video__owner=owner, settled_at__isnull=False).count()
        + ChallengeReport.objects.filter(challenge__owner=owner, settled_at__isnull=False).count()
    )
    return {
        "player": f"{stream_url(shown.video)}&proxy=1" if shown.video else "",
        "complaints": [(complaint, made.get(complaint.reporter, 1) - 1) for complaint in shown.complaints],
        "history": [
            (entry.at, ACTION_LABELS[entry.action], entry.actor_name, entry.data.get("reason", "")) for entry in entries
        ],
        "author": {
            "made": videos.count() + theirs.exclude(Q(published_at=None) & Q(withheld_at=None)).count(),
            "down": down,
            "settled": settled,
        },
    }


def _apply_decision(request: HttpRequest, user: User, key: str) -> bool:
    kind, _, pk = key.partition(":")
    act, reason = request.POST.get("act", ""), " ".join(request.POST.get("reason", "").split())[:MAX_REASON]
    thing = _thing_of(user, kind, pk)
    if act not in DONE:
        raise Http404
    if not reason and act != "dismiss":
        messages.error(request, "Nothing was changed. Enter a reason and try again.")
        return False
    words = {
        "dismiss": f"Dismissed: {reason or NOTHING_WRONG}", "settle": f"Resolved: {reason}",
        "take_down": f"Taken down: {reason}",
    }.get(act, reason)[:MAX_REASON]  # fmt: skip
    is_video = kind == VIDEO
    take_down: Callable[..., None] = moderation.hide if is_video else challenges.withhold
    restore: Callable[..., None] = moderation.publish if is_video else challenges.release
    reopen: Callable[..., None] = moderation.reopen if is_video else challenges.reopen
    settle: Callable[..., None] = moderation.settle if is_video else challenges.settle
    try:
        with transaction.atomic():
            if act in ("restore", "reopen"):
                (restore if act == "restore" else reopen)(thing.pk, user, reason=reason)
            else:
                if not thing.reports.select_for_update().filter(settled_at=None).exists():
                    messages.warning(request, f"Another moderator has already closed the reports of “{thing.title}”.")
                    return True
                if act == "take_down":
                    take_down(thing.pk, user, reason=reason)
                settle(thing.pk, user, reason=words)
    except DomainError as exc:
        messages.error(request, f"“{thing.title}”: {exc.message}")
        return False
    messages.success(request, f"{DONE[act]}: “{thing.title}”.")
    return True


def _thing_of(user: User, kind: str, pk: str) -> Any:
    rows: Any = {VIDEO: Video.objects.in_catalogue(user), CHALLENGE: Challenge.objects.visible_to(user)}.get(kind)
    try:
        found = rows.filter(pk=UUID(pk)).first() if rows is not None else None
    except ValueError:
        found = None
    if found is None:
        raise Http404
    return found


def _posters_of(videos: Iterable[Video | None]) -> dict[UUID, str]:
    rows = Rendition.objects.filter(video__in=[video.pk for video in videos if video], kind=RenditionKind.POSTER)
    return {row.video_id: rendition_url(row) for row in rows.select_related("video")}


def _address(state: str, kind: str, item: str) -> str:
    given = {"state": "" if state == OPEN else state, "kind": kind, "item": item}
    query = urlencode({name: value for name, value in given.items() if value})
    return f"/moderation?{query}" if query else "/moderation"

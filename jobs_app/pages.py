"""The page ``/jobs`` with the user's jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jobs_app.admission import queue_numbers
from jobs_app.kinds import JobSummary, icon_of, label_of, registry, subjects_of
from jobs_app.models import LIVE, Job, JobStatus
from jobs_app.serializers import JobSerializer
from vodplatform.accounts.models import User
from vodplatform.accounts.plans import limits_of
from vodplatform.core.errors import ERROR_TYPES, error_response
from vodplatform.core.formatting import percent

PER_PAGE = 50
S = JobStatus
CLEARED = "cleared"  # value of ``show`` for the jobs that the user has cleared from the list
# Filters of the job list: (label, shown statuses) by value of the URL's parameter ``show``.
GROUPS: dict[str, tuple[str, frozenset[str]]] = {
    "": ("All", frozenset(S.values)),
    "live": ("Active", frozenset(LIVE)),
    "failed": ("Failed", frozenset({S.FAILED})),
    "finished": ("Finished", frozenset({S.COMPLETED, S.CANCELLED, S.EXPIRED})),
}
# For each status: icon, word, and CSS class of its colour.
STATUSES: dict[str, tuple[str, str, str]] = {
    S.QUEUED: ("clock", "Queued", ""),
    S.PROCESSING: ("run", "Processing", "run"),
    S.WAITING: ("hour", "Waiting", "warn"),
    S.PAUSED: ("pause", "Paused", ""),
    S.COMPLETED: ("check", "Completed", "ok"),
    S.FAILED: ("alert", "Failed", "bad"),
    S.CANCELLED: ("ban", "Cancelled", ""),
    S.EXPIRED: ("clock", "Expired", ""),
}
PAUSABLE = frozenset({S.QUEUED, S.PROCESSING, S.WAITING})
RETRYABLE = frozenset({S.FAILED, S.CANCELLED})
LIMIT_REACHED_REMARK = "Queued: you have reached your plan's limit of concurrent jobs"
WITH_BAR = frozenset({S.PROCESSING, S.PAUSED})


@dataclass(frozen=True, slots=True)
class Row:
    job: Job
    state: dict[str, Any]
    subject: JobSummary
    icon: str
    status_icon: str
    status_word: str
    tone: str
    remark: str
    next_step: str
    run_at: datetime | None
    now: datetime
    foreign_owner: str
    has_bar: bool
    percent: str
    actions: frozenset[str]


@require_safe
@never_cache
def index(request: HttpRequest) -> HttpResponse:
    part = request.GET.get("part", "")
    if part and not request.user.is_authenticated:
        return error_response("unauthenticated")
    if part == "rows":
        return _rows(request)
    return _list(request, "jobs/list.html" if part == "list" else "jobs/index.html")


@login_required
def _list(request: HttpRequest, template: str) -> HttpResponse:
    user = cast(User, request.user)
    show, kind = _show(request), _kind(request)
    found = Job.objects.visible_to(user).cleared_by(user, is_cleared=show == CLEARED)
    found = found.filter(status__in=GROUPS[show][1]) if show in GROUPS else found
    paginator = Paginator(_timed(found.filter(kind=kind) if kind else found), PER_PAGE)
    page = paginator.get_page(request.GET.get("page"))
    summary = _summary(user, show, kind)
    context = summary | {
        "rows": rows_of(list(page.object_list), user, all_taken=summary["running_jobs"] >= summary["places"]),
        "page": page,
        "newer": _address(show, kind, page.previous_page_number()) if page.has_previous() else "",
        "older": _address(show, kind, page.next_page_number()) if page.has_next() else "",
    }
    return render(request, template, context | {"watch": _watch(page, show, kind, user)})


def _rows(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    ids = []
    for text in request.GET.getlist("id")[:PER_PAGE]:
        try:
            ids.append(UUID(text))
        except ValueError:
            return error_response("bad_request", "One of the job ids is not valid.")
    jobs = list(_timed(Job.objects.visible_to(user).filter(pk__in=ids)))
    summary = _summary(user, _show(request), _kind(request))
    rows = rows_of(jobs, user, all_taken=summary["running_jobs"] >= summary["places"])
    return render(request, "jobs/rows.html", summary | {"rows": rows})


def _timed(jobs: QuerySet[Job]) -> QuerySet[Job]:
    return jobs.select_related("owner").annotate(asked_at=Now())


def live_rows(user: User, most: int) -> list[Row]:
    return rows_of(list(_timed(Job.objects.filter(owner=user, status__in=LIVE))[:most]), user, all_taken=False)


def failed_rows(user: User, age: timedelta, most: int) -> list[Row]:
    jobs = Job.objects.filter(owner=user, status=S.FAILED, finished_at__gte=Now() - age)
    return rows_of(list(_timed(jobs)[:most]), user, all_taken=False)


def rows_of(jobs: list[Job], user: User, *, all_taken: bool) -> list[Row]:
    """Return the rows of the job list for ``user``. The jobs must be annotated with ``asked_at``, the current time.

    all_taken: whether the user already runs as many jobs as their tier allows.
    """
    subjects = subjects_of(jobs)
    numbers = queue_numbers({job.lane for job in jobs if job.status == S.QUEUED})
    return [_row(job, subjects[job.pk], user, all_taken, numbers.get(job.pk)) for job in jobs]


def _row(job: Job, subject: JobSummary, user: User, all_taken: bool, number: int | None) -> Row:
    icon, word, tone = STATUSES[job.status]
    state = JobSerializer.show(job)
    error_type = ERROR_TYPES.get((job.error or {}).get("type", ""))
    return Row(
        job=job, state=state, subject=subject, icon=icon_of(job.kind), status_icon=icon, status_word=word,
        tone=tone,
        remark=_remark(job, takes_turns=not job.admitted or (all_taken and job.owner_id == user.pk), number=number),
        next_step=error_type.next_step.replace("`", "") if error_type else "",
        run_at=job.run_at if job.status == S.WAITING else None, now=job.asked_at,  # type: ignore[attr-defined]
        foreign_owner="" if job.owner_id == user.pk else job.owner.username,
        has_bar=job.status in WITH_BAR or (job.status == S.WAITING and job.progress > 0),
        percent=percent(job.progress), actions=_actions(job, subject, state, user),
    )  # fmt: skip


def _actions(job: Job, subject: JobSummary, state: dict[str, Any], user: User) -> frozenset[str]:
    if not job.can_change(user):
        return frozenset()
    possible = {
        "pause": job.status in PAUSABLE and bool(state.get("pausable")),
        "resume": job.status == S.PAUSED,
        "cancel": job.is_live,
        "retry": job.status in RETRYABLE and job.kind in registry(),
        "delete": not job.is_live and not subject.in_use,
    }
    return frozenset(name for name, can in possible.items() if can)


def _remark(job: Job, *, takes_turns: bool, number: int | None) -> str:
    at = f"At {percent(job.progress)}" if job.started_at else "Not started"
    if job.status == S.QUEUED:
        if takes_turns:
            return LIMIT_REACHED_REMARK
        place = "Next in line" if number == 1 else f"Number {number} in line" if number else "Waiting in line"
        return ". ".join(filter(None, (job.message, place)))
    if job.status in (S.FAILED, S.CANCELLED):
        return at
    if job.status == S.EXPIRED:
        return "The results have been deleted"
    plain = {S.PROCESSING: "Starting", S.WAITING: "Waiting for an external service", S.PAUSED: at, S.COMPLETED: "Done"}
    return job.message or plain[S(job.status)]


def _show(request: HttpRequest) -> str:
    show = request.GET.get("show", "")
    return show if show in GROUPS or show == CLEARED else ""


def _kind(request: HttpRequest) -> str:
    kind = request.GET.get("kind", "")
    return kind if kind in registry() else ""


def _summary(user: User, show: str, kind: str) -> dict[str, Any]:
    visible = Job.objects.visible_to(user)
    jobs = visible.cleared_by(user, is_cleared=False)
    running = Job.objects.filter(owner=user, status=S.PROCESSING).count()
    places = limits_of(user)["max_concurrent_jobs"]
    counts = (jobs.filter(kind=kind) if kind else jobs).aggregate(
        **{f"group_{name}": Count("pk", filter=Q(status__in=statuses)) for name, (_, statuses) in GROUPS.items()}
    )
    return {
        "filters": [
            {"label": label, "count": counts[f"group_{name}"], "href": _address(name, kind), "current": name == show}
            for name, (label, _) in GROUPS.items()
        ],
        "show": show,
        "kind": kind,
        "kinds": [{"value": name, "label": label_of(name)} for name in registry()],
        "places": places,
        "running_jobs": running,
        "any_jobs": counts["group_"] > 0 or bool(kind),
        "can_clear": not kind and counts["group_failed"] + counts["group_finished"] > 0,
        "has_cleared": show != CLEARED and visible.cleared_by(user).exists(),
    }


def _watch(page: Page[Job], show: str, kind: str, user: User) -> dict[str, Any]:
    return {
        "query": urlencode({"show": show, "kind": kind}),
        "statuses": sorted(GROUPS[show][1]) if show in GROUPS else [],
        "kind": kind,
        "first_page": page.number == 1,
        "cleared_until": user.jobs_cleared_at,
    }


def _address(show: str, kind: str, page: int = 1) -> str:
    query = urlencode({name: value for name, value in (("show", show), ("kind", kind)) if value})
    if page > 1:
        query += f"{'&' if query else ''}page={page}"
    return f"/jobs{'?' if query else ''}{query}"

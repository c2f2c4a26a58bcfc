"""Merges, challenges and reports in the admin site.

Only admins see which statement is the lie. Moderators do not see it, because they may play the challenge.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from media_app.catalogue.admin import ModeratedAdmin, brief, person, request_user
from media_app.videos.media_urls import stream_url
from sessions_app.challenges import challenges, merges
from sessions_app.challenges.models import (
    MAX_REASON,
    PUBLISHED,
    Challenge,
    ChallengeReport,
    MergeClip,
    MergeSession,
    MergeSessionQuerySet,
)
from vodplatform.core.admin import ReadOnlyAdminWithActions, ReadOnlyMixin
from vodplatform.core.formatting import percent, tenths

STATES = {
    "completed": "success", "failed": "danger", "processing": "info", "uploading": "warning", "queued": "info",
    "cancelled": "danger", "expired": "danger", "initiated": "warning",
}  # fmt: skip


class ClipInline(ReadOnlyMixin, TabularInline):
    model = MergeClip
    extra = 0
    fields = ("index", "filename", "size", "duration", "mime_type", "upload")
    readonly_fields = fields


@admin.register(MergeSession)
class MergeSessionAdmin(ReadOnlyAdminWithActions):
    list_display = ["name", "owner", "state", "progress", "created_at", "completed_at", "shown_duration"]
    list_filter = ["job__status", "compression_applied"]
    search_fields = ["=id", "title", "owner__username"]
    fields = (
        "name", "owner", "state", "progress", "trouble", "level_loudness", "priority", "estimated_seconds",
        "took_seconds", "source_seconds", "segments", "compression_applied", "video", "job", "created_at",
        "completed_at", "expires_at",
    )  # fmt: skip
    readonly_fields = fields
    inlines = [ClipInline]
    actions = ["cancel", "retry", "delete_merges"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[MergeSession]:
        rows: MergeSessionQuerySet = MergeSession.objects.with_state()
        return rows.select_related("owner", "job", "video", "challenge").order_by(
            *self.get_ordering(request) or ("-created_at", "-id")
        )

    @admin.display(description="merge")
    def name(self, session: MergeSession) -> str:
        return str(session)

    @display(description="status", label=STATES)
    def state(self, session: MergeSession) -> str:
        return str(session.status)

    @admin.display(description="progress")
    def progress(self, session: MergeSession) -> str:
        return percent(session.job.progress) if session.job else ""

    @admin.display(description="processing time", ordering="took_seconds")
    def shown_duration(self, session: MergeSession) -> str:
        return "" if session.took_seconds is None else tenths(session.took_seconds)

    @admin.display(description="error")
    def trouble(self, session: MergeSession) -> str:
        return str(((session.job.error if session.job else None) or {}).get("message", "–"))

    @admin.action(description="Cancel", permissions=["view"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[MergeSession]) -> None:
        self.each(request, queryset, merges.cancel, "cancelled")

    @admin.action(description="Retry", permissions=["view"])
    def retry(self, request: HttpRequest, queryset: QuerySet[MergeSession]) -> None:
        self.each(request, queryset, merges.retry, "requeued")

    @admin.action(description="Delete the merges and their files", permissions=["view"])
    def delete_merges(self, request: HttpRequest, queryset: QuerySet[MergeSession]) -> None:
        self.each(request, queryset, lambda session: merges.delete(session, request_user(request)), "deleted")


class ModerationFilter(admin.SimpleListFilter):
    title = "queue"
    parameter_name = "queue"
    rules = {
        "reported": Q(pk__in=ChallengeReport.objects.filter(settled_at=None).values("challenge")),
        "withheld": Q(withheld_at__isnull=False),
        "published": PUBLISHED,
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name.capitalize()) for name in self.rules]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Challenge]) -> QuerySet[Challenge]:
        return queryset.filter(self.rules.get(self.value() or "", Q()))


class ReportInline(ReadOnlyMixin, TabularInline):
    model = ChallengeReport
    extra = 0
    per_page = 20  # type: ignore[assignment]
    fields = ("created_at", "shown_reporter", "reason", "settled_at", "outcome")
    readonly_fields = fields
    shown_reporter = person("reporter", "reporter")


@admin.register(Challenge)
class ChallengeAdmin(ModeratedAdmin):
    list_display = ["title", "shown_owner", "shown_state", "shown_reports", "shown_guesses", "published_at"]
    list_filter = [ModerationFilter]
    list_select_related = ["owner", "merge__video"]
    search_fields = ["=id", "title", "owner__username"]
    show_full_result_count = False
    actions = ["withhold", "release", "settle_reports"]
    fields = (
        "title", "shown_owner", "shown_state", "player", "shown_statements", "shown_lie", "shown_guesses", "created_at",
        "published_at", "withheld_at", "shown_withholder", "page",
    )  # fmt: skip
    readonly_fields = fields
    inlines = [ReportInline]
    shown_owner = person("owner", "owner")
    shown_withholder = person("withheld_by", "withheld by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Challenge]:
        rows = Challenge.objects.visible_to(request_user(request))
        waiting = ChallengeReport.objects.filter(challenge=OuterRef("pk"), settled_at=None).order_by()
        reports = Coalesce(Subquery(waiting.values("challenge").annotate(n=Count("pk")).values("n")), 0)
        counted = rows.annotate(open_reports=reports, guesses_made=Count("guesses"))
        return counted.order_by(*self.get_ordering(request) or ("-created_at", "-id"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for name in self.fields if name != "shown_lie" or request_user(request).is_admin]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Forbid filters such as ``?lie_index=1``, which would reveal which statement is the lie."""
        return not lookup.startswith("lie_index") and super().lookup_allowed(lookup, value, request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request, obj)

    @display(description="state", label={"published": "success", "draft": "info", "withheld": "danger"})
    def shown_state(self, challenge: Challenge) -> str:
        return str(challenge.status)

    @display(description="reports", ordering="open_reports", label={"open": "danger"})
    def shown_reports(self, challenge: Challenge) -> tuple[str, str] | str:
        count: int = challenge.open_reports  # type: ignore[attr-defined]
        return ("open", f"{count} open") if count else ""

    @admin.display(description="guesses", ordering="guesses_made")
    def shown_guesses(self, challenge: Challenge) -> int:
        return int(challenge.guesses_made)  # type: ignore[attr-defined]

    @admin.display(description="statements")
    def shown_statements(self, challenge: Challenge) -> str:
        return " · ".join(
            f"{number}. {text or '(no text)'}"
            for number, text in enumerate(challenges.texts_of(challenge.statements), 1)
        )

    @admin.display(description="the lie")
    def shown_lie(self, challenge: Challenge) -> str:
        return f"Statement {challenge.lie_index + 1}"

    @admin.display(description="video")
    def player(self, challenge: Challenge) -> SafeString | str:
        video = challenge.merge.video
        if video is None:
            return "There is no video to play."
        return format_html(
            '<video controls preload="metadata" src="{}&amp;proxy=1" aria-label="{}" '
            'style="width: 100%; max-width: 640px; aspect-ratio: 16 / 9; background: #000"></video>',
            stream_url(video), challenge.title,
        )  # fmt: skip

    @admin.display(description="page")
    def page(self, challenge: Challenge) -> SafeString:
        return format_html('<a href="/challenges/{}">/challenges/{}</a>', challenge.pk, challenge.pk)

    @admin.action(description="Take down (visible to the owner only)", permissions=["change"])
    def withhold(self, request: HttpRequest, queryset: QuerySet[Challenge]) -> None:
        self.each(request, queryset, challenges.withhold, "taken down")

    @admin.action(description="Restore", permissions=["change"])
    def release(self, request: HttpRequest, queryset: QuerySet[Challenge]) -> None:
        self.each(request, queryset, challenges.release, "restored")

    @admin.action(description="Close the reports (the reason is saved as the outcome)", permissions=["change"])
    def settle_reports(self, request: HttpRequest, queryset: QuerySet[Challenge]) -> None:
        self.each(request, queryset, challenges.settle, "closed")


class OutcomeForm(forms.ModelForm):
    """A form for a report's outcome; saving it settles the report."""

    outcome = forms.CharField(max_length=MAX_REASON, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))

    class Meta:
        model = ChallengeReport
        fields = ["outcome"]
        labels = {"settled_at": "closed at"}


class SettledFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("settled", "Closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ChallengeReport]) -> QuerySet[ChallengeReport]:
        chosen = {"open": Q(settled_at=None), "settled": ~Q(settled_at=None)}
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(ChallengeReport)
class ChallengeReportAdmin(ModeratedAdmin):
    form = OutcomeForm
    list_display = ["created_at", "shown_challenge", "shown_reason", "shown_reporter", "shown_state", "shown_outcome"]
    list_filter = [SettledFilter]
    list_select_related = ["challenge", "reporter", "settled_by"]
    search_fields = ["challenge__title", "reason", "outcome"]
    show_full_result_count = False
    actions = ["settle"]
    fields = ["shown_challenge", "shown_reporter", "created_at", "reason", "outcome", "settled_at", "shown_settler"]
    readonly_fields = ["shown_challenge", "shown_reporter", "created_at", "reason", "settled_at", "shown_settler"]
    shown_reporter = person("reporter", "reporter")
    shown_settler = person("settled_by", "closed by")

    @admin.display(description="challenge", ordering="challenge__title")
    def shown_challenge(self, report: ChallengeReport) -> SafeString:
        address = reverse("admin:merging_challenge_change", args=[report.challenge_id])
        return format_html('<a href="{}" class="text-link">{}</a>', address, brief(report.challenge.title))

    @admin.display(description="reason")
    def shown_reason(self, report: ChallengeReport) -> SafeString | str:
        return brief(report.reason)

    @display(description="state", label={"open": "warning", "closed": "success"})
    def shown_state(self, report: ChallengeReport) -> str:
        return "open" if report.settled_at is None else "closed"

    @admin.display(description="outcome")
    def shown_outcome(self, report: ChallengeReport) -> SafeString | str:
        return brief(report.outcome)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        outcome = obj.outcome.strip()
        if outcome and not challenges.settle_report(obj.pk, request_user(request), reason=outcome):
            self.message_user(request, f"{obj}: another moderator has already closed this report.", messages.WARNING)

    @admin.action(description="Close (the reason is saved as the outcome)", permissions=["change"])
    def settle(self, request: HttpRequest, queryset: QuerySet[ChallengeReport]) -> None:
        self.each(request, queryset, challenges.settle_report, "closed")

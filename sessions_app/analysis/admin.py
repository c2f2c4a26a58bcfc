from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from sessions_app.analysis import services
from sessions_app.analysis.models import AnalysisSession
from vodplatform.accounts.models import User
from vodplatform.core.admin import ReadOnlyAdminWithActions
from vodplatform.core.formatting import percent


@admin.register(AnalysisSession)
class AnalysisSessionAdmin(ReadOnlyAdminWithActions):
    list_display = ["name", "owner", "analysis_type", "state", "progress", "created_at", "expires_at"]
    list_filter = ["analysis_type", "job__status"]
    search_fields = ["=id", "name", "owner__username"]
    fields = (
        "name", "owner", "analysis_type", "state", "progress", "summary", "params", "warnings", "video", "job",
        "created_at", "expires_at", "expired_at", "page",
    )  # fmt: skip
    readonly_fields = fields
    actions = ["cancel", "clean_up"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AnalysisSession]:
        rows = AnalysisSession.objects.with_state().defer(None).select_related("owner")
        return rows.defer("data").order_by(*self.get_ordering(request) or ("-created_at", "-id"))

    @admin.display(description="status")
    def state(self, session: AnalysisSession) -> str:
        return str(session.status.label)

    @admin.display(description="progress")
    def progress(self, session: AnalysisSession) -> str:
        return percent(session.job.progress) if session.job else ""

    @admin.display(description="summary")
    def summary(self, session: AnalysisSession) -> str:
        return str((session.data or {}).get("summary", ""))

    @admin.display(description="page")
    def page(self, session: AnalysisSession) -> str:
        return format_html('<a href="/analysis/{}">/analysis/{}</a>', session.pk, session.pk)

    @admin.action(description="Cancel", permissions=["view"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[AnalysisSession]) -> None:
        self.each(request, queryset, services.cancel, "cancelled")

    @admin.action(description="Delete the analyses and their files", permissions=["view"])
    def clean_up(self, request: HttpRequest, queryset: QuerySet[AnalysisSession]) -> None:
        by = request.user
        assert isinstance(by, User)
        self.each(request, queryset, lambda session: services.clean_up(session, by), "deleted")

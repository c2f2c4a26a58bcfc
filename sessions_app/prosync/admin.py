from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from jobs_app import services as jobs
from sessions_app.prosync import services
from sessions_app.prosync.models import ProJob
from vodplatform.accounts.models import User
from vodplatform.core.admin import ReadOnlyAdminWithActions
from vodplatform.core.formatting import percent


@admin.register(ProJob)
class ProJobAdmin(ReadOnlyAdminWithActions):
    list_display = ["name", "owner", "engine", "state", "progress", "segment_count", "created_at"]
    list_filter = ["engine", "job__status"]
    search_fields = ["=id", "name", "owner__username", "=generation_id"]
    fields = (
        "name", "owner", "engine", "state", "progress", "segments_shown", "options", "outcome", "generation_id",
        "video", "job", "created_at",
    )  # fmt: skip
    readonly_fields = fields
    actions = ["cancel", "remove"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProJob]:
        rows = ProJob.objects.select_related("job", "owner", "video").defer("sounds")
        return rows.order_by(*self.get_ordering(request) or ("-created_at", "-id"))

    @admin.display(description="status")
    def state(self, row: ProJob) -> str:
        return str(row.job.get_status_display())

    @admin.display(description="progress")
    def progress(self, row: ProJob) -> str:
        return percent(row.job.progress)

    @admin.display(description="segments")
    def segment_count(self, row: ProJob) -> int:
        return len(row.job.segments_data or [])

    @admin.display(description="segments")
    def segments_shown(self, row: ProJob) -> str:
        return "; ".join(
            f"{one['startTime']:g}–{one['endTime']:g} s: {one['audioInput']['refId']}, {one['status']}"
            for one in row.segments
        )

    @admin.action(description="Cancel", permissions=["view"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[ProJob]) -> None:
        self.each(request, queryset, lambda row: jobs.cancel(row.job), "cancelled")

    @admin.action(description="Delete the pro jobs and their files", permissions=["view"])
    def remove(self, request: HttpRequest, queryset: QuerySet[ProJob]) -> None:
        by = request.user
        assert isinstance(by, User)
        self.each(request, queryset, lambda row: services.delete(row, by), "deleted")

"""Jobs in the admin: what runs, how far, and the two things staff do with it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from jobs_app import services
from jobs_app.models import Job, JobEvent
from vodplatform.base.errors import DomainError


class JobEventInline(TabularInline):
    model = JobEvent
    extra = 0
    can_delete = False
    fields = ["at", "name", "attempt", "data"]
    readonly_fields = ["at", "name", "attempt", "data"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Job)
class JobAdmin(ModelAdmin):
    list_display = ["kind", "owner", "status", "percent", "message", "attempt", "created_at", "finished_at"]
    list_filter = ["status", "kind"]
    search_fields = ["id", "owner__username"]
    list_select_related = ["owner"]
    inlines = [JobEventInline]
    actions = ["cancel_jobs", "retry_jobs"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="progress", ordering="progress")
    def percent(self, job: Job) -> str:
        return f"{job.progress:.0f} %"

    @admin.action(description="Cancel", permissions=["view"])
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._each(request, queryset, services.cancel, "cancelled")

    @admin.action(description="Retry", permissions=["view"])
    def retry_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._each(request, queryset, services.retry, "queued again")

    def _each(self, request: HttpRequest, queryset: QuerySet[Job], change: Any, done: str) -> None:
        if not request.user.is_superuser:
            self.message_user(request, "Only admins do this.", messages.ERROR)
            return
        count = 0
        for job in queryset:
            try:
                change(job)
                count += 1
            except DomainError as exc:
                self.message_user(request, f"{job.pk}: {exc.message}", messages.WARNING)
        self.message_user(request, f"{count} jobs {done}.")

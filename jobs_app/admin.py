"""Jobs in the admin."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.admin import TabularInline
from unfold.decorators import display

from jobs_app import services
from jobs_app.kinds import JobSummary, label_of, registry, subjects_of
from jobs_app.models import Job, JobEvent, LaneLimit
from vodplatform.core.admin import AuditedModelAdmin, ModelAdmin
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import counted
from vodplatform.core.records import audit

STATUS_COLOURS = {"processing": "info", "completed": "success", "failed": "danger", "cancelled": "warning"}


class JobEventInline(TabularInline):
    model = JobEvent
    extra = 0
    per_page = 100  # type: ignore[assignment]
    can_delete = False
    fields = ["at", "name", "attempt", "data"]
    readonly_fields = ["at", "name", "attempt", "data"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class KindFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, label_of(name)) for name in registry()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Job)
class JobAdmin(ModelAdmin):
    """Admin list of jobs: read-only, except for actions. static/js/jobs/admin.js updates the progress."""

    list_display = [
        "about", "shown_kind", "owner", "status_live", "progress_live", "message_live", "priority", "created_at",
        "finished_at",
    ]  # fmt: skip
    list_filter = ["status", KindFilter, "lane", "priority"]
    search_fields = ["id", "owner__username"]
    list_select_related = ["owner"]
    date_hierarchy = "created_at"
    inlines = [JobEventInline]
    readonly_fields = ["about", "page"]
    actions = ["cancel_jobs", "retry_jobs", "pause_jobs", "resume_jobs", "put_first"]

    class Media:
        js = [Script("js/jobs/admin.js", type="module")]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        subjects = subjects_of(changelist.result_list)
        for job in changelist.result_list:
            job.subject = subjects[job.pk]
        return changelist

    @admin.display(description="about")
    def about(self, job: Job) -> str:
        subject: JobSummary = getattr(job, "subject", None) or subjects_of([job])[job.pk]
        return format_html('<span class="block max-w-sm truncate" title="{0}">{0}</span>', subject.title)

    @admin.display(description="kind", ordering="kind")
    def shown_kind(self, job: Job) -> str:
        return label_of(job.kind)

    @admin.display(description="page")
    def page(self, job: Job) -> str:
        href = subjects_of([job])[job.pk].href
        return format_html('<a href="{}">{}</a>', href, href) if href else ""

    @display(description="status", ordering="status", label=STATUS_COLOURS)
    def status_live(self, job: Job) -> tuple[str, str]:
        return job.status, format_html('<span data-job="{}" data-part="status">{}</span>', job.pk, job.status)

    @admin.display(description="progress", ordering="progress")
    def progress_live(self, job: Job) -> str:
        return format_html(
            '<progress data-job="{}" data-part="progress" class="w-24" max="100" value="{}" aria-label="Progress">'
            "</progress>",
            job.pk, round(job.progress, 1),
        )  # fmt: skip

    @admin.display(description="message")
    def message_live(self, job: Job) -> str:
        return format_html(
            '<span data-job="{}" data-part="message" class="block max-w-sm truncate" title="{}">{}</span>',
            job.pk, job.message, job.message,
        )  # fmt: skip

    @admin.action(description="Cancel", permissions=["view"])
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._each(request, queryset, services.cancel, "cancelled")

    @admin.action(description="Retry", permissions=["view"])
    def retry_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._each(request, queryset, services.retry, "queued again")

    @admin.action(description="Pause", permissions=["view"])
    def pause_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._each(request, queryset, services.pause, "paused")

    @admin.action(description="Resume", permissions=["view"])
    def resume_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._each(request, queryset, services.resume, "queued again")

    @admin.action(description="Move to the front of the queue", permissions=["view"])
    def put_first(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._each(request, queryset, services.put_first, "moved to the front")

    def _each(self, request: HttpRequest, queryset: QuerySet[Job], change: Callable[[Job], Job], done: str) -> None:
        if not request.user.is_superuser:
            self.message_user(request, "Only admins can do this.", messages.ERROR)
            return
        count = 0
        for job in queryset:
            try:
                change(job)
            except DomainError as exc:
                self.message_user(request, f"{job.pk}: {exc.message}", messages.WARNING)
            else:
                count += 1
                audit.record(f"job.{change.__name__}", actor=request.user, target=job)
        self.message_user(request, f"{counted(count, 'job')} {done}.")


@admin.register(LaneLimit)
class LaneLimitAdmin(AuditedModelAdmin):
    list_display = ["lane", "limit"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "lane":
            return forms.ChoiceField(choices=[(name, name) for name in sorted(settings.JOB_LANES)])
        return super().formfield_for_dbfield(db_field, request, **options)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["lane"] if obj else []

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

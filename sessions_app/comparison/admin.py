from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.filters import EmptyFieldListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline

from sessions_app.comparison import services
from sessions_app.comparison.models import (
    Alignment,
    ComparisonSession,
    ComparisonVod,
    OffsetChange,
    SessionEvent,
    SessionShare,
    ShareLink,
)
from vodplatform.accounts.models import User
from vodplatform.core.admin import AuditedModelAdmin, ModelAdmin, ReadOnlyMixin
from vodplatform.core.formatting import clock
from vodplatform.core.records.columns import column_names

# columns that the admin site hides, because staff do not need them
NOT_SHOWN = {"ui_state", "sync_config", "auto_sync_result", "anchored_at", "watched_at", "revision", "events_revision"}
NOT_SHOWN_OF_VOD = {
    "id", "session", "ordinal", "path", "position", "own_playing", "own_rate", "drift_anchor",
}  # fmt: skip


class VodInline(ReadOnlyMixin, TabularInline):
    model = ComparisonVod
    extra = 0
    fields = [*column_names(ComparisonVod, NOT_SHOWN_OF_VOD)]


class OffsetChangeInline(ReadOnlyMixin, TabularInline):
    model = OffsetChange
    extra = 0
    per_page = 20  # type: ignore[assignment]
    fields = ["at", "vod", "old_offset", "new_offset", "new_drift_ppm", "source", "confidence", "changed_by_name"]


class AlignmentInline(ReadOnlyMixin, TabularInline):
    model = Alignment
    extra = 0
    fields = ["created_at", "method", "job"]


class ShareInline(ReadOnlyMixin, TabularInline):
    model = SessionShare
    extra = 0
    per_page = 20  # type: ignore[assignment]
    fields = ["user", "role", "can_comment", "created_at"]


class LinkInline(ReadOnlyMixin, TabularInline):
    model = ShareLink
    extra = 0
    per_page = 20  # type: ignore[assignment]
    fields = ["created_at", "expires_at", "can_comment"]


@admin.register(ComparisonSession)
class ComparisonSessionAdmin(AuditedModelAdmin):
    """Admin of sessions. Changes go through the services, so that open pages receive them."""

    list_display = ["name", "owner", "sync_mode", "playback_state", "created_at", "updated_at"]
    list_filter = ["sync_mode", "playback_state", ("archived_at", EmptyFieldListFilter)]
    search_fields = ["session_id", "name", "owner__username"]
    list_select_related = ["owner"]
    readonly_fields = column_names(ComparisonSession, {"name", "description", *NOT_SHOWN})
    fields = ["name", "description", *readonly_fields]
    inlines = [VodInline, ShareInline, LinkInline, AlignmentInline, OffsetChangeInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Only count the rows to be deleted, because Django's own method would load each of them."""
        rows = list(objs)
        events = SessionEvent.objects.filter(session__in=rows).count()
        return [str(row) for row in rows], {"comparison sessions": len(rows), "events": events}, set(), []

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        if changed:
            services.update_session(obj, cast(User, request.user), changed)

    def delete_model(self, request: HttpRequest, obj: ComparisonSession) -> None:
        services.delete_session(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ComparisonSession]) -> None:
        for session in queryset:
            services.delete_session(session)


@admin.register(SessionEvent)
class SessionEventAdmin(ReadOnlyMixin, ModelAdmin):
    list_display = ["created_at", "session", "kind", "vod", "shown_time", "label", "origin", "created_by_name"]
    list_filter = ["origin", "resolved"]
    search_fields = ["session__session_id", "session__name", "label", "body", "created_by_name"]
    list_select_related = ["session", "vod"]
    list_per_page = 50

    @admin.display(description="time", ordering="time")
    def shown_time(self, event: SessionEvent) -> str:
        return clock(event.time)

"""Comparison sessions in the admin; the history is read-only there as everywhere."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from sessions_app.comparison.models import Alignment, ComparisonSession, ComparisonVod, OffsetChange


class ReadOnlyInline(TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class VodInline(ReadOnlyInline):
    model = ComparisonVod
    fields = ["vod_id", "name", "video", "offset", "offset_source", "offset_confidence"]


class OffsetChangeInline(ReadOnlyInline):
    model = OffsetChange
    fields = ["at", "vod", "old_offset", "new_offset", "source", "confidence", "changed_by_name"]


class AlignmentInline(ReadOnlyInline):
    model = Alignment
    fields = ["created_at", "method", "job"]


@admin.register(ComparisonSession)
class ComparisonSessionAdmin(ModelAdmin):
    list_display = ["name", "owner", "sync_mode", "playback_state", "created_at", "updated_at"]
    list_filter = ["sync_mode", "playback_state"]
    search_fields = ["session_id", "name", "owner__username"]
    list_select_related = ["owner"]
    inlines = [VodInline, AlignmentInline, OffsetChangeInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

"""Videos in the admin: facts, read-only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from media_app.catalog.models import Video


@admin.register(Video)
class VideoAdmin(ModelAdmin):
    list_display = ["title", "owner", "source", "codec", "width", "height", "duration", "created_at"]
    list_filter = ["source", "codec"]
    search_fields = ["title", "owner__username"]
    list_select_related = ["owner"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

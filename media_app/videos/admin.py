"""Videos of private libraries in the admin: facts, read-only, for admins alone."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from media_app.uploads.room import format_bytes
from media_app.videos import services
from media_app.videos.models import Video, VideoQuerySet
from vodplatform.accounts.models import User
from vodplatform.base.admin import ModelAdmin
from vodplatform.base.text import clock


@admin.register(Video)
class VideoAdmin(ModelAdmin):
    list_display = [
        "title",
        "owner",
        "shown_state",
        "source",
        "shown_format",
        "shown_length",
        "shown_size",
        "created_at",
    ]
    list_filter = ["status", "source", "codec"]
    search_fields = ["title", "owner__username"]
    list_select_related = ["owner"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Video]:
        """Nobody but admins sees them, whatever the permissions say. The catalogue has an admin of its own."""
        rows = cast(VideoQuerySet, super().get_queryset(request)).private().with_state()
        return rows if request.user.is_superuser else rows.none()

    @display(description="Status", label={"ready": "success", "failed": "danger", "processing": "info"})
    def shown_state(self, video: Video) -> str:
        return video.state

    @admin.display(description="Format", ordering="height")
    def shown_format(self, video: Video) -> str:
        return f"{video.width} × {video.height}, {video.codec}" if video.width else video.codec

    @admin.display(description="Length", ordering="duration")
    def shown_length(self, video: Video) -> str:
        return clock(video.duration) if video.duration else ""

    @admin.display(description="Size", ordering="file_size")
    def shown_size(self, video: Video) -> str:
        return format_bytes(video.file_size)

    def delete_model(self, request: HttpRequest, obj: Video) -> None:
        """With its files; a comparison that shows it has a gap in its place."""
        services.delete_video(obj, cast(User, request.user))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        for video in queryset:
            self.delete_model(request, video)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

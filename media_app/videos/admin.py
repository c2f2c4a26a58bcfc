"""Read-only admin of private videos, for administrators only."""

from contextlib import suppress
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from media_app.videos import services
from media_app.videos.models import Video, VideoQuerySet, VideoScope
from vodplatform.accounts.models import User
from vodplatform.core.admin import ModelAdmin
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import duration, size


class InBinFilter(admin.SimpleListFilter):
    title = "bin"
    parameter_name = "bin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "In the bin"), ("0", "In the library")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Video]) -> QuerySet[Video]:
        return queryset.filter(deleted_at__isnull=self.value() == "0") if self.value() in ("0", "1") else queryset


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
    list_filter = ["status", InBinFilter, "source", "codec"]
    actions = ["restore"]
    search_fields = ["title", "owner__username"]
    list_select_related = ["owner"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Video]:
        rows = cast(VideoQuerySet, super().get_queryset(request)).filter(place=VideoScope.LIBRARY).with_state()
        return rows if request.user.is_superuser else rows.none()

    @display(description="Status", label={"ready": "success", "failed": "danger", "processing": "info"})
    def shown_state(self, video: Video) -> str:
        return "in the bin" if video.deleted_at else video.state

    @admin.display(description="Format", ordering="height")
    def shown_format(self, video: Video) -> str:
        return f"{video.width} × {video.height}, {video.codec}" if video.width else video.codec

    @admin.display(description="Length", ordering="duration")
    def shown_length(self, video: Video) -> str:
        return duration(video.duration) if video.duration else ""

    @admin.display(description="Size", ordering="file_size")
    def shown_size(self, video: Video) -> str:
        return size(video.file_size)

    @admin.action(description="Restore from the bin", permissions=["delete"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        count = 0
        for video in queryset.exclude(deleted_at=None):
            with suppress(DomainError):
                services.restore_from_bin(video, cast(User, request.user))
                count += 1
        self.message_user(request, f"{count} video{'' if count == 1 else 's'} restored.")

    def delete_model(self, request: HttpRequest, obj: Video) -> None:
        services.delete_video(obj, cast(User, request.user))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        for video in queryset:
            self.delete_model(request, video)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

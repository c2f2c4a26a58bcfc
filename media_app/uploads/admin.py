"""Read-only admin of uploads, except for cancellation."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from media_app.uploads import services
from media_app.uploads.models import Upload
from vodplatform.core.admin import ModelAdmin
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import counted, percent, size
from vodplatform.core.records import audit


@admin.register(Upload)
class UploadAdmin(ModelAdmin):
    list_display = ["filename", "owner", "front", "shown_status", "shown_progress", "created_at", "expires_at"]
    list_filter = ["status", "front", "purpose"]
    search_fields = ["filename", "owner__username"]
    list_select_related = ["owner"]
    actions = ["give_up"]

    @display(description="Status", label={"completed": "success", "failed": "danger", "uploading": "info"})
    def shown_status(self, upload: Upload) -> str:
        return upload.status

    @admin.display(description="Received", ordering="offset")
    def shown_progress(self, upload: Upload) -> str:
        share = 100 * upload.offset / upload.size if upload.size else 100
        return f"{percent(share)} of {size(upload.size)}"

    @admin.action(description="Cancel and delete the received data")
    def give_up(self, request: HttpRequest, uploads: QuerySet[Upload]) -> None:
        count = 0
        for upload in uploads:
            try:
                services.cancel(upload)
            except DomainError as exc:
                self.message_user(request, f"{upload}: {exc.message}", messages.WARNING)
                continue
            audit.record("upload.cancel", actor=request.user, target=upload, filename=upload.filename)
            count += 1
        self.message_user(request, f"{counted(count, 'upload')} cancelled.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Forbid deletion: the hourly cleanup deletes an upload's row together with its bytes."""
        return False

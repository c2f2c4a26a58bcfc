"""REST API of the private library (contract.md, section 4)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from media_app.uploads import services as uploads
from media_app.uploads.protocols.multipart import received_uploads
from media_app.videos import serializers as s
from media_app.videos import services
from media_app.videos.fields import clean_tags, clean_title
from media_app.videos.listing import list_library
from media_app.videos.media_urls import shown
from media_app.videos.models import Video, VideoQuerySet, VideoScope
from vodplatform.accounts.viewsets import ApiViewSet
from vodplatform.core.api.idempotency import idempotent
from vodplatform.core.errors import DomainError


@extend_schema(tags=["Library"])
class LibraryViewSet(ApiViewSet[Video]):
    lookup_url_kwarg = "video_id"
    lookup_value_converter = "uuid"

    is_about_bin = False  # whether the view also finds videos in the bin

    def get_queryset(self) -> VideoQuerySet:
        videos = Video.objects.filter(place=VideoScope.LIBRARY) if self.is_about_bin else Video.objects.private()
        return s.with_answer_data(videos if self.user.is_admin else videos.filter(owner=self.user))

    @extend_schema(
        operation_id="library_list",
        summary="List your videos",
        parameters=[s.LibraryQuerySerializer],
        responses={200: s.LibraryPageSerializer},
    )
    def list(self, request: Request) -> Response:
        """List the caller's own videos, newest first unless ``order`` is set; in the bin, last deleted first."""
        return Response(list_library(self.user, self.read_query(s.LibraryQuerySerializer)))

    @extend_schema(
        operation_id="library_upload",
        summary="Upload a video in one request",
        request={"multipart/form-data": s.NewVideoSerializer},
        responses={201: s.VideoSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Upload a video in one form. For large files use tus or chunks."""
        files = received_uploads(request)
        upload = files.get("file") or files.get("video")
        if upload is None:
            raise DomainError("invalid", errors={"file": ["Send the video as `file` in a multipart form."]})
        upload.metadata |= _metadata(request.data)
        upload.save(update_fields=["metadata"])
        uploads.complete(upload)
        return Response(s.VideoSerializer.show(self.get_queryset().get(pk=upload.resource_id)), status=201)

    @extend_schema(
        operation_id="library_get", summary="Get a video in your library", responses={200: s.VideoSerializer}
    )
    def retrieve(self, request: Request, video_id: str) -> Response:
        """Return one video of the caller's library."""
        return Response(s.VideoSerializer.show(self.get_object()))

    @extend_schema(
        operation_id="library_change",
        summary="Change a video in your library",
        request=s.VideoChangeSerializer,
        responses={200: s.VideoSerializer},
    )
    def partial_update(self, request: Request, video_id: str) -> Response:
        """Change a video's title, description or tags."""
        video = self.get_object_to_change()
        services.change(video, self.read_change(s.VideoChangeSerializer, lambda: [s.VideoSerializer.show(video)]))
        return Response(s.VideoSerializer.show(self.get_object()))

    @extend_schema(
        operation_id="library_delete",
        summary="Delete a video from your library",
        parameters=[s.DeletionQuerySerializer],
        responses={200: s.DeletedSerializer},
    )
    def destroy(self, request: Request, video_id: str) -> Response:
        """Move a video to the bin (restorable until ``purge_at``), or delete it for good (``purge``, or without a bin).

        If your comparisons show a library video, the answer is a conflict (409) that names them, unless ``leave_gaps``
        is true.
        """
        query = self.read_query(s.DeletionQuerySerializer)
        is_final = query["purge"] or not settings.BIN_DAYS
        self.is_about_bin = query["purge"]
        video = self.get_object_to_change()
        if is_final:
            services.delete_video(video, self.user, leave_gaps=query["leave_gaps"])
            video.deleted_at = timezone.now()
        else:
            services.move_to_bin(video, self.user, leave_gaps=query["leave_gaps"])
        purge_at = video.deleted_at if is_final else video.purge_at
        return Response(s.DeletedSerializer({"ok": True, "deleted_at": video.deleted_at, "purge_at": purge_at}).data)

    @extend_schema(
        operation_id="library_restore",
        summary="Restore a video from the bin",
        request=None,
        responses={200: s.VideoSerializer},
    )
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, video_id: str) -> Response:
        """Move a video from the bin back to the library. Comparisons show it again."""
        self.is_about_bin = True
        services.restore_from_bin(self.get_object_to_change(), self.user)
        return Response(s.VideoSerializer.show(self.get_object()))

    @extend_schema(
        operation_id="library_uses",
        summary="List what uses your videos",
        parameters=[s.UsesQuerySerializer],
        responses={200: s.VideoUsesSerializer},
    )
    @action(detail=False)
    def uses(self, request: Request) -> Response:
        """List comparisons and analyses that use these videos: at most 100 of each, last changed first."""
        ids = self.read_query(s.UsesQuerySerializer)["video_ids"]
        self.is_about_bin = True
        found = services.uses_of(list(self.get_queryset().filter(pk__in=ids)), self.user)
        return Response({"uses": [s.UseSerializer.show(use) for use in found], "total": len(found)})

    @idempotent
    @extend_schema(
        operation_id="library_render",
        summary="Create a rendition",
        request=s.NewRenditionSerializer,
        responses={200: s.RenditionAnswerSerializer, 202: s.RenditionAnswerSerializer},
    )
    @action(detail=True, methods=["post"])
    def renditions(self, request: Request, video_id: str) -> Response:
        """Create a rendition that is only made on request, or a poster from a chosen frame.

        Repeating the call returns the same job, or the finished rendition.
        """
        video = self.get_object_to_change()
        made, job = services.request_rendition(video, **self.read_body(s.NewRenditionSerializer))
        if made:
            made.video = video
            return Response({"ok": True, "job_id": None, "rendition": shown(made)})
        assert job
        return Response({"ok": True, "job_id": str(job.pk), "rendition": None}, status=202)


def _metadata(form: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if title := form.get("title"):
        found["title"] = clean_title(title)
    tags = form.getlist("tags") if hasattr(form, "getlist") else form.get("tags", [])
    if tags:
        found["tags"] = clean_tags(tags[0] if isinstance(tags, list) and len(tags) == 1 else tags)
    return found

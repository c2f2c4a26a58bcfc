"""The private library over the API (contract section 4): parse, permit, call, answer."""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Lower
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from media_app.delivery.addresses import shown
from media_app.library import serializers as s
from media_app.uploads import services as uploads
from media_app.uploads.multipart import received
from media_app.videos import services
from media_app.videos.fields import clean_tags, clean_title
from media_app.videos.models import Video, VideoQuerySet
from vodplatform.accounts.viewsets import ApiViewSet
from vodplatform.base.api.idempotency import idempotent
from vodplatform.base.errors import DomainError

# By what lists are put in order; those that are equal in it, newest first.
ORDERS: dict[str, tuple[Any, ...]] = {
    "newest": (), "title": (Lower("title"),), "longest": ("-duration",), "largest": ("-file_size",),
}  # fmt: skip


@extend_schema(tags=["Library"])
class LibraryViewSet(ApiViewSet[Video]):
    """The caller's private videos."""

    lookup_url_kwarg = "video_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> VideoQuerySet:
        return s.with_answer_data(Video.objects.private().visible_to(self.user))

    @extend_schema(
        operation_id="library_list",
        summary="List your videos",
        parameters=[s.LibraryQuerySerializer],
        responses={200: s.LibraryPageSerializer},
    )
    def list(self, request: Request) -> Response:
        """The caller's own videos, newest first unless ``order`` says otherwise."""
        query = self.read_query(s.LibraryQuerySerializer)
        videos = filter_videos(Video.objects.private().filter(owner=self.user).with_state(), query)
        page, limit, total = query["page"], query["limit"], videos.count()
        videos = videos.order_by(*ORDERS[query["order"]], "-created_at", "-id")
        rows = s.with_answer_data(videos)[(page - 1) * limit : page * limit]
        pagination = {"page": page, "limit": limit, "total": total, "totalPages": -(-total // limit)}
        return Response({"videos": [s.VideoSerializer.show(video) for video in rows], "pagination": pagination})

    @extend_schema(
        operation_id="library_upload",
        summary="Upload a video in one request",
        request={"multipart/form-data": s.NewVideoSerializer},
        responses={201: s.VideoSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Upload a video in one form. For large files use tus or chunks."""
        files = received(request)
        upload = files.get("file") or files.get("video")
        if upload is None:
            raise DomainError("invalid", errors={"file": ["Send the video as `file` in a multipart form."]})
        upload.metadata |= _metadata(request.data)
        upload.save(update_fields=["metadata"])
        uploads.complete(upload)
        return Response(s.VideoSerializer.show(self.get_queryset().get(pk=upload.resource_id)), status=201)

    @extend_schema(
        operation_id="library_get", summary="Get a video of your library", responses={200: s.VideoSerializer}
    )
    def retrieve(self, request: Request, video_id: str) -> Response:
        """One video of the caller's library."""
        return Response(s.VideoSerializer.show(self.get_object()))

    @extend_schema(
        operation_id="library_change",
        summary="Change a video of your library",
        request=s.VideoChangeSerializer,
        responses={200: s.VideoSerializer},
    )
    def partial_update(self, request: Request, video_id: str) -> Response:
        """Change the title, description or tags."""
        video = self.get_object_to_change()
        services.change(video, self.read_change(s.VideoChangeSerializer, lambda: [s.VideoSerializer.show(video)]))
        return Response(s.VideoSerializer.show(self.get_object()))

    @extend_schema(
        operation_id="library_delete",
        summary="Delete a video of your library",
        parameters=[s.DeletionQuerySerializer],
        responses={200: s.MessageSerializer},
    )
    def destroy(self, request: Request, video_id: str) -> Response:
        """Delete a video and its files.

        While comparisons of yours show it, this is a conflict that names them, unless ``leave_gaps`` is true.
        """
        leave_gaps: bool = self.read_query(s.DeletionQuerySerializer)["leave_gaps"]
        services.delete_video(self.get_object_to_change(), self.user, leave_gaps=leave_gaps)
        return Response({"message": "Video deleted successfully"})

    @idempotent
    @extend_schema(
        operation_id="library_render",
        summary="Create a rendition",
        request=s.RenditionRequestSerializer,
        responses={200: s.RenditionAnswerSerializer, 202: s.RenditionAnswerSerializer},
    )
    @action(detail=True, methods=["post"])
    def renditions(self, request: Request, video_id: str) -> Response:
        """Create a rendition that is not made by itself, or a poster of a chosen frame.

        Repeating the call gives the same job, or the rendition.
        """
        video = self.get_object_to_change()
        made, job = services.request_rendition(video, **self.read_body(s.RenditionRequestSerializer))
        if made:
            made.video = video
            return Response({"ok": True, "job_id": None, "rendition": shown(made)})
        assert job
        return Response({"ok": True, "job_id": str(job.pk), "rendition": None}, status=202)


def _metadata(form: Any) -> dict[str, Any]:
    """What the form says beside the file. Raises ``invalid``."""
    found: dict[str, Any] = {}
    if title := form.get("title"):
        found["title"] = clean_title(title)
    tags = form.getlist("tags") if hasattr(form, "getlist") else form.get("tags", [])
    if tags:
        found["tags"] = clean_tags(tags[0] if isinstance(tags, list) and len(tags) == 1 else tags)
    return found


def filter_videos(videos: VideoQuerySet, query: dict[str, Any]) -> VideoQuerySet:
    """Those that fit ``search``, ``status`` and ``tag``; each word searched for has to occur, also in captions."""
    if "search" in query:
        videos = videos.containing(query["search"])
    if "status" in query:
        videos = videos.filter(state=query["status"])  # type: ignore[misc]
    if "tag" in query:
        videos = videos.tagged(query["tag"])
    return videos

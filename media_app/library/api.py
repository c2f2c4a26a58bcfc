"""The private library over the API (contract section 4): parse, permit, call, answer."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.db.models.functions import Lower
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from media_app.delivery.urls import shown
from media_app.library import serializers as s
from media_app.uploads import services as uploads
from media_app.uploads.multipart import received
from media_app.videos import search, services
from media_app.videos.fields import clean_tags, clean_title
from media_app.videos.models import Video, VideoQuerySet
from vodplatform.accounts.models import User
from vodplatform.base.errors import DomainError
from vodplatform.base.fields import asked
from vodplatform.base.idempotency import idempotent

# By what lists are put in order; those that are equal in it, newest first.
ORDERS: dict[str, tuple[Any, ...]] = {
    "newest": (), "title": (Lower("title"),), "longest": ("-duration",), "largest": ("-file_size",),
}  # fmt: skip


class LibraryView(APIView):
    """What these share: the caller, and a video as the caller may use it."""

    @property
    def user(self) -> User:
        return cast(User, self.request.user)

    def find(self, video_id: UUID, *, change: bool = False) -> Video:
        """The video: 404 when the caller may not see it, 403 when it may not be changed."""
        video = s.shown_videos(Video.objects.private().visible_to(self.user)).filter(pk=video_id).first()
        if video is None:
            raise DomainError("not_found")
        if change and not video.can_change(self.user):
            raise DomainError("forbidden")
        return video


class LibraryListView(LibraryView):
    """The caller's own videos, newest first or as ``order`` says; an admin's list is of his own, too."""

    @extend_schema(
        operation_id="library_list", parameters=[s.LibraryQuerySerializer], responses={200: s.LibraryPageSerializer}
    )
    def get(self, request: Request) -> Response:
        query = asked(s.LibraryQuerySerializer, request.query_params)
        videos = chosen(Video.objects.private().filter(owner=self.user).with_state(), query)
        page, limit, total = query["page"], query["limit"], videos.count()
        videos = videos.order_by(*ORDERS[query["order"]], "-created_at", "-id")
        rows = s.shown_videos(videos)[(page - 1) * limit : page * limit]
        pagination = {"page": page, "limit": limit, "total": total, "totalPages": -(-total // limit)}
        return Response({"videos": [s.present_video(video) for video in rows], "pagination": pagination})

    @extend_schema(
        operation_id="library_upload",
        request={"multipart/form-data": s.NewVideoSerializer},
        responses={201: s.VideoSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        files = received(request)
        upload = files.get("file") or files.get("video")
        if upload is None:
            raise DomainError("invalid", errors={"file": ["Send the video as `file` in a multipart form."]})
        upload.metadata |= _metadata(request.data)
        upload.save(update_fields=["metadata"])
        uploads.complete(upload)
        return Response(s.present_video(self.find(upload.resource_id)), status=201)


def _metadata(form: Any) -> dict[str, Any]:
    """What the form says beside the file. Raises ``invalid``."""
    found: dict[str, Any] = {}
    if title := form.get("title"):
        found["title"] = clean_title(title)
    tags = form.getlist("tags") if hasattr(form, "getlist") else form.get("tags", [])
    if tags:
        found["tags"] = clean_tags(tags[0] if isinstance(tags, list) and len(tags) == 1 else tags)
    return found


def chosen(videos: VideoQuerySet, query: dict[str, Any]) -> VideoQuerySet:
    """Those that fit ``search``, ``status`` and ``tag``; each word searched for has to occur, in a tag or elsewhere."""
    if "search" in query:
        videos = search.containing(videos, query["search"])
    if "status" in query:
        videos = videos.filter(state=query["status"])  # type: ignore[misc]
    if "tag" in query:
        videos = videos.tagged(query["tag"])
    return videos


class LibraryDetailView(LibraryView):
    """One video of the library."""

    @extend_schema(operation_id="library_get", responses={200: s.VideoSerializer})
    def get(self, request: Request, video_id: UUID) -> Response:
        return Response(s.present_video(self.find(video_id)))

    @extend_schema(operation_id="library_change", request=s.VideoChangeSerializer, responses={200: s.VideoSerializer})
    def patch(self, request: Request, video_id: UUID) -> Response:
        video = self.find(video_id, change=True)
        form = s.VideoChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        services.change(video, form.validated_data)
        return Response(s.present_video(self.find(video_id)))

    @extend_schema(operation_id="library_delete", responses={200: s.MessageSerializer})
    def delete(self, request: Request, video_id: UUID) -> Response:
        services.delete_video(self.find(video_id, change=True), self.user)
        return Response({"message": "Video deleted successfully"})


class RenditionView(LibraryView):
    """A rendition that is made on demand; asked for again, the same job or the rendition itself."""

    @extend_schema(
        operation_id="library_render",
        request=s.RenditionRequestSerializer,
        responses={200: s.RenditionAnswerSerializer, 202: s.RenditionAnswerSerializer},
    )
    @idempotent
    def post(self, request: Request, video_id: UUID) -> Response:
        video = self.find(video_id, change=True)
        form = s.RenditionRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made, job = services.want_rendition(video, form.validated_data["kind"])
        if made:
            made.video = video
            return Response({"ok": True, "job_id": None, "rendition": shown(made)})
        assert job
        return Response({"ok": True, "job_id": str(job.pk), "rendition": None}, status=202)

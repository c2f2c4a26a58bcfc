"""Uploads over the API: the list, and uploads in chunks at both of their addresses (contract section 5).

The bytes of chunks come through :mod:`media_app.uploads.chunks` before Django; the view here takes them where the
program runs without its doors, and tells the OpenAPI document of them.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast
from uuid import UUID

from django.http import QueryDict
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from media_app.uploads import chunks, services, states
from media_app.uploads import serializers as s
from media_app.uploads.forms import is_form
from media_app.uploads.models import Upload, UploadFront, UploadStatus
from media_app.uploads.states import status_of
from vodplatform.accounts.models import User
from vodplatform.base.fields import window
from vodplatform.base.idempotency import idempotent
from vodplatform.base.parsers import StrictJSONParser


class UploadListView(APIView):
    """The caller's uploads, newest first, by whichever door they come."""

    @extend_schema(
        operation_id="uploads_list", parameters=[s.UploadQuerySerializer], responses={200: s.UploadListSerializer}
    )
    def get(self, request: Request) -> Response:
        form = s.UploadQuerySerializer(data=_given(request.query_params))
        form.is_valid(raise_exception=True)
        query = form.validated_data
        uploads = services.own_list(cast(User, request.user), query.get("status", []))
        page = uploads[window(query)]
        return Response({"uploads": [states.summary_of(upload) for upload in page], "total": uploads.count()})

    @extend_schema(
        operation_id="uploads_begin", request=s.NewUploadSerializer, responses={201: s.BegunUploadSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        form = s.NewUploadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        upload = services.begin(
            cast(User, request.user),
            front=UploadFront.CHUNKS,
            purpose=data.get("purpose", services.DEFAULT_PURPOSE),
            filename=data["filename"],
            size=data["size"],
            content_type=data.get("content_type", ""),
            metadata={name: data[name] for name in ("title", "tags", "sha256", "video_id") if name in data},
            chunk_size=data.get("chunk_size", services.DEFAULT_CHUNK_BYTES),
        )
        begun = {"filename": upload.filename, "upload_url": states.CHUNK_ADDRESS.format(upload.pk)}
        return Response({**status_of(upload), **begun, "chunk_size": upload.chunk_size}, status=201)


def _given(query: QueryDict) -> dict[str, Any]:
    """The parameters that are not empty; ``status`` as a list."""
    found: dict[str, Any] = {name: value for name, value in query.items() if value}
    if wanted := [value for value in query.getlist("status") if value]:
        found["status"] = wanted
    return found


class ChunkedView(APIView):
    """What the calls on one upload in chunks share."""

    # Chunks are not counted, and who asks how far they are asks as often.
    throttle_scope: ClassVar[str | None] = None

    def find(self, upload_id: UUID) -> Upload:
        """The caller's own upload in chunks. Raises ``upload_not_found``."""
        return chunks.find_chunked(cast(User, self.request.user), upload_id)


class UploadView(ChunkedView):
    """One upload, to be given up."""

    @extend_schema(responses={200: s.UploadStateSerializer})
    def delete(self, request: Request, upload_id: UUID) -> Response:
        return Response(status_of(services.cancel(self.find(upload_id))))


class ChunkView(ChunkedView):
    """A chunk; sent again it changes nothing."""

    # A browser's protection token is looked for in the body, too: JSON has to be read before it can be refused.
    parser_classes = [MultiPartParser, StrictJSONParser]

    @extend_schema(request={"multipart/form-data": s.ChunkSerializer}, responses={200: s.UploadStateSerializer})
    def post(self, request: Request, upload_id: UUID) -> Response:
        arriving = chunks.Arriving(services.still(self.find(upload_id)))
        if not is_form({"content-type": request.content_type or ""}):
            raise UnsupportedMediaType(request.content_type or "")
        try:
            for file in request.FILES.getlist(chunks.FIELD):
                arriving.open()
                for data in file.chunks():
                    arriving.write(data)
            fields = cast(QueryDict, request.data)
            return Response(chunks.keep(arriving, fields.get("chunk_number"), fields.get("checksum")))
        finally:
            arriving.let_go()


class UploadStatusView(ChunkedView):
    """Which chunks have come."""

    @extend_schema(responses={200: s.UploadStateSerializer})
    def get(self, request: Request, upload_id: UUID) -> Response:
        upload = self.find(upload_id)
        row = states.with_state(Upload.objects.filter(pk=upload.pk)).first()
        return Response(status_of(row or upload))


class ResumeView(ChunkedView):
    """Which chunks to go on with; refused where none would be taken any more."""

    @extend_schema(request=None, responses={200: s.UploadStateSerializer})
    def post(self, request: Request, upload_id: UUID) -> Response:
        upload = self.find(upload_id)
        if upload.status != UploadStatus.COMPLETED:
            services.still(upload)
        return Response(status_of(upload))


class CompleteView(ChunkedView):
    """All chunks have been sent: the upload becomes what it is for. Asked again, the same answer."""

    # A clip is looked at first, which is work.
    throttle_scope: ClassVar[str | None] = "write"

    @extend_schema(request=None, responses={200: s.CompletedUploadSerializer})
    def post(self, request: Request, upload_id: UUID) -> Response:
        upload = services.complete(self.find(upload_id))
        body = {**status_of(upload), "media_file_id": str(upload.pk)}
        return Response(body, headers={"X-Resource-Id": str(upload.resource_id)})


def named(view: type[APIView], prefix: str, name: str) -> Any:
    """A view as it stands at one of the two addresses, under a name of its own in the OpenAPI document."""
    methods = [method for method in view.http_method_names if hasattr(view, method) and method != "options"]
    label = extend_schema(operation_id=f"{prefix}_{name}")
    return extend_schema_view(**dict.fromkeys(methods, label))(type(view.__name__, (view,), {"__doc__": view.__doc__}))


PARTS = {
    "": ("cancel", UploadView),
    "/chunk": ("chunk", ChunkView),
    "/status": ("status", UploadStatusView),
    "/resume": ("resume", ResumeView),
    "/complete": ("complete", CompleteView),
}
BASES = {"uploads": "api/v1/uploads", "challenge_uploads": "api/v1/challenge-videos/upload"}

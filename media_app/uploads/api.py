"""API views of uploads (contract.md, section 4).

Chunks are usually received by :mod:`media_app.uploads.protocols.chunks`, not by the view here.
"""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.http import QueryDict
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from media_app.uploads import presigned, services
from media_app.uploads import serializers as s
from media_app.uploads.models import Upload, UploadProtocol, UploadStatus
from media_app.uploads.protocols import chunks
from media_app.uploads.protocols.multipart_parser import is_form
from vodplatform.accounts.viewsets import ApiViewSet
from vodplatform.core.api.fields import page_slice
from vodplatform.core.api.idempotency import idempotent
from vodplatform.core.api.parsers import StrictJSONParser
from vodplatform.core.errors import DomainError


@extend_schema(tags=["Uploads"])
class UploadViewSet(ApiViewSet[Upload]):
    @extend_schema(
        operation_id="uploads_list",
        summary="List your uploads",
        parameters=[s.UploadQuerySerializer],
        responses={200: s.UploadListSerializer},
    )
    def list(self, request: Request) -> Response:
        """List the caller's uploads of every kind, newest first."""
        form = s.UploadQuerySerializer(data=_given(request.query_params))
        form.is_valid(raise_exception=True)
        query = form.validated_data
        uploads = services.list_uploads(self.user, query.get("status", []))
        page = uploads[page_slice(query)]
        return Response({"uploads": [s.UploadSerializer.show(upload) for upload in page], "total": uploads.count()})

    @extend_schema(
        operation_id="uploads_begin",
        summary="Start an upload in chunks",
        request=s.NewUploadSerializer,
        responses={201: s.BegunUploadSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Start an upload in chunks. They are sent to this server or, with `direct`, straight to the bucket."""
        data = self.read_body(s.NewUploadSerializer)
        is_direct = data.get("direct", False)
        upload = services.begin_upload(
            self.user,
            front=UploadProtocol.DIRECT if is_direct else UploadProtocol.CHUNKS,
            purpose=data.get("purpose", services.DEFAULT_PURPOSE),
            filename=data["filename"],
            size=data["size"],
            content_type=data.get("content_type", ""),
            metadata={name: data[name] for name in ("title", "tags", "sha256", "video_id") if name in data},
            chunk_size=data.get("chunk_size", None if is_direct else services.DEFAULT_CHUNK_BYTES),
        )
        return Response(s.BegunUploadSerializer.show(upload), status=201)


def _given(query: QueryDict) -> dict[str, Any]:
    found: dict[str, Any] = {name: value for name, value in query.items() if value}
    if wanted := [value for value in query.getlist("status") if value]:
        found["status"] = wanted
    return found


class ChunkedUploadViewSet(ApiViewSet[Upload]):
    """Base of the views of an upload in chunks. Each subclass has its own URL and its own names of API operations."""

    # Clients send many chunks and ask for the state often, so these requests are not throttled.
    throttle_scope = None
    lookup_url_kwarg = "upload_id"
    lookup_value_converter = "uuid"

    def get_object(self) -> Upload:
        return chunks.find_in_chunks(self.user, self.kwargs["upload_id"])

    def _get_counted(self) -> Upload:
        upload = self.get_object()
        if upload.front == UploadProtocol.DIRECT:
            presigned.sync_parts(upload)
        return upload

    def destroy(self, request: Request, upload_id: UUID) -> Response:
        """Cancel an upload and delete the bytes that have arrived."""
        return Response(s.UploadStateSerializer.show(services.cancel(self.get_object())))

    # The view rejects JSON, but the CSRF check parses the body first, so a JSON parser is needed.
    @action(detail=True, methods=["post"], parser_classes=[MultiPartParser, StrictJSONParser])
    def chunk(self, request: Request, upload_id: UUID) -> Response:
        """Send one chunk. Sending the same chunk again changes nothing."""
        arriving = chunks.IncomingChunk(services.require_live(chunks.find_chunked(self.user, upload_id)))
        if not is_form({"content-type": request.content_type or ""}):
            raise UnsupportedMediaType(request.content_type or "")
        try:
            for file in request.FILES.getlist(chunks.FIELD):
                arriving.open()
                for data in file.chunks():
                    arriving.write(data)
            fields = cast(QueryDict, request.data)
            return Response(chunks.store_chunk(arriving, fields.get("chunk_number"), fields.get("checksum")))
        finally:
            arriving.close()

    @action(detail=True)
    def status(self, request: Request, upload_id: UUID) -> Response:
        """Return which chunks have arrived."""
        upload = self._get_counted()
        row = Upload.objects.filter(pk=upload.pk).with_state().first()
        return Response(s.UploadStateSerializer.show(row or upload))

    @action(detail=True, methods=["post"])
    def resume(self, request: Request, upload_id: UUID) -> Response:
        """Return which chunks are missing. Fails if the upload accepts no further chunks."""
        upload = self._get_counted()
        if upload.status != UploadStatus.COMPLETED:
            services.require_live(upload)
        return Response(s.UploadStateSerializer.show(upload))

    # The request is throttled, because it may inspect the complete file.
    @action(detail=True, methods=["post"], throttle_scope="write")
    def complete(self, request: Request, upload_id: UUID) -> Response:
        """Finish an upload after its last chunk. Repeating the call gives the same answer."""
        upload = services.complete(self.get_object())
        return Response(s.CompletedUploadSerializer.show(upload), headers={"X-Resource-Id": str(upload.resource_id)})


def _documented(prefix: str) -> Any:
    state, completed = {200: s.UploadStateSerializer}, {200: s.CompletedUploadSerializer}
    chunk = {"multipart/form-data": s.ChunkSerializer}
    return extend_schema_view(
        destroy=extend_schema(operation_id=f"{prefix}_cancel", summary="Cancel an upload", responses=state),
        chunk=extend_schema(operation_id=f"{prefix}_chunk", summary="Send a chunk", request=chunk, responses=state),
        status=extend_schema(operation_id=f"{prefix}_status", summary="Get the state of an upload", responses=state),
        resume=extend_schema(
            operation_id=f"{prefix}_resume", summary="List the missing chunks", request=None, responses=state
        ),
        complete=extend_schema(
            operation_id=f"{prefix}_complete", summary="Complete an upload", request=None, responses=completed
        ),
    )


@extend_schema(tags=["Uploads"])
@_documented("uploads")
class OneUploadViewSet(ChunkedUploadViewSet):
    @extend_schema(
        operation_id="uploads_addresses",
        summary="Get URLs for sending chunks straight to the bucket",
        request=s.WantedChunksSerializer,
        responses={200: s.ChunkAddressesSerializer},
    )
    @action(detail=True, methods=["post"], throttle_scope="write")
    def addresses(self, request: Request, upload_id: UUID) -> Response:
        """Return addresses for chunks of a `direct` upload, each for one PUT."""
        wanted = self.read_body(s.WantedChunksSerializer)["chunk_numbers"]
        upload = services.require_live(self.get_object())
        if upload.front != UploadProtocol.DIRECT:
            raise DomainError("chunk_invalid", "Send the chunks of this upload to this server, at `/chunk`.")
        return Response(s.ChunkAddressesSerializer(presigned.addresses(upload, wanted)).data)


@extend_schema(tags=["Merges"])
@_documented("challenge_uploads")
class ClipUploadViewSet(ChunkedUploadViewSet):
    pass

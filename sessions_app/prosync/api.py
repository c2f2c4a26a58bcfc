from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from media_app.uploads.protocols.multipart import received_uploads, uploads_named
from media_app.videos import text_rules
from media_app.videos.serializers import MessageSerializer
from sessions_app.prosync import segments, services
from sessions_app.prosync import serializers as s
from sessions_app.prosync.models import Engine, ProJob, ProJobQuerySet
from sessions_app.prosync.providers import syncso
from sessions_app.prosync.providers.syncso import InvalidResponse, WebhookRefused, verify_webhook
from sessions_app.prosync.segments import Fault
from sessions_app.prosync.upload_handlers import inspect_files
from vodplatform.accounts.viewsets import ApiViewSet
from vodplatform.core.api.fields import page_of, page_slice
from vodplatform.core.api.idempotency import idempotent
from vodplatform.core.api.parsers import MAX_BODY_BYTES
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import counted


@extend_schema(tags=["Pro Video Editor – segments"])
class ProJobViewSet(ApiViewSet[ProJob]):
    """Pro jobs, which replace the speech in chosen segments of a video."""

    missing = "job_not_found"
    lookup_url_kwarg = "job_id"

    def get_queryset(self) -> ProJobQuerySet:
        return ProJob.objects.visible_to(self.user).with_state()

    @idempotent
    @extend_schema(
        operation_id="pro_sync_process",
        summary="Start a pro job",
        request={"multipart/form-data": s.NewProJobSerializer},
        responses={202: s.BegunProJobSerializer},
    )
    @action(detail=False, methods=["post"], url_path="pro-sync-process")
    def process(self, request: Request) -> Response:
        """Start a pro job from a video, its segments, and a sound for each segment."""
        most = services.most_segments(self.user)
        form = request.data
        if not isinstance(form, Mapping):
            raise _refused([Fault(None, "video", "missing", "Send a multipart form.")])
        given = form.get("segments") or form.get("segments_data")
        wanted, faults = segments.read_list(given or [], "segments")
        if len(wanted) > most:
            sentence = (
                f"Your plan allows {counted(most, 'segment')} per job; the request has {len(wanted)}. "
                "Remove some segments."
            )
            raise DomainError("segment_limit", sentence, limit=most)
        if not wanted and not faults:
            faults = [Fault(None, "segments", "no_segments", "Send at least one segment.")]
        row = self._begin(request, form, wanted, faults)
        return Response(s.BegunProJobSerializer.show(s.BegunProJob(row, most)), status=202)

    def _begin(self, request: Request, form: Mapping[str, Any], wanted: list[Any], faults: list[Fault]) -> ProJob:
        files = received_uploads(request)
        video, uploads = files.get("video"), uploads_named(files, "audio_files")
        refs, more = segments.read_refs(form.get("audio_ref_ids"), len(uploads))
        options, wrong = segments.read_options(form.get("options"))
        faults = [*faults, *more, *wrong]
        if settings.PROSYNC_ENGINE == Engine.SYNCSO and options.model not in ("", *syncso.MODELS):
            faults.append(
                Fault(None, "options.model", "unknown", f"Unknown model. Use one of {', '.join(syncso.MODELS)}.")
            )
        if video is None:
            faults.append(Fault(None, "video", "missing", "Send the video as `video` in a multipart form."))
        if not uploads:
            faults.append(Fault(None, "audio_files", "missing", "Send at least one audio file as `audio_files`."))
        name = form.get("name") or ""
        try:
            name = text_rules.title(name) if not isinstance(name, str) or not text_rules.is_blank(name) else ""
        except text_rules.InvalidText as exc:
            faults.append(Fault(None, "name", "invalid", str(exc)))
        inspection = inspect_files(self.user, video, uploads)
        duration = inspection.video["duration"] if inspection.video else None
        faults += segments.check_removal_times(options.remove_text, duration)
        given = dict(zip(refs, inspection.sounds, strict=True))
        lengths = {ref: sound.seconds if sound else None for ref, sound in given.items()}
        read, own = segments.read_segments(wanted, lengths, duration)
        refusals = [error for _, error in inspection.refusals]
        of_files = [Fault(None, part, error.type.name, error.message) for part, error in inspection.refusals]
        if faults := [*of_files, *faults, *own]:
            raise _refused(faults, refusals[0].type.name if refusals else "invalid")
        assert video is not None
        read.sort(key=lambda segment: segment.index)
        asked = {"segments": [segment.as_json() for segment in read], "options": options.as_json(), "name": name}
        sounds = {ref: sound for ref, sound in given.items() if sound}
        return services.create_pro_job(self.user, video, sounds, asked)

    @extend_schema(
        operation_id="pro_sync_list",
        summary="List your pro jobs",
        parameters=[s.ProJobQuerySerializer],
        responses={200: s.ProJobListSerializer},
    )
    @action(detail=False, url_path="pro-jobs")
    def own(self, request: Request) -> Response:
        """List the caller's own pro jobs, newest first."""
        query = self.read_query(s.ProJobQuerySerializer)
        rows = ProJob.objects.filter(owner=self.user)
        if "status" in query:
            rows = rows.filter(job__status=query["status"])
        if "same_video_as" in query:
            rows = rows.of_the_same_video(query["same_video_as"])
        shown = [s.ProJobSerializer.show(row) for row in rows.with_state()[page_slice(query)]]
        return Response({"pro_jobs": shown, "pagination": page_of(query, rows.count())})

    @extend_schema(
        operation_id="pro_sync_status", summary="Get the state of a pro job", responses={200: s.ProJobSerializer}
    )
    @action(detail=False, url_path="pro-job/<uuid:job_id>/status")
    def status(self, request: Request, job_id: UUID) -> Response:
        """Return the state of a pro job and of each of its segments."""
        return Response(s.ProJobSerializer.show(self.get_object()))

    @extend_schema(operation_id="pro_sync_delete", summary="Delete a pro job", responses={200: MessageSerializer})
    @action(detail=False, methods=["delete"], url_path="pro-job/<uuid:job_id>")
    def delete_one(self, request: Request, job_id: UUID) -> Response:
        """Delete a pro job and its files."""
        services.delete(self.get_object_to_change(), self.user)
        return Response({"message": "Pro job deleted"})

    @extend_schema(
        operation_id="pro_sync_webhook",
        summary="Receive a webhook notification from sync.so",
        request=OpenApiTypes.OBJECT,
        responses={200: s.NoticedSerializer},
    )
    @action(
        detail=False, methods=["post"], url_path="webhooks/syncso",
        authentication_classes=(), permission_classes=(), parser_classes=(),
    )  # fmt: skip
    def webhook(self, request: Request) -> Response:
        """Receive sync.so's signed notice that a generation has ended, and wake the job that waits for it."""
        body = request.stream.read(MAX_BODY_BYTES + 1) if request.stream else b""
        if len(body) > MAX_BODY_BYTES:
            raise DomainError("too_large", limit=MAX_BODY_BYTES)
        secret, signature = settings.SYNCSO["webhook_secret"], request.headers.get("Sync-Signature")
        try:
            notice = verify_webhook(secret, signature, body, time.time())
        except WebhookRefused as exc:
            raise DomainError("signature_invalid", str(exc)) from exc
        except InvalidResponse as exc:
            raise DomainError("bad_request", str(exc)) from exc
        services.wake_job_of_generation(notice.generation.id, int(notice.sent_at))
        return Response({"ok": True})


def _refused(faults: list[Fault], type: str = "invalid") -> DomainError:
    first = faults[0].message
    sentence = first if len(faults) == 1 else f"{first} There are {len(faults)} errors in total; see `errors`."
    return DomainError(type, sentence, errors=[fault.as_json() for fault in faults])

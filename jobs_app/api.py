"""The jobs API (contract.md, section 6)."""

from __future__ import annotations

from datetime import datetime

from django.db.models.functions import Now
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs_app import services
from jobs_app.kinds import subjects_of
from jobs_app.models import Job, JobQuerySet
from jobs_app.serializers import (
    ChangedJobTimeSerializer,
    JobListSerializer,
    JobQuerySerializer,
    JobSerializer,
    JobTimeSerializer,
    UnseenJobsSerializer,
)
from vodplatform.accounts.viewsets import ApiViewSet
from vodplatform.core.api.fields import page_slice

UNSEEN_LISTED = 10


@extend_schema(tags=["Jobs"])
class JobViewSet(ApiViewSet[Job]):
    """The caller's background jobs; for admins, the jobs of all users."""

    missing = "job_not_found"
    lookup_url_kwarg = "job_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> JobQuerySet:
        return Job.objects.visible_to(self.user).select_related("owner")

    @extend_schema(
        operation_id="jobs_list",
        summary="List your jobs",
        parameters=[JobQuerySerializer],
        responses={200: JobListSerializer},
    )
    def list(self, request: Request) -> Response:
        """The caller's jobs, newest first."""
        query = self.read_query(JobQuerySerializer)
        jobs = self.get_queryset().filter(**{name: query[name] for name in ("kind", "status") if name in query})
        if query["cleared"] is not None:
            jobs = jobs.cleared_by(self.user, is_cleared=query["cleared"])
        return Response({"jobs": [JobSerializer.show(job) for job in jobs[page_slice(query)]], "total": jobs.count()})

    @extend_schema(
        operation_id="jobs_clear",
        summary="Clear finished jobs",
        request=JobTimeSerializer,
        responses={200: ChangedJobTimeSerializer},
    )
    @action(detail=False, methods=["post"])
    def clear(self, request: Request) -> Response:
        """Hide the finished jobs on the caller's page of jobs. To undo this, send ``previous`` as ``until``."""
        until = services.clear_finished(self.user, self.read_body(JobTimeSerializer).get("until", Now()))
        return self._changed(until, self.user.jobs_cleared_at)

    @extend_schema(operation_id="jobs_unseen", summary="List unseen results", responses={200: UnseenJobsSerializer})
    @action(detail=False, methods=["get"])
    def unseen(self, request: Request) -> Response:
        """The caller's ten newest jobs that completed or failed in the last week and that the caller has not seen."""
        jobs = Job.objects.unseen_by(self.user)
        newest = list(jobs[:UNSEEN_LISTED])
        total = jobs.count() if len(newest) == UNSEEN_LISTED else len(newest)
        until = newest[0].finished_at if newest else self.user.jobs_seen_at
        subjects = subjects_of(newest)
        shown = [
            {
                "id": job.pk, "kind": job.kind, "status": job.status, "finished_at": job.finished_at,
                "title": subjects[job.pk].title, "url": subjects[job.pk].href or "/jobs",
            }
            for job in newest
        ]  # fmt: skip
        return Response(UnseenJobsSerializer({"jobs": shown, "total": total, "until": until}).data)

    @extend_schema(
        operation_id="jobs_seen",
        summary="Mark results as seen",
        request=JobTimeSerializer,
        responses={200: ChangedJobTimeSerializer},
    )
    @action(detail=False, methods=["post"])
    def seen(self, request: Request) -> Response:
        """Mark the jobs that ended at or before a time as seen."""
        until = services.mark_seen(self.user, self.read_body(JobTimeSerializer).get("until", Now()))
        return self._changed(until, self.user.jobs_seen_at)

    def _changed(self, until: datetime | None, previous: datetime | None) -> Response:
        return Response(ChangedJobTimeSerializer({"until": until, "previous": previous}).data)

    @extend_schema(operation_id="jobs_get", summary="Get a job", responses={200: JobSerializer})
    def retrieve(self, request: Request, job_id: str) -> Response:
        """Return the state and progress of a job, and its result or error once it has ended."""
        return Response(JobSerializer.show(self.get_object()))

    @extend_schema(operation_id="jobs_delete", summary="Delete a job", responses={204: None})
    def destroy(self, request: Request, job_id: str) -> Response:
        """Delete a job that has ended, and its outputs."""
        services.delete(self.get_object_to_change())
        return Response(status=204)

    @extend_schema(operation_id="jobs_cancel", summary="Cancel a job", request=None, responses={200: JobSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, job_id: str) -> Response:
        """Cancel a job. Cancelling again gives the same answer. Returns 409 if the job has ended in another way."""
        return Response(JobSerializer.show(services.cancel(self.get_object_to_change())))

    @extend_schema(operation_id="jobs_retry", summary="Retry a job", request=None, responses={200: JobSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, job_id: str) -> Response:
        """Run a failed or cancelled job again, if its inputs still exist."""
        return Response(JobSerializer.show(services.retry(self.get_object_to_change())))

    @extend_schema(operation_id="jobs_pause", summary="Pause a job", request=None, responses={200: JobSerializer})
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, job_id: str) -> Response:
        """Pause a job. It resumes from its last checkpoint. Returns 409 if the job cannot save checkpoints."""
        return Response(JobSerializer.show(services.pause(self.get_object_to_change())))

    @extend_schema(operation_id="jobs_resume", summary="Resume a job", request=None, responses={200: JobSerializer})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, job_id: str) -> Response:
        """Continue a paused job from its checkpoint."""
        return Response(JobSerializer.show(services.resume(self.get_object_to_change())))

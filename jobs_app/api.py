"""The jobs API (contract.md, section 6)."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs_app import services
from jobs_app.models import Job
from jobs_app.serializers import JobListSerializer, JobQuerySerializer, JobSerializer
from vodplatform.accounts.viewsets import ApiViewSet
from vodplatform.core.api.fields import page_slice


@extend_schema(tags=["Jobs"])
class JobViewSet(ApiViewSet[Job]):
    """The caller's background jobs; for admins, the jobs of all users."""

    missing = "job_not_found"
    lookup_url_kwarg = "job_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Job]:
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
        return Response({"jobs": [JobSerializer.show(job) for job in jobs[page_slice(query)]], "total": jobs.count()})

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

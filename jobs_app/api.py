"""Jobs over the API (contract section 6)."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs_app import services
from jobs_app.models import Job, job_state
from jobs_app.serializers import JobListSerializer, JobQuerySerializer, JobSerializer
from vodplatform.accounts.models import User
from vodplatform.base.errors import DomainError
from vodplatform.base.fields import window


def find_job(request: Request, job_id: UUID, *, change: bool = False) -> Job:
    """The job, when the caller may see it (404) and, for a change, change it (403)."""
    user = cast(User, request.user)
    job = Job.objects.visible_to(user).select_related("owner").filter(pk=job_id).first()
    if job is None:
        raise DomainError("job_not_found")
    if change and not job.can_change(user):
        raise DomainError("forbidden")
    return job


class JobListView(APIView):
    """The caller's jobs, newest first."""

    @extend_schema(operation_id="jobs_list", parameters=[JobQuerySerializer], responses={200: JobListSerializer})
    def get(self, request: Request) -> Response:
        query = JobQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        data = query.validated_data
        jobs = Job.objects.visible_to(cast(User, request.user))
        jobs = jobs.filter(**{name: data[name] for name in ("kind", "status") if name in data})
        page = jobs.select_related("owner")[window(data)]
        return Response({"jobs": [job_state(job) for job in page], "total": jobs.count()})


class JobDetailView(APIView):
    """One job; deleting it removes what it made."""

    @extend_schema(operation_id="jobs_get", responses={200: JobSerializer})
    def get(self, request: Request, job_id: UUID) -> Response:
        return Response(job_state(find_job(request, job_id)))

    @extend_schema(operation_id="jobs_delete", responses={204: None})
    def delete(self, request: Request, job_id: UUID) -> Response:
        services.delete(find_job(request, job_id, change=True))
        return Response(status=204)


class JobCancelView(APIView):
    """Cancel a live job; cancelled again it answers the same, any other ended one is a conflict."""

    @extend_schema(operation_id="jobs_cancel", request=None, responses={200: JobSerializer})
    def post(self, request: Request, job_id: UUID) -> Response:
        return Response(job_state(services.cancel(find_job(request, job_id, change=True))))


class JobRetryView(APIView):
    """A new attempt of a failed or cancelled job whose inputs still exist."""

    @extend_schema(operation_id="jobs_retry", request=None, responses={200: JobSerializer})
    def post(self, request: Request, job_id: UUID) -> Response:
        return Response(job_state(services.retry(find_job(request, job_id, change=True))))


class JobPauseView(APIView):
    """Stop a job at its last checkpoint and free its place; a kind without checkpoints is a conflict."""

    @extend_schema(operation_id="jobs_pause", request=None, responses={200: JobSerializer})
    def post(self, request: Request, job_id: UUID) -> Response:
        return Response(job_state(services.pause(find_job(request, job_id, change=True))))


class JobResumeView(APIView):
    """Go on from the checkpoint; a kind without checkpoints is a conflict."""

    @extend_schema(operation_id="jobs_resume", request=None, responses={200: JobSerializer})
    def post(self, request: Request, job_id: UUID) -> Response:
        return Response(job_state(services.resume(find_job(request, job_id, change=True))))

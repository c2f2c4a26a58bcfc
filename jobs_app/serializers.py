"""Jobs as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from jobs_app.kinds import is_pausable, result_serializers, shown_result
from jobs_app.models import Job, JobStatus
from vodplatform.core.api.fields import AnswerSerializer, CauseSerializer, ListQuerySerializer, StoredJsonField


@extend_schema_field(
    PolymorphicProxySerializer(
        component_name="JobResult", serializers=result_serializers, resource_type_field_name=None
    )
)
class JobResultField(serializers.JSONField):
    """The result of a job; its fields depend on the job's ``kind``."""


class JobSerializer(AnswerSerializer[Job]):
    """A background job and its progress."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    owner = serializers.CharField(source="owner.username", help_text="User name.")
    status = serializers.ChoiceField(choices=JobStatus.choices)
    pausable = serializers.BooleanField(help_text="Whether jobs of this kind can be paused.")
    priority = serializers.IntegerField()
    progress = serializers.FloatField(help_text="Progress in percent; never decreases within an attempt.")
    seconds_left = serializers.FloatField(
        allow_null=True,
        help_text="Estimated seconds until the running job ends; null if the estimate could be wrong by more than a "
        "third.",
    )
    message = serializers.CharField()
    attempt = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    run_at = serializers.DateTimeField(allow_null=True, help_text="Time at which a waiting job continues.")
    result = JobResultField(allow_null=True)
    error = StoredJsonField(CauseSerializer, allow_null=True)

    def get_pausable(self, job: Job) -> bool:
        return is_pausable(job.kind)

    def get_progress(self, job: Job) -> float:
        return round(job.progress, 1)

    def get_seconds_left(self, job: Job) -> float | None:
        if job.status != JobStatus.PROCESSING or job.seconds_left is None:
            return None
        return round(job.seconds_left, 1)

    def get_result(self, job: Job) -> Any:
        return shown_result(job)

    def get_run_at(self, job: Job) -> datetime | None:
        return job.run_at if job.status == JobStatus.WAITING else None


@extend_schema_serializer(many=False)
class JobListSerializer(serializers.Serializer[dict[str, Any]]):
    """A page of jobs, newest first."""

    jobs = JobSerializer(many=True)
    total = serializers.IntegerField()


class EndedJobSerializer(serializers.Serializer[dict[str, Any]]):
    """A job that completed or failed."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    status = serializers.ChoiceField(choices=JobStatus.choices)
    finished_at = serializers.DateTimeField()
    title = serializers.CharField(help_text="Name of the job with the object it works on.")
    url = serializers.CharField(help_text="Page that shows the result; `/jobs` if there is none.")


@extend_schema_serializer(many=False)
class UnseenJobsSerializer(serializers.Serializer[dict[str, Any]]):
    """The newest jobs that ended and that the caller has not seen."""

    jobs = EndedJobSerializer(many=True)
    total = serializers.IntegerField()
    until = serializers.DateTimeField(
        allow_null=True, help_text="Send it to `/api/v1/jobs/seen` to mark these jobs and all earlier ones as seen."
    )


class JobTimeSerializer(serializers.Serializer[dict[str, Any]]):
    """The time until which jobs count as cleared or seen; null for none. The default is now."""

    until = serializers.DateTimeField(required=False, allow_null=True)


class ChangedJobTimeSerializer(serializers.Serializer[dict[str, Any]]):
    """The new and the previous time until which jobs count as cleared or seen."""

    until = serializers.DateTimeField(allow_null=True)
    previous = serializers.DateTimeField(allow_null=True)


class JobQuerySerializer(ListQuerySerializer):
    """Filters of a job list."""

    kind = serializers.CharField(required=False, max_length=64)
    status = serializers.ChoiceField(choices=JobStatus.choices, required=False)
    cleared = serializers.BooleanField(
        required=False, allow_null=True, default=None,
        help_text="Whether to list the jobs that the caller has cleared, or the others; all jobs by default.",
    )  # fmt: skip

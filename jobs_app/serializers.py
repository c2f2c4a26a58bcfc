"""What jobs look like in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from jobs_app.models import JobStatus
from vodplatform.base.fields import ListQuerySerializer


class JobSerializer(serializers.Serializer[dict[str, Any]]):
    """The shape that :func:`jobs_app.models.job_state` makes; documents it, converts nothing."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    owner = serializers.CharField(help_text="User name.")
    status = serializers.ChoiceField(choices=JobStatus.choices)
    pausable = serializers.BooleanField(help_text="Whether jobs of this kind keep checkpoints.")
    priority = serializers.IntegerField()
    progress = serializers.FloatField(help_text="Percent; never goes back within an attempt.")
    message = serializers.CharField()
    attempt = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    run_at = serializers.DateTimeField(allow_null=True, help_text="When a waiting job goes on by itself.")
    result = serializers.JSONField(allow_null=True)
    error = serializers.JSONField(allow_null=True, help_text="`{type, message}` of a failed job.")


@extend_schema_serializer(many=False)
class JobListSerializer(serializers.Serializer[dict[str, Any]]):
    """A page of jobs, newest first."""

    jobs = JobSerializer(many=True)
    total = serializers.IntegerField()


class JobQuerySerializer(ListQuerySerializer):
    """What a job list can be narrowed by."""

    kind = serializers.CharField(required=False, max_length=64)
    status = serializers.ChoiceField(choices=JobStatus.choices, required=False)

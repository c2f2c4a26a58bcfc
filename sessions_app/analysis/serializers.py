"""What the analysis API takes and answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from media_app.delivery.serializers import SourceSerializer
from sessions_app.analysis.models import AnalysisType, SessionStatus
from vodplatform.base.fields import CauseSerializer, ListPageSerializer, ListQuerySerializer

Data = dict[str, Any]


class NewAnalysisSerializer(serializers.Serializer[Data]):
    """A video and what is asked of it. Instead of the file ``video_id`` names one of the caller's library."""

    video = serializers.FileField(required=False)
    video_id = serializers.UUIDField(required=False)
    analysis_type = serializers.ChoiceField(choices=AnalysisType.choices)
    params = serializers.CharField(required=False, help_text="A JSON object.")
    name = serializers.CharField(required=False, max_length=255)


class HighlightsFormSerializer(serializers.Serializer[Data]):
    """A video and the parameters as fields of the form."""

    video = serializers.FileField(required=False)
    video_id = serializers.UUIDField(required=False)
    segment_length = serializers.FloatField(required=False, min_value=2, max_value=60)
    target_duration = serializers.FloatField(required=False, min_value=5, max_value=600)
    max_highlights = serializers.IntegerField(required=False, min_value=1, max_value=50)
    min_score = serializers.FloatField(required=False, min_value=0, max_value=1)


class WorkoutFormSerializer(serializers.Serializer[Data]):
    """A video and the parameters as fields of the form."""

    video = serializers.FileField(required=False)
    video_id = serializers.UUIDField(required=False)
    exercise = serializers.CharField(required=False)
    min_repetitions = serializers.IntegerField(required=False, min_value=2, max_value=50)


class StartedSerializer(serializers.Serializer[Data]):
    sessionId = serializers.UUIDField()
    status = serializers.ChoiceField(choices=["queued"])
    message = serializers.CharField()
    job_id = serializers.UUIDField()
    warnings = serializers.ListField(child=serializers.CharField())


class AnalysisSourceSerializer(SourceSerializer):
    """The video itself; ``video_id`` of one that stands in the library."""

    video_id = serializers.UUIDField(allow_null=True)


class StatusSerializer(serializers.Serializer[Data]):
    sessionId = serializers.UUIDField()
    status = serializers.ChoiceField(choices=SessionStatus.choices)
    progress = serializers.FloatField(min_value=0, max_value=100)
    message = serializers.CharField(allow_blank=True)
    analysis_type = serializers.ChoiceField(choices=AnalysisType.choices)
    name = serializers.CharField()
    params = serializers.DictField()
    warnings = serializers.ListField(child=serializers.CharField())
    error = CauseSerializer(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    job_id = serializers.UUIDField(allow_null=True)
    job_status = serializers.CharField(allow_null=True)
    eta_seconds = serializers.FloatField(allow_null=True)
    source = AnalysisSourceSerializer(allow_null=True)  # type: ignore[assignment]


class ResultsSerializer(serializers.Serializer[Data]):
    """``data`` as the analysis's type has it; docs/analysis.md tells the fields."""

    sessionId = serializers.UUIDField()
    status = serializers.ChoiceField(choices=["completed"])
    analysis_type = serializers.ChoiceField(choices=AnalysisType.choices)
    name = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]


class CancelledSerializer(serializers.Serializer[Data]):
    sessionId = serializers.UUIDField()
    status = serializers.ChoiceField(choices=["cancelled"])
    message = serializers.CharField()


class AnalysisListSerializer(serializers.Serializer[Data]):
    sessions = StatusSerializer(many=True)
    pagination = ListPageSerializer()


class AnalysisQuerySerializer(ListQuerySerializer):
    """Which of one's own sessions."""

    status = serializers.ChoiceField(choices=SessionStatus.choices, required=False)
    analysis_type = serializers.ChoiceField(choices=AnalysisType.choices, required=False)

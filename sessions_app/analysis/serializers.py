from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers

from media_app.streaming.serializers import SourceSerializer
from media_app.videos.media_urls import made_url, source_of, url_of
from media_app.videos.models import RenditionKind, VideoStatus
from sessions_app.analysis.models import AnalysisSession, AnalysisType, SessionStatus
from sessions_app.analysis.reels import MAX_MOMENTS
from vodplatform.core.api.fields import (
    AnswerSerializer,
    BoundedListField,
    CauseSerializer,
    ListPageSerializer,
    ListQuerySerializer,
    SecondsField,
    StrictBooleanField,
)

Data = dict[str, Any]
MESSAGES = {
    SessionStatus.QUEUED: "Queued",
    SessionStatus.COMPLETED: "Analysis completed",
    SessionStatus.CANCELLED: "Cancelled",
    SessionStatus.EXPIRED: "The results have expired",
}


class NewAnalysisSerializer(serializers.Serializer[Data]):
    """A file to analyse, or the ``video_id`` of a video in the caller's library."""

    video = serializers.FileField(required=False)
    video_id = serializers.UUIDField(required=False)
    analysis_type = serializers.ChoiceField(choices=AnalysisType.choices)
    params = serializers.CharField(required=False, help_text="A JSON object.")
    name = serializers.CharField(required=False, max_length=255)


class HighlightsFormSerializer(serializers.Serializer[Data]):
    """A video to find highlights in, with the parameters as fields."""

    video = serializers.FileField(required=False)
    video_id = serializers.UUIDField(required=False)
    segment_length = serializers.FloatField(required=False, min_value=2, max_value=60)
    target_duration = serializers.FloatField(required=False, min_value=5, max_value=600)
    max_highlights = serializers.IntegerField(required=False, min_value=1, max_value=50)
    min_score = serializers.FloatField(required=False, min_value=0, max_value=1)


class WorkoutFormSerializer(serializers.Serializer[Data]):
    """A workout video, with the parameters as fields."""

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
    """Addresses of the analysed video; ``video_id`` is null outside the library."""

    video_id = serializers.UUIDField(allow_null=True)


class StatusSerializer(AnswerSerializer[AnalysisSession]):
    """The state of an analysis; progress in percent."""

    # Pass a session loaded by ``with_state``.
    sessionId = serializers.UUIDField(source="pk")
    status = serializers.ChoiceField(choices=SessionStatus.choices)
    progress = serializers.FloatField(min_value=0, max_value=100)
    message = serializers.CharField(allow_blank=True)
    analysis_type = serializers.ChoiceField(choices=AnalysisType.choices)
    name = serializers.CharField()
    params = serializers.DictField()
    warnings = serializers.ListField(child=serializers.CharField())
    error = CauseSerializer(allow_null=True, source="failure")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="When the analysis is deleted; null if it is kept as long as its video."
    )
    job_id = serializers.UUIDField(allow_null=True)
    job_status = serializers.CharField(allow_null=True)
    reel_job_id = serializers.UUIDField(
        allow_null=True, help_text="The job that cuts a new reel; null if none is running."
    )
    eta_seconds = serializers.FloatField(allow_null=True, source="seconds_left")
    source = AnalysisSourceSerializer(allow_null=True)  # type: ignore[assignment]

    def get_message(self, session: AnalysisSession) -> str:
        if failure := session.failure:
            return failure["message"]
        is_running = session.status in (SessionStatus.QUEUED, SessionStatus.PROCESSING)
        said = session.job.message if session.job and is_running else ""
        return said or MESSAGES.get(session.status, "")

    def get_job_status(self, session: AnalysisSession) -> str | None:
        return session.job.status if session.job else None

    def get_reel_job_id(self, session: AnalysisSession) -> UUID | None:
        return session.reel_job.pk if session.reel_job and session.reel_job.is_live else None

    def get_source(self, session: AnalysisSession) -> Data | None:
        video = session.video
        if video is None or session.is_over or video.status != VideoStatus.READY or video.deleted_at is not None:
            return None
        return {**source_of(video), "video_id": None if session.owns_video else video.pk}


class MomentSerializer(serializers.Serializer[Data]):
    start_time = SecondsField(min_value=0)
    end_time = SecondsField(min_value=0)


class AnalysisReelSerializer(serializers.Serializer[Data]):
    """Moments of a new reel: at least 0.5 s each, not overlapping, at most 600 s in total."""

    moments = BoundedListField(child=MomentSerializer(), min_length=1, max_length=MAX_MOMENTS)


class KeepSerializer(serializers.Serializer[Data]):
    keep = StrictBooleanField(help_text="false: the analysis is deleted after the default time, counted from now.")


class ResultsSerializer(AnswerSerializer[AnalysisSession]):
    """The results of an analysis; docs/guides/analysis.md lists the fields of ``data``."""

    # Pass a session loaded with its results. Raises what :meth:`AnalysisSession.check_ready` raises.
    sessionId = serializers.UUIDField(source="pk")
    status = serializers.ChoiceField(choices=["completed"])
    analysis_type = serializers.ChoiceField(choices=AnalysisType.choices)
    name = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]

    def to_representation(self, instance: AnalysisSession) -> Data:
        instance.check_ready()
        return super().to_representation(instance)

    def get_data(self, session: AnalysisSession) -> Data:
        data = {**session.data} if session.data else {}
        video = session.video
        own = [row for row in video.renditions.all() if row.name == session.rendition_name] if video else []
        made = {row.kind: url_of(row, row.video) for row in own}
        if session.analysis_type == AnalysisType.WORKOUT:
            return {**data, "preview_url": made.get(RenditionKind.PREVIEW)}
        thumbnails = [made_url(key) if key else None for key in session.thumbnails]
        return {
            **data,
            "highlight_video_url": made.get(RenditionKind.REEL),
            "thumbnails": [address for address in thumbnails if address],
            "highlights": [
                {**one, "thumbnail_url": thumbnails[index] if index < len(thumbnails) else None}
                for index, one in enumerate(data.get("highlights", []))
            ],
        }


class CancelledSerializer(serializers.Serializer[Data]):
    sessionId = serializers.UUIDField()
    status = serializers.ChoiceField(choices=["cancelled"])
    message = serializers.CharField()


class AnalysisListSerializer(serializers.Serializer[Data]):
    sessions = StatusSerializer(many=True)
    pagination = ListPageSerializer()


class AnalysisQuerySerializer(ListQuerySerializer):
    """Filters of the caller's analyses."""

    status = serializers.ChoiceField(choices=SessionStatus.choices, required=False)
    analysis_type = serializers.ChoiceField(choices=AnalysisType.choices, required=False)

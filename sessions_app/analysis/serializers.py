from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from media_app.streaming.serializers import SourceSerializer
from media_app.videos.media_urls import made_url, source_of, url_of
from media_app.videos.models import RenditionKind, VideoStatus
from sessions_app.analysis.models import AnalysisSession, AnalysisType, SessionStatus
from sessions_app.analysis.reels import CUT, MAX_MOMENTS, MAX_TITLE, TRANSITIONS
from vodplatform.core.api.fields import (
    AnswerSerializer,
    BoundedListField,
    CauseSerializer,
    ListPageSerializer,
    ListQuerySerializer,
    SecondsField,
    StoredJsonField,
    StrictBooleanField,
    StrictCharField,
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
    """A video to find highlights in, and the parameters of the analysis."""

    video = serializers.FileField(required=False)
    video_id = serializers.UUIDField(required=False)
    segment_length = serializers.FloatField(required=False, min_value=2, max_value=60)
    target_duration = serializers.FloatField(required=False, min_value=5, max_value=600)
    max_highlights = serializers.IntegerField(required=False, min_value=1, max_value=50)
    min_score = serializers.FloatField(required=False, min_value=0, max_value=1)


class WorkoutFormSerializer(serializers.Serializer[Data]):
    """A workout video, and the parameters of its analysis."""

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
    """URLs of the analysed video; ``video_id`` is null outside the library."""

    video_id = serializers.UUIDField(allow_null=True)


class AnalysisParametersSerializer(serializers.Serializer[Data]):
    """The parameters of an analysis. The first four are for highlights, the others for workouts."""

    segment_length = serializers.FloatField(required=False, help_text="Seconds.")
    target_duration = serializers.FloatField(required=False, help_text="Maximum length of the reel in seconds.")
    max_highlights = serializers.IntegerField(required=False)
    min_score = serializers.FloatField(required=False, help_text="Minimum score of a highlight, from 0 to 1.")
    exercise = serializers.CharField(required=False, help_text="`auto` or the name of an exercise.")
    min_repetitions = serializers.IntegerField(required=False)


class AnalysisStatusSerializer(AnswerSerializer[AnalysisSession]):
    """The state of an analysis. ``progress`` is in percent."""

    # Instances must come from ``AnalysisSessionQuerySet.with_state``.
    sessionId = serializers.UUIDField(source="pk")
    status = serializers.ChoiceField(choices=SessionStatus.choices)
    progress = serializers.FloatField(min_value=0, max_value=100)
    message = serializers.CharField(allow_blank=True)
    analysis_type = serializers.ChoiceField(choices=AnalysisType.choices)
    name = serializers.CharField()
    params = StoredJsonField(AnalysisParametersSerializer)
    warnings = serializers.ListField(child=serializers.CharField())
    error = CauseSerializer(allow_null=True, source="failure")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(
        allow_null=True,
        help_text="Time at which the analysis will be deleted; null if it is kept for as long as its video.",
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
    title = StrictCharField(
        required=False, allow_blank=True, max_length=MAX_TITLE,
        help_text="Text of a title card of 2.5 s before the moment; empty for no title card.",
    )  # fmt: skip
    transition = serializers.ChoiceField(
        choices=TRANSITIONS, default=CUT,
        help_text="How the reel changes to the moment and to its title card; a fade goes through black for 0.5 s.",
    )  # fmt: skip


class AnalysisReelSerializer(serializers.Serializer[Data]):
    """The moments of a new reel. Each lasts at least 0.5 s, and they must not overlap.

    Together with the title cards, they last at most 600 s.
    """

    moments = BoundedListField(child=MomentSerializer(), min_length=1, max_length=MAX_MOMENTS)
    order = serializers.ChoiceField(
        choices=["time", "given"], default="time", help_text="Order of the moments in the reel."
    )


class KeepSerializer(serializers.Serializer[Data]):
    keep = StrictBooleanField(help_text="If false, the default time until the analysis is deleted starts now.")


class SegmentSignalsSerializer(serializers.Serializer[Data]):
    """Signals of a segment, from 0 to 1. Its score depends on ``sound`` and ``motion``, not on ``cuts``."""

    sound = serializers.FloatField()
    motion = serializers.FloatField()
    cuts = serializers.FloatField()


class ScoredSegmentSerializer(serializers.Serializer[Data]):
    """A segment of an analysed video. Times in seconds."""

    index = serializers.IntegerField()
    start_time = serializers.FloatField()
    end_time = serializers.FloatField()
    score = serializers.FloatField(help_text="0 to 1.")
    description = serializers.CharField()
    signals = SegmentSignalsSerializer()


class BestMomentSerializer(serializers.Serializer[Data]):
    """A moment of an analysed video. Times in seconds."""

    start_time = serializers.FloatField()
    end_time = serializers.FloatField()
    score = serializers.FloatField(help_text="0 to 1.")
    description = serializers.CharField()
    segment = serializers.IntegerField(help_text="Index of the segment with the moment's highest score.")


class HighlightSerializer(BestMomentSerializer):
    """A highlight or a moment that the user chose. Its position in the reel is null if the reel does not contain it."""

    reel_start = serializers.FloatField(allow_null=True)
    reel_end = serializers.FloatField(allow_null=True)
    thumbnail_url = serializers.CharField(allow_null=True, help_text="Signed; expires.")
    origin = serializers.ChoiceField(
        choices=["highlights", "manual"],
        required=False,
        help_text="How this moment was found. Only present if the user chose the moments of the reel.",
    )
    title = serializers.CharField(
        required=False, help_text="Text of the title card before the moment; empty without a title card."
    )
    transition = serializers.ChoiceField(
        choices=TRANSITIONS, required=False, help_text="How the reel changes to this moment."
    )


class HighlightCurvesSerializer(serializers.Serializer[Data]):
    """Curves over the video: one value from 0 to 1 per ``step`` (seconds)."""

    step = serializers.FloatField()
    score = serializers.ListField(child=serializers.FloatField())
    sound = serializers.ListField(child=serializers.FloatField())
    motion = serializers.ListField(child=serializers.FloatField())


class ShotEdgeSerializer(serializers.Serializer[Data]):
    """A change from one shot to the next. Times in seconds."""

    kind = serializers.ChoiceField(choices=["cut", "dissolve", "fade"])
    start = serializers.FloatField()
    end = serializers.FloatField()


class HighlightsDataSerializer(serializers.Serializer[Data]):
    """The results of an analysis for highlights."""

    summary = serializers.CharField(allow_blank=True)
    duration = serializers.FloatField(help_text="Seconds.")
    warnings = serializers.ListField(child=serializers.CharField())
    method = serializers.ChoiceField(choices=["signals", "vision"])
    segments = ScoredSegmentSerializer(many=True)
    highlights = HighlightSerializer(
        many=True, help_text="The highlights, in the order of the reel. Unless the user changed it, this is by time."
    )
    below_minimum = BestMomentSerializer(
        many=True, help_text="The best moments if none reaches `min_score`; otherwise empty."
    )
    found = BestMomentSerializer(
        many=True,
        required=False,
        help_text="The highlights that the analysis found. Only present if the user has since chosen other moments.",
    )
    curves = HighlightCurvesSerializer()
    edges = ShotEdgeSerializer(many=True)
    highlight_video_url = serializers.CharField(allow_null=True, help_text="Signed URL of the reel; the URL expires.")
    thumbnails = serializers.ListField(child=serializers.CharField())


class RepetitionSerializer(serializers.Serializer[Data]):
    """Start, turning point and end of a repetition, in seconds."""

    start = serializers.FloatField()
    turn = serializers.FloatField()
    end = serializers.FloatField()


class PauseSerializer(serializers.Serializer[Data]):
    start = serializers.FloatField()
    end = serializers.FloatField()


class TempoSerializer(serializers.Serializer[Data]):
    """The usual length of a repetition and of its two halves, in seconds."""

    seconds = serializers.FloatField()
    down = serializers.FloatField()
    up = serializers.FloatField()
    per_minute = serializers.FloatField()
    pauses = PauseSerializer(many=True)


class ExerciseCurveSerializer(serializers.Serializer[Data]):
    """The measured movement: one value from 0 to 1 per ``step`` (seconds), from ``start`` (seconds) on."""

    step = serializers.FloatField()
    start = serializers.FloatField()
    values = serializers.ListField(child=serializers.FloatField())


class ExerciseSerializer(serializers.Serializer[Data]):
    """A series of repetitions. Times in seconds."""

    name = serializers.CharField()
    name_confidence = serializers.FloatField(help_text="0 to 1.")
    start_time = serializers.FloatField()
    end_time = serializers.FloatField()
    repetitions = serializers.IntegerField()
    rep_times = RepetitionSerializer(many=True)
    tempo = TempoSerializer()
    confidence = serializers.FloatField(help_text="Certainty of the count, from 0 to 1.")
    signal = serializers.CharField(help_text="Name of the measured movement.")
    curve = ExerciseCurveSerializer()
    feedback = serializers.ListField(child=serializers.CharField())


class UncountedPartSerializer(serializers.Serializer[Data]):
    """A part of a workout whose movements were not counted. Times in seconds."""

    start_time = serializers.FloatField()
    end_time = serializers.FloatField()
    reason = serializers.CharField()


class WorkoutDataSerializer(serializers.Serializer[Data]):
    """The results of an analysis of a workout."""

    summary = serializers.CharField(allow_blank=True)
    duration = serializers.FloatField(help_text="Seconds.")
    warnings = serializers.ListField(child=serializers.CharField())
    method = serializers.ChoiceField(choices=["poses", "movement", "poses and movement"])
    exercises = ExerciseSerializer(many=True)
    total_repetitions = serializers.IntegerField()
    not_counted = UncountedPartSerializer(many=True)
    preview_url = serializers.CharField(allow_null=True, help_text="Signed; expires.")


@extend_schema_field(
    PolymorphicProxySerializer(
        component_name="AnalysisData",
        serializers=[HighlightsDataSerializer, WorkoutDataSerializer],
        resource_type_field_name=None,
    )
)
class AnalysisDataField(serializers.DictField):
    pass


class AnalysisResultSerializer(serializers.Serializer[Data]):
    """The result of a job that analysed a video or cut a reel."""

    session_id = serializers.UUIDField()
    summary = serializers.CharField(allow_blank=True)
    pictures = serializers.ListField(child=serializers.CharField(allow_blank=True), required=False)


class ResultsSerializer(AnswerSerializer[AnalysisSession]):
    """The results of an analysis. ``analysis_type`` says which form ``data`` has."""

    # Instances must be loaded with their results. Raises the errors of :meth:`AnalysisSession.check_ready`.
    sessionId = serializers.UUIDField(source="pk")
    status = serializers.ChoiceField(choices=["completed"])
    analysis_type = serializers.ChoiceField(choices=AnalysisType.choices)
    name = serializers.CharField()
    data = AnalysisDataField()  # type: ignore[assignment]

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
    sessions = AnalysisStatusSerializer(many=True)
    pagination = ListPageSerializer()


class AnalysisQuerySerializer(ListQuerySerializer):
    """Filters for the list of analyses."""

    status = serializers.ChoiceField(choices=SessionStatus.choices, required=False)
    analysis_type = serializers.ChoiceField(choices=AnalysisType.choices, required=False)

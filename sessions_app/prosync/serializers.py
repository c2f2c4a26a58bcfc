from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from jobs_app.models import JobStatus
from media_app.streaming.serializers import SourceSerializer
from media_app.videos.media_urls import source_of, url_of
from media_app.videos.models import RenditionKind, VideoStatus
from sessions_app.prosync.models import Engine, ProJob
from vodplatform.core.api.fields import (
    AnswerSerializer,
    CauseSerializer,
    ListPageSerializer,
    ListQuerySerializer,
    StoredJsonField,
)

Data = dict[str, Any]
MESSAGES = {
    JobStatus.QUEUED: "Queued",
    JobStatus.COMPLETED: "The video is ready",
    JobStatus.CANCELLED: "Cancelled",
}


class NewProJobSerializer(serializers.Serializer[Data]):
    """A new pro job: a video, sounds, and the segment that each sound replaces."""

    video = serializers.FileField()
    audio_files = serializers.ListField(
        child=serializers.FileField(),
        help_text="1 to 50 sound files. Send each file in its own form field with this name.",
    )
    audio_ref_ids = serializers.CharField(
        required=False, help_text="A JSON list with one name per sound, in the order of `audio_files`."
    )
    segments = serializers.CharField(
        required=False,
        help_text="A JSON list of `{startTime, endTime, audioInput: {refId, startTime?, endTime?}, label?}`; "
        "`segments_data` is an alias.",
    )
    options = serializers.CharField(
        required=False,
        help_text="A JSON object with the optional fields `sync_mode` (`cut_off`, `loop`, `bounce`, `silence` or "
        "`remap`; by default `cut_off`), `model` and `remove_text`. `remove_text` is true or `{regions?: [{x, y, "
        "width, height}], start?, end?}`. Boxes are fractions (0 to 1) of the displayed picture, times are seconds of "
        "the video.",
    )
    name = serializers.CharField(required=False, max_length=255)


def sound_addresses(row: ProJob) -> dict[str, str]:
    return {ref: address for ref, made in row.sound_files.items() if (address := url_of(made, row.video))}


@dataclass(frozen=True)
class BegunProJob:
    """A pro job that was just started. max_segments: segment limit of the owner's plan."""

    row: ProJob
    max_segments: int
    ok: bool = True


class BegunProJobSerializer(AnswerSerializer[BegunProJob]):
    """A new pro job, with the URLs of its sounds."""

    ok = serializers.BooleanField()
    job_id = serializers.UUIDField(source="row.pk")
    status = serializers.ChoiceField(choices=JobStatus.choices, source="row.job.status")
    is_pro_job = serializers.BooleanField(source="row.job.is_pro_job")
    segments_count = serializers.IntegerField()
    max_segments = serializers.IntegerField()
    audio_refs = serializers.DictField(child=serializers.CharField())

    def get_segments_count(self, begun: BegunProJob) -> int:
        return len(begun.row.job.segments_data or [])

    def get_audio_refs(self, begun: BegunProJob) -> dict[str, str]:
        return sound_addresses(begun.row)


class ProSoundSerializer(serializers.Serializer[Data]):
    refId = serializers.CharField()
    filename = serializers.CharField()
    duration = serializers.FloatField()
    peaks = serializers.ListField(child=serializers.FloatField())


class ProSourceSerializer(SourceSerializer):
    peaks_url = serializers.CharField(allow_null=True)
    sprite_vtt_url = serializers.CharField(allow_null=True)


class AudioInputSerializer(serializers.Serializer[Data]):
    """A sound and, if only a part of it is used, the part's start and end in seconds."""

    refId = serializers.CharField()
    startTime = serializers.FloatField(required=False)
    endTime = serializers.FloatField(required=False)


class ProSegmentSerializer(serializers.Serializer[Data]):
    """A segment whose speech is replaced. Times in seconds of the video."""

    startTime = serializers.FloatField()
    endTime = serializers.FloatField()
    audioInput = AudioInputSerializer()
    label = serializers.CharField(required=False)  # type: ignore[assignment]
    status = serializers.ChoiceField(choices=JobStatus.choices)


class ProOptionsSerializer(serializers.Serializer[Data]):
    sync_mode = serializers.CharField()
    model = serializers.CharField(allow_null=True)
    remove_text = serializers.JSONField(allow_null=True)


class SegmentOutcomeSerializer(serializers.Serializer[Data]):
    """The changes to one segment; empty if the provider does not report them.

    used: seconds of the new sound that are heard. original, given: loudness in LUFS of the replaced and of the new
    sound, null for silence. joints: levels in dBFS of the audible splicing errors where the new sound begins, and where
    it ends.
    """

    mode = serializers.CharField(required=False)
    used = serializers.FloatField(required=False)
    repeats = serializers.FloatField(required=False)
    stretch = serializers.FloatField(required=False)
    gain = serializers.FloatField(required=False)
    silence = serializers.FloatField(required=False)
    original = serializers.FloatField(required=False, allow_null=True)
    given = serializers.FloatField(required=False, allow_null=True)
    joints = serializers.ListField(child=serializers.FloatField(allow_null=True), required=False)
    note = serializers.CharField(required=False, allow_null=True)


class ProOutcomeSerializer(serializers.Serializer[Data]):
    """The changes that a pro job made to the video's sound and picture."""

    engine = serializers.CharField()
    model = serializers.CharField(required=False, allow_null=True)
    duration = serializers.FloatField(required=False, help_text="Seconds.")
    sound = serializers.CharField(required=False)
    why_sound = serializers.CharField(required=False, allow_null=True)
    picture = serializers.CharField(required=False)
    why_picture = serializers.CharField(required=False, allow_null=True)
    segments = SegmentOutcomeSerializer(many=True)


class ProResultSerializer(serializers.Serializer[Data]):
    """The result of a pro job: its id and its number of segments."""

    job_id = serializers.UUIDField()
    segments = serializers.IntegerField()


class ProJobSerializer(AnswerSerializer[ProJob]):
    """The state of a pro job. ``outcome``: changes to picture, sound and segments."""

    # Load instances with ``ProJobQuerySet.with_state``. Otherwise each instance needs queries for job, video and files.
    job_id = serializers.UUIDField(source="pk")
    status = serializers.ChoiceField(choices=JobStatus.choices, source="job.status")
    progress = serializers.FloatField(min_value=0, max_value=100)
    message = serializers.CharField(allow_blank=True)
    is_pro_job = serializers.BooleanField(source="job.is_pro_job")
    segments_data = StoredJsonField(ProSegmentSerializer, many=True, source="segments")
    engine = serializers.ChoiceField(choices=Engine.choices)
    generation_id = serializers.CharField(allow_null=True, required=False)
    result_url = serializers.CharField(allow_null=True)
    error = CauseSerializer(allow_null=True)
    name = serializers.CharField()
    options = StoredJsonField(ProOptionsSerializer)
    outcome = StoredJsonField(ProOutcomeSerializer, allow_null=True)
    audio_refs = serializers.DictField(child=serializers.CharField())
    sounds = StoredJsonField(ProSoundSerializer, many=True)
    source = ProSourceSerializer(allow_null=True)  # type: ignore[assignment]
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: ProJob) -> Data:
        shown = super().to_representation(instance)
        if instance.engine != Engine.SYNCSO:
            del shown["generation_id"]
        return shown

    def get_progress(self, row: ProJob) -> float:
        return 100.0 if row.job.status == JobStatus.COMPLETED else round(row.job.progress, 1)

    def get_message(self, row: ProJob) -> str:
        error = self.get_error(row)
        return error["message"] if error else MESSAGES.get(JobStatus(row.job.status), row.job.message)

    def get_error(self, row: ProJob) -> dict[str, str] | None:
        if row.job.status != JobStatus.FAILED:
            return None
        given = row.job.error or {}
        return {
            "type": given.get("type", "server_error"),
            "message": given.get("message", "The job failed. Try again."),
        }

    def get_generation_id(self, row: ProJob) -> str | None:
        return row.generation_id or None

    def get_result_url(self, row: ProJob) -> str | None:
        return url_of(row.result, row.video)

    def get_sounds(self, row: ProJob) -> list[Data]:
        # Copy the peaks without conversion: thousands of numbers would be slow to check.
        return [
            {"refId": one["ref"], "filename": one["filename"], "duration": one["seconds"], "peaks": one["peaks"]}
            for one in row.sounds
        ]

    def get_audio_refs(self, row: ProJob) -> dict[str, str]:
        return sound_addresses(row)

    def get_source(self, row: ProJob) -> Data | None:
        video = row.video
        if video.status != VideoStatus.READY:
            return None
        made = {one.kind: one for one in video.renditions.all()}
        return {
            **source_of(video),
            "peaks_url": url_of(made.get(RenditionKind.PEAKS), video),
            "sprite_vtt_url": url_of(made.get(RenditionKind.SPRITE), video),
        }


class NoticedSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()


class ProJobListSerializer(serializers.Serializer[Data]):
    pro_jobs = ProJobSerializer(many=True)
    pagination = ListPageSerializer()


class ProJobQuerySerializer(ListQuerySerializer):
    """Filters for the caller's pro jobs."""

    status = serializers.ChoiceField(choices=JobStatus.choices, required=False)
    same_video_as = serializers.UUIDField(
        required=False,
        help_text="The id of one of your pro jobs. Only your other pro jobs with the same video file are returned.",
    )

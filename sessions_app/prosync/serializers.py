"""What the API of pro jobs takes and answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from jobs_app.models import JobStatus
from media_app.delivery.serializers import SourceSerializer
from sessions_app.prosync.models import Engine
from vodplatform.base.fields import CauseSerializer, ListPageSerializer, ListQuerySerializer

Data = dict[str, Any]


class NewProJobSerializer(serializers.Serializer[Data]):
    """A video, the sounds that replace parts of its own, and which part each of them replaces."""

    video = serializers.FileField()
    audio_files = serializers.ListField(child=serializers.FileField(), help_text="1 to 50 parts of this name.")
    audio_ref_ids = serializers.CharField(required=False, help_text="A JSON list that names the sounds in their order.")
    segments = serializers.CharField(
        required=False,
        help_text="A JSON list of `{startTime, endTime, audioInput: {refId, startTime?, endTime?}, label?}`; "
        "`segments_data` is the same.",
    )
    options = serializers.CharField(
        required=False,
        help_text="A JSON object: `sync_mode` cut_off (the usual one), loop, bounce, silence or remap; `model`; "
        "`remove_text` true or `{regions?: [{x, y, width, height}], start?, end?}`, boxes as shares of the displayed "
        "picture from 0 to 1, times in seconds of the video.",
    )
    name = serializers.CharField(required=False, max_length=255)


class BegunProJobSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    job_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=JobStatus.choices)
    is_pro_job = serializers.BooleanField()
    segments_count = serializers.IntegerField()
    max_segments = serializers.IntegerField()
    audio_refs = serializers.DictField(child=serializers.CharField())


class ProSoundSerializer(serializers.Serializer[Data]):
    refId = serializers.CharField()
    filename = serializers.CharField()
    duration = serializers.FloatField()
    peaks = serializers.ListField(child=serializers.FloatField())


class ProSourceSerializer(SourceSerializer):
    """The video as it was sent."""

    peaks_url = serializers.CharField(allow_null=True)
    sprite_vtt_url = serializers.CharField(allow_null=True)


class ProJobSerializer(serializers.Serializer[Data]):
    """Where a pro job is. ``outcome``: what was done to the picture, the sound and each segment."""

    job_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=JobStatus.choices)
    progress = serializers.FloatField(min_value=0, max_value=100)
    message = serializers.CharField(allow_blank=True)
    is_pro_job = serializers.BooleanField()
    segments_data = serializers.ListField(child=serializers.DictField())
    engine = serializers.ChoiceField(choices=Engine.choices)
    generation_id = serializers.CharField(allow_null=True, required=False)
    result_url = serializers.CharField(allow_null=True)
    error = CauseSerializer(allow_null=True)
    name = serializers.CharField()
    options = serializers.DictField()
    outcome = serializers.DictField(allow_null=True)
    audio_refs = serializers.DictField(child=serializers.CharField())
    sounds = ProSoundSerializer(many=True)
    source = ProSourceSerializer(allow_null=True)  # type: ignore[assignment]
    created_at = serializers.DateTimeField()


class NoticedSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()


class ProJobListSerializer(serializers.Serializer[Data]):
    pro_jobs = ProJobSerializer(many=True)
    pagination = ListPageSerializer()


class ProJobQuerySerializer(ListQuerySerializer):
    """Which of one's own."""

    status = serializers.ChoiceField(choices=JobStatus.choices, required=False)

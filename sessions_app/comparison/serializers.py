"""What the comparison API takes and answers."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from sessions_app.comparison.models import OffsetSource, PlaybackState, SyncMode
from sessions_app.comparison.timeline import MAX_RATE, MAX_TIMESTAMP, MIN_RATE
from vodplatform.base.errors import DomainError
from vodplatform.base.fields import (
    ListQuerySerializer,
    SecondsField,
    ShortDictField,
    ShortListField,
    StrictCharField,
    StrictIntegerField,
)

MAX_UI_STATE_BYTES = 64 * 1024
MAX_PREVIEW_TIMES = 8
MOST_VODS = 3
MOST_UI_NAMES = 1000
GAMES = ["auto", "apex", "valorant", "csgo", "speedrun"]
METHODS = ["timer_ocr", "audio", "auto"]
ROUNDING = 1e-6

Data = dict[str, Any]


class NewVodSerializer(serializers.Serializer[Data]):
    """One VOD of a new session: ``path`` or ``video_id``."""

    vod_id = serializers.RegexField(
        r"^[^/\s\x00-\x1f]([^/\x00-\x1f]*[^/\s\x00-\x1f])?$", max_length=100,
        error_messages={"invalid": "Must be text without a slash, control characters or blanks at its ends."},
    )  # fmt: skip
    name = StrictCharField(max_length=255, required=False, allow_blank=True)
    path = StrictCharField(max_length=4096, required=False, trim_whitespace=False)
    video_id = serializers.UUIDField(required=False)

    def to_internal_value(self, data: Any) -> Data:
        if isinstance(data, dict):
            if isinstance(data.get("vod_id", ""), bool | int | float):
                raise serializers.ValidationError({"vod_id": ["Must be text."]})
            # A video chosen by id has a null path in our own answers: take them back as they are.
            data = {key: value for key, value in data.items() if not (key in ("path", "video_id") and value is None)}
        return super().to_internal_value(data)  # type: ignore[no-any-return]

    def validate(self, attrs: Data) -> Data:
        if ("path" in attrs) == ("video_id" in attrs):
            raise serializers.ValidationError({"path": ["Give either `path` or `video_id`."]})
        if not attrs.get("name"):
            attrs["name"] = attrs["path"].rsplit("/", 1)[-1][:255] if "path" in attrs else attrs["vod_id"]
        return attrs


class NewSessionSerializer(serializers.Serializer[Data]):
    vods = NewVodSerializer(many=True, allow_empty=True)
    name = StrictCharField(max_length=200, allow_blank=True, allow_null=True, default="")
    description = StrictCharField(max_length=10_000, allow_blank=True, allow_null=True, default="")

    def to_internal_value(self, data: Any) -> Data:
        vods = data.get("vods") if isinstance(data, dict) else None
        if isinstance(vods, list) and len(vods) not in (2, 3):
            raise DomainError("vod_count", f"A comparison needs 2 or 3 VODs, not {len(vods)}.")
        return super().to_internal_value(data)  # type: ignore[no-any-return]


class SyncConfigSerializer(serializers.Serializer[Data]):
    resync_interval_ms = StrictIntegerField(min_value=50, max_value=60_000, required=False)
    drift_tolerance_ms = StrictIntegerField(min_value=1, max_value=10_000, required=False)


class PatchSerializer(serializers.Serializer[Data]):
    """Anything left out stays."""

    name = StrictCharField(max_length=200, required=False)
    description = StrictCharField(max_length=10_000, required=False, allow_blank=True)
    sync_mode = serializers.ChoiceField(choices=SyncMode.choices, required=False)
    sync_config = SyncConfigSerializer(required=False)
    ui_state = ShortDictField(max_length=MOST_UI_NAMES, required=False)

    def validate_ui_state(self, value: Data) -> Data:
        if len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_UI_STATE_BYTES:
            raise DomainError("too_large", "ui_state: must not be larger than 64 KB.", limit=MAX_UI_STATE_BYTES)
        return value


class SeekSerializer(serializers.Serializer[Data]):
    timestamp = SecondsField(min_value=0, max_value=MAX_TIMESTAMP)


class PlaybackSerializer(serializers.Serializer[Data]):
    state = serializers.ChoiceField(choices=PlaybackState.choices)
    rate = SecondsField(min_value=MIN_RATE, max_value=MAX_RATE, required=False, help_text="1 is normal speed.")
    at = SecondsField(
        min_value=0, max_value=MAX_TIMESTAMP, required=False, help_text="Global time at which the state begins."
    )


class OffsetsSerializer(serializers.Serializer[Data]):
    offsets = ShortDictField(
        child=SecondsField(min_value=-MAX_TIMESTAMP, max_value=MAX_TIMESTAMP), max_length=MOST_VODS
    )
    source = serializers.ChoiceField(choices=OffsetSource.choices)  # type: ignore[assignment]
    confidence = SecondsField(min_value=0, max_value=1, required=False, allow_null=True, help_text="0 to 1.")

    def validate(self, attrs: Data) -> Data:
        if attrs["source"] == OffsetSource.MANUAL:
            attrs["confidence"] = None
        elif attrs.get("confidence") is None:
            raise serializers.ValidationError({"confidence": ["Required unless the source is manual."]})
        return attrs


class RoiSerializer(serializers.Serializer[Data]):
    """A box on one VOD at one of its own times, in fractions of the displayed frame."""

    vod_id = StrictCharField(max_length=100)
    time = SecondsField(min_value=0, max_value=MAX_TIMESTAMP)
    x = SecondsField(min_value=0, max_value=1)
    y = SecondsField(min_value=0, max_value=1)
    width = SecondsField(min_value=0, max_value=1)
    height = SecondsField(min_value=0, max_value=1)

    def validate(self, attrs: Data) -> Data:
        for start, size in (("x", "width"), ("y", "height")):
            if attrs[size] <= 0:
                raise serializers.ValidationError({size: ["Must be greater than 0."]})
            if attrs[start] + attrs[size] > 1 + ROUNDING:
                raise serializers.ValidationError({size: ["The box reaches outside the frame."]})
        return attrs


class AlignSerializer(serializers.Serializer[Data]):
    method = serializers.ChoiceField(choices=METHODS)
    roi = RoiSerializer(required=False, allow_null=True, default=None)
    game = serializers.ChoiceField(choices=GAMES, default="auto")


class ApplySerializer(serializers.Serializer[Data]):
    vod_ids = ShortListField(
        child=StrictCharField(max_length=100), required=False, allow_null=True, min_length=1, max_length=MOST_VODS
    )


class PreviewSerializer(serializers.Serializer[Data]):
    roi = RoiSerializer()
    times = serializers.JSONField(
        required=False, allow_null=True, default=None,
        help_text="At most 8 positions in seconds on each VOD's own time, or an object of such lists by vod_id.",
    )  # fmt: skip

    def validate_times(self, value: Any) -> Any:
        if value is None or value == []:
            return None
        moments = ShortListField(child=SecondsField(min_value=0, max_value=MAX_TIMESTAMP), max_length=MAX_PREVIEW_TIMES)
        if isinstance(value, dict) and len(value) > MOST_VODS:
            raise serializers.ValidationError(f"Send at most {MOST_VODS} lists.")
        if isinstance(value, dict):
            return {vod_id: moments.run_validation(part) for vod_id, part in value.items()}
        return moments.run_validation(value)


class SessionListQuerySerializer(ListQuerySerializer):
    created_by = serializers.CharField(required=False, max_length=150)


class HistoryQuerySerializer(serializers.Serializer[Data]):
    """All changes where no limit is given, 10 000 at most."""

    vod_id = serializers.CharField(required=False, max_length=100)
    limit = serializers.IntegerField(min_value=1, max_value=100, required=False)
    offset = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)


class FilesQuerySerializer(ListQuerySerializer):
    search = serializers.CharField(required=False, max_length=200, default="", allow_blank=True)


# Answers: these document what presentation.py makes.


class OffsetChangeSerializer(serializers.Serializer[Data]):
    timestamp = serializers.FloatField(help_text="Epoch seconds.")
    vod_id = serializers.CharField()
    vod_name = serializers.CharField()
    old_offset = serializers.FloatField()
    new_offset = serializers.FloatField()
    source = serializers.ChoiceField(choices=OffsetSource.choices)  # type: ignore[assignment]
    confidence = serializers.FloatField(allow_null=True)
    changed_by = serializers.CharField(help_text="The user's id.")
    changed_by_name = serializers.CharField()


class VodSerializer(serializers.Serializer[Data]):
    vod_id = serializers.CharField()
    name = serializers.CharField()
    path = serializers.CharField(allow_null=True)
    video_id = serializers.UUIDField()
    stream_url = serializers.CharField(help_text="Signed; expires.")
    duration = serializers.FloatField()
    fps = serializers.FloatField()
    fps_fraction = serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    is_variable_frame_rate = serializers.BooleanField()
    resolution = serializers.CharField(help_text="As displayed, `1920x1080`.")
    codec = serializers.CharField()
    audio_tracks = serializers.ListField(child=serializers.DictField())
    offset = serializers.FloatField()
    offset_source = serializers.ChoiceField(choices=OffsetSource.choices)
    offset_confidence = serializers.FloatField()
    offset_history = OffsetChangeSerializer(many=True, help_text="The latest 50; all by `offset-history`.")
    current_time = serializers.FloatField()
    playback_state = serializers.ChoiceField(choices=PlaybackState.choices)
    events = serializers.ListField(child=serializers.DictField())


class SessionSerializer(serializers.Serializer[Data]):
    session_id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    created_at = serializers.FloatField(help_text="Epoch seconds.")
    updated_at = serializers.FloatField(help_text="Epoch seconds.")
    created_by = serializers.CharField(help_text="The owner's id.")
    vods = VodSerializer(many=True)
    sync_mode = serializers.ChoiceField(choices=SyncMode.choices)
    global_time = serializers.FloatField()
    global_playback_state = serializers.ChoiceField(choices=PlaybackState.choices)
    rate = serializers.FloatField()
    ui_state = serializers.DictField()
    sync_config = SyncConfigSerializer()
    auto_sync_result = serializers.DictField(allow_null=True)
    revision = serializers.IntegerField()


class SessionAnswerSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    session = SessionSerializer()


class OkSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()


class ListedSessionSerializer(serializers.Serializer[Data]):
    session_id = serializers.CharField()
    name = serializers.CharField()
    created_at = serializers.FloatField()
    updated_at = serializers.FloatField()
    vod_count = serializers.IntegerField()
    created_by = serializers.CharField()


class SessionListSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    sessions = ListedSessionSerializer(many=True)
    total = serializers.IntegerField()


class HistorySerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    history = OffsetChangeSerializer(many=True)
    total = serializers.IntegerField()


class AlignmentStartedSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    job_id = serializers.UUIDField()


class ReadingSerializer(serializers.Serializer[Data]):
    vod_id = serializers.CharField()
    time = serializers.FloatField()
    text = serializers.CharField()
    value = serializers.FloatField(allow_null=True, help_text="The timer's value in seconds.")
    confidence = serializers.FloatField()
    crop_url = serializers.CharField(allow_null=True)


class PreviewAnswerSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    readings = ReadingSerializer(many=True)


class ProposalSerializer(serializers.Serializer[Data]):
    vod_id = serializers.CharField()
    offset = serializers.FloatField()
    confidence = serializers.FloatField()
    error_bound = serializers.FloatField(help_text="Seconds.")
    agreeing = serializers.IntegerField()
    samples = serializers.IntegerField()
    note = serializers.CharField(help_text="What to keep in mind; may be empty.")
    readings = serializers.ListField(child=serializers.DictField())
    evidence_urls = serializers.ListField(child=serializers.CharField())
    evidence = serializers.ListField(child=serializers.DictField())


class RefusalSerializer(serializers.Serializer[Data]):
    reason = serializers.CharField()
    message = serializers.CharField()
    vod_ids = serializers.ListField(child=serializers.CharField())
    details = serializers.ListField(child=serializers.DictField())


class AlignmentSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    job_id = serializers.UUIDField()
    status = serializers.CharField()
    progress = serializers.FloatField()
    message = serializers.CharField()
    method = serializers.CharField()
    reference = serializers.CharField(allow_null=True)
    proposals = ProposalSerializer(many=True)
    refused = RefusalSerializer(allow_null=True)
    error = serializers.DictField(allow_null=True)


@extend_schema_serializer(many=False)
class LibraryFilesSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    files = serializers.ListField(child=serializers.DictField())
    total = serializers.IntegerField()

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from media_app.videos.media_urls import made_url, stream_url
from media_app.videos.recordings import notes_of
from sessions_app.comparison.models import (
    MAX_VODS,
    MIN_VODS,
    Alignment,
    AlignmentMethod,
    ComparisonSession,
    ComparisonVod,
    OffsetChange,
    OffsetSource,
    PlaybackState,
    SessionEvent,
    SessionRole,
    SyncMode,
)
from sessions_app.comparison.timeline import MAX_DRIFT_PPM, MAX_RATE, MAX_TIMESTAMP, MIN_RATE, Placement
from sessions_app.comparison.vod_cache import cache, first_events, latest_changes
from vodplatform.accounts.models import User
from vodplatform.core.api.fields import (
    AnswerSerializer,
    BoundedDictField,
    BoundedListField,
    CauseSerializer,
    EpochField,
    ListQuerySerializer,
    SecondsField,
    StoredJsonField,
    StrictCharField,
    StrictIntegerField,
    StrictRegexField,
)
from vodplatform.core.errors import DomainError

MAX_UI_STATE_BYTES = 64 * 1024
MAX_PREVIEW_TIMES = 8
MAX_UI_NAMES = 1000
GAMES = ["auto", "apex", "valorant", "csgo", "speedrun"]
ROUNDING = 1e-6

Data = dict[str, Any]


class NewVodSerializer(serializers.Serializer[Data]):
    """A VOD of a new session. Either ``path`` (in the library) or ``video_id`` is required."""

    vod_id = StrictRegexField(
        r"^[^/\s\x00-\x1f]([^/\x00-\x1f]*[^/\s\x00-\x1f])?$", max_length=100,
        error_messages={"invalid": "Must not contain slashes or control characters, and must not start or end "
            "with a space."},
    )  # fmt: skip
    name = StrictCharField(max_length=255, required=False, allow_blank=True)
    path = StrictCharField(max_length=4096, required=False, trim_whitespace=False)
    video_id = serializers.UUIDField(required=False)

    def to_internal_value(self, data: Any) -> Data:
        if isinstance(data, dict):
            if isinstance(data.get("vod_id", ""), bool | int | float):
                raise serializers.ValidationError({"vod_id": ["Must be text."]})
            # Accept a null path, because answers contain one for a video that was chosen by id.
            data = {key: value for key, value in data.items() if not (key in ("path", "video_id") and value is None)}
        return super().to_internal_value(data)  # type: ignore[no-any-return]

    def validate(self, attrs: Data) -> Data:
        if ("path" in attrs) == ("video_id" in attrs):
            raise serializers.ValidationError({"path": ["Send either `path` or `video_id`."]})
        if not attrs.get("name"):
            attrs["name"] = attrs["path"].rsplit("/", 1)[-1][:255] if "path" in attrs else attrs["vod_id"]
        return attrs


class NewSessionSerializer(serializers.Serializer[Data]):
    vods = NewVodSerializer(many=True, allow_empty=True)
    name = StrictCharField(max_length=200, allow_blank=True, allow_null=True, default="")
    description = StrictCharField(max_length=10_000, allow_blank=True, allow_null=True, default="")

    def to_internal_value(self, data: Any) -> Data:
        vods = data.get("vods") if isinstance(data, dict) else None
        if isinstance(vods, list) and not MIN_VODS <= len(vods) <= MAX_VODS:
            raise DomainError("vod_count", f"A comparison needs 2 or 3 VODs, not {len(vods)}.")
        return super().to_internal_value(data)  # type: ignore[no-any-return]


class SyncConfigSerializer(serializers.Serializer[Data]):
    resync_interval_ms = StrictIntegerField(min_value=100, max_value=5_000, required=False)
    drift_tolerance_ms = StrictIntegerField(min_value=1, max_value=1_000, required=False)


class SessionChangeSerializer(serializers.Serializer[Data]):
    """Changes of a session. Omitted fields keep their values."""

    name = StrictCharField(max_length=200, required=False)
    description = StrictCharField(max_length=10_000, required=False, allow_blank=True)
    sync_mode = serializers.ChoiceField(choices=SyncMode.choices, required=False)
    sync_config = SyncConfigSerializer(required=False)
    ui_state = BoundedDictField(max_length=MAX_UI_NAMES, required=False)

    def validate_ui_state(self, value: Data) -> Data:
        if len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_UI_STATE_BYTES:
            raise DomainError("too_large", "ui_state: must not be larger than 64 KB.", limit=MAX_UI_STATE_BYTES)
        return value


class SeekSerializer(serializers.Serializer[Data]):
    timestamp = SecondsField(min_value=0, max_value=MAX_TIMESTAMP)


class GlobalSeekSerializer(serializers.Serializer[Data]):
    timestamp = SecondsField(
        min_value=-MAX_TIMESTAMP,
        max_value=MAX_TIMESTAMP,
        help_text="Seconds on the shared clock, at least `timeline.start`.",
    )


class DuplicateSerializer(serializers.Serializer[Data]):
    name = StrictCharField(max_length=200, required=False, allow_blank=True, default="")


class PlaybackSerializer(serializers.Serializer[Data]):
    state = serializers.ChoiceField(choices=PlaybackState.choices)
    rate = SecondsField(
        min_value=MIN_RATE, max_value=MAX_RATE, required=False, help_text="Playback speed; 1 is normal."
    )
    at = SecondsField(
        min_value=-MAX_TIMESTAMP, max_value=MAX_TIMESTAMP, required=False,
        help_text="Time on the shared clock from which to play, or at which to pause; at least `timeline.start`.",
    )  # fmt: skip


class VodPlaybackSerializer(serializers.Serializer[Data]):
    state = serializers.ChoiceField(choices=PlaybackState.choices)
    rate = SecondsField(
        min_value=MIN_RATE, max_value=MAX_RATE, required=False, help_text="Playback speed; 1 is normal."
    )
    at = SecondsField(
        min_value=0, max_value=MAX_TIMESTAMP, required=False,
        help_text="Position in the VOD from which to play, or at which to pause.",
    )  # fmt: skip


class OffsetsSerializer(serializers.Serializer[Data]):
    """New offsets, drifts and drift anchors by VOD id. Either ``offsets`` or ``drifts`` is required.

    Omitted VODs and fields keep their values.
    """

    offsets = BoundedDictField(
        child=SecondsField(min_value=-MAX_TIMESTAMP, max_value=MAX_TIMESTAMP), max_length=MAX_VODS, required=False
    )
    drifts = BoundedDictField(
        child=SecondsField(min_value=-MAX_DRIFT_PPM, max_value=MAX_DRIFT_PPM), max_length=MAX_VODS, required=False,
        help_text="Drift: how much faster the VOD's clock runs than the shared clock, in ppm; negative if slower.",
    )  # fmt: skip
    anchors = BoundedDictField(
        child=SecondsField(min_value=-MAX_TIMESTAMP, max_value=MAX_TIMESTAMP), max_length=MAX_VODS, required=False,
        help_text="Time on the shared clock at which the VOD's offset holds exactly, if the VOD drifts.",
    )  # fmt: skip
    source = serializers.ChoiceField(choices=OffsetSource.choices)  # type: ignore[assignment]
    confidence = SecondsField(min_value=0, max_value=1, required=False, allow_null=True, help_text="0 to 1.")

    def validate(self, attrs: Data) -> Data:
        if attrs["source"] == OffsetSource.MANUAL:
            attrs["confidence"] = None
        elif attrs.get("confidence") is None:
            raise serializers.ValidationError({"confidence": ["Required unless `source` is `manual`."]})
        if "offsets" not in attrs and "drifts" not in attrs:
            raise serializers.ValidationError({"offsets": ["Send `offsets`, `drifts` or both."]})
        return attrs


class RoiSerializer(serializers.Serializer[Data]):
    """A box in fractions of a VOD's displayed frame. time: seconds of the VOD's own time."""

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
                raise serializers.ValidationError(
                    {size: ["The box extends beyond the frame. Make it smaller or move it."]}
                )
        return attrs


class AlignSerializer(serializers.Serializer[Data]):
    method = serializers.ChoiceField(choices=AlignmentMethod.values)
    roi = RoiSerializer(required=False, allow_null=True, default=None)
    game = serializers.ChoiceField(choices=GAMES, default="auto")


class ApplySerializer(serializers.Serializer[Data]):
    vod_ids = BoundedListField(
        child=StrictCharField(max_length=100), required=False, allow_null=True, min_length=1, max_length=MAX_VODS
    )


@extend_schema_field(
    {
        "oneOf": [
            {"type": "array", "items": {"type": "number"}},
            {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "number"}}},
        ]
    }
)
class PreviewTimesField(serializers.JSONField):
    pass


class PreviewSerializer(serializers.Serializer[Data]):
    roi = RoiSerializer()
    times = PreviewTimesField(
        required=False, allow_null=True, default=None,
        help_text="A list of up to 8 times, in seconds from the start of each VOD, used for all VODs; or an object "
        "that maps each vod_id to its own list.",
    )  # fmt: skip

    def validate_times(self, value: Any) -> Any:
        if value is None or value == []:
            return None
        moments = BoundedListField(
            child=SecondsField(min_value=0, max_value=MAX_TIMESTAMP), max_length=MAX_PREVIEW_TIMES
        )
        if isinstance(value, dict) and len(value) > MAX_VODS:
            raise serializers.ValidationError(f"Send at most {MAX_VODS} lists, one per VOD.")
        if isinstance(value, dict):
            return {vod_id: moments.run_validation(part) for vod_id, part in value.items()}
        return moments.run_validation(value)


class SessionListQuerySerializer(ListQuerySerializer):
    created_by = serializers.CharField(required=False, max_length=150)
    archived = serializers.ChoiceField(choices=["false", "true", "all"], default="false")
    search = serializers.CharField(
        required=False, max_length=200, help_text="Words that must occur in the name of the comparison or of a VOD."
    )


class HistoryQuerySerializer(serializers.Serializer[Data]):
    """The query parameters of the offset history. Without ``limit``, the answer has at most 1 000 changes."""

    vod_id = serializers.CharField(required=False, max_length=100)
    limit = serializers.IntegerField(min_value=1, max_value=100, required=False)
    offset = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)


class FilesQuerySerializer(ListQuerySerializer):
    search = serializers.CharField(required=False, max_length=200, default="", allow_blank=True)


class OffsetChangeSerializer(AnswerSerializer[OffsetChange]):
    """A change of a VOD's offset."""

    timestamp = EpochField(source="at", help_text="Epoch seconds.")
    vod_id = serializers.CharField(source="vod.vod_id")
    vod_name = serializers.CharField(source="vod.name")
    old_offset = serializers.FloatField()
    new_offset = serializers.FloatField()
    old_drift_ppm = serializers.FloatField(allow_null=True)
    new_drift_ppm = serializers.FloatField(allow_null=True)
    new_drift_anchor = serializers.FloatField(
        allow_null=True,
        help_text="Time on the shared clock at which the new offset holds exactly; null for changes made before drift "
        "was recorded.",
    )
    source = serializers.ChoiceField(choices=OffsetSource.choices)  # type: ignore[assignment]
    confidence = serializers.FloatField(allow_null=True)
    changed_by = serializers.CharField(help_text="Id of the user who made the change.")
    changed_by_name = serializers.CharField()


@dataclass(frozen=True)
class VodSnapshot:
    vod: ComparisonVod
    current_time: float
    playback_state: str
    rate: float


@dataclass(frozen=True)
class SessionSnapshot:
    session: ComparisonSession
    vods: list[VodSnapshot]
    global_time: float
    playback_state: str
    timeline: dict[str, float]

    @classmethod
    def of(
        cls, session: ComparisonSession, *, now: datetime | None = None, vods: list[ComparisonVod] | None = None
    ) -> SessionSnapshot:
        vods = cache.vods(session) if vods is None else vods
        clock = session.clock(vods, now or session.now())
        shown = [
            VodSnapshot(
                vod,
                track.current_time,
                PlaybackState.PLAYING if clock.is_playing(track) else PlaybackState.PAUSED,
                clock.rate_of(track),
            )
            for vod, track in zip(vods, clock.tracks, strict=True)
        ]
        state = PlaybackState.PLAYING if clock.playing else PlaybackState.PAUSED
        return cls(session, shown, clock.global_time, state, {"start": clock.start, "end": clock.end})


class VodEventSerializer(AnswerSerializer[SessionEvent]):
    """A shortened event of a VOD. time, end: seconds of the VOD's own time."""

    event_id = serializers.UUIDField(source="pk")
    time = serializers.FloatField()
    end = serializers.FloatField(allow_null=True)
    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]


class AudioTrackSerializer(serializers.Serializer[Data]):
    codec = serializers.CharField()
    sample_rate = serializers.IntegerField(help_text="Hz.")
    channels = serializers.IntegerField()


class VodSerializer(AnswerSerializer[VodSnapshot]):
    """A VOD of a session. offset, duration and current_time are in seconds."""

    vod_id = serializers.CharField(source="vod.vod_id")
    name = serializers.CharField(source="vod.name")
    path = serializers.CharField(allow_null=True)
    video_id = serializers.UUIDField(source="vod.video_id")
    stream_url = serializers.CharField(help_text="Signed; expires.")
    duration = serializers.FloatField(source="vod.video.duration")
    fps = serializers.FloatField(source="vod.video.fps")
    fps_fraction = serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    is_variable_frame_rate = serializers.BooleanField(source="vod.video.is_variable_frame_rate")
    resolution = serializers.CharField(
        source="vod.video.resolution", help_text="Displayed size in pixels, for example `1920x1080`."
    )
    codec = serializers.CharField(source="vod.video.codec")
    audio_tracks = StoredJsonField(AudioTrackSerializer, many=True, source="vod.video.audio_tracks")
    notes = serializers.ListField(
        child=serializers.CharField(),
        help_text="Notes on lost or changed parts of the recording; usually empty.",
    )
    offset = serializers.FloatField(source="vod.offset")
    offset_source = serializers.ChoiceField(choices=OffsetSource.choices, source="vod.offset_source")
    offset_confidence = serializers.FloatField(source="vod.offset_confidence")
    drift_ppm = serializers.FloatField(
        source="vod.drift_ppm",
        help_text="Drift: how much faster the VOD's clock runs than the shared clock, in ppm; negative if slower.",
    )
    drift_anchor = serializers.FloatField(
        source="vod.drift_anchor", help_text="Time on the shared clock at which the offset holds exactly, in seconds."
    )
    offset_history = OffsetChangeSerializer(many=True, help_text="The latest 50 changes; `offset-history` lists all.")
    current_time = serializers.FloatField()
    playback_state = serializers.ChoiceField(choices=PlaybackState.choices)
    rate = serializers.FloatField(help_text="The session's rate, or the VOD's own rate in independent mode.")
    events = VodEventSerializer(
        many=True, help_text="The first 50 events, sorted by the VOD's own time; `events` lists all."
    )

    def get_path(self, shown: VodSnapshot) -> str | None:
        return shown.vod.path or None

    def get_stream_url(self, shown: VodSnapshot) -> str:
        return stream_url(shown.vod.video, as_shown=True)

    def get_fps_fraction(self, shown: VodSnapshot) -> list[int]:
        return [shown.vod.video.fps_numerator, shown.vod.video.fps_denominator]

    def get_notes(self, shown: VodSnapshot) -> list[str]:
        return notes_of(shown.vod.video)

    def get_offset_history(self, shown: VodSnapshot) -> list[OffsetChange]:
        return latest_changes(shown.vod)

    def get_events(self, shown: VodSnapshot) -> list[SessionEvent]:
        return first_events(shown.vod)


class AppliedAlignmentSerializer(serializers.Serializer[Data]):
    """The alignment whose proposals were applied last; offsets, drifts and confidences by VOD."""

    job_id = serializers.UUIDField()
    method = serializers.CharField()
    reference = serializers.CharField(allow_null=True)
    offsets = serializers.DictField(child=serializers.FloatField(), help_text="Seconds on the shared clock.")
    drifts = serializers.DictField(child=serializers.FloatField(), help_text="ppm.")
    confidences = serializers.DictField(child=serializers.FloatField())
    refused = serializers.ListField(
        child=serializers.CharField(), help_text="Ids of the VODs without a proposed offset."
    )
    applied_by = serializers.CharField(help_text="User name.")


class TimelineSerializer(serializers.Serializer[Data]):
    """The start and end of a session's clock in seconds. ``start`` can be negative."""

    start = serializers.FloatField(help_text="Start of the earliest VOD, or 0 if all VODs start later.")
    end = serializers.FloatField(help_text="End of the VOD that ends last.")


class SessionSerializer(AnswerSerializer[SessionSnapshot]):
    """A session's present state; global_time in seconds of the shared clock."""

    session_id = serializers.CharField(source="session.session_id")
    name = serializers.CharField(source="session.name")
    description = serializers.CharField(source="session.description")
    created_at = EpochField(source="session.created_at", help_text="Epoch seconds.")
    updated_at = EpochField(source="session.updated_at", help_text="Epoch seconds.")
    created_by = serializers.CharField(source="session.owner_id", help_text="The owner's id.")
    vods = VodSerializer(many=True)
    sync_mode = serializers.ChoiceField(choices=SyncMode.choices, source="session.sync_mode")
    global_time = serializers.FloatField()
    timeline = TimelineSerializer()
    global_playback_state = serializers.ChoiceField(choices=PlaybackState.choices, source="playback_state")
    rate = serializers.FloatField(source="session.rate")
    ui_state = serializers.DictField(source="session.ui_state")
    sync_config = SyncConfigSerializer(source="session.sync_config")
    auto_sync_result = StoredJsonField(AppliedAlignmentSerializer, allow_null=True, source="session.auto_sync_result")
    revision = serializers.IntegerField(source="session.revision")
    events_revision = serializers.IntegerField(
        source="session.events_revision", help_text="Revision of the latest change to the session's events."
    )
    archived = serializers.BooleanField()

    def get_archived(self, shown: SessionSnapshot) -> bool:
        return shown.session.archived_at is not None


class SessionAnswerSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    session = SessionSerializer()


class OkSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()


class ListedSessionSerializer(AnswerSerializer[ComparisonSession]):
    """A session in the list of sessions."""

    session_id = serializers.CharField()
    name = serializers.CharField()
    created_at = EpochField()
    updated_at = EpochField()
    vod_count = serializers.IntegerField()
    created_by = serializers.CharField(source="owner_id")
    owner = serializers.CharField(source="owner.username")
    role = serializers.ChoiceField(choices=SessionRole.choices, help_text="The caller's role in the session.")
    archived = serializers.BooleanField()
    mentions = serializers.IntegerField(help_text="Number of events with an unseen mention of the caller.")

    def get_archived(self, session: ComparisonSession) -> bool:
        return session.archived_at is not None


class PersonSerializer(AnswerSerializer[User]):
    """A user with access to a session."""

    username = serializers.CharField()


@extend_schema_serializer(many=False)
class MentionablePeopleSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    people = PersonSerializer(many=True)


class SessionListSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    sessions = ListedSessionSerializer(many=True)
    total = serializers.IntegerField()


class OffsetHistorySerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    history = OffsetChangeSerializer(many=True)
    total = serializers.IntegerField()


class JobStartedSerializer(serializers.Serializer[Data]):
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


class FindingSerializer(serializers.Serializer[Data]):
    """The result of one alignment method, or the reason for its refusal."""

    method = serializers.ChoiceField(choices=["timer_ocr", "audio"])
    offset = serializers.FloatField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    error_bound = serializers.FloatField(allow_null=True, help_text="Seconds.")
    drift_ppm = serializers.FloatField(allow_null=True)
    drift_anchor = serializers.FloatField()
    reason = serializers.CharField(allow_null=True)
    message = serializers.CharField(help_text="Reason why nothing was found; empty if an offset was found.")


class ShownReadingSerializer(serializers.Serializer[Data]):
    """A timer reading or a sound measurement of an alignment. value: null if the timer is unreadable."""

    time = serializers.FloatField(help_text="Time in the VOD, in seconds.")
    text = serializers.CharField(allow_blank=True)
    value = serializers.FloatField(
        allow_null=True, help_text="Time shown by the timer, or offset found by sound, in seconds."
    )
    confidence = serializers.FloatField()


class EvidenceSerializer(serializers.Serializer[Data]):
    """A picture or a sound by which the user can check an offset."""

    vod_id = serializers.CharField()
    time = serializers.FloatField(help_text="Time in the VOD, in seconds.")
    text = serializers.CharField(allow_blank=True)
    kind = serializers.CharField(
        help_text="`frame` for a picture of the VOD, `outline` for a picture of the waveforms, `sample` for a sound."
    )
    url = serializers.CharField(help_text="Signed; expires.")


class ProposedOffsetSerializer(serializers.Serializer[Data]):
    vod_id = serializers.CharField()
    offset = serializers.FloatField()
    confidence = serializers.FloatField()
    error_bound = serializers.FloatField(help_text="Seconds.")
    agreeing = serializers.IntegerField()
    samples = serializers.IntegerField()
    note = serializers.CharField(help_text="A remark about the proposal; may be empty.")
    method = serializers.CharField(help_text="Method that found the offset: `timer_ocr` or `audio`.")
    drift_ppm = serializers.FloatField(
        allow_null=True,
        help_text="Drift: how much faster the VOD's clock runs than the shared clock, in ppm; negative if slower; null "
        "if not measured.",
    )
    drift_anchor = serializers.FloatField(help_text="Time on the shared clock at which the offset holds exactly.")
    findings = FindingSerializer(
        many=True, help_text="With `auto`: the separate results of the timer and of the sound."
    )
    readings = StoredJsonField(ShownReadingSerializer, many=True)


class ProposalSerializer(ProposedOffsetSerializer):
    evidence_urls = serializers.ListField(child=serializers.CharField())
    evidence = StoredJsonField(EvidenceSerializer, many=True)


class RefusedVodSerializer(serializers.Serializer[Data]):
    """A VOD for which no offset is proposed."""

    vod_id = serializers.CharField()
    reason = serializers.CharField()
    message = serializers.CharField()
    readings = ShownReadingSerializer(many=True, required=False)
    findings = FindingSerializer(many=True, required=False)


class RefusedVodDetailsSerializer(RefusedVodSerializer):
    evidence = EvidenceSerializer(many=True)


class AlignmentResultSerializer(serializers.Serializer[Data]):
    """The result of an alignment job. Offsets are relative to the VOD ``reference``, not to the shared clock."""

    reference = serializers.CharField(allow_null=True)
    proposals = ProposedOffsetSerializer(many=True)
    refused = RefusedVodSerializer(many=True)


class DetectionResultSerializer(serializers.Serializer[Data]):
    """The result of a job that found events: the number of new events by their origin."""

    session_id = serializers.CharField()
    found = serializers.DictField(child=serializers.IntegerField())


class ExportResultSerializer(serializers.Serializer[Data]):
    """The result of an export job."""

    session_id = serializers.CharField()
    url = serializers.CharField(allow_null=True, help_text="Signed URL of the file; null after the file has expired.")
    duration = serializers.FloatField(help_text="Seconds.")
    width = serializers.IntegerField(help_text="Pixels.")
    height = serializers.IntegerField(help_text="Pixels.")
    size = serializers.IntegerField(help_text="Bytes.")


class SampleResultSerializer(serializers.Serializer[Data]):
    """The result of a job that made the sample comparison."""

    session_id = serializers.CharField()


class RefusalSerializer(serializers.Serializer[Data]):
    reason = serializers.CharField()
    message = serializers.CharField()
    vod_ids = serializers.ListField(child=serializers.CharField())
    details = StoredJsonField(RefusedVodDetailsSerializer, many=True)


@dataclass(frozen=True)
class AlignmentView:
    alignment: Alignment
    vods: list[ComparisonVod]
    ok: bool = True


class AlignmentSerializer(AnswerSerializer[AlignmentView]):
    """An alignment's progress in percent, proposals and refusals."""

    ok = serializers.BooleanField()
    job_id = serializers.UUIDField(source="alignment.job.pk")
    status = serializers.CharField(source="alignment.job.status")
    progress = serializers.FloatField()
    message = serializers.CharField(source="alignment.job.message")
    method = serializers.CharField(source="alignment.method")
    reference = serializers.CharField(allow_null=True)
    proposals = ProposalSerializer(many=True)
    refused = RefusalSerializer(allow_null=True)
    error = StoredJsonField(CauseSerializer, allow_null=True, source="alignment.job.error")

    def get_progress(self, shown: AlignmentView) -> float:
        return round(shown.alignment.job.progress, 1)

    def get_reference(self, shown: AlignmentView) -> str | None:
        reference: str | None = shown.alignment.result.get("reference")
        return reference

    def get_proposals(self, shown: AlignmentView) -> list[Data]:
        found = shown.alignment.result.get("proposals", [])
        reference = shown.alignment.reference(shown.vods)
        return [
            {
                "method": shown.alignment.method,
                **proposal,
                **place_on_session_clock(reference, proposal),
                "findings": [
                    finding | place_on_session_clock(reference, finding) for finding in proposal.get("findings", [])
                ],
                "evidence_urls": [made_url(item["key"]) for item in proposal["evidence"]],
                "evidence": with_addresses(proposal["evidence"]),
            }
            for proposal in found
        ]

    def get_refused(self, shown: AlignmentView) -> Data | None:
        refused = shown.alignment.result.get("refused") or []
        if not refused:
            return None
        reference = shown.alignment.reference(shown.vods)
        return {
            "reason": refused[0]["reason"],
            "message": " ".join(dict.fromkeys(item["message"] for item in refused)),
            "vod_ids": [item["vod_id"] for item in refused],
            "details": [
                {
                    **item,
                    "findings": [
                        finding | place_on_session_clock(reference, finding) for finding in item.get("findings", [])
                    ],
                    "evidence": with_addresses(item.get("evidence", [])),
                }
                for item in refused
            ],
        }


def place_on_session_clock(reference: Placement, found: Data) -> Data:
    """Convert the aligner's proposals from the time of its reference video to the session's clock."""
    if found["offset"] is None:
        return {"offset": None, "drift_ppm": None, "drift_anchor": 0.0}
    drift = found.get("drift_ppm")
    on_clock = reference.then(Placement(found["offset"], drift or 0.0, found.get("drift_anchor", 0.0)))
    return {
        "offset": round(on_clock.offset, 6),
        "drift_ppm": None if drift is None else round(on_clock.drift_ppm, 4),
        "drift_anchor": round(on_clock.anchor, 6),
    }


def without_evidence(shown: Data) -> Data:
    """Remove pictures and sounds from an alignment, because their addresses remain valid after access is withdrawn."""
    proposals = [{**proposal, "evidence": [], "evidence_urls": []} for proposal in shown["proposals"]]
    refused = shown["refused"]
    if refused:
        refused = {**refused, "details": [{**item, "evidence": []} for item in refused["details"]]}
    return {**shown, "proposals": proposals, "refused": refused}


def with_addresses(evidence: list[Data]) -> list[Data]:
    return [
        {
            "vod_id": item["vod_id"],
            "time": item["time"],
            "text": item["text"],
            "kind": item.get("kind", "frame"),
            "url": made_url(item["key"]),
        }
        for item in evidence
    ]


class LibraryFileSerializer(serializers.Serializer[Data]):
    path = serializers.CharField()
    name = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")


@extend_schema_serializer(many=False)
class LibraryFilesSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    files = LibraryFileSerializer(many=True)
    total = serializers.IntegerField()
    unusable = serializers.ListField(
        child=serializers.CharField(),
        help_text="Files and folders left out because their names are not UTF-8; at most 20.",
    )

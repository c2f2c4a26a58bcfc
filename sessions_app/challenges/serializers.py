from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.http import QueryDict
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from jobs_app.models import Priority
from media_app.uploads.models import LIVE as UPLOAD_LIVE
from media_app.uploads.models import UploadStatus
from media_app.uploads.protocols.tus_headers import MAX_BYTES
from media_app.uploads.serializers import ChunkSizeField
from media_app.uploads.services import DEFAULT_CHUNK_BYTES, MAX_CHUNK_BYTES, clean_name
from media_app.videos.media_urls import stream_url, url_of
from media_app.videos.models import RenditionKind, Video
from sessions_app.challenges.models import (
    MAX_CLIPS,
    MAX_REASON,
    MAX_TEXT,
    MAX_TITLE,
    MIN_CLIPS,
    Challenge,
    ChallengeStatus,
    Guess,
    Guest,
    MergeClip,
    MergeSession,
    MergeStatus,
)
from vodplatform.accounts.models import User, plain_text
from vodplatform.core.api.fields import (
    AnswerSerializer,
    BoundedListField,
    CauseSerializer,
    ListPageSerializer,
    ListQuerySerializer,
    SecondsField,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
)

Data = dict[str, Any]
LISTS = ("video_filenames", "video_file_sizes", "video_durations", "video_mime_types", "media_file_ids")
OF_NUMBERS = ("video_file_sizes", "video_durations")
NUMBERS = ("video_count", "chunk_size")
FLAGS = {"true": True, "1": True, "false": False, "0": False}
MAX_SECONDS = 604_800.0
MAX_LIST_CHARACTERS = 16_384
CHUNK_ADDRESS = "/api/v1/challenge-videos/upload/{}/chunk"
MESSAGES = {
    MergeStatus.INITIATED: "Waiting for the clips",
    MergeStatus.UPLOADING: "Uploading the clips",
    MergeStatus.QUEUED: "Queued",
    MergeStatus.COMPLETED: "Merged",
    MergeStatus.CANCELLED: "Cancelled",
    MergeStatus.EXPIRED: "Expired",
}
PRIORITIES = {"low": Priority.LOW, "normal": Priority.NORMAL}


def plain_fields(data: Any) -> Any:
    """Return the request's fields, with text converted to lists, numbers and flags.

    Lists are converted in every request: a list may be sent as JSON text, and its numbers may be sent as text. Single
    numbers and flags are converted only in forms, which send all values as text.
    """
    if not isinstance(data, Mapping):
        return data
    found: Data = {}
    for name in data:
        value = data.getlist(name) if isinstance(data, QueryDict) and name in LISTS else data[name]
        if name in LISTS:
            found[name] = _list(value, is_text=name not in OF_NUMBERS)
        elif isinstance(data, QueryDict) and name in NUMBERS:
            found[name] = _number(value)
        elif isinstance(data, QueryDict) and name == "level_loudness":
            found[name] = FLAGS.get(str(value).lower(), value)
        else:
            found[name] = value
    return found


def _list(value: Any, *, is_text: bool) -> Any:
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) and value[0].lstrip().startswith("["):
        value = value[0]
    if isinstance(value, str):
        if len(value) > MAX_LIST_CHARACTERS:
            return value  # the serializer rejects this text, so do not parse it
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return [_number(item) for item in value] if isinstance(value, list) and not is_text else value


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    if isinstance(found, float):
        return found if math.isfinite(found) else value
    return found if isinstance(found, int) and not isinstance(found, bool) else value


class NewMergeSerializer(serializers.Serializer[Data]):
    """A new merge. Sizes (bytes) and durations (seconds) are the client's claims.

    If the clips are already uploaded, ``media_file_ids`` replaces the four ``video_…`` lists.
    """

    video_count = StrictIntegerField(min_value=MIN_CLIPS, max_value=MAX_CLIPS)
    video_filenames = BoundedListField(child=StrictCharField(max_length=1000), max_length=MAX_CLIPS, required=False)
    video_file_sizes = BoundedListField(
        child=StrictIntegerField(min_value=1, max_value=MAX_BYTES), max_length=MAX_CLIPS, required=False
    )
    video_durations = BoundedListField(child=SecondsField(max_value=MAX_SECONDS), max_length=MAX_CLIPS, required=False)
    video_mime_types = BoundedListField(child=StrictCharField(max_length=255), max_length=MAX_CLIPS, required=False)
    media_file_ids = BoundedListField(child=serializers.UUIDField(), max_length=MAX_CLIPS, required=False)
    challenge_title = StrictCharField(
        max_length=MAX_TITLE, required=False, allow_blank=True, allow_null=True, validators=[plain_text]
    )
    chunk_size = ChunkSizeField(max_value=MAX_CHUNK_BYTES, default=DEFAULT_CHUNK_BYTES)
    level_loudness = StrictBooleanField(default=False)
    priority = serializers.ChoiceField(choices=sorted(PRIORITIES), default="normal")

    def validate_video_durations(self, value: list[float]) -> list[float]:
        if any(seconds <= 0 for seconds in value):
            raise serializers.ValidationError("Each duration must be greater than 0.")
        return value

    def validate_video_mime_types(self, value: list[str]) -> list[str]:
        """Reject types other than video and ``application/octet-stream``. The content is checked later."""
        wrong = [name for name in value if not name.lower().startswith(("video/", "application/octet-stream"))]
        if wrong:
            raise serializers.ValidationError(
                f"{clean_name(wrong[0])[:60]} is not a video's MIME type. Send one such as video/mp4."
            )
        return value

    def validate(self, attrs: Data) -> Data:
        count, names = attrs["video_count"], LISTS[:4]
        if "media_file_ids" in attrs:
            names = ("media_file_ids", *(("video_durations",) if "video_durations" in attrs else ()))
            if len(set(attrs["media_file_ids"])) != len(attrs["media_file_ids"]):
                raise serializers.ValidationError({"media_file_ids": ["Send each clip only once."]})
        errors = {}
        for name in names:
            if name not in attrs:
                errors[name] = ["This field is required."]
            elif len(attrs[name]) != count:
                errors[name] = [f"Send {count} values, one for each video."]
        if errors:
            raise serializers.ValidationError(errors)
        return attrs


class NewClipUploadSerializer(AnswerSerializer[MergeClip]):
    """The upload URL of a clip. ``chunk_size`` is in bytes."""

    video_index = serializers.IntegerField(source="index")
    session_id = serializers.UUIDField(source="pk")
    filename = serializers.CharField()
    upload_url = serializers.CharField()
    chunk_size = serializers.IntegerField(allow_null=True, source="upload.chunk_size")
    total_chunks = serializers.IntegerField(source="upload.total_chunks")

    def get_upload_url(self, clip: MergeClip) -> str:
        return CHUNK_ADDRESS.format(clip.pk)


class BegunMergeSerializer(AnswerSerializer[MergeSession]):
    """A new merge and its upload URLs."""

    # Instances must come from ``MergeSessionQuerySet.with_state``.

    merge_session_id = serializers.UUIDField(source="pk")
    upload_sessions = NewClipUploadSerializer(many=True)
    estimated_merge_time_seconds = serializers.FloatField(source="estimated_seconds")
    status = serializers.ChoiceField(choices=MergeStatus.choices)
    job_id = serializers.UUIDField(allow_null=True)
    expires_at = serializers.DateTimeField()

    def get_upload_sessions(self, session: MergeSession) -> list[MergeClip]:
        return [clip for clip in session.clips.all() if clip.upload is not None]


class MergedPartSerializer(serializers.Serializer[Data]):
    """Start and end of a statement in the merged video, in seconds."""

    start = serializers.FloatField()
    end = serializers.FloatField()


class MergeResultSerializer(serializers.Serializer[Data]):
    """The result of a job that merged clips."""

    merge_session_id = serializers.UUIDField()
    segments = MergedPartSerializer(many=True)
    compression_applied = serializers.BooleanField(help_text="False if nothing was re-encoded.")


class SegmentSerializer(serializers.Serializer[Data]):
    """A statement's start, end and duration in the video, in seconds."""

    statement_index = serializers.IntegerField()
    start_time = serializers.FloatField()
    end_time = serializers.FloatField()
    duration = serializers.FloatField()


class ListedClipSerializer(AnswerSerializer[MergeClip]):
    """The upload of a clip. ``size`` is in bytes."""

    session_id = serializers.UUIDField(source="pk")
    status = serializers.ChoiceField(choices=UploadStatus.choices)
    total_chunks = serializers.IntegerField()
    progress_percent = serializers.FloatField()
    expires_at = serializers.DateTimeField(allow_null=True, source="upload.expires_at")
    video_index = serializers.IntegerField(source="index")
    filename = serializers.CharField()
    size = serializers.IntegerField()
    upload_url = serializers.CharField(allow_null=True)
    chunk_size = serializers.IntegerField(allow_null=True, source="upload.chunk_size")
    error = CauseSerializer(allow_null=True, source="upload.error")

    def get_status(self, clip: MergeClip) -> str:
        is_merged = clip.upload is None and clip.session.status == MergeStatus.COMPLETED
        return UploadStatus.COMPLETED if is_merged else clip.state

    def get_total_chunks(self, clip: MergeClip) -> int:
        return clip.upload.total_chunks if clip.upload else 0

    def get_progress_percent(self, clip: MergeClip) -> float:
        return clip.upload.percent if clip.upload else 0.0

    def get_upload_url(self, clip: MergeClip) -> str | None:
        return CHUNK_ADDRESS.format(clip.pk) if clip.upload and clip.state in UPLOAD_LIVE else None


class ClipSerializer(ListedClipSerializer):
    """The upload of a clip, with chunk numbers."""

    uploaded_chunks = serializers.ListField(child=serializers.IntegerField())
    remaining_chunks = serializers.ListField(child=serializers.IntegerField())

    def get_values(self, clip: MergeClip) -> Data:
        # Clients need chunk numbers only to resume an upload, so both lists are empty after it has ended.
        if clip.upload and clip.state in UPLOAD_LIVE:
            return clip.upload.chunk_numbers()
        return {"uploaded_chunks": [], "remaining_chunks": []}


class MergedVideoSerializer(AnswerSerializer[MergeSession]):
    """The merged video. ``total_duration`` is in seconds, ``file_size`` in bytes."""

    video_file_id = serializers.UUIDField(source="video_id")
    merged_video_url = serializers.CharField()
    poster_url = serializers.CharField(allow_null=True)
    segments = SegmentSerializer(many=True, source="statement_segments")
    total_duration = serializers.FloatField()
    file_size = serializers.IntegerField(source="video.file_size")
    compression_applied = serializers.BooleanField(help_text="False if nothing was re-encoded.")

    def get_merged_video_url(self, session: MergeSession) -> str:
        assert session.video is not None
        return stream_url(session.video)

    def get_poster_url(self, session: MergeSession) -> str | None:
        assert session.video is not None
        return poster_address(session.video)


def poster_address(video: Video) -> str | None:
    row = next((row for row in video.renditions.all() if row.kind == RenditionKind.POSTER), None)
    return url_of(row, video)


class ListedMergeSerializer(AnswerSerializer[MergeSession]):
    """The state of a merge. ``progress`` is in percent; the uploads make up the first 50."""

    # Instances must come from ``MergeSessionQuerySet.with_state``.
    merge_session_id = serializers.UUIDField(source="pk")
    title = serializers.CharField(allow_blank=True)
    overall_status = serializers.ChoiceField(choices=MergeStatus.choices, source="status")
    progress = serializers.FloatField(min_value=0, max_value=100)
    message = serializers.CharField(allow_blank=True)
    uploads = ListedClipSerializer(many=True, source="clips")
    job_id = serializers.UUIDField(allow_null=True)
    merged_video = MergedVideoSerializer(allow_null=True)
    estimated_merge_time_seconds = serializers.FloatField(source="estimated_seconds")
    error_message = serializers.CharField(allow_null=True, source="failure.message")
    error_type = serializers.CharField(allow_null=True, source="failure.type")
    failed_at = serializers.DateTimeField(allow_null=True, source="failure.at")
    retry_available = serializers.BooleanField(source="is_retryable")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    challenge_id = serializers.UUIDField(allow_null=True)

    def get_message(self, session: MergeSession) -> str:
        is_running = session.status in (MergeStatus.QUEUED, MergeStatus.PROCESSING)
        said = session.job.message if session.job and is_running else ""
        failure = session.failure
        return said or (failure.message if failure else MESSAGES.get(session.status, ""))

    def get_merged_video(self, session: MergeSession) -> MergeSession | None:
        is_made = session.status == MergeStatus.COMPLETED and session.video is not None and session.segments
        return session if is_made else None

    def get_challenge_id(self, session: MergeSession) -> UUID | None:
        challenge = getattr(session, "challenge", None)
        return challenge.pk if challenge else None


class MergeSerializer(ListedMergeSerializer):
    """The state of a merge, with chunk numbers."""

    uploads = ClipSerializer(many=True, source="clips")


class MergeListSerializer(serializers.Serializer[Data]):
    merge_sessions = ListedMergeSerializer(many=True)
    pagination = ListPageSerializer()


class NewStatementSerializer(serializers.Serializer[Data]):
    """A statement and its clip. ``duration_seconds`` is ignored, because it is measured."""

    media_file_id = serializers.UUIDField()
    text = StrictCharField(max_length=MAX_TEXT, required=False, allow_blank=True, default="", validators=[plain_text])
    duration_seconds = SecondsField(min_value=0, max_value=MAX_SECONDS, required=False)


class SaidSegmentSerializer(serializers.Serializer[Data]):
    statement_index = StrictIntegerField(min_value=0, required=False)
    start_time = SecondsField()
    end_time = SecondsField()
    duration = SecondsField(required=False)


class SaidMergeSerializer(serializers.Serializer[Data]):
    """The merged video as the client knows it. A wrong id, duration or segment is rejected."""

    video_file_id = serializers.UUIDField(required=False)
    total_duration = SecondsField(required=False)
    segments = SaidSegmentSerializer(many=True, required=False, max_length=MAX_CLIPS)  # type: ignore[call-arg]
    compression_applied = serializers.BooleanField(required=False, allow_null=True)


class NewChallengeSerializer(serializers.Serializer[Data]):
    """A new challenge from a completed merge. Each clip is a statement."""

    title = StrictCharField(max_length=MAX_TITLE, validators=[plain_text])
    statements = NewStatementSerializer(many=True, max_length=MAX_CLIPS)  # type: ignore[call-arg]
    lie_statement_index = StrictIntegerField(min_value=0, max_value=MAX_CLIPS - 1)
    is_merged_video = serializers.BooleanField(default=True)
    merged_video_metadata = SaidMergeSerializer(required=False)

    def validate_statements(self, value: list[Data]) -> list[Data]:
        if not MIN_CLIPS <= len(value) <= MAX_CLIPS:
            raise serializers.ValidationError(f"Send {MIN_CLIPS} to {MAX_CLIPS} statements.")
        return value

    def validate_is_merged_video(self, value: bool) -> bool:
        if not value:
            raise serializers.ValidationError("A challenge can only be created from a merged video. Send true.")
        return value


class ChallengeChangesSerializer(serializers.Serializer[Data]):
    """Changes of a challenge. If it is published, only ``guests_may_play`` can be changed.

    ``texts`` has all statements, in order.
    """

    title = StrictCharField(max_length=MAX_TITLE, required=False, validators=[plain_text])
    texts = BoundedListField(
        child=StrictCharField(max_length=MAX_TEXT, allow_blank=True, validators=[plain_text]),
        required=False,
        max_length=MAX_CLIPS,
    )
    lie_statement_index = StrictIntegerField(min_value=0, max_value=MAX_CLIPS - 1, required=False)
    guests_may_play = StrictBooleanField(
        required=False,
        help_text="Whether people without an account can play the challenge by link; can be changed at any time.",
    )


class OwnerSerializer(serializers.Serializer[Data]):
    id = serializers.UUIDField()
    username = serializers.CharField()
    full_name = serializers.CharField(allow_blank=True, source="get_full_name")


class StatementSerializer(serializers.Serializer[Data]):
    """A statement. ``duration_seconds`` is measured."""

    index = serializers.IntegerField()
    media_file_id = serializers.UUIDField()
    text = serializers.CharField(allow_blank=True)
    duration_seconds = serializers.FloatField()


class OwnGuessSerializer(serializers.Serializer[Data]):
    statement_index = serializers.IntegerField()
    correct = serializers.BooleanField(source="is_correct")
    created_at = serializers.DateTimeField()


class ChallengeResultsSerializer(serializers.Serializer[Data]):
    """The numbers of correct guesses, and of guesses per statement."""

    correct = serializers.IntegerField()
    by_statement = serializers.ListField(child=serializers.IntegerField())


@dataclass(frozen=True)
class ShownChallenge:
    """A challenge shown to a user. counts: guesses per statement; None hides the lie."""

    challenge: Challenge
    user: User | Guest
    counts: Counter[int] | None

    @property
    def is_own(self) -> bool:
        return self.challenge.owner_id == self.user.pk


class ChallengeSerializer(AnswerSerializer[ShownChallenge]):
    """A challenge. A user who has not guessed gets null for ``lie_statement_index`` and ``results``.

    The owner always gets both values.
    """

    # Show challenges loaded by ``shown_to``. Apart from the answer to a guess and the admin site, only this serializer
    # tells which statement of a challenge is the lie.
    id = serializers.UUIDField(source="challenge.pk")
    title = serializers.CharField(source="challenge.title")
    owner = OwnerSerializer(source="challenge.owner")
    is_own = serializers.BooleanField()
    status = serializers.ChoiceField(choices=ChallengeStatus.choices, source="challenge.status")
    statements = StatementSerializer(many=True)
    is_merged_video = serializers.BooleanField()
    video_file_id = serializers.UUIDField(allow_null=True, source="challenge.merge.video_id")
    total_duration = serializers.FloatField(allow_null=True, source="challenge.merge.total_duration")
    segments = SegmentSerializer(many=True, source="challenge.merge.statement_segments")
    stream_url = serializers.CharField(allow_null=True)
    poster_url = serializers.CharField(allow_null=True)
    width = serializers.IntegerField(allow_null=True, source="challenge.merge.video.width")
    height = serializers.IntegerField(allow_null=True, source="challenge.merge.video.height")
    lie_statement_index = serializers.IntegerField(allow_null=True)
    my_guess = OwnGuessSerializer(allow_null=True, source="challenge.own_guess")
    can_guess = serializers.BooleanField()
    guess_count = serializers.IntegerField(source="challenge.guess_count")
    results = ChallengeResultsSerializer(allow_null=True)
    created_at = serializers.DateTimeField(source="challenge.created_at")
    published_at = serializers.DateTimeField(allow_null=True, source="challenge.published_at")
    guests_may_play = serializers.BooleanField(source="challenge.guests_may_play")
    withheld_because = serializers.CharField(
        allow_null=True, help_text="Reason shown to the owner, if a moderator has taken the challenge down."
    )

    @classmethod
    def show_all(cls, challenges: Sequence[Challenge], user: User | Guest) -> list[Data]:
        visible = [challenge for challenge in challenges if challenge.tells_lie_to(user)]
        counts: dict[UUID, Counter[int]] = {challenge.pk: Counter() for challenge in visible}
        rows = Guess.objects.filter(challenge__in=visible).order_by().values_list("challenge", "statement_index")
        for challenge_id, index, count in rows.annotate(count=Count("pk")) if visible else ():
            counts[challenge_id][index] = count
        return [cls.show(ShownChallenge(challenge, user, counts.get(challenge.pk))) for challenge in challenges]

    def get_statements(self, shown: ShownChallenge) -> list[Data]:
        challenge = shown.challenge
        segments = challenge.merge.statement_segments
        return [
            {**statement, "index": index, "duration_seconds": segments[index]["duration"]}
            for index, statement in enumerate(challenge.statements)
        ]

    def get_is_merged_video(self, shown: ShownChallenge) -> bool:
        return True

    def get_stream_url(self, shown: ShownChallenge) -> str | None:
        video = shown.challenge.merge.video
        return stream_url(video) if video else None

    def get_poster_url(self, shown: ShownChallenge) -> str | None:
        video = shown.challenge.merge.video
        return poster_address(video) if video else None

    def get_lie_statement_index(self, shown: ShownChallenge) -> int | None:
        return None if shown.counts is None else shown.challenge.lie_index

    def get_can_guess(self, shown: ShownChallenge) -> bool:
        challenge = shown.challenge
        is_open = challenge.status == ChallengeStatus.PUBLISHED
        return is_open and not shown.is_own and challenge.own_guess is None

    def get_withheld_because(self, shown: ShownChallenge) -> str | None:
        return (shown.challenge.withheld_because or None) if shown.is_own else None

    def get_results(self, shown: ShownChallenge) -> Data | None:
        if shown.counts is None:
            return None
        by_statement = [shown.counts[index] for index in range(len(shown.challenge.statements))]
        return {"correct": shown.counts[shown.challenge.lie_index], "by_statement": by_statement}


class ScoreSerializer(serializers.Serializer[Data]):
    """The caller's number of guesses, and the number of correct ones."""

    guesses = serializers.IntegerField()
    correct = serializers.IntegerField()


@extend_schema_serializer(many=False)
class ChallengeListSerializer(serializers.Serializer[Data]):
    challenges = ChallengeSerializer(many=True)
    pagination = ListPageSerializer()
    score = ScoreSerializer()


class ChallengeQuerySerializer(ListQuerySerializer):
    """Filters of challenges. ``unplayed`` means published by other users, and without a guess by the caller."""

    status = serializers.ChoiceField(choices=ChallengeStatus.choices, required=False)
    mine = serializers.BooleanField(default=False)
    unplayed = serializers.BooleanField(default=False)
    search = serializers.CharField(required=False, max_length=100)


class MergeSegmentsSerializer(AnswerSerializer[MergeSession]):
    """Each statement's start and end in the video."""

    video_file_id = serializers.UUIDField(allow_null=True, source="video_id")
    segments = SegmentSerializer(many=True, source="statement_segments")


class NewGuessSerializer(serializers.Serializer[Data]):
    statement_index = StrictIntegerField(min_value=0)


class GuessSerializer(serializers.Serializer[Data]):
    correct = serializers.BooleanField()
    lie_statement_index = serializers.IntegerField()


class NewChallengeReportSerializer(serializers.Serializer[Data]):
    reason = StrictCharField(max_length=MAX_REASON)


class ChallengeReportSerializer(serializers.Serializer[Data]):
    report_id = serializers.UUIDField()
    message = serializers.CharField()

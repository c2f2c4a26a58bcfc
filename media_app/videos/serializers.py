from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from media_app.storage import files as store
from media_app.videos.fields import clean_tags, clean_title
from media_app.videos.media_urls import media_of, stream_url
from media_app.videos.models import MAX_TAGS, RenditionKind, Video, VideoQuerySet, VideoSource, VideoStatus
from media_app.videos.recordings import notes_of
from media_app.videos.services import Use, UseKind
from vodplatform.core.api.fields import AnswerSerializer, CauseSerializer, SecondsField, StrictCharField
from vodplatform.core.errors import DomainError

T = TypeVar("T")
MAX_DESCRIPTION = 20_000
MAX_SECONDS = 604_800
MAX_ASKED = 100  # maximum video ids in one request
ID = r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"


class RenditionSerializer(serializers.Serializer[dict[str, Any]]):
    """Playable rendition of a video. bit_rate: peak bits per second."""

    kind = serializers.CharField()
    name = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    bit_rate = serializers.IntegerField()
    url = serializers.CharField()


class PageQuerySerializer(serializers.Serializer[dict[str, Any]]):
    page = serializers.IntegerField(min_value=1, max_value=10_000_000, default=1)
    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)


class LibraryQuerySerializer(PageQuerySerializer):
    search = serializers.CharField(
        max_length=200, required=False, help_text="Words to find in titles, descriptions, tags, captions and chapters."
    )
    status = serializers.ChoiceField(choices=VideoStatus.choices, required=False)
    tag = serializers.CharField(max_length=64, required=False)
    order = serializers.ChoiceField(
        choices=["newest", "title", "longest", "largest"],
        default="newest",
        help_text="Sort order; `title` sorts from A to Z.",
    )
    bin = serializers.BooleanField(default=False, help_text="List the videos in the bin instead of the library.")


class DeletionQuerySerializer(serializers.Serializer[dict[str, Any]]):
    leave_gaps = serializers.BooleanField(
        default=False, help_text="Delete the video even if your comparisons use it; they then show a gap in its place."
    )
    purge = serializers.BooleanField(
        default=False, help_text="Delete the video for good, whether it is in the bin or not."
    )


class DeletedSerializer(serializers.Serializer[dict[str, Any]]):
    """Time at which a video was moved to the bin or deleted, and time at which it is deleted for good."""

    ok = serializers.BooleanField()
    deleted_at = serializers.DateTimeField()
    purge_at = serializers.DateTimeField(
        help_text="Time at which the video will be deleted for good. If it already has been, this equals `deleted_at`."
    )


class UsesQuerySerializer(serializers.Serializer[dict[str, Any]]):
    video_ids = serializers.RegexField(
        rf"^({ID}(,{ID})*)?\Z", max_length=4000, default="",
        error_messages={"invalid": "Send the ids of videos, separated by commas."},
        help_text="Ids of your videos, separated by commas; at most 100.",
    )  # fmt: skip

    def validate_video_ids(self, value: str) -> list[UUID]:
        ids = value.split(",") if value else []
        if len(ids) > MAX_ASKED:
            raise serializers.ValidationError(f"Send at most {MAX_ASKED} ids.")
        return [UUID(one) for one in ids]


class UseSerializer(AnswerSerializer[Use]):
    """Comparison or analysis that uses a video. url: page of the comparison or analysis."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in UseKind])
    name = serializers.CharField()
    url = serializers.CharField()


@extend_schema_serializer(many=False)
class VideoUsesSerializer(serializers.Serializer[dict[str, Any]]):
    """Comparisons and analyses that use the requested videos. Only those that the caller may see are listed."""

    uses = UseSerializer(many=True)
    total = serializers.IntegerField()


class PaginationSerializer(serializers.Serializer[dict[str, int]]):
    page = serializers.IntegerField()
    limit = serializers.IntegerField()
    total = serializers.IntegerField()
    totalPages = serializers.IntegerField()


class VideoSerializer(AnswerSerializer[Video]):
    """Video with signed URLs. duration: whole seconds. fps: frames per second."""

    # The video must be loaded by :func:`with_answer_data`.

    id = serializers.UUIDField()
    title = serializers.CharField()
    description = serializers.CharField()
    file_path = serializers.CharField()
    thumbnail_path = serializers.CharField(allow_null=True)
    video_url = serializers.CharField(allow_null=True)
    thumbnail_url = serializers.CharField(allow_null=True)
    duration = serializers.IntegerField()
    duration_exact = serializers.FloatField(source="duration")
    file_size = serializers.IntegerField()
    mime_type = serializers.CharField()
    status = serializers.ChoiceField(choices=VideoStatus.choices, source="state")
    vector_clock = serializers.DictField(child=serializers.IntegerField())
    last_modified_by = serializers.UUIDField()
    version = serializers.IntegerField()
    tags = serializers.ListField(child=serializers.CharField())
    category = serializers.CharField(allow_null=True)
    is_featured = serializers.BooleanField()
    is_hidden = serializers.BooleanField()
    view_count = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    deleted_at = serializers.DateTimeField(allow_null=True)
    purge_at = serializers.DateTimeField(
        allow_null=True, help_text="Time at which a video in the bin will be deleted for good."
    )
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    fps = serializers.FloatField()
    codec = serializers.CharField()
    has_audio = serializers.BooleanField()
    notes = serializers.ListField(
        child=serializers.CharField(), help_text="Notes on losses and changes in the recording; usually empty."
    )
    source = serializers.ChoiceField(choices=VideoSource.choices)  # type: ignore[assignment]
    poster_url = serializers.CharField(allow_null=True)
    sprite_vtt_url = serializers.CharField(allow_null=True)
    peaks_url = serializers.CharField(allow_null=True)
    hls_url = serializers.CharField(allow_null=True)
    renditions = RenditionSerializer(many=True)
    job_id = serializers.UUIDField(allow_null=True)
    error = CauseSerializer(allow_null=True)

    def get_values(self, video: Video) -> dict[str, Any]:
        return media_of(video)

    def get_file_path(self, video: Video) -> str:
        return "" if video.location.endswith("/") else video.location

    def get_thumbnail_path(self, video: Video) -> str | None:
        pictures = {rendition.kind: rendition for rendition in video.renditions.all()}
        picture = pictures.get(RenditionKind.THUMBNAIL) or pictures.get(RenditionKind.POSTER)
        return picture.key_of("image") if picture else None

    def get_video_url(self, video: Video) -> str | None:
        return stream_url(video) if _has_file(video) else None

    def get_duration(self, video: Video) -> int:
        return round(video.duration)

    def get_last_modified_by(self, video: Video) -> UUID:
        return video.last_modified_by_id or video.owner_id

    def get_category(self, video: Video) -> str | None:
        return video.category or None

    def get_fps(self, video: Video) -> float:
        return round(float(video.fps), 3)

    def get_has_audio(self, video: Video) -> bool:
        return bool(video.audio_tracks)

    def get_notes(self, video: Video) -> list[str]:
        return notes_of(video)

    def get_error(self, video: Video) -> dict[str, str] | None:
        if video.state != VideoStatus.FAILED:
            return None
        if video.error_type:
            return {"type": video.error_type, "message": video.error_message}
        of_job = (video.job.error or {}) if video.job else {}
        sentence = (
            "The video was not processed, because its job was cancelled. Retry the job."
            if video.job
            else "The video was not processed, because its job no longer exists. Upload the video again."
        )
        return {
            "type": str(of_job.get("type", "server_error")),
            "message": str(of_job.get("message", sentence)),
        }


@extend_schema_serializer(many=False)
class LibraryPageSerializer(serializers.Serializer[dict[str, Any]]):
    videos = VideoSerializer(many=True)
    pagination = PaginationSerializer()


class MessageSerializer(serializers.Serializer[dict[str, str]]):
    message = serializers.CharField()


class TitleField(StrictCharField):
    def to_internal_value(self, data: Any) -> str:
        return clean_for_form(clean_title, super().to_internal_value(data))


class TagsField(serializers.ListField):
    """List of tags in the given order. Repeated tags are removed."""

    child = StrictCharField(allow_blank=True)

    def to_internal_value(self, data: Any) -> list[str]:
        is_long = isinstance(data, list) and len(data) > MAX_TAGS
        return clean_for_form(clean_tags, data if is_long else super().to_internal_value(data))


def clean_for_form(clean: Callable[[Any], T], value: Any) -> T:
    try:
        return clean(value)
    except DomainError as exc:
        raise serializers.ValidationError([text for texts in exc.extra["errors"].values() for text in texts]) from exc


class VideoChangeSerializer(serializers.Serializer[dict[str, Any]]):
    """Changed fields of a private video. At least one field is required."""

    title = TitleField(required=False)
    description = StrictCharField(max_length=MAX_DESCRIPTION, allow_blank=True, required=False, trim_whitespace=False)
    tags = TagsField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Send `title`, `description` or `tags`.")
        return attrs


class NewVideoSerializer(serializers.Serializer[dict[str, Any]]):
    """Form with one video file. ``tags``: a JSON list, or one field per tag."""

    file = serializers.FileField(required=False, help_text="The video file; the field name `video` is accepted too.")
    video = serializers.FileField(required=False)
    title = serializers.CharField(max_length=255, required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)


class OmittedRenditionSerializer(serializers.Serializer[dict[str, Any]]):
    """A rendition that could not be made, with the reason."""

    kind = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    reason = serializers.CharField()


class ImportResultSerializer(serializers.Serializer[dict[str, Any]]):
    """The result of a job that imported a video."""

    duration = serializers.FloatField(help_text="Seconds.")
    sha256 = serializers.CharField()
    left_out = OmittedRenditionSerializer(many=True)


class PlayableCopyResultSerializer(serializers.Serializer[dict[str, Any]]):
    """The result of a job that made a playable copy."""

    duration = serializers.FloatField(help_text="Seconds.")


class RenditionsResultSerializer(serializers.Serializer[dict[str, Any]]):
    """The result of a job that made renditions."""

    left_out = OmittedRenditionSerializer(many=True)


class NewRenditionSerializer(serializers.Serializer[dict[str, Any]]):
    """Rendition to make: ``proxy`` seeks quickly, ``silent`` has no sound, ``poster`` shows another frame.

    ``normalized`` is a repaired copy of a file that players play differently. It is also made automatically.
    """

    kind = serializers.ChoiceField(choices=["proxy", "silent", "poster", "normalized"])
    time = SecondsField(
        min_value=0,
        max_value=MAX_SECONDS,
        required=False,
        help_text="Time of the frame in seconds; required for `poster` only.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["kind"] == "poster") != ("time" in attrs):
            raise serializers.ValidationError({"time": ["Send `time` for a poster, and omit it for other kinds."]})
        return attrs


class RenditionAnswerSerializer(serializers.Serializer[dict[str, Any]]):
    """Answer to a request for a rendition: the job that makes the rendition, or the finished rendition."""

    ok = serializers.BooleanField()
    job_id = serializers.UUIDField(allow_null=True)
    rendition = RenditionSerializer(allow_null=True)


def show_page(videos: Iterable[Video], query: dict[str, Any], total: int) -> dict[str, Any]:
    """Return the response of a list: one page of videos, and the number of videos and pages.

    query: the valid values of :class:`PageQuerySerializer`; videos: loaded by :func:`with_answer_data`.
    """
    page, limit = query["page"], query["limit"]
    pagination = {"page": page, "limit": limit, "total": total, "totalPages": -(-total // limit)}
    return {"videos": [VideoSerializer.show(video) for video in videos], "pagination": pagination}


def with_answer_data(videos: VideoQuerySet) -> VideoQuerySet:
    return videos.with_state().prefetch_related("renditions")


def _has_file(video: Video) -> bool:
    if not video.location or video.location.endswith("/") or video.deleted_at is not None:
        return False
    if video.state == VideoStatus.PROCESSING:
        # During processing, a file is playable if it is stored locally and no virus scanner is used.
        return settings.CLAMD is None and store.is_local()
    return video.state != VideoStatus.UPLOADING

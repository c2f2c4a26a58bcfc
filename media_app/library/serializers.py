"""The shapes of the private library (contract section 4), in and out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from media_app.delivery.addresses import media_of, stream_url
from media_app.delivery.serializers import RenditionSerializer
from media_app.store import files as store
from media_app.videos.fields import clean_tags, clean_title
from media_app.videos.models import MAX_TAGS, RenditionKind, Video, VideoQuerySet, VideoSource, VideoStatus
from vodplatform.base.errors import DomainError
from vodplatform.base.fields import CauseSerializer, StrictCharField

T = TypeVar("T")
MAX_DESCRIPTION = 20_000


class PageQuerySerializer(serializers.Serializer[dict[str, Any]]):
    """``page`` from 1 and ``limit`` (1–100, default 20) of a list of videos."""

    page = serializers.IntegerField(min_value=1, max_value=10_000_000, default=1)
    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)


class LibraryQuerySerializer(PageQuerySerializer):
    """Which of the library's videos."""

    search = serializers.CharField(max_length=200, required=False, help_text="In titles, descriptions and tags.")
    status = serializers.ChoiceField(choices=VideoStatus.choices, required=False)
    tag = serializers.CharField(max_length=64, required=False)
    order = serializers.ChoiceField(
        choices=["newest", "title", "longest", "largest"], default="newest", help_text="Titles from A to Z."
    )


class PaginationSerializer(serializers.Serializer[dict[str, int]]):
    """Where a page stands in its list."""

    page = serializers.IntegerField()
    limit = serializers.IntegerField()
    total = serializers.IntegerField()
    totalPages = serializers.IntegerField()


class VideoSerializer(serializers.Serializer[dict[str, Any]]):
    """One video. duration: whole seconds; duration_exact, fps: seconds and frames a second; addresses are signed."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    description = serializers.CharField()
    file_path = serializers.CharField()
    thumbnail_path = serializers.CharField(allow_null=True)
    video_url = serializers.CharField(allow_null=True)
    thumbnail_url = serializers.CharField(allow_null=True)
    duration = serializers.IntegerField()
    duration_exact = serializers.FloatField()
    file_size = serializers.IntegerField()
    mime_type = serializers.CharField()
    status = serializers.ChoiceField(choices=VideoStatus.choices)
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
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    fps = serializers.FloatField()
    codec = serializers.CharField()
    has_audio = serializers.BooleanField()
    source = serializers.ChoiceField(choices=VideoSource.choices)  # type: ignore[assignment]
    poster_url = serializers.CharField(allow_null=True)
    sprite_vtt_url = serializers.CharField(allow_null=True)
    peaks_url = serializers.CharField(allow_null=True)
    hls_url = serializers.CharField(allow_null=True)
    renditions = RenditionSerializer(many=True)
    job_id = serializers.UUIDField(allow_null=True)
    error = CauseSerializer(allow_null=True)


@extend_schema_serializer(many=False)
class LibraryPageSerializer(serializers.Serializer[dict[str, Any]]):
    """A page of the library, newest first."""

    videos = VideoSerializer(many=True)
    pagination = PaginationSerializer()


class MessageSerializer(serializers.Serializer[dict[str, str]]):
    """What was done, in words."""

    message = serializers.CharField()


class TitleField(StrictCharField):
    """One line."""

    def to_internal_value(self, data: Any) -> str:
        return clean_for_form(clean_title, super().to_internal_value(data))


class TagsField(serializers.ListField):
    """Texts, each once, in the order given."""

    child = StrictCharField(allow_blank=True)

    def to_internal_value(self, data: Any) -> list[str]:
        # The rule for tags asks how many they are; the framework tries each of them first.
        is_long = isinstance(data, list) and len(data) > MAX_TAGS
        return clean_for_form(clean_tags, data if is_long else super().to_internal_value(data))


def clean_for_form(clean: Callable[[Any], T], value: Any) -> T:
    """``clean(value)``, its refusal as REST framework wants it."""
    try:
        return clean(value)
    except DomainError as exc:
        raise serializers.ValidationError([text for texts in exc.extra["errors"].values() for text in texts]) from exc


class VideoChangeSerializer(serializers.Serializer[dict[str, Any]]):
    """What owners change of their videos; at least one of them."""

    title = TitleField(required=False)
    description = StrictCharField(max_length=MAX_DESCRIPTION, allow_blank=True, required=False, trim_whitespace=False)
    tags = TagsField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Send `title`, `description` or `tags`.")
        return attrs


class NewVideoSerializer(serializers.Serializer[dict[str, Any]]):
    """A form with one file; ``tags`` as a JSON list or repeated."""

    file = serializers.FileField(required=False, help_text="The video; `video` is taken too.")
    video = serializers.FileField(required=False)
    title = serializers.CharField(max_length=255, required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)


class RenditionRequestSerializer(serializers.Serializer[dict[str, Any]]):
    """What is made on demand: ``proxy`` seeks quickly, ``silent`` has no sound track."""

    kind = serializers.ChoiceField(choices=["proxy", "silent"])


class RenditionAnswerSerializer(serializers.Serializer[dict[str, Any]]):
    """The job that makes it, or the rendition itself."""

    ok = serializers.BooleanField()
    job_id = serializers.UUIDField(allow_null=True)
    rendition = RenditionSerializer(allow_null=True)


def shown_videos(videos: VideoQuerySet) -> VideoQuerySet:
    """What :func:`present_video` reads, in as many queries for fifty as for one."""
    return videos.with_state().prefetch_related("renditions")


def present_video(video: Video) -> dict[str, Any]:
    """A video as the API shows it, of the library or of the catalogue; it comes from :func:`shown_videos`.

    A deleted one has no addresses: nothing opens its bytes.
    """
    media = media_of(video)
    pictures = {rendition.kind: rendition for rendition in video.renditions.all()}
    picture = pictures.get(RenditionKind.THUMBNAIL) or pictures.get(RenditionKind.POSTER)
    return {
        "id": str(video.pk),
        "title": video.title,
        "description": video.description,
        "file_path": "" if video.location.endswith("/") else video.location,
        "thumbnail_path": picture.key_of("image") if picture else None,
        "video_url": stream_url(video) if _has_come(video) else None,
        "thumbnail_url": media["thumbnail_url"],
        "duration": round(video.duration),
        "duration_exact": video.duration,
        "file_size": video.file_size,
        "mime_type": video.mime_type,
        "status": video.state,
        "vector_clock": video.vector_clock,
        "last_modified_by": str(video.last_modified_by_id or video.owner_id),
        "version": video.version,
        "tags": video.tags,
        "category": video.category or None,
        "is_featured": video.is_featured,
        "is_hidden": video.is_hidden,
        "view_count": video.view_count,
        "created_at": video.created_at,
        "updated_at": video.updated_at,
        "deleted_at": video.deleted_at,
        "width": video.width,
        "height": video.height,
        "fps": round(float(video.fps), 3),
        "codec": video.codec,
        "has_audio": bool(video.audio_tracks),
        "source": video.source,
        **media,
        "job_id": str(video.job_id) if video.job_id else None,
        "error": _error(video),
    }


def _has_come(video: Video) -> bool:
    """Whether the file can be asked for; until then the door answers 409 (:func:`media_app.delivery.gate.use_of`)."""
    if not video.location or video.location.endswith("/") or video.deleted_at is not None:
        return False
    if video.state == VideoStatus.PROCESSING:
        # A scanner speaks only once the file is whole, and a bucket has it only then.
        return settings.CLAMD is None and store.is_local()
    return video.state != VideoStatus.UPLOADING


def _error(video: Video) -> dict[str, str] | None:
    if video.state != VideoStatus.FAILED:
        return None
    if video.error_type:
        return {"type": video.error_type, "message": video.error_message}
    told = (video.job.error or {}) if video.job else {}
    again = "its job was cancelled. Try again." if video.job else "its job is gone. Upload it again."
    return {
        "type": str(told.get("type", "server_error")),
        "message": str(told.get("message", f"It was not taken in: {again}")),
    }

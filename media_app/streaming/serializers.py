from __future__ import annotations

from typing import Any

from rest_framework import serializers

from media_app.streaming.format_selection import Device
from media_app.videos.serializers import RenditionSerializer
from vodplatform.core.api.fields import SecondsField, StrictCharField, StrictIntegerField

DELIVERY_TYPES = ["local", "local_signed", "s3_signed", "cdn_signed", "hls"]
MAX_SECONDS = 604_800.0


class OptimizedQuerySerializer(serializers.Serializer[dict[str, Any]]):
    """Request for a playback URL. expires_in: seconds for which the URL is valid."""

    device_type = serializers.ChoiceField(choices=[device.value for device in Device], default=Device.DESKTOP.value)
    prefer_signed = serializers.BooleanField(
        default=True, help_text="If false, the URL works only for signed-in users."
    )
    expires_in = serializers.IntegerField(min_value=60, max_value=86_400, required=False)


class SourceSerializer(serializers.Serializer[dict[str, Any]]):
    """Original video of a session and its addresses. duration: seconds."""

    duration = serializers.FloatField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    mime_type = serializers.CharField()
    stream_url = serializers.CharField()
    poster_url = serializers.CharField(allow_null=True)


class OptimizedSerializer(serializers.Serializer[dict[str, Any]]):
    """URL to play a video from. expires_at: null if the URL works only for signed-in users."""

    streaming_url = serializers.CharField()
    delivery_type = serializers.ChoiceField(choices=DELIVERY_TYPES)
    supports_range = serializers.BooleanField()
    global_delivery = serializers.BooleanField(help_text="Whether a CDN delivers the video.")
    expires_at = serializers.DateTimeField(allow_null=True)
    renditions = RenditionSerializer(many=True)


class UploadFiguresSerializer(serializers.Serializer[dict[str, Any]]):
    """Bytes and seconds of an upload, as its client measured them."""

    session_id = StrictCharField(max_length=64)
    bytes = StrictIntegerField(min_value=0, max_value=2**53)
    seconds = SecondsField(min_value=0, max_value=MAX_SECONDS)
    network = StrictCharField(max_length=32, allow_blank=True, allow_null=True, required=False)


class NotedSerializer(serializers.Serializer[dict[str, Any]]):
    ok = serializers.BooleanField()

"""Signed URLs of media, each for one purpose. Callers check permissions.

A URL signed while a video is public stops working when the video is hidden or its session is no longer published.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.conf import settings

from jobs_app import outputs
from media_app.videos.models import Rendition, RenditionKind, Video, VideoScope, VideoStatus
from vodplatform.core.web import signing

STREAM_PREFIX = "/api/v1/media/stream/"
MADE_PREFIX = "/api/v1/media/made/"
HLS_PREFIX = "/api/v1/media/hls/"
RENDITION_PREFIX = "/api/v1/media/renditions/"
OUTPUT_PREFIX = "/api/v1/media/outputs/"
STREAM = "stream"
MADE = "made"
HLS = "hls"
RENDITION = "rendition"
OUTPUT = "output"
MASTER = "master.m3u8"
PLAYLIST = "index.m3u8"
LONGEST_SECONDS = 86_400
_RESTRICTED = ":restricted"
_GRANTED = ":grant:"
# Key in ``Rendition.files`` of the main file, by kind of rendition.
MAIN_ROLE: dict[str, str] = {
    RenditionKind.POSTER: "image",
    RenditionKind.THUMBNAIL: "image",
    RenditionKind.SPRITE: "vtt",
    RenditionKind.PEAKS: "json",
    RenditionKind.HLS: "playlist",
    RenditionKind.PROXY: "video",
    RenditionKind.SILENT: "video",
    RenditionKind.NORMALIZED: "video",
    RenditionKind.REEL: "video",
    RenditionKind.PREVIEW: "video",
    RenditionKind.SOUND: "audio",
    RenditionKind.DUB: "video",
}


def is_restricted(video: Video) -> bool:
    if video.place == VideoScope.CATALOGUE:
        return video.is_hidden or video.status != VideoStatus.READY
    return video.place == VideoScope.SESSION


def signed_name(key: UUID, restricted: bool = False, grant: str = "") -> str:
    return f"{key}{_RESTRICTED if restricted else ''}{_GRANTED + grant if grant else ''}"


def stream_url(video: Video, seconds: float | None = None, *, as_shown: bool = False) -> str:
    """Return a URL of a video's bytes that works without sign-in.

    seconds: validity of the URL, by default :func:`lifetime`. as_shown: whether the URL works only while the video is
    public.
    """
    name = _name_of(video.pk, video, as_shown)
    return f"{STREAM_PREFIX}{video.pk}?sig={signing.sign(STREAM, name, seconds=seconds or lifetime(video))}"


def granted_stream_url(video_id: UUID, duration: float, grant: str) -> str:
    """Return a URL of a video's bytes that stops working when the given grant ends."""
    token = signing.sign(STREAM, signed_name(video_id, grant=grant), seconds=_lifetime(duration))
    return f"{STREAM_PREFIX}{video_id}?sig={token}&grant={quote(grant)}"


def made_url(key: str) -> str:
    return f"{MADE_PREFIX}{quote(key)}?sig={signing.sign(MADE, key)}"


def output_url(key: str, seconds: float) -> str:
    token = signing.sign(OUTPUT, key, seconds=seconds)
    return f"{OUTPUT_PREFIX}{token}/{quote(key.removeprefix(f'{outputs.ROOT}/'))}"


def hls_url(video: Video, seconds: float | None = None) -> str:
    """Return the URL of the HLS master playlist; relative URLs in it contain the same signature."""
    return f"{_hls_folder(video, seconds)}{MASTER}"


def rendition_url(
    rendition: Rendition, seconds: float | None = None, *, as_shown: bool = False, grant: str = ""
) -> str:
    """Return the URL of a rendition's main file; needs ``rendition.video``.

    The signature is in the URL's path, so it also applies to relative URLs in a sprite's WebVTT. as_shown: as in
    :func:`stream_url`.
    """
    if rendition.kind == RenditionKind.HLS:
        return f"{_hls_folder(rendition.video, seconds, as_shown)}{rendition.name}/{PLAYLIST}"
    name = signed_name(rendition.pk, grant=grant) if grant else _name_of(rendition.pk, rendition.video, as_shown)
    token = signing.sign(RENDITION, name, seconds=seconds or lifetime(rendition.video))
    address = f"{RENDITION_PREFIX}{token}/{rendition.pk}/{quote(rendition.files[MAIN_ROLE[rendition.kind]])}"
    return f"{address}?grant={quote(grant)}" if grant else address


def url_of(rendition: Rendition | None, video: Video) -> str | None:
    if rendition is None:
        return None
    rendition.video = video
    return rendition_url(rendition)


def source_of(video: Video) -> dict[str, Any]:
    made = {rendition.kind: rendition for rendition in video.renditions.all()}
    return {
        "duration": video.duration,
        "width": video.width,
        "height": video.height,
        "mime_type": video.mime_type,
        "stream_url": stream_url(video),
        "poster_url": url_of(made.get(RenditionKind.POSTER), video),
    }


def media_of(video: Video) -> dict[str, Any]:
    """Return the API's media fields: a video's URLs (None for missing files) and its playable renditions."""
    made = list(video.renditions.all()) if video.deleted_at is None else []
    for rendition in made:
        rendition.video = video
    by_kind = {rendition.kind: rendition for rendition in made}

    def one(kind: str) -> str | None:
        return url_of(by_kind.get(kind), video)

    return {
        "thumbnail_url": one(RenditionKind.THUMBNAIL) or one(RenditionKind.POSTER),
        "poster_url": one(RenditionKind.POSTER),
        "sprite_vtt_url": one(RenditionKind.SPRITE),
        "peaks_url": one(RenditionKind.PEAKS),
        "hls_url": hls_url(video) if RenditionKind.HLS in by_kind else None,
        "renditions": [shown(rendition) for rendition in made if rendition.kind in PLAYABLE],
    }


PLAYABLE = (RenditionKind.HLS, RenditionKind.PROXY, RenditionKind.SILENT)


def shown(rendition: Rendition, seconds: float | None = None) -> dict[str, Any]:
    return {
        "kind": rendition.kind,
        "name": rendition.name,
        "width": rendition.width,
        "height": rendition.height,
        "bit_rate": rendition.bit_rate,
        "url": rendition_url(rendition, seconds),
    }


def lifetime(video: Video) -> float:
    return _lifetime(video.duration)


def _lifetime(duration: float) -> float:
    return min(LONGEST_SECONDS, settings.SIGNED_URL_SECONDS + duration)


def _hls_folder(video: Video, seconds: float | None, as_shown: bool = False) -> str:
    token = signing.sign(HLS, _name_of(video.pk, video, as_shown), seconds=seconds or lifetime(video))
    return f"{HLS_PREFIX}{token}/{video.pk}/"


def _name_of(key: UUID, video: Video, as_shown: bool) -> str:
    return signed_name(key, not as_shown and is_restricted(video))

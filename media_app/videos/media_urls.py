"""The addresses of media: signed, each for one video or file and one purpose. Check permission before making one.

The name that is signed says whether the video was restricted, so that what was made for everybody ends when a
catalogue video is hidden or a session's is open no more, and what was made for its moderators or owner does not.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.conf import settings

from jobs_app import outputs
from media_app.videos.models import Place, Rendition, RenditionKind, Video, VideoStatus
from vodplatform.core.web import signing

STREAM_PREFIX = "/api/v1/media/stream/"
MADE_PREFIX = "/api/v1/media/made/"
HLS_PREFIX = "/api/v1/media/hls/"
RENDITION_PREFIX = "/api/v1/media/renditions/"
OUTPUT_PREFIX = "/api/v1/media/outputs/"
# Purposes of signatures.
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
# The file of a rendition that its address leads to, by kind; the others stand beside it.
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
    """Whether only some may see it as it stands: a catalogue video its moderators, a session's who may see that."""
    if video.place == Place.CATALOGUE:
        return video.is_hidden or video.status != VideoStatus.READY
    return video.place == Place.SESSION


def signed_name(key: UUID, restricted: bool = False, grant: str = "") -> str:
    """What is signed for a video or a rendition. restricted: of a video that was so when the address was made."""
    return f"{key}{_RESTRICTED if restricted else ''}{_GRANTED + grant if grant else ''}"


def stream_url(video: Video, seconds: float | None = None, *, as_shown: bool = False) -> str:
    """Where the bytes of ``video`` can be read without signing in, for ``seconds`` or as long as one may watch it.

    as_shown: the address opens only while everybody sees the video; for whom something else lets in than the video's
    own rule, such as a session that shows it.
    """
    name = _name_of(video.pk, video, as_shown)
    return f"{STREAM_PREFIX}{video.pk}?sig={signing.sign(STREAM, name, seconds=seconds or lifetime(video))}"


def granted_stream_url(video_id: UUID, duration: float, grant: str) -> str:
    """The same for whom a grant lets in, as :mod:`media_app.streaming.grants` has it: it ends with that.

    duration: of the video, in seconds.
    """
    token = signing.sign(STREAM, signed_name(video_id, grant=grant), seconds=_lifetime(duration))
    return f"{STREAM_PREFIX}{video_id}?sig={token}&grant={quote(grant)}"


def made_url(key: str) -> str:
    """The same for a small file that a job has stored under ``key``."""
    return f"{MADE_PREFIX}{quote(key)}?sig={signing.sign(MADE, key)}"


def output_url(key: str, seconds: float) -> str:
    """The same for a large file that a job has stored under ``key``: it is read in ranges."""
    token = signing.sign(OUTPUT, key, seconds=seconds)
    return f"{OUTPUT_PREFIX}{token}/{quote(key.removeprefix(f'{outputs.ROOT}/'))}"


def hls_url(video: Video, seconds: float | None = None) -> str:
    """The master playlist; the signature is part of the path, so that all relative addresses in it inherit it."""
    return f"{_hls_folder(video, seconds)}{MASTER}"


def rendition_url(
    rendition: Rendition, seconds: float | None = None, *, as_shown: bool = False, grant: str = ""
) -> str:
    """The one file of a rendition that is asked for by itself; a rung of the ladder by its playlist.

    Reads ``rendition.video``. The signature is part of the path: the pictures that a sprite's WebVTT names by
    relative addresses inherit it. as_shown: as :func:`stream_url` has it. grant: it ends with that.
    """
    if rendition.kind == RenditionKind.HLS:
        return f"{_hls_folder(rendition.video, seconds, as_shown)}{rendition.name}/{PLAYLIST}"
    name = signed_name(rendition.pk, grant=grant) if grant else _name_of(rendition.pk, rendition.video, as_shown)
    token = signing.sign(RENDITION, name, seconds=seconds or lifetime(rendition.video))
    address = f"{RENDITION_PREFIX}{token}/{rendition.pk}/{quote(rendition.files[MAIN_ROLE[rendition.kind]])}"
    return f"{address}?grant={quote(grant)}" if grant else address


def url_of(rendition: Rendition | None, video: Video) -> str | None:
    """:func:`rendition_url` of one of ``video``'s, which need not have been read with it; None for none."""
    if rendition is None:
        return None
    rendition.video = video
    return rendition_url(rendition)


def source_of(video: Video) -> dict[str, Any]:
    """What a session shows of the video that it is about: ``duration, width, height, mime_type, stream_url`` and
    ``poster_url`` (None until made). Asks for ``video.renditions`` once: lists prefetch them."""
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
    """``thumbnail_url, poster_url, sprite_vtt_url, peaks_url, hls_url`` (None until made) and ``renditions``.

    thumbnail_url: the picture that somebody gave, else the poster. A deleted video has none of them.

    Asks for ``video.renditions`` once: lists prefetch them.
    """
    made = list(video.renditions.all()) if video.deleted_at is None else []
    for rendition in made:
        rendition.video = video  # the same object, read before or not
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
    """A rendition that can be played, as the API shows it. bit_rate: bits a second."""
    return {
        "kind": rendition.kind,
        "name": rendition.name,
        "width": rendition.width,
        "height": rendition.height,
        "bit_rate": rendition.bit_rate,
        "url": rendition_url(rendition, seconds),
    }


def lifetime(video: Video) -> float:
    """Seconds for which an address of a video opens it: the usual ones, and once as long as the video lasts."""
    return _lifetime(video.duration)


def _lifetime(duration: float) -> float:
    return min(LONGEST_SECONDS, settings.SIGNED_URL_SECONDS + duration)


def _hls_folder(video: Video, seconds: float | None, as_shown: bool = False) -> str:
    token = signing.sign(HLS, _name_of(video.pk, video, as_shown), seconds=seconds or lifetime(video))
    return f"{HLS_PREFIX}{token}/{video.pk}/"


def _name_of(key: UUID, video: Video, as_shown: bool) -> str:
    return signed_name(key, not as_shown and is_restricted(video))

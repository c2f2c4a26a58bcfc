"""Choice of the address from which a device plays a video."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from jobs_app.context import JobFailed
from media_app.storage import files as store
from media_app.streaming import cdn, names
from media_app.streaming.availability import Use, use_of
from media_app.streaming.format_selection import Device, Facts, Form, choose
from media_app.streaming.resolve import redirect_url
from media_app.videos import media_urls
from media_app.videos.models import Rendition, RenditionKind, Video
from media_app.videos.services import CopyPending, is_local, normalized_copy
from vodplatform.core.errors import DomainError
from vodplatform.core.web import signing

MADE_FORMS = {RenditionKind.HLS: Form.LADDER, RenditionKind.PROXY: Form.PROXY}


@dataclass(frozen=True, slots=True)
class Delivery:
    """URL of a video. expires: epoch seconds; None if the URL works only for signed-in users."""

    address: str
    delivery_type: str
    expires: int | None
    is_global: bool
    renditions: list[dict[str, Any]] = field(default_factory=list)


def choose_delivery(video: Video, device: Device, *, seconds: float, signed: bool) -> Delivery:
    """Return the URL from which ``device`` plays ``video``, valid for ``seconds``.

    signed: whether the URL must work without signing in; URLs of HLS and proxies always do.
    Raise ``video_not_ready``, ``unavailable``.
    """
    if use_of(video) != Use.PLAY:
        raise DomainError("video_not_ready")
    rows = list(video.renditions.all())
    for row in rows:
        row.video = video
    made = frozenset(MADE_FORMS[RenditionKind(row.kind)] for row in rows if row.kind in MADE_FORMS)
    sound = [str(track.get("codec", "")) for track in video.audio_tracks]
    copy = _copy(video)
    form = choose(Facts(copy.mime_type if copy else video.mime_type, video.codec, sound, made), device)
    shown = [media_urls.shown(row, seconds) for row in rows if row.kind in media_urls.PLAYABLE]
    if form == Form.LADDER:
        address = media_urls.hls_url(video, seconds)
        token = address.removeprefix(media_urls.HLS_PREFIX).partition("/")[0]
        return Delivery(address, "hls", signing.expiry_of(token), cdn.is_set() and not store.is_local(), shown)
    proxy = next((row for row in rows if row.kind == RenditionKind.PROXY), None) if form == Form.PROXY else None
    place = _place(video, proxy, copy, seconds, signed=signed)
    return Delivery(*place, shown)


def _copy(video: Video) -> Rendition | None:
    try:
        return normalized_copy(video)
    except CopyPending as exc:
        raise DomainError("video_not_ready") from exc
    except JobFailed as exc:
        raise DomainError("video_not_ready", f"No playable copy could be created: {exc}") from exc


def _place(
    video: Video, proxy: Rendition | None, copy: Rendition | None, seconds: float, *, signed: bool
) -> tuple[str, str, int | None, bool]:
    made = proxy or copy
    here = store.is_local() if made else is_local(video)
    if not here and signed:
        key = made.key_of("video") if made else video.location
        content_type = names.media_type(made.mime_type if made else video.mime_type)
        until = round(time.time() + seconds)
        kind = "cdn_signed" if cdn.is_set() else "s3_signed"
        return redirect_url(key, content_type, until), kind, until, cdn.is_set()
    if proxy:
        address = media_urls.rendition_url(proxy, seconds)
        token = address.removeprefix(media_urls.RENDITION_PREFIX).partition("/")[0]
    elif signed:
        address = media_urls.stream_url(video, seconds)
        token = address.partition("?sig=")[2]
    else:
        return f"{media_urls.STREAM_PREFIX}{video.pk}", "local", None, False
    return address, "local_signed", signing.expiry_of(token), False

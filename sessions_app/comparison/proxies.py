"""Copies of a session's videos: posters for lists, proxies for fast seeks, and silent copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from media_app.videos.media_urls import granted_stream_url, rendition_url, stream_url
from media_app.videos.models import Rendition, RenditionKind
from sessions_app.comparison.models import SHARE_GRANT, ComparisonSession, ComparisonVod, LinkVisitor, Viewer
from sessions_app.comparison.vod_cache import cache

LETTERS = "ABC"
SHOWN = (RenditionKind.PROXY, RenditionKind.SILENT, RenditionKind.PEAKS)


@dataclass(frozen=True, slots=True)
class Picture:
    """A VOD's picture in a list. is_gone: whether the video was deleted."""

    letter: str
    name: str
    url: str | None
    is_gone: bool


def posters_of(sessions: Sequence[ComparisonSession]) -> dict[str, list[Picture]]:
    """Return the VODs' pictures for a list, by session id.

    sessions: rows annotated by ``with_role``, with ``vods`` and ``video`` prefetched.
    """
    videos = {vod.video_id for session in sessions for vod in session.vods.all()}
    rows = Rendition.objects.filter(video__in=videos, video__deleted_at=None, kind=RenditionKind.POSTER)
    made = {row.video_id: row for row in rows.select_related("video")}

    def picture(letter: str, vod: ComparisonVod, grant: str) -> Picture:
        row = made.get(vod.video_id)
        url = rendition_url(row, as_shown=True, grant=grant) if row else None
        return Picture(letter, vod.name, url, is_gone=vod.video.deleted_at is not None)

    def all_of(session: ComparisonSession) -> list[Picture]:
        share = session.share  # type: ignore[attr-defined]
        grant = f"{SHARE_GRANT}.{share}" if share else ""
        return [picture(letter, vod, grant) for letter, vod in zip(LETTERS, session.vods.all(), strict=False)]

    return {session.pk: all_of(session) for session in sessions}


def proxy_urls(session: ComparisonSession, viewer: Viewer, grant: str = "") -> list[dict[str, Any]]:
    """Return, for each VOD, the addresses of its copies and waveform, and whether ``viewer`` may create copies."""
    vods = cache.vods(session)
    rows = Rendition.objects.filter(video__in=[vod.video_id for vod in vods], kind__in=SHOWN)
    made = {(row.video_id, row.kind): row for row in rows.select_related("video")}

    def url(vod: ComparisonVod, kind: str) -> str | None:
        row = made.get((vod.video_id, kind))
        return rendition_url(row, as_shown=True, grant=grant) if row else None

    return [
        {
            "vod_id": vod.vod_id,
            "video_id": str(vod.video_id),
            "mine": not isinstance(viewer, LinkVisitor) and vod.video.can_change(viewer),
            "is_gone": vod.video.deleted_at is not None,
            "stream_url": granted_stream_url(vod.video_id, vod.video.duration, grant)
            if grant
            else stream_url(vod.video, as_shown=True),
            "proxy_url": url(vod, RenditionKind.PROXY),
            "silent_url": url(vod, RenditionKind.SILENT),
            "peaks_url": url(vod, RenditionKind.PEAKS),
        }
        for vod in vods
    ]

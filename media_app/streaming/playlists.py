"""HLS playlists as text (RFC 8216); free of Django."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rung:
    """An HLS quality. peak, average: bits per second. codecs: RFC 6381 names."""

    name: str
    width: int
    height: int
    peak: int
    average: int
    codecs: str = ""


def master_playlist(rungs: Sequence[Rung], frame_rate: float, suffix: str = "") -> str:
    """Return the HLS master playlist. The lowest bit rate comes first, for a fast start.

    frame_rate: frames per second, 0 if variable or unknown. suffix: text appended to each URL.
    """
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for rung in sorted(rungs, key=lambda rung: (rung.peak, rung.height)):
        attributes = [f"BANDWIDTH={rung.peak}", f"AVERAGE-BANDWIDTH={rung.average}"]
        attributes += [f"RESOLUTION={rung.width}x{rung.height}"] if rung.width and rung.height else []
        attributes += [f'CODECS="{rung.codecs}"'] if rung.codecs else []
        attributes += [f"FRAME-RATE={frame_rate:.3f}"] if frame_rate > 0 else []
        lines += [f"#EXT-X-STREAM-INF:{','.join(attributes)}", f"{rung.name}/index.m3u8{suffix}"]
    return "\n".join(lines) + "\n"


def with_address(text: str, media: str, address: str) -> str:
    text = text.replace(f'URI="{media}"', f'URI="{address}"')
    return re.sub(rf"(?m)^{re.escape(media)}$", lambda _: address, text)

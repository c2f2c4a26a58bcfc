"""HLS playlists as texts (RFC 8216): the master of a video's rungs, and a rung's own as it is handed out; no Django."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rung:
    """One rendition of the ladder. peak, average: bits a second of its segments. codecs: RFC 6381, or unknown."""

    name: str
    width: int
    height: int
    peak: int
    average: int
    codecs: str = ""


def master_playlist(rungs: Sequence[Rung], frame_rate: float, suffix: str = "") -> str:
    """The multivariant playlist; the rung with the fewest bits comes first, so that a player starts soonest.

    frame_rate: frames a second of all rungs, at most; 0 when unknown. suffix: put behind each address, such as
    ``?proxy=1``.
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
    """A rung's playlist with ``address`` wherever it names its one file ``media``."""
    text = text.replace(f'URI="{media}"', f'URI="{address}"')
    return re.sub(rf"(?m)^{re.escape(media)}$", lambda _: address, text)

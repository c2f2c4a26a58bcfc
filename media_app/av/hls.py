"""Make HLS renditions: the video itself by stream copy where browsers play it, smaller sizes encoded.

Each is one fragmented MP4 with a playlist of byte ranges (RFC 8216), so that a rendition is two files however long it
is. Playlists of the ladder, which name several renditions, are written where they are delivered.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from media_app.av.ffmpeg import WITHOUT_TAGS, ConversionFailed, Ffmpeg, Track
from media_app.av.isobmff import codecs_of
from media_app.av.ladder import (
    HDR_TRANSFERS,
    MAX_FPS,
    Rung,
    encoded_sound,
    encoding,
    picture_of,
    sound_of,
)
from media_app.av.source import Progress, Source

PLAYLIST = "index.m3u8"
MEDIA = "media.mp4"
LAST_LINE = "#EXT-X-ENDLIST"
MIME_TYPE = "application/vnd.apple.mpegurl"
SEGMENT_SECONDS = 6
GOP_SECONDS = 2
# Every rendition's media begins at this time of its own: the pictures of B-frames are decoded before they are shown,
# and no time in a fragment may be negative. Players show the beginning as 0.
CLOCK_START = 1  # second
# Media Source Extensions know no empty edits, so each track's first fragment says itself when it begins
# (tfdt), and sound from before the beginning, which an edit list would hide, is not written at all.
OWN_CLOCK = {
    "avoid_negative_ts": "disabled", "output_ts_offset": CLOCK_START, "hls_segment_options": "movflags=+frag_discont",
}  # fmt: skip
WITHOUT_PRIMING = "noise=drop=lt(pts\\,0)"
REORDERED_PICTURES = 2  # x264 decodes so many ahead of the one that is shown
# The first picture at or behind every second second, by the clock that all rungs share: one for each, also where the
# pictures stop for a while.
KEYFRAMES = f"expr:isnan(prev_forced_t)+gt(floor(t/{GOP_SECONDS}),floor(prev_forced_t/{GOP_SECONDS}))"
# A player starts at a keyframe and loads whole segments. x264 puts a keyframe every 250 frames when nobody says
# otherwise, which is 10.43 s of a film at 23.976 frames a second.
MAX_KEYFRAME_GAP = 10.5
MAX_SEGMENT = SEGMENT_SECONDS + MAX_KEYFRAME_GAP
PLAYABLE_PIXELS = frozenset({"yuv420p", "yuvj420p"})
PLAYABLE_SOUNDS = frozenset({"LC", "HE-AAC", "HE-AACv2"})
RANGE = re.compile(r"#EXT-X-BYTERANGE:(\d+)@(\d+)")
MAP = re.compile(r'#EXT-X-MAP:URI="([^"]*)",BYTERANGE="(\d+)@0"')
MAX_IN_SPAN = 100  # segments: damaged timestamps may make many of no length
MIN_SECONDS = 0.001
PEAK_SPAN = (0.5, 1.5)  # of the target duration: RFC 8216, section 4.1


class RungNotAvailable(Exception):
    """This rendition makes no sense for this video; the text is the reason, a sentence."""


@dataclass(frozen=True, slots=True)
class Playlist:
    """What a media playlist says. header_bytes: of the initialization section. segments: (seconds, bytes) of each.

    target: seconds.
    """

    header_bytes: int
    segments: tuple[tuple[float, int], ...]
    target: float


@dataclass(frozen=True, slots=True)
class HlsRendition:
    """bit_rate: the peak of its segments, bits a second, for BANDWIDTH.

    codecs: RFC 6381. size: bytes of both files. width, height: pixels as displayed.
    """

    width: int
    height: int
    bit_rate: int
    codecs: str
    size: int
    mime_type: str = MIME_TYPE


def why_not_source(source: Source) -> str | None:  # noqa: PLR0911 - each reason has its line
    """Why the video itself cannot be offered by stream copy, a sentence; None when it can.

    H.264 alone: no other codec is played from fragmented MP4 by every browser of today.
    """
    facts = source.facts
    if facts.codec != "h264":
        return f"Not every browser plays {facts.codec}."
    if facts.pixel_format not in PLAYABLE_PIXELS:
        return f"Browsers do not play H.264 with {facts.pixel_format} pixels."
    if facts.is_interlaced:
        return "Its pictures are interlaced."
    if facts.color_transfer in HDR_TRANSFERS:
        return "Its brightness is made for HDR screens alone."
    if facts.rotation:
        return "The picture has to be turned, which not every player does."
    if not source.times_pictures:
        return "It does not say when its pictures are to be shown."
    if source.hides_pictures:
        # Fragmented MP4 has no way to hide them again: they would be seen, and the sound would be late by as much.
        return "It was cut without encoding it again, and players would show what was cut off."
    if source.keyframe_gap is not None and source.keyframe_gap > MAX_KEYFRAME_GAP:
        return f"Its keyframes are up to {source.keyframe_gap:.1f} s apart, too far to be cut into segments."
    return None


def make_source(folder: Path, source: Source, program: Ffmpeg, on_progress: Progress | None = None) -> HlsRendition:
    """Write the video itself into ``folder``: the picture copied, the sound copied or made AAC.

    Raises :class:`RungNotAvailable`, :class:`media_app.av.ffmpeg.ConversionFailed` and OSError.
    """
    reason = why_not_source(source)
    if reason:
        raise RungNotAvailable(reason)
    tracks = [Track(source.track)]
    options: dict[str, Any] = {"c:v": "copy", **WITHOUT_TAGS}
    sound = source.sound
    if sound is not None and sound.codec == "aac" and sound.profile in PLAYABLE_SOUNDS:
        tracks.append(Track(sound.track))
        # Transport streams carry AAC with a header on each frame; others pass through this untouched.
        options |= {"c:a": "copy", "bsf:a": f"aac_adtstoasc,{WITHOUT_PRIMING}"}
    elif sound is not None:
        tracks.append(sound_of(sound))
        options |= {**encoded_sound(source), "bsf:a": WITHOUT_PRIMING}
    playlist = _make(
        folder, source, program, tracks=tracks, options=options, decoded_early=source.decoded_early,
        on_progress=on_progress,
    )  # fmt: skip
    longest = max(seconds for seconds, _ in playlist.segments)
    if longest > MAX_SEGMENT:
        raise RungNotAvailable(f"Its keyframes are up to {longest:.1f} s apart, too far to be cut into segments.")
    return _describe(folder, playlist, source.facts.width, source.facts.height)


def make_rung(
    folder: Path, source: Source, rung: Rung, program: Ffmpeg, on_progress: Progress | None = None
) -> HlsRendition:
    """Encode ``rung`` into ``folder``: H.264 with a keyframe every 2 s at the same times in all rungs, AAC.

    Raises :class:`RungNotAvailable` when it would be larger than the video; ConversionFailed and OSError.
    """
    facts = source.facts
    if rung.lines > min(facts.width, facts.height):
        raise RungNotAvailable(f"The video has fewer than {rung.lines} lines.")
    tracks = [picture_of(source, (rung.width, rung.height), max_fps=MAX_FPS)]
    # The source's own ticks: rounded to those of a frame rate, pictures of a variable rate would move.
    timed = {"fps_mode": "vfr", "enc_time_base:v": "demux", "g": 10 * MAX_FPS, "force_key_frames": KEYFRAMES}
    options = encoding(source, program, crf=23, maxrate=rung.bits, bufsize=2 * rung.bits, **timed)
    if source.sound is not None:
        tracks.append(sound_of(source.sound))
        options["bsf:a"] = WITHOUT_PRIMING
    playlist = _make(
        folder, source, program, tracks=tracks, options=options,
        decoded_early=float(REORDERED_PICTURES / min(facts.fps, Fraction(MAX_FPS))), on_progress=on_progress,
    )  # fmt: skip
    return _describe(folder, playlist, rung.width, rung.height)


def _make(
    folder: Path, source: Source, program: Ffmpeg, *, tracks: Sequence[Track], options: dict[str, Any],
    decoded_early: float, on_progress: Progress | None,
) -> Playlist:  # fmt: skip
    stream = {
        "f": "hls", "hls_time": SEGMENT_SECONDS, "hls_playlist_type": "vod", "hls_segment_type": "fmp4",
        "hls_flags": "single_file+independent_segments", "hls_segment_filename": MEDIA, **OWN_CLOCK,
        # What sounds before the first picture of a segment belongs to the one before: a player that begins with this
        # segment takes the earlier of the two for its beginning, and would show all pictures late by as much.
        "audio_preload": round(decoded_early * 1e6),
    }  # fmt: skip
    program.make(folder / PLAYLIST, source, tracks, {**options, **stream}, on_progress=on_progress)
    try:
        text = (folder / PLAYLIST).read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise ConversionFailed("Nothing of it could be converted.") from exc
    # ffmpeg's HLS muxer says nothing of a full disk and ends well: only what is missing tells.
    if not text.rstrip().endswith(LAST_LINE):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    playlist = read_playlist(text)
    if (folder / MEDIA).stat().st_size != playlist.header_bytes + sum(size for _, size in playlist.segments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return playlist


def read_playlist(text: str) -> Playlist:
    """Read a playlist made here. Raises :class:`ConversionFailed` when it is empty or names any file but its own."""
    header = MAP.search(text)
    lines = [line for line in text.splitlines() if line]
    named = {line for line in lines if not line.startswith("#")} | set(re.findall(r'URI="([^"]*)"', text))
    if header is None or named != {MEDIA}:
        raise ConversionFailed("Nothing of it could be converted.")
    durations = [float(line[8:].rstrip(",")) for line in lines if line.startswith("#EXTINF:")]
    if sum(durations) <= 0:
        raise ConversionFailed("Its pictures have no times.")
    sizes = [int(size) for size, _ in RANGE.findall(text)]
    target = next(float(line.split(":")[1]) for line in lines if line.startswith("#EXT-X-TARGETDURATION:"))
    return Playlist(int(header.group(2)), tuple(zip(durations, sizes, strict=True)), target)


def peak_bit_rate(segments: Sequence[tuple[float, int]], target: float) -> int:
    """Bits a second: the largest of any run of segments that lasts 0.5 to 1.5 target durations (RFC 8216, 4.1).

    A video shorter than that has the rate of all of it.
    """
    least, most = (share * target for share in PEAK_SPAN)
    peak = 0.0
    for first in range(len(segments)):
        seconds, size = 0.0, 0
        for length, count in segments[first : first + MAX_IN_SPAN]:
            seconds += length
            size += count
            if seconds > most:
                break
            if seconds >= max(least, MIN_SECONDS):
                peak = max(peak, size * 8 / seconds)
    total = sum(size for _, size in segments) * 8 / max(MIN_SECONDS, sum(seconds for seconds, _ in segments))
    return round(peak) or round(total)


def _describe(folder: Path, playlist: Playlist, width: int, height: int) -> HlsRendition:
    with (folder / MEDIA).open("rb") as file:
        header = file.read(playlist.header_bytes)
    try:
        codecs = codecs_of(header)
    except (ValueError, StopIteration, IndexError) as exc:
        raise ConversionFailed("Its data is of a kind that no browser plays.") from exc
    return HlsRendition(
        width=width,
        height=height,
        bit_rate=peak_bit_rate(playlist.segments, playlist.target),
        codecs=codecs,
        size=sum((folder / name).stat().st_size for name in (PLAYLIST, MEDIA)),
    )

"""HLS renditions: one fragmented MP4 and a playlist of byte ranges each (RFC 8216)."""

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
# Seconds at which output timestamps start. Decoding times are earlier, but must not be negative.
CLOCK_START = 1
# Store a start time in each fragment (tfdt), since browsers' Media Source Extensions ignore empty edits.
OWN_CLOCK = {
    "avoid_negative_ts": "disabled", "output_ts_offset": CLOCK_START, "hls_segment_options": "movflags=+frag_discont",
}  # fmt: skip
WITHOUT_PRIMING = "noise=drop=lt(pts\\,0)"
REORDERED_PICTURES = 2
# ffmpeg expression that makes the first picture of every GOP_SECONDS a keyframe, in all renditions alike.
KEYFRAMES = f"expr:isnan(prev_forced_t)+gt(floor(t/{GOP_SECONDS}),floor(prev_forced_t/{GOP_SECONDS}))"
# Videos with more seconds between keyframes are not copied. x264's default maximum is 10.43 s at 23.976 fps.
MAX_KEYFRAME_GAP = 10.5
MAX_SEGMENT = SEGMENT_SECONDS + MAX_KEYFRAME_GAP
PLAYABLE_PIXELS = frozenset({"yuv420p", "yuvj420p"})
PLAYABLE_SOUNDS = frozenset({"LC", "HE-AAC", "HE-AACv2"})
RANGE = re.compile(r"#EXT-X-BYTERANGE:(\d+)@(\d+)")
MAP = re.compile(r'#EXT-X-MAP:URI="([^"]*)",BYTERANGE="(\d+)@0"')
MAX_IN_SPAN = 100
MIN_SECONDS = 0.001
PEAK_SPAN = (0.5, 1.5)


class RenditionNotAvailable(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Playlist:
    header_bytes: int
    segments: tuple[tuple[float, int], ...]
    target: float


@dataclass(frozen=True, slots=True)
class HlsRendition:
    """An HLS rendition. bit_rate: peak bits a second. codecs: RFC 6381 names. size: bytes with playlist."""

    width: int
    height: int
    bit_rate: int
    codecs: str
    size: int
    mime_type: str = MIME_TYPE


def stream_copy_obstacle(source: Source) -> str | None:  # noqa: PLR0911 - each reason has its line
    """Return a sentence that says why the video cannot be copied into HLS; None if it can."""
    facts = source.facts
    if facts.codec != "h264":
        return f"Not every browser plays {facts.codec}."
    if facts.pixel_format not in PLAYABLE_PIXELS:
        return f"Browsers do not play H.264 with the pixel format {facts.pixel_format}."
    if facts.is_interlaced:
        return "The video is interlaced."
    if facts.color_transfer in HDR_TRANSFERS:
        return "The video is HDR, which only HDR screens show correctly."
    if facts.rotation:
        return "The video relies on rotation metadata, which some players ignore."
    if not source.times_pictures:
        return "The frames of the video have no timestamps."
    if source.hides_pictures:
        # Pictures that were cut away are still in the file, hidden by its edit list. In a fragmented MP4,
        # players would show these pictures, and the sound would lag.
        return "The video was cut without re-encoding, so its file still contains the removed parts."
    if source.keyframe_gap is not None and source.keyframe_gap > MAX_KEYFRAME_GAP:
        return f"The video's keyframes are up to {source.keyframe_gap:.1f} s apart, too far for streaming."
    return None


def make_source(folder: Path, source: Source, program: Ffmpeg, on_progress: Progress | None = None) -> HlsRendition:
    """Copy the picture, and copy or encode the sound.

    Raises :class:`RenditionNotAvailable`, :class:`media_app.av.ffmpeg.ConversionFailed`, OSError.
    """
    reason = stream_copy_obstacle(source)
    if reason:
        raise RenditionNotAvailable(reason)
    tracks = [Track(source.track)]
    options: dict[str, Any] = {"c:v": "copy", **WITHOUT_TAGS}
    sound = source.sound
    if sound is not None and sound.codec == "aac" and sound.profile in PLAYABLE_SOUNDS:
        tracks.append(Track(sound.track))
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
        raise RenditionNotAvailable(f"The video's keyframes are up to {longest:.1f} s apart, too far for streaming.")
    return _describe(folder, playlist, source.facts.width, source.facts.height)


def make_rung(
    folder: Path, source: Source, rung: Rung, program: Ffmpeg, on_progress: Progress | None = None
) -> HlsRendition:
    """Encode ``rung`` as H.264 and AAC, with keyframes at the same times as in other rungs.

    Raises :class:`RenditionNotAvailable`, ConversionFailed, OSError.
    """
    facts = source.facts
    if rung.lines > min(facts.width, facts.height):
        raise RenditionNotAvailable(f"The video's resolution is lower than {rung.lines}p.")
    tracks = [picture_of(source, (rung.width, rung.height), max_fps=MAX_FPS)]
    # Keep the demuxer's time base: rounding to another would shift the pictures of a variable-rate video.
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
        # Store sound heard before a segment's first picture in the previous segment, else players show pictures late.
        "audio_preload": round(decoded_early * 1e6),
    }  # fmt: skip
    program.make(folder / PLAYLIST, source, tracks, {**options, **stream}, on_progress=on_progress)
    try:
        text = (folder / PLAYLIST).read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise ConversionFailed("No part of the video could be converted.") from exc
    # ffmpeg's HLS muxer reports success on a full disk, so check its files.
    if not text.rstrip().endswith(LAST_LINE):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    playlist = read_playlist(text)
    if (folder / MEDIA).stat().st_size != playlist.header_bytes + sum(size for _, size in playlist.segments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return playlist


def read_playlist(text: str) -> Playlist:
    header = MAP.search(text)
    lines = [line for line in text.splitlines() if line]
    named = {line for line in lines if not line.startswith("#")} | set(re.findall(r'URI="([^"]*)"', text))
    if header is None or named != {MEDIA}:
        raise ConversionFailed("No part of the video could be converted.")
    durations = [float(line[8:].rstrip(",")) for line in lines if line.startswith("#EXTINF:")]
    if sum(durations) <= 0:
        raise ConversionFailed("The frames of the video have no timestamps.")
    sizes = [int(size) for size, _ in RANGE.findall(text)]
    target = next(float(line.split(":")[1]) for line in lines if line.startswith("#EXT-X-TARGETDURATION:"))
    return Playlist(int(header.group(2)), tuple(zip(durations, sizes, strict=True)), target)


def peak_bit_rate(segments: Sequence[tuple[float, int]], target: float) -> int:
    """Return the peak bits a second over runs of segments that last 0.5 to 1.5 target durations (RFC 8216, 4.1)."""
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
        raise ConversionFailed("The video's format is not supported by browsers.") from exc
    return HlsRendition(
        width=width,
        height=height,
        bit_rate=peak_bit_rate(playlist.segments, playlist.target),
        codecs=codecs,
        size=sum((folder / name).stat().st_size for name in (PLAYLIST, MEDIA)),
    )

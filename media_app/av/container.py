"""Safe opening of untrusted media files with PyAV."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.container
import av.error
import av.logging
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from vodplatform.core.processes.ranged import PREFIX, RangedFile

# Accept only self-contained formats: playlists, scripts, image sequences and devices read other files.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,ogg,flv,asf"
# Formats whose first timestamp may have any value. Browsers get copies of such files in other containers.
REBASED_FORMATS = frozenset({"mpegts", "mpeg", "flv", "asf"})
OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": FORMATS,
    "enable_drefs": "0",
    "use_absolute_path": "0",
    "probesize": str(8 * 1024 * 1024),
    "analyzeduration": "5000000",
}
MICROSECONDS = 1_000_000
SEEK_STEPS = (0.0, 1.0, 4.0, 16.0, 64.0)  # seek positions to try in turn, in seconds before the target
CANNOT_DECODE = (
    "This server cannot decode the video's codec. Convert the video, for example to H.264, and upload it again."
)
MAX_PIXELS = 8192 * 8192  # maximum number of pixels in a frame: tiny files can claim frames of gigabytes
DECODER_OPTIONS = {"max_pixels": str(MAX_PIXELS)}

# Turn off PyAV's log callback: it can deadlock the threads that run and close a decoder.
av.logging.set_level(None)


class MediaError(Exception):
    """An unusable media file. message: a sentence for the user."""

    UNREADABLE = "vod_unreadable"
    CODEC = "vod_codec_unsupported"
    NO_PICTURE = "no_video"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def open_media(path: str | os.PathLike[str]) -> av.container.InputContainer:
    """Open a media file, but never a file that it refers to. Raises :class:`MediaError`.

    path: a local file, or one of ``RangeServer.paths``, whose bytes the parent process sends.
    """
    if str(path).startswith(PREFIX):
        return _opened(RangedFile(str(path)))
    resolved = Path(path).absolute()
    try:
        facts = resolved.stat()
    except (OSError, ValueError) as exc:
        raise MediaError(MediaError.UNREADABLE, "The file does not exist or cannot be read.") from exc
    if not stat.S_ISREG(facts.st_mode):
        raise MediaError(MediaError.UNREADABLE, "This is not a regular file.")
    if facts.st_size == 0:
        raise MediaError(MediaError.UNREADABLE, "The file is empty.")
    # Without "file:", FFmpeg would treat a file named "concat:a|b" as a request to its concat protocol.
    return _opened(f"file:{resolved}")


def _opened(file: str | RangedFile) -> av.container.InputContainer:
    try:
        return av.open(file, mode="r", options=DECODER_OPTIONS, container_options=OPTIONS, metadata_errors="replace")
    except av.error.FFmpegError as exc:
        raise MediaError(
            MediaError.UNREADABLE,
            "This video file cannot be read: it is damaged, incomplete or not a video. Check the original, then "
            "upload it again.",
        ) from exc
    except (OSError, ValueError) as exc:
        raise MediaError(MediaError.UNREADABLE, "The file cannot be read.") from exc


def first_video(container: av.container.InputContainer) -> VideoStream:
    """Return the track that players show: the first default track, else the first. Cover pictures are ignored.

    Raises :class:`MediaError`.
    """
    tracks = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
    if not tracks:
        raise MediaError(MediaError.NO_PICTURE, "This file has no video track.")
    track = next((one for one in tracks if one.disposition & one.disposition.default), tracks[0])
    context: Any = track.codec_context
    if context is None or not context.is_decoder:
        raise MediaError(MediaError.CODEC, CANNOT_DECODE)
    # Any keyframe may claim a larger picture than the file's header, so the decoder also limits the picture size.
    context.options = DECODER_OPTIONS
    return track


def demux(container: av.container.InputContainer, track: Stream) -> Iterator[Packet[Any]]:
    """Yield a track's packets from the current position, then an empty one that flushes decoders.

    Ignores the IndexError that PyAV raises at the end of MPEG-TS and FLV files in which a track started late.
    """
    try:
        yield from container.demux(track)
    except IndexError:
        return


def presentation_origin(container: av.container.InputContainer) -> Fraction:
    """Return the container time, in seconds, at which an HTML5 element's ``currentTime`` is 0.

    This is the container's start time if that time is negative (Chromium moves it to zero) or if the format is in
    :data:`REBASED_FORMATS`, else 0.
    """
    start = cast("int | None", container.start_time) or 0
    if start < 0 or not REBASED_FORMATS.isdisjoint(container.format.name.split(",")):
        return Fraction(start, MICROSECONDS)
    return Fraction(0)


def start_delay(container: av.container.InputContainer) -> float:
    """Return the seconds from :func:`presentation_origin` to the first track's start."""
    start = Fraction(cast("int | None", container.start_time) or 0, MICROSECONDS)
    return float(max(Fraction(0), start - presentation_origin(container)))

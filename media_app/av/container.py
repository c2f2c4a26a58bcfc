"""The one door through which an untrusted media file is opened with PyAV; decoding is elsewhere."""

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

# Only formats that hold their media themselves. Playlists, manifests, concat scripts, image sequences and
# devices read what the file names, so none of them may ever be listed here.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,ogg,flv,asf"
# These start their clock anywhere, and a browser plays them only after a remux that makes the start zero.
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
MAX_PIXELS = 8192 * 8192  # of a frame: a few hundred bytes may claim gigabytes of picture
# Opening a file decodes a frame of what its header leaves unsaid: without this a PNG of 800 kB in an MP4 took 4 s
# and 790 MB before anybody could look at its size.
DECODER_OPTIONS = {"max_pixels": str(MAX_PIXELS)}

# Any level, however high, installs a callback that takes the interpreter's lock. A decoder's own thread that has
# something to say then waits for whoever closes the decoder, and that one for it.
av.logging.set_level(None)


class MediaError(Exception):
    """A file that cannot be used. ``code``: one of those below; text: a sentence."""

    UNREADABLE = "vod_unreadable"
    CODEC = "vod_codec_unsupported"
    NO_PICTURE = "no_video"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def open_media(path: str | os.PathLike[str]) -> av.container.InputContainer:
    """Open ``path`` by its content alone and never anything that it refers to.

    path: of a file of this machine, or of one that the parent process reads in parts. Raises :class:`MediaError` for
    what is missing, empty, no regular file, or none of :data:`FORMATS`.
    """
    if str(path).startswith(PREFIX):
        return _opened(RangedFile(str(path)))
    resolved = Path(path).absolute()
    try:
        facts = resolved.stat()
    except (OSError, ValueError) as exc:
        raise MediaError(MediaError.UNREADABLE, "The file is not there or may not be read.") from exc
    if not stat.S_ISREG(facts.st_mode):
        raise MediaError(MediaError.UNREADABLE, "This is not a regular file.")
    if facts.st_size == 0:
        raise MediaError(MediaError.UNREADABLE, "The file is empty.")
    # The prefix keeps a name such as "concat:a|b" from being taken for a protocol.
    return _opened(f"file:{resolved}")


def _opened(file: str | RangedFile) -> av.container.InputContainer:
    try:
        return av.open(file, mode="r", options=DECODER_OPTIONS, container_options=OPTIONS, metadata_errors="replace")
    except av.error.FFmpegError as exc:
        raise MediaError(
            MediaError.UNREADABLE, "This is not a video file that can be read: it is damaged, cut short, or no video."
        ) from exc
    except (OSError, ValueError) as exc:
        raise MediaError(MediaError.UNREADABLE, "The file cannot be read.") from exc


def first_video(container: av.container.InputContainer) -> VideoStream:
    """The video track that a player would show: the first default one that is no cover picture, else the first.

    Raises :class:`MediaError` when there is none or no decoder for it.
    """
    tracks = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
    if not tracks:
        raise MediaError(MediaError.NO_PICTURE, "There is no picture in this file.")
    track = next((one for one in tracks if one.disposition & one.disposition.default), tracks[0])
    context: Any = track.codec_context
    if context is None or not context.is_decoder:
        raise MediaError(MediaError.CODEC, "The video track uses a codec that this server cannot decode.")
    # The track may claim another size at any keyframe: no decoder that opens it allocates more than this.
    context.options = DECODER_OPTIONS
    return track


def demux(container: av.container.InputContainer, track: Stream) -> Iterator[Packet[Any]]:
    """The packets of one track from where the file stands, and an empty one at the end, which flushes a decoder.

    PyAV raises IndexError at the end of a file in which a track has begun meanwhile, as tracks of transport streams
    and FLV may; every packet of the tracks known from the start has come by then.
    """
    try:
        yield from container.demux(track)
    except IndexError:
        return


def presentation_origin(container: av.container.InputContainer) -> Fraction:
    """Seconds on the container's time line where an HTML5 element's ``currentTime`` is 0.

    The demuxer has applied MP4 edit lists already. MP4 and Matroska play from zero of their own time line,
    so a track that starts late shows late; a negative start is shifted to zero, as Chromium does. Formats
    in :data:`REBASED_FORMATS` reach a browser only remuxed, and then their first timestamp is zero.
    """
    start = cast("int | None", container.start_time) or 0
    if start < 0 or not REBASED_FORMATS.isdisjoint(container.format.name.split(",")):
        return Fraction(start, MICROSECONDS)
    return Fraction(0)


def late_start(container: av.container.InputContainer) -> float:
    """Seconds from :func:`presentation_origin` to where the first track begins."""
    start = Fraction(cast("int | None", container.start_time) or 0, MICROSECONDS)
    return float(max(Fraction(0), start - presentation_origin(container)))

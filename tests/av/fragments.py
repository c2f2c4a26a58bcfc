"""When pictures and sound of a fragmented MP4 are shown by Media Source Extensions, read from its boxes.

FFmpeg, and so PyAV, moves times about as it reads; browsers do not (ISO/IEC 14496-12: tfdt, trun, elst): empty edits
count for nothing, the first real one says which media time is shown at its decode time.
"""

import struct
from dataclasses import dataclass, field
from pathlib import Path

from media_app.av.isobmff import boxes


@dataclass(slots=True)
class TrackTimes:
    """starts: presentation time of the first sample in each fragment, seconds."""

    kind: str
    scale: int
    shift: int
    starts: list[float] = field(default_factory=list)


def track_times(path: Path) -> dict[str, TrackTimes]:
    """``vide`` and ``soun`` of a file."""
    content = path.read_bytes()
    tracks: dict[int, TrackTimes] = {}
    for moov in boxes(content, b"moov"):
        for trak in boxes(moov, b"trak"):
            header, media = next(boxes(trak, b"tkhd")), next(boxes(trak, b"mdia"))
            number = int.from_bytes(header[12:16] if header[0] == 0 else header[20:24])
            time, handler = next(boxes(media, b"mdhd")), next(boxes(media, b"hdlr"))
            scale = int.from_bytes(time[12:16] if time[0] == 0 else time[20:24])
            tracks[number] = TrackTimes(handler[8:12].decode(), scale, _shift(trak))
    for moof in boxes(content, b"moof"):
        for traf in boxes(moof, b"traf"):
            track = tracks[int.from_bytes(next(boxes(traf, b"tfhd"))[4:8])]
            decode = next(boxes(traf, b"tfdt"))
            start = int.from_bytes(decode[4:12] if decode[0] else decode[4:8])
            track.starts.append((start + _first_offset(next(boxes(traf, b"trun"))) - track.shift) / track.scale)
    return {track.kind: track for track in tracks.values()}


def _shift(trak: bytes) -> int:
    """The media time of the first edit that is not empty, where it stands first; empty ones are not understood."""
    for edts in boxes(trak, b"edts"):
        for edits in boxes(edts, b"elst"):
            if int.from_bytes(edits[4:8]):
                long = edits[0] == 1
                media_time = struct.unpack(">q", edits[16:24])[0] if long else struct.unpack(">i", edits[12:16])[0]
                return int(max(0, media_time))
    return 0


def _first_offset(run: bytes) -> int:
    """Composition time offset of the first sample."""
    flags = int.from_bytes(run[1:4])
    if not flags & 0x800:
        return 0
    at = 8 + 4 * bool(flags & 0x1) + 4 * bool(flags & 0x4) + 4 * sum(bool(flags & bit) for bit in (0x100, 0x200, 0x400))
    return int(struct.unpack(">i", run[at : at + 4])[0])

"""Index of a file's picture packets. Packets are numbered in decoding order, frames in display order."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import av.error
from av.packet import Packet
from av.video.stream import VideoStream

from media_app.av.avcc import IDR, PPS, SPS, Avcc, nal_units
from media_app.av.container import demux, first_video, open_media
from media_app.av.ffmpeg import ConversionFailed

USUAL_SECONDS = Fraction(1, 30)
NUMBERS = 32  # maximum number of parameter sets of each kind (ITU-T H.264, 7.4.2.1.1)


@dataclass(frozen=True, slots=True)
class Pictures:
    """The index of a video track.

    decoded: display times in ticks, in decoding order. shown: the same times, sorted. hidden: number of initial frames
    that are not shown. entries: indices in ``decoded`` at which decoding may start. joints: indices in ``decoded``
    before which the track may be split, because all earlier packets are shown earlier.
    """

    path: Path
    track: int
    base: Fraction
    record: bytes
    decoded: list[int]
    shown: list[int]
    hidden: int
    end: int
    entries: list[int]
    joints: list[int]
    why_not: str | None

    @classmethod
    def of(cls, path: Path) -> Pictures:
        with open_media(path) as container:
            video = first_video(container)
            found = _Found(video)
            try:
                for packet in demux(container, video):
                    if packet.size:
                        found.add(packet)
            except av.error.FFmpegError:
                pass  # the file is truncated
            return found.pictures(path)


class _Found:
    def __init__(self, video: VideoStream) -> None:
        if not video.time_base:
            raise ConversionFailed("The video's frames have no timestamps.")
        self.track = video.index
        self.base = Fraction(video.time_base)
        self.record = bytes(video.codec_context.extradata or b"")
        parsed = Avcc.parse(self.record) if video.codec_context.codec.canonical_name == "h264" else None
        self.sets = None if parsed is None else {*parsed.sps, *parsed.pps}
        self.decoded: list[int] = []
        self.lengths: list[int] = []
        self.hidden: list[bool] = []
        self.entries: list[int] = []
        self.why_not: str | None = None
        if self.sets is None:
            self.why_not = "The video's frames are stored in a way that MP4 does not allow."
        elif len(self.sets) >= NUMBERS:
            self.why_not = "The video already has the maximum number of H.264 parameter sets."

    def add(self, packet: Packet[Any]) -> None:
        if not self.decoded and not packet.is_keyframe:
            return
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            self.why_not = self.why_not or "Some frames have no timestamp."
            return
        if packet.has_sidedata("new_extradata"):
            self.why_not = self.why_not or "The format changes during the video."
        if packet.is_keyframe and self._is_entry(packet):
            self.entries.append(len(self.decoded))
        self.decoded.append(stamp)
        self.lengths.append(packet.duration or 0)
        self.hidden.append(packet.is_discard)

    def _is_entry(self, packet: Packet[Any]) -> bool:
        if self.sets is None:
            return False
        units = list(nal_units(bytes(packet)))
        own = {unit for unit in units if unit[0] & 31 in (SPS, PPS)}
        return any(unit[0] & 31 == IDR for unit in units) and own <= self.sets

    def pictures(self, path: Path) -> Pictures:
        while self.hidden and self.hidden[-1]:
            for one in (self.decoded, self.lengths, self.hidden):
                one.pop()
        if not self.decoded:
            raise ConversionFailed("The video contains no frames.")
        shown = sorted(self.decoded)
        first = min(stamp for stamp, hidden in zip(self.decoded, self.hidden, strict=True) if not hidden)
        why_not = self.why_not
        if len(set(shown)) < len(shown):
            why_not = why_not or "Several frames have the same timestamp."
        if any(hidden and stamp > first for stamp, hidden in zip(self.decoded, self.hidden, strict=True)):
            why_not = why_not or "Some frames in the middle of the video are hidden."
        joints = joints_of(self.decoded)
        last = self.lengths[self.decoded.index(shown[-1])]
        return Pictures(
            path=path,
            track=self.track,
            base=self.base,
            record=self.record,
            decoded=self.decoded,
            shown=shown,
            hidden=sum(self.hidden),
            end=shown[-1] + (last if last > 0 else _usual_length(shown, self.base)),
            entries=[number for number in self.entries if number in joints],
            joints=sorted(joints),
            why_not=why_not,
        )


def joints_of(decoded: list[int]) -> set[int]:
    latest = list(accumulate(decoded, max))
    soonest = list(accumulate(reversed(decoded), min))[::-1]
    inner = {number for number in range(1, len(decoded)) if latest[number - 1] < soonest[number]}
    return {0, *inner, len(decoded)}


def _usual_length(shown: list[int], base: Fraction) -> int:
    steps = sorted(later - earlier for earlier, later in pairwise(shown))
    return max(1, steps[len(steps) // 2] if steps else round(USUAL_SECONDS / base))

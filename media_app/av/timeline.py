"""Mapping of packets onto one presentation clock, starting at 0 without breaks.

Clocks break when recorders reconnect or recordings are damaged, usually in picture and sound together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

from av.packet import Packet
from av.stream import Stream

LOOK_AHEAD = 600  # packets read ahead to find, in the other track, the same jump of the timestamps
LOOK_AHEAD_BYTES = 64 * 1024**2
# Decoders reorder pictures, so picture timestamps may step back by the longer of REORDER_SECONDS and REORDER_PICTURES
# pictures. A larger step, or any step back to a keyframe, is a clock break.
REORDER_SECONDS = 1.0
REORDER_PICTURES = 20
MAX_GAP = 10.0  # maximum seconds between packets; longer gaps are clock breaks (FFmpeg's -dts_delta_threshold)
# Maximum seconds between packets of a track while no other track has started, for example in a recording of a still
# screen without sound. For streaming formats, MAX_GAP applies instead.
MAX_STILL = 1800.0
SOUND_TAIL = 0.1  # maximum seconds of sound dropped where the timestamps jump, so that the picture has no gap
NEAR_BREAK = 5.0  # maximum seconds between clock breaks of picture and sound that count as one break
# A backward step of the sound by at most OVERLAP is a clock break only if the picture's clock breaks within this many
# seconds.
STEP_SECONDS = 1.0
OVERLAP = 0.5  # backward steps of the sound by more than this many seconds are always clock breaks
NEW_BREAK = 0.5  # minimum seconds between clock breaks that are reported separately
SAME_MOMENT = 0.0006  # timestamps that differ by at most this many seconds count as equal
PICTURE_SECONDS = Fraction(1, 30)  # seconds assumed for a picture if the frame rate is unknown
SOUND_SECONDS = 0.02  # seconds assumed for a sound packet whose duration is unknown


@dataclass(frozen=True, slots=True)
class Break:
    """A point where a file's clock restarts or jumps.

    at: presentation time in seconds. jump: seconds by which the clock jumps forward; None if the clock restarts.
    track: ``video``, ``audio`` or empty for both.
    """

    at: float
    jump: float | None
    track: str = ""


@dataclass(frozen=True, slots=True)
class PlacedPacket:
    packet: Packet[Any]
    time: float


@dataclass(slots=True, eq=False)
class _Track:
    """State of one track.

    - packet_seconds: usual duration of a packet.
    - last_stamp: latest timestamp since the last clock break.
    - shift: presentation time minus file time, in seconds.
    - end: presentation time at which the last packet ends.
    - steady_end: end computed from usual packet durations, because MP4 durations include clock jumps.
    - first_stamp: timestamp of the first keyframe after a clock break, or None.
    """

    packet_seconds: float
    is_picture: bool
    shift: float = 0.0
    last_stamp: float = float("-inf")
    end: float = 0.0
    steady_end: float = 0.0
    breaks: int = 0
    first_stamp: float | None = float("-inf")
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=2 * REORDER_PICTURES))

    @classmethod
    def of(cls, stream: Stream) -> _Track:
        if stream.type != "video":
            return cls(SOUND_SECONDS, False)
        rate: Fraction | None = getattr(stream, "average_rate", None)
        return cls(float(1 / rate if rate else PICTURE_SECONDS), True)

    def duration_of(self, packet: Packet[Any]) -> float:
        if packet.duration and packet.time_base:
            return float(packet.duration * packet.time_base)
        return self.packet_seconds

    def goes_back(self, packet: Packet[Any], stamp: float, before: float) -> bool:
        if not self.is_picture:
            return stamp < before - OVERLAP
        if stamp > before:
            return False
        if packet.is_keyframe or stamp < before - max(REORDER_SECONDS, REORDER_PICTURES * self.packet_seconds):
            return True
        return any(abs(stamp - one) < SAME_MOMENT for one in self.recent)

    def steps_back(self, stamp: float, before: float) -> bool:
        return not self.is_picture and stamp < before + self.packet_seconds / 2

    def jumps(self, stamp: float, before: float, gap: float = MAX_GAP) -> bool:
        return stamp > before + self.packet_seconds + gap

    def place(self, packet: Packet[Any], stamp: float) -> PlacedPacket | None:
        self.last_stamp = max(self.last_stamp, stamp)
        if self.is_picture:
            self.recent.append(stamp)
            if self.first_stamp is None and packet.is_keyframe:
                self.first_stamp = stamp
            if self.first_stamp is None or stamp < self.first_stamp:
                return None
        time = stamp + self.shift
        if not self.is_picture and time <= self.steady_end - self.packet_seconds + SAME_MOMENT:
            return None
        self.end = max(self.end, time + self.duration_of(packet))
        self.steady_end = max(self.steady_end, time + self.packet_seconds)
        return PlacedPacket(packet, time)


class PacketPlacer:
    """Placement of packets on the presentation clock, in file order.

    streams: tracks, the picture first. origin: file time in seconds that becomes time 0. is_stream: whether the file
    has a streaming format. is_cut: whether the file ends within a packet.
    """

    def __init__(self, streams: Sequence[Stream], *, origin: float, is_stream: bool) -> None:
        self._tracks = {stream.index: _Track.of(stream) for stream in streams}
        self._origin = origin
        self._still = MAX_GAP if is_stream else MAX_STILL
        self._ahead: deque[tuple[_Track, Packet[Any], float]] = deque()
        self.breaks: list[Break] = []
        self.is_cut = False

    @property
    def end(self) -> float:
        return max((track.end for track in self._tracks.values()), default=0.0)

    def end_of(self, stream: Stream) -> float:
        return self._tracks[stream.index].end

    def place(self, packets: Iterable[Packet[Any]]) -> Iterator[PlacedPacket]:
        bytes_ahead, has_begun = 0, False
        for packet in packets:
            if not packet.size:
                continue
            track = self._tracks[packet.stream.index]
            stamp = _stamp(packet)
            if stamp is None:
                continue
            self._ahead.append((track, packet, stamp))
            bytes_ahead += packet.size
            if len(self._ahead) < LOOK_AHEAD and bytes_ahead < LOOK_AHEAD_BYTES:
                continue
            if not has_begun:
                self._begin()
                has_begun = True
            bytes_ahead -= self._ahead[0][1].size
            if placed := self._next():
                yield placed
        if not has_begun:
            self._begin()
        while self._ahead:
            if placed := self._next():
                yield placed

    def _begin(self) -> None:
        for track in self._tracks.values():
            track.shift = -self._origin
            own = [(packet, stamp) for one, packet, stamp in self._ahead if one is track]
            durations = sorted(track.duration_of(packet) for packet, _ in own if packet.duration)
            steps = sorted(b - a for a, b in pairwise(sorted(stamp for _, stamp in own)) if b > a)
            if usual := durations or steps:
                track.packet_seconds = usual[len(usual) // 2]
            if track.is_picture and any(packet.is_keyframe for packet, _ in own):
                track.first_stamp = None  # drop pictures before the first keyframe: they are not decodable

    def _next(self) -> PlacedPacket | None:
        track, packet, stamp = self._ahead.popleft()
        if packet.is_corrupt and not any(other is track for other, _, _ in self._ahead):
            self.is_cut = True
            return None
        if track.last_stamp > float("-inf") and self._is_break(track, packet, stamp):
            self._continue_behind_break(track, packet, stamp)
        return track.place(packet, stamp)

    def _is_break(self, track: _Track, packet: Packet[Any], stamp: float) -> bool:
        if track.goes_back(packet, stamp, track.last_stamp):
            return True
        others = [other for other in self._tracks.values() if other is not track]
        if track.steps_back(stamp, track.last_stamp):
            # A small backward step of the sound is a clock break only if the picture's timestamps jump or step back
            # nearby. Otherwise, the file contains some sound twice.
            return any(other.breaks > track.breaks or self._breaks_near(other, track.last_stamp) for other in others)
        if not track.jumps(stamp, track.last_stamp):
            return False
        if any(other.breaks > track.breaks for other in others):
            return True
        begun = [other for other in others if other.last_stamp > float("-inf")]
        if not begun:
            return track.jumps(stamp, track.last_stamp, self._still)
        # A gap is no clock break while another track continues: a still screen may have sound.
        return not any(self._continues_between(other, track.last_stamp, stamp) for other in begun)

    def _continues_between(self, track: _Track, low: float, high: float) -> bool:
        at, middle = track.last_stamp, low + MAX_GAP / 2
        for other, _, stamp in self._ahead:
            if middle < at < high:
                return True
            if other is track:
                if abs(stamp - at) > MAX_GAP:
                    return False
                at = max(at, stamp)
        return middle < at < high

    def _breaks_near(self, track: _Track, stamp: float) -> bool:
        found = self._next_break(track)
        return found is not None and abs(found[0] - stamp) <= STEP_SECONDS

    def _next_break(self, track: _Track, *, any_step: bool = False) -> tuple[float, float] | None:
        before = track.last_stamp
        for other, packet, stamp in self._ahead:
            if other is track:
                goes_back = track.goes_back(packet, stamp, before) or (any_step and track.steps_back(stamp, before))
                if goes_back or track.jumps(stamp, before):
                    return before, self._first_shown(track, packet, stamp)
                before = max(before, stamp)
        return None

    def _continue_behind_break(self, track: _Track, packet: Packet[Any], stamp: float) -> None:
        before, track.last_stamp = track.last_stamp, stamp
        track.recent.clear()
        if track.is_picture:
            track.first_stamp = None
        for other in self._tracks.values():
            if other.breaks > track.breaks and abs(stamp + other.shift - track.steady_end) <= NEAR_BREAK:
                track.shift, track.breaks, track.end = other.shift, other.breaks, track.steady_end
                return
        first = self._first_shown(track, packet, stamp)
        shifts, starts, is_alone = {track.is_picture: track.steady_end - first}, [first], False
        for other in self._tracks.values():
            if other is track or other.last_stamp == float("-inf"):
                continue
            if (found := self._next_break(other, any_step=True)) is None:
                is_alone = is_alone or any(one is other for one, _, _ in self._ahead)
                continue
            last, next_first = found
            shift = last + other.packet_seconds + other.shift - next_first
            if abs(shift - shifts[track.is_picture]) <= NEAR_BREAK:
                starts.append(next_first)
                shifts[other.is_picture] = max(shift, shifts.get(other.is_picture, shift))
        # Continue the picture without a gap. If more than SOUND_TAIL seconds of sound would then be dropped, continue
        # the sound without a gap instead.
        chosen = shifts.get(True, shifts.get(False, 0.0))
        if shifts.get(False, chosen) > chosen + SOUND_TAIL:
            chosen = shifts[False]
        track.shift, track.end = chosen, track.steady_end
        track.breaks = max(other.breaks for other in self._tracks.values()) + 1
        jump = stamp - before - track.packet_seconds
        name = "video" if track.is_picture else "audio"
        if self.breaks and chosen + min(starts) - self.breaks[-1].at < NEW_BREAK:
            return
        self.breaks.append(Break(chosen + min(starts), jump if jump > 0 else None, name if is_alone else ""))

    def _first_shown(self, track: _Track, packet: Packet[Any], stamp: float) -> float:
        if not track.is_picture or packet.is_keyframe:
            return stamp
        return next((later for one, other, later in self._ahead if one is track and other.is_keyframe), stamp)


def _stamp(packet: Packet[Any]) -> float | None:
    ticks = packet.pts if packet.pts is not None else packet.dts
    return None if ticks is None or packet.time_base is None else float(ticks * packet.time_base)

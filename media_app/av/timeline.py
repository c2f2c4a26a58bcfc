"""One presentation clock for a file: its packets in order, each with the second at which it is shown or heard.

Recorders that reconnect begin their timestamps again, and broken ones jump. Both are breaks: what follows is joined to
what was before. Picture and sound break together as a rule, some packets apart in the file. Each then keeps its place
beside the other. The clock begins at 0 where the first track begins, as a browser plays the file once it is remuxed.
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

LOOK_AHEAD = 600  # packets
LOOK_AHEAD_BYTES = 64 * 1024**2
REORDER_SECONDS = 1.0  # pictures are decoded in another order than they are shown
REORDER_PICTURES = 20
MAX_GAP = 10.0  # seconds without any packet; FFmpeg closes longer ones in transport streams too (-dts_delta_threshold)
MAX_STILL = 1800.0  # seconds without a picture in a file that has no sound: a screen that does not change
TOGETHER = 0.1  # seconds by which the sound may outlast the picture at a break without the picture waiting for it
NEAR_BREAK = 5.0  # seconds behind the break of one track within which that of the other belongs to it
OVERLAP = 0.5  # seconds of sound that are written twice at a joint of transport streams
SAME_MOMENT = 0.0006  # seconds: timestamps in milliseconds are rounded
USUAL_PICTURE = Fraction(1, 30)


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the file's own clock does not go on.

    at: seconds on the presentation clock. jump: seconds that its clock moves forward there, None where it begins
    again. track: ``video`` or ``audio`` where only one of them breaks, else empty.
    """

    at: float
    jump: float | None
    track: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """A packet and the second at which it is shown or heard."""

    packet: Packet[Any]
    time: float
    track: _Track


@dataclass(slots=True, eq=False)
class _Track:
    """stream: of the file. usual: seconds of a packet. high: the latest timestamp since the last break, seconds.

    shift: seconds from the file's clock to the presentation clock. end: where its last packet ends on that clock.
    last: where its last packet would end were it as long as others: the clock of a file that jumps is part of its
    length. epoch: how many breaks it has passed. floor: timestamp of the keyframe behind a break, None while it is
    awaited.
    """

    stream: Stream
    usual: float
    is_picture: bool
    shift: float = 0.0
    high: float = float("-inf")
    end: float = 0.0
    last: float = 0.0
    epoch: int = 0
    floor: float | None = float("-inf")
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=2 * REORDER_PICTURES))

    @classmethod
    def of(cls, stream: Stream) -> _Track:
        is_picture = stream.type == "video"
        rate: Fraction | None = getattr(stream, "average_rate", None) if is_picture else None
        usual = float(1 / rate) if rate else float(USUAL_PICTURE) if is_picture else 0.02
        return cls(stream, usual, is_picture)

    def stamp(self, packet: Packet[Any]) -> float | None:
        """Seconds on the file's own clock."""
        ticks = packet.pts if packet.pts is not None else packet.dts
        return None if ticks is None or packet.time_base is None else float(ticks * packet.time_base)

    def length(self, packet: Packet[Any]) -> float:
        return float(packet.duration * packet.time_base) if packet.duration and packet.time_base else self.usual

    def goes_back(self, packet: Packet[Any], raw: float, high: float) -> bool:
        """Whether the clock went back before this packet. high: the latest timestamp before it."""
        if not self.is_picture:
            return raw < high - OVERLAP
        if raw > high:
            return False
        if packet.is_keyframe or raw < high - max(REORDER_SECONDS, REORDER_PICTURES * self.usual):
            return True  # nothing that is decoded before a keyframe is shown behind it
        return any(abs(raw - one) < SAME_MOMENT for one in self.recent)

    def steps_back(self, raw: float, high: float) -> bool:
        """Whether sound goes back at all, which alone is no break."""
        return not self.is_picture and raw < high + self.usual / 2

    def jumps(self, raw: float, high: float, gap: float = MAX_GAP) -> bool:
        return raw > high + self.usual + gap

    def take(self, packet: Packet[Any], raw: float) -> Placed | None:
        """Its place; None for what cannot be decoded behind a break and for sound that was there before."""
        self.high = max(self.high, raw)
        if self.is_picture:
            self.recent.append(raw)
            if self.floor is None and packet.is_keyframe:
                self.floor = raw
            if self.floor is None or raw < self.floor:
                return None
        time = raw + self.shift
        if not self.is_picture and time <= self.last - self.usual + SAME_MOMENT:
            return None
        self.end = max(self.end, time + self.length(packet))
        self.last = max(self.last, time + self.usual)
        return Placed(packet, time, self)


class Unroller:
    """Puts packets on the presentation clock as they come.

    streams: those whose packets will come, the picture first. origin: seconds on the file's clock that are 0.
    is_stream: whether the format is a transport or a broadcast stream, in which a long gap of one track alone is a
    break.

    ``breaks`` and ``end`` (seconds) hold for what has been read so far. ``is_cut``: the file ends within a packet.
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
        """Seconds at which the last packet ends."""
        return max((track.end for track in self._tracks.values()), default=0.0)

    def end_of(self, stream: Stream) -> float:
        """Seconds at which the last packet of a track ends."""
        return self._tracks[stream.index].end

    def read(self, packets: Iterable[Packet[Any]]) -> Iterator[Placed]:
        """Each packet that can be used with its place, in the order of the file."""
        bytes_ahead, has_begun = 0, False
        for packet in packets:
            if not packet.size:
                continue
            track = self._tracks[packet.stream.index]
            raw = track.stamp(packet)
            if raw is None:
                continue
            self._ahead.append((track, packet, raw))
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
            own = [(packet, raw) for one, packet, raw in self._ahead if one is track]
            lengths = sorted(track.length(packet) for packet, _ in own if packet.duration)
            steps = sorted(b - a for a, b in pairwise(sorted(raw for _, raw in own)) if b > a)
            if lengths or steps:
                track.usual = lengths[len(lengths) // 2] if lengths else steps[len(steps) // 2]

    def _next(self) -> Placed | None:
        track, packet, raw = self._ahead.popleft()
        if packet.is_corrupt and not any(other is track for other, _, _ in self._ahead):
            self.is_cut = True
            return None
        if track.high > float("-inf") and self._breaks(track, packet, raw):
            self._open(track, packet, raw)
        return track.take(packet, raw)

    def _breaks(self, track: _Track, packet: Packet[Any], raw: float) -> bool:
        if track.goes_back(packet, raw, track.high):
            return True
        others = [other for other in self._tracks.values() if other is not track]
        if track.steps_back(raw, track.high):
            # With the picture, which went back as well: else it was written twice.
            return any(other.epoch > track.epoch or self._next_break(other) is not None for other in others)
        if not track.jumps(raw, track.high):
            return False
        if any(other.epoch > track.epoch for other in others):
            return True
        heard = [other for other in others if other.high > float("-inf")]
        if not heard:
            return track.jumps(raw, track.high, self._still)
        # A screen that does not change has no pictures while the sound goes on.
        return not any(self._fills(other, track.high, raw) for other in heard)

    def _fills(self, other: _Track, low: float, high: float) -> bool:
        """Whether another track goes on between two timestamps."""
        at, middle = other.high, low + MAX_GAP / 2
        for track, _, raw in self._ahead:
            if middle < at < high:
                return True
            if track is other:
                if abs(raw - at) > MAX_GAP:
                    return False
                at = max(at, raw)
        return middle < at < high

    def _next_break(self, track: _Track, *, steps: bool = False) -> tuple[float, float] | None:
        """The timestamps around a track's next break in sight. steps: sound that goes back at all is one too."""
        high = track.high
        for other, packet, raw in self._ahead:
            if other is track:
                goes_back = track.goes_back(packet, raw, high) or (steps and track.steps_back(raw, high))
                if goes_back or track.jumps(raw, high):
                    return high, self._first(track, packet, raw)
                high = max(high, raw)
        return None

    def _open(self, track: _Track, packet: Packet[Any], raw: float) -> None:
        """Let a track go on behind a break: where it would have gone on by itself, and beside the others."""
        high, track.high = track.high, raw
        track.recent.clear()
        if track.is_picture:
            track.floor = None
        for other in self._tracks.values():
            if other.epoch > track.epoch and abs(raw + other.shift - track.last) <= NEAR_BREAK:
                track.shift, track.epoch, track.end = other.shift, other.epoch, track.last
                return
        first = self._first(track, packet, raw)
        shifts, starts, alone = {track.is_picture: track.last - first}, [first], False
        for other in self._tracks.values():
            if other is track or other.high == float("-inf"):
                continue
            if (found := self._next_break(other, steps=True)) is None:
                alone = alone or any(one is other for one, _, _ in self._ahead)
                continue
            before, behind = found
            own = before + other.usual + other.shift - behind
            if abs(own - shifts[track.is_picture]) <= NEAR_BREAK:
                starts.append(behind)
                shifts[other.is_picture] = max(own, shifts.get(other.is_picture, own))
        shift = shifts.get(True, shifts.get(False, 0.0))
        if shifts.get(False, shift) > shift + TOGETHER:
            shift = shifts[False]
        track.shift, track.end = shift, track.last
        track.epoch = max(other.epoch for other in self._tracks.values()) + 1
        jump = raw - high - track.usual
        which = "video" if track.is_picture else "audio"
        self.breaks.append(Break(shift + min(starts), jump if jump > 0 else None, which if alone else ""))

    def _first(self, track: _Track, packet: Packet[Any], raw: float) -> float:
        """Timestamp of what will be shown first: behind a break that is a keyframe."""
        if not track.is_picture or packet.is_keyframe:
            return raw
        return next((stamp for one, other, stamp in self._ahead if one is track and other.is_keyframe), raw)

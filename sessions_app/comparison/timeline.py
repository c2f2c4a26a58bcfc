"""The shared clock of a comparison: arithmetic on seconds, free of Django and of any clock of its own.

One instant of the event is T, the global time. A VOD shows it at ``vod_time = clamp(T − offset, 0, duration)``:
an offset of −50 s means that the VOD is 50 s ahead, +37 s that it starts 37 s later. Where its own clock runs at
another speed, ``drift_ppm·10⁻⁶·(T − anchor)`` is added: see :class:`Placement`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

MAX_TIMESTAMP = 604_800.0
ROUNDING = 1e-6  # seconds by which a time that was shown may lie before the timeline
MAX_DRIFT_PPM = 1000.0
MIN_RATE = 0.1
MAX_RATE = 4.0


def clamp(value: float, low: float, high: float) -> float:
    """``value``, not below ``low`` and not above ``high``."""
    return max(low, min(value, high))


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a recording lies on a clock: ``time = T − offset + drift_ppm·10⁻⁶·(T − anchor)``, all in seconds.

    drift_ppm: by how much faster the recording's own time runs. anchor: T at which the offset is exact.
    """

    offset: float = 0.0
    drift_ppm: float = 0.0
    anchor: float = 0.0

    @property
    def rate(self) -> float:
        """Seconds of the recording that pass in one second of the clock."""
        return 1.0 + self.drift_ppm * 1e-6

    def time_at(self, global_time: float) -> float:
        """The recording's own time at ``global_time``, as if it were endless."""
        return global_time - self.offset + self.drift_ppm * 1e-6 * (global_time - self.anchor)

    def global_time(self, time: float) -> float:
        """The global time at which the recording shows ``time``."""
        # Not divided where nothing drifts: plain sums keep what callers sent to the last digit.
        if not self.drift_ppm:
            return time + self.offset
        return self.anchor + (time + self.offset - self.anchor) / self.rate

    def inverse(self) -> Placement:
        """Where the clock lies on the recording's own time."""
        anchor = self.time_at(self.anchor)
        return Placement(anchor - self.anchor, (1 / self.rate - 1) * 1e6, anchor)

    def then(self, inner: Placement) -> Placement:
        """Compose two placements: ``inner`` is relative to the recording that this one places."""
        if not self.drift_ppm and not inner.drift_ppm:
            return Placement(self.offset + inner.offset)
        anchor = self.global_time(inner.anchor)
        return Placement(
            offset=anchor - (inner.anchor - inner.offset),
            drift_ppm=self.drift_ppm + inner.drift_ppm + self.drift_ppm * inner.drift_ppm * 1e-6,
            anchor=anchor,
        )


def start_of(placements: Iterable[Placement]) -> float:
    """The global time at which a timeline begins: the first recording's beginning, or 0 where none is before that."""
    return min([0.0, *(placement.global_time(0.0) for placement in placements)])


@dataclass(frozen=True, slots=True)
class Track:
    """One VOD on the clock, in seconds.

    ``position`` is where it would be if it were endless: before its beginning it is negative, after its end
    greater than ``duration``, so that a VOD that has not begun waits for its moment while the others play.
    playing, rate: its own, where it is moved by itself; None: the clock's.
    """

    placement: Placement
    duration: float
    position: float = 0.0
    playing: bool | None = None
    rate: float | None = None

    @property
    def end(self) -> float:
        """The global time at which it ends."""
        return self.placement.global_time(self.duration)

    @property
    def current_time(self) -> float:
        """The position that is shown."""
        return clamp(self.position, 0.0, self.duration)


@dataclass(frozen=True, slots=True)
class Clock:
    """The state of a session's clock at one instant; every change gives a new one."""

    tracks: tuple[Track, ...]
    global_time: float = 0.0
    rate: float = 1.0
    playing: bool = False

    @property
    def start(self) -> float:
        """The global time at which the first VOD begins, or 0 where none begins before that."""
        return start_of(track.placement for track in self.tracks)

    @property
    def end(self) -> float:
        """The global time at which the last VOD ends."""
        return max((track.end for track in self.tracks), default=0.0)

    @property
    def moves(self) -> bool:
        """Whether it plays, or any VOD by itself."""
        return self.playing or any(track.playing for track in self.tracks)

    def plays(self, track: Track) -> bool:
        """Whether one of its VODs plays."""
        return self.playing if track.playing is None else track.playing

    def rate_of(self, track: Track) -> float:
        """At which speed one of its VODs plays."""
        return self.rate if track.rate is None else track.rate

    def after(self, elapsed: float) -> Clock:
        """The clock ``elapsed`` seconds later; a playing one stops at the end of the last VOD."""
        if not self.moves or elapsed <= 0:
            return self
        step = elapsed * self.rate if self.playing else 0.0
        global_time = max(self.global_time, min(self.global_time + step, self.end))
        return replace(
            self, global_time=global_time, tracks=tuple(self._after(track, elapsed) for track in self.tracks)
        )

    def _after(self, track: Track, elapsed: float) -> Track:
        if not self.plays(track):
            return track
        moved = track.position + elapsed * self.rate_of(track) * track.placement.rate
        return replace(track, position=max(track.position, min(moved, track.duration)))

    def together(self) -> Clock:
        """The clock with no VOD that is moved by itself; each stays where it is."""
        return replace(self, tracks=tuple(replace(track, playing=None, rate=None) for track in self.tracks))

    def paused(self) -> Clock:
        """Return the clock with everything paused; each VOD stays where it is."""
        tracks = tuple(replace(track, playing=track.playing and False) for track in self.tracks)
        return replace(self, playing=False, tracks=tracks)

    def play_track(self, index: int, playing: bool, rate: float | None, at: float | None) -> Clock:
        """One VOD played or paused by itself, from its own time ``at``; the others untouched."""
        track = self.tracks[index]
        position = track.position if at is None else clamp(at, 0.0, track.duration)
        speed = self.rate_of(track) if rate is None else rate
        changed = replace(track, position=position, playing=playing, rate=speed)
        return replace(self, tracks=(*self.tracks[:index], changed, *self.tracks[index + 1 :]))

    def seek(self, global_time: float) -> Clock:
        """Everything at ``global_time``, each VOD by the formula."""
        tracks = tuple(replace(track, position=track.placement.time_at(global_time)) for track in self.tracks)
        return replace(self, global_time=global_time, tracks=tracks)

    def seek_track(self, index: int, timestamp: float, *, moves_clock: bool) -> Clock:
        """One VOD at ``timestamp``, the others untouched; ``moves_clock`` carries the global time along."""
        track = self.tracks[index]
        moved = replace(track, position=clamp(timestamp, 0.0, track.duration))
        tracks = (*self.tracks[:index], moved, *self.tracks[index + 1 :])
        global_time = moved.placement.global_time(moved.position) if moves_clock else self.global_time
        return replace(self, global_time=global_time, tracks=tracks)

    def with_placements(self, placements: dict[int, Placement]) -> Clock:
        """New placements by track index; every VOD is placed by the formula again.

        A clock that stands outside of the timeline then goes to its nearest end.
        """
        tracks = tuple(
            replace(track, placement=placements.get(index, track.placement)) for index, track in enumerate(self.tracks)
        )
        placed = replace(self, tracks=tracks)
        return placed.seek(clamp(self.global_time, placed.start, placed.end))

"""The shared clock of a comparison: arithmetic on seconds, free of Django and of any clock of its own.

One instant of the event is T, the global time. A VOD shows it at ``vod_time = clamp(T − offset, 0, duration)``:
an offset of −50 s means that the VOD is 50 s ahead, +37 s that it starts 37 s later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MAX_TIMESTAMP = 604_800.0
MIN_RATE = 0.1
MAX_RATE = 4.0


def clamp(value: float, low: float, high: float) -> float:
    """``value``, not below ``low`` and not above ``high``."""
    return max(low, min(value, high))


def vod_time(global_time: float, offset: float, duration: float) -> float:
    """Where a VOD is at ``global_time``; all in seconds."""
    return clamp(global_time - offset, 0.0, duration)


@dataclass(frozen=True, slots=True)
class Track:
    """One VOD on the clock, in seconds.

    ``position`` is where it would be if it were endless: before its beginning it is negative, after its end
    greater than ``duration``, so that a VOD that has not begun waits for its moment while the others play.
    """

    offset: float
    duration: float
    position: float = 0.0

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
    def end(self) -> float:
        """The global time at which the last VOD ends."""
        return max((track.offset + track.duration for track in self.tracks), default=0.0)

    def after(self, elapsed: float) -> Clock:
        """The clock ``elapsed`` seconds later; a playing one stops at the end of the last VOD."""
        if not self.playing or elapsed <= 0:
            return self
        step = elapsed * self.rate
        global_time = max(self.global_time, min(self.global_time + step, self.end))
        tracks = tuple(
            replace(track, position=max(track.position, min(track.position + step, track.duration)))
            for track in self.tracks
        )
        return replace(self, global_time=global_time, tracks=tracks)

    def seek(self, global_time: float) -> Clock:
        """Everything at ``global_time``, each VOD by the formula."""
        tracks = tuple(replace(track, position=global_time - track.offset) for track in self.tracks)
        return replace(self, global_time=global_time, tracks=tracks)

    def seek_track(self, index: int, timestamp: float, *, moves_clock: bool) -> Clock:
        """One VOD at ``timestamp``, the others untouched; ``moves_clock`` carries the global time along."""
        track = self.tracks[index]
        moved = replace(track, position=clamp(timestamp, 0.0, track.duration))
        tracks = (*self.tracks[:index], moved, *self.tracks[index + 1 :])
        global_time = max(0.0, moved.position + moved.offset) if moves_clock else self.global_time
        return replace(self, global_time=global_time, tracks=tracks)

    def with_offsets(self, offsets: dict[int, float]) -> Clock:
        """New offsets by track index; every VOD is placed by the formula again."""
        tracks = tuple(
            replace(track, offset=offsets.get(index, track.offset)) for index, track in enumerate(self.tracks)
        )
        return replace(self, tracks=tracks).seek(self.global_time)

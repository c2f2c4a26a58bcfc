"""The shared clock of a comparison, without Django."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

MAX_TIMESTAMP = 604_800.0
TIME_TOLERANCE = 1e-6  # seconds by which a time may be before the timeline's start, because of rounding
MAX_DRIFT_PPM = 1000.0
MIN_RATE = 0.1
MAX_RATE = 4.0


def clamp(value: float, low: float, high: float) -> float:
    return max(low, min(value, high))


@dataclass(frozen=True, slots=True)
class Placement:
    """The placement of a recording on a shared clock. At clock time T, the recording's own time is ``T − offset +
    drift_ppm·10⁻⁶·(T − anchor)``, in seconds.

    drift_ppm: how much faster the recording runs, in millionths. anchor: time T at which the offset is exact.
    """

    offset: float = 0.0
    drift_ppm: float = 0.0
    anchor: float = 0.0

    @property
    def rate(self) -> float:
        return 1.0 + self.drift_ppm * 1e-6

    def time_at(self, global_time: float) -> float:
        return global_time - self.offset + self.drift_ppm * 1e-6 * (global_time - self.anchor)

    def global_time(self, time: float) -> float:
        # Without drift, the formula below would only add rounding errors.
        if not self.drift_ppm:
            return time + self.offset
        return self.anchor + (time + self.offset - self.anchor) / self.rate

    def inverse(self) -> Placement:
        anchor = self.time_at(self.anchor)
        return Placement(anchor - self.anchor, (1 / self.rate - 1) * 1e6, anchor)

    def then(self, inner: Placement) -> Placement:
        if not self.drift_ppm and not inner.drift_ppm:
            return Placement(self.offset + inner.offset)
        anchor = self.global_time(inner.anchor)
        return Placement(
            offset=anchor - (inner.anchor - inner.offset),
            drift_ppm=self.drift_ppm + inner.drift_ppm + self.drift_ppm * inner.drift_ppm * 1e-6,
            anchor=anchor,
        )


def start_of(placements: Iterable[Placement]) -> float:
    """Return the start of the earliest recording, but at most 0."""
    return min([0.0, *(placement.global_time(0.0) for placement in placements)])


@dataclass(frozen=True, slots=True)
class Track:
    """A VOD on the clock. position: own time in seconds; negative before its start.

    playing, rate: state and speed of this VOD alone; None to use the clock's.
    """

    placement: Placement
    duration: float
    position: float = 0.0
    playing: bool | None = None
    rate: float | None = None

    @property
    def end(self) -> float:
        return self.placement.global_time(self.duration)

    @property
    def current_time(self) -> float:
        return clamp(self.position, 0.0, self.duration)


@dataclass(frozen=True, slots=True)
class Clock:
    tracks: tuple[Track, ...]
    global_time: float = 0.0
    rate: float = 1.0
    playing: bool = False

    @property
    def start(self) -> float:
        return start_of(track.placement for track in self.tracks)

    @property
    def end(self) -> float:
        return max((track.end for track in self.tracks), default=0.0)

    @property
    def is_moving(self) -> bool:
        return self.playing or any(track.playing for track in self.tracks)

    def is_playing(self, track: Track) -> bool:
        return self.playing if track.playing is None else track.playing

    def rate_of(self, track: Track) -> float:
        return self.rate if track.rate is None else track.rate

    def after(self, elapsed: float) -> Clock:
        if not self.is_moving or elapsed <= 0:
            return self
        step = elapsed * self.rate if self.playing else 0.0
        global_time = max(self.global_time, min(self.global_time + step, self.end))
        return replace(
            self, global_time=global_time, tracks=tuple(self._after(track, elapsed) for track in self.tracks)
        )

    def _after(self, track: Track, elapsed: float) -> Track:
        if not self.is_playing(track):
            return track
        moved = track.position + elapsed * self.rate_of(track) * track.placement.rate
        return replace(track, position=max(track.position, min(moved, track.duration)))

    def together(self) -> Clock:
        return replace(self, tracks=tuple(replace(track, playing=None, rate=None) for track in self.tracks))

    def paused(self) -> Clock:
        tracks = tuple(replace(track, playing=track.playing and False) for track in self.tracks)
        return replace(self, playing=False, tracks=tracks)

    def play_track(self, index: int, playing: bool, rate: float | None, at: float | None) -> Clock:
        track = self.tracks[index]
        position = track.position if at is None else clamp(at, 0.0, track.duration)
        speed = self.rate_of(track) if rate is None else rate
        changed = replace(track, position=position, playing=playing, rate=speed)
        return replace(self, tracks=(*self.tracks[:index], changed, *self.tracks[index + 1 :]))

    def seek(self, global_time: float) -> Clock:
        tracks = tuple(replace(track, position=track.placement.time_at(global_time)) for track in self.tracks)
        return replace(self, global_time=global_time, tracks=tracks)

    def seek_track(self, index: int, timestamp: float, *, moves_clock: bool) -> Clock:
        track = self.tracks[index]
        moved = replace(track, position=clamp(timestamp, 0.0, track.duration))
        tracks = (*self.tracks[:index], moved, *self.tracks[index + 1 :])
        global_time = moved.placement.global_time(moved.position) if moves_clock else self.global_time
        return replace(self, global_time=global_time, tracks=tracks)

    def with_placements(self, placements: dict[int, Placement]) -> Clock:
        tracks = tuple(
            replace(track, placement=placements.get(index, track.placement)) for index, track in enumerate(self.tracks)
        )
        placed = replace(self, tracks=tracks)
        return placed.seek(clamp(self.global_time, placed.start, placed.end))

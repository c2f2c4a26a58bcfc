"""Synthetic matches: clock and events as functions of match time."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ClockFormat = Literal["m:ss", "mm:ss", "h:mm:ss", "m:ss.t", "m:ss.cc", "ss"]
EventKind = Literal["shot", "step", "boom", "kill", "bell", "voice", "note"]
UNITS: dict[ClockFormat, int] = {"m:ss": 1, "mm:ss": 1, "h:mm:ss": 1, "m:ss.t": 10, "m:ss.cc": 100, "ss": 1}


@dataclass(frozen=True)
class Segment:
    """A part of a match's clock. From `start` on, the clock shows `clock` + `rate` * (t - `start`) at match time t."""

    start: float
    clock: float
    rate: int
    label: str = "ROUND"


@dataclass(frozen=True)
class Event:
    """A visible and audible event at `time` (match seconds). place: position around the map, 0..1. gain: 0..1."""

    time: float
    kind: EventKind
    place: float
    gain: float
    variant: int


class Match:
    """A match of `duration` seconds whose clock follows `segments`.

    A clock that counts up rounds down, and one that counts down rounds up.
    """

    def __init__(self, seed: int, duration: float, segments: Iterable[Segment], clock_format: ClockFormat) -> None:
        self.seed = seed
        self.duration = duration
        self.segments = sorted(segments, key=lambda segment: segment.start)
        self.clock_format = clock_format
        if not self.segments:
            raise ValueError("a match needs at least one clock segment")
        times, ticks = self._ticks()
        self._times: list[float] = times
        self._texts = [format_clock(tick, clock_format) for tick in ticks]
        self._starts = [segment.start for segment in self.segments]
        self.events = _events(seed, duration, self.segments)
        self.event_times: NDArray[np.float64] = np.array([event.time for event in self.events])

    def _ticks(self) -> tuple[list[float], list[int]]:
        unit = UNITS[self.clock_format]
        times: list[float] = []
        ticks: list[int] = []
        ends = [segment.start for segment in self.segments[1:]] + [self.duration]
        for segment, end in zip(self.segments, ends, strict=True):
            value = segment.clock * unit
            shown = int(np.floor(value + 1e-9)) if segment.rate >= 0 else int(np.ceil(value - 1e-9))
            time = segment.start
            while time < end and shown >= 0:
                times.append(time)
                ticks.append(shown)
                if segment.rate == 0:
                    break
                shown += segment.rate
                time = segment.start + (shown - value) / unit * segment.rate
        return times, ticks

    def clock_text(self, match_time: float) -> str:
        return self._texts[max(0, bisect_right(self._times, match_time) - 1)]

    def flips(self, begin: float, end: float) -> list[tuple[float, str]]:
        changes = zip(self._times[1:], self._texts[1:], self._texts, strict=False)
        return [(time, text) for time, text, before in changes if begin <= time < end and text != before]

    def segment_at(self, match_time: float) -> Segment:
        return self.segments[max(0, bisect_right(self._starts, match_time) - 1)]

    def events_between(self, begin: float, end: float) -> list[Event]:
        first, last = np.searchsorted(self.event_times, (begin, end))
        return self.events[int(first) : int(last)]


def format_clock(ticks: int, clock_format: ClockFormat) -> str:
    """Format a clock's value. ticks: the value in units of the format's last digit."""
    unit = UNITS[clock_format]
    seconds, part = divmod(ticks, unit)
    minutes, second = divmod(seconds, 60)
    match clock_format:
        case "mm:ss":
            return f"{minutes:02d}:{second:02d}"
        case "h:mm:ss":
            return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}"
        case "m:ss.t":
            return f"{minutes}:{second:02d}.{part}"
        case "m:ss.cc":
            return f"{minutes}:{second:02d}.{part:02d}"
        case "ss":
            return str(seconds)
    return f"{minutes}:{second:02d}"


def round_match(
    seed: int,
    duration: float,
    clock_format: ClockFormat = "m:ss",
    pauses: int = 0,
    buy: float = 30.0,
    length: float = 100.0,
    identical: bool = False,
) -> Match:
    """Return a match of rounds. Each round has three countdowns: `buy` seconds, up to `length` seconds, and 7 s.

    identical: whether all rounds are equal and lack the third countdown. pauses: number of pauses of 5 to 15 s.
    """
    rng = np.random.default_rng([seed, 1])
    segments: list[Segment] = []
    time, number = -float(rng.uniform(0, 0.6 * buy)), 1
    while time < duration:
        segments.append(Segment(time, buy, -1, "BUY PHASE"))
        time += buy
        segments.append(Segment(time, length, -1, f"ROUND {number}"))
        time += length if identical else float(rng.uniform(0.55, 1.0)) * length
        if not identical:
            segments.append(Segment(time, 7.0, -1, "ROUND OVER"))
            time += 7.0
        number += 1
    return Match(seed, duration, with_pauses(segments, duration, pauses, rng), clock_format)


def count_up_match(
    seed: int, duration: float, clock_format: ClockFormat = "m:ss", pauses: int = 0, clock: float | None = None
) -> Match:
    """Return a match whose clock counts up from `clock` seconds, or from a random value."""
    rng = np.random.default_rng([seed, 2])
    first = float(rng.uniform(20, 2400)) if clock is None else clock
    segments = [Segment(0.0, first, 1, "MATCH")]
    return Match(seed, duration, with_pauses(segments, duration, pauses, rng), clock_format)


def jumping_match(seed: int, duration: float, clock_format: ClockFormat = "m:ss") -> Match:
    rng = np.random.default_rng([seed, 3])
    times = np.cumsum(rng.uniform(0.4, 1.2, int(duration / 0.4) + 2))
    segments = [Segment(float(t), float(rng.uniform(1, 3000)), int(rng.integers(-1, 2))) for t in times]
    return Match(seed, duration, segments, clock_format)


def still_match(seed: int, duration: float, clock_format: ClockFormat = "m:ss") -> Match:
    return Match(seed, duration, [Segment(0.0, 83.4, 0, "TIME-OUT")], clock_format)


def with_pauses(segments: list[Segment], duration: float, pauses: int, rng: np.random.Generator) -> list[Segment]:
    result = list(segments)
    for number in range(pauses):
        at = duration * (number + float(rng.uniform(0.3, 0.8))) / pauses
        length = float(rng.uniform(5, 15))
        held = max((s for s in result if s.start <= at), key=lambda s: s.start)
        clock = held.clock + held.rate * (at - held.start)
        later = [Segment(s.start + length, s.clock, s.rate, s.label) for s in result if s.start > at]
        kept = [s for s in result if s.start <= at]
        stop = [Segment(at, clock, 0, "TIME-OUT"), Segment(at + length, clock, held.rate, held.label)]
        result = kept + stop + later
    return result


def _events(seed: int, duration: float, segments: list[Segment]) -> list[Event]:
    rng = np.random.default_rng([seed, 4])
    found: list[Event] = []

    def add(time: float, kind: EventKind, gain: float) -> None:
        if 0 <= time < duration:
            found.append(Event(time, kind, float(rng.random()), gain, int(rng.integers(16))))

    rates: list[tuple[EventKind, float, float]] = [
        ("step", 2.2, 0.25), ("boom", 0.06, 0.9), ("kill", 0.3, 0.5), ("voice", 0.12, 0.45), ("note", 2.0, 0.16)
    ]  # fmt: skip
    for kind, rate, gain in rates:
        for time in rng.uniform(0, duration, int(rng.poisson(rate * duration))):
            add(float(time), kind, gain * float(rng.uniform(0.6, 1)))
    for burst in rng.uniform(0, duration, int(rng.poisson(0.35 * duration))):
        place, gap = float(rng.random()), float(rng.uniform(0.08, 0.16))
        for shot in range(int(rng.integers(1, 7))):
            time = float(burst) + shot * gap
            if time < duration:
                found.append(Event(time, "shot", place, 0.8, int(rng.integers(16))))
    for segment in segments[:400]:
        add(segment.start, "bell", 0.7)
    return sorted(found, key=lambda event: event.time)

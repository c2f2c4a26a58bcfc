"""Clocks of imagined matches and what a reader would say of them: for calibration and fast tests, no pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sessions_app.comparison.alignment.child.compare import TimerTrack
from sessions_app.comparison.alignment.child.fit import Refined, Sample, Segment
from sessions_app.comparison.alignment.child.reader import Reading


@dataclass(frozen=True)
class Piece:
    """From ``start`` (seconds of the match) the timer shows ``value`` and moves by ``slope`` a second."""

    start: float
    value: float
    slope: int


@dataclass(frozen=True)
class Imagined:
    """A match: its pieces in order, and its length in seconds."""

    pieces: tuple[Piece, ...]
    length: float

    def piece_at(self, moment: float) -> Piece:
        return [p for p in self.pieces if p.start <= moment][-1]

    def value_at(self, moment: float) -> float:
        piece = self.piece_at(moment)
        return piece.value + piece.slope * (moment - piece.start)


def rounds(
    rng: np.random.Generator, length: float, early: float = 1.0, buy: float = 30.0, whole: float = 100.0
) -> Imagined:
    """Buy phase, round, end of round, again; a share ``early`` of the rounds ends before its time."""
    pieces, now = [], -float(rng.uniform(0, 100))
    while now < length:
        pieces.append(Piece(now, buy, -1))
        now += buy
        pieces.append(Piece(now, whole, -1))
        now += float(rng.uniform(0.2 * whole, whole)) if rng.random() < early else whole
        pieces.append(Piece(now, 7.0, -1))
        now += 7.0
    return Imagined(tuple(pieces), length)


def counting_up(rng: np.random.Generator, length: float, pauses: int) -> Imagined:
    """One clock that counts up and stands still ``pauses`` times."""
    value = float(rng.uniform(0, 2000))
    moments = sorted(rng.uniform(0.1, 0.9, pauses) * length)
    pieces, now = [Piece(0.0, value, 1)], 0.0
    for wish in moments:
        moment = max(float(wish), now + 1)
        value += moment - now
        pieces.append(Piece(moment, value, 0))
        now = moment + float(rng.uniform(4, 40))
        pieces.append(Piece(now, value, 1))
    return Imagined(tuple(pieces), length)


@dataclass(frozen=True)
class Noise:
    """What goes wrong in reading. missing, misread: shares; spacing: seconds between keyframes."""

    missing: float = 0.05
    misread: float = 0.01
    spacing: float = 2.0


class Recording:
    """A recording of ``match`` from ``begin`` to ``end`` (seconds of the match), read with ``noise``."""

    def __init__(
        self, match: Imagined, begin: float, end: float, rng: np.random.Generator, noise: Noise, fps: float = 30.0
    ) -> None:
        self.match, self.begin, self.length, self.noise, self.rng = match, begin, end - begin, noise, rng
        self.frame = 1 / fps
        self.known: dict[float, Sample] = {}
        count = max(40, round(self.length / 15))
        self.read(np.linspace(0, self.length, 2 * count + 1)[1::2])

    def read(self, times: Any) -> None:
        for time in times:
            key = float(np.clip(round(time / self.noise.spacing) * self.noise.spacing, 0, self.length - 0.1))
            if key not in self.known:
                self.known[key] = self._sample(key)

    def _sample(self, time: float) -> Sample:
        value = float(np.floor(max(0.0, self.match.value_at(self.begin + time)) + 1e-9))
        if self.rng.random() < self.noise.missing:
            return Sample(time, Reading("", None, 0.2, 0.0))
        if self.rng.random() < self.noise.misread:
            value = float(self.rng.choice([value + 10, abs(value - 10), value + 60, value + 3, self.rng.integers(600)]))
        return Sample(time, Reading(str(value), value, float(self.rng.uniform(0.8, 1.0)), 1.0))

    def samples(self) -> list[Sample]:
        return [self.known[t] for t in sorted(self.known)]

    def sample_gaps(self) -> None:
        known = np.array([0.0, *sorted(self.known), self.length])
        self.read((known[:-1] + known[1:]) / 2)

    def refine(self, segment: Segment, wanted: int) -> Refined:
        """What ``wanted`` flips at its ends would tell, with a phase of the frames that is anyone's guess."""
        flips = []
        for sample in (segment.samples[0], segment.samples[-1])[:wanted]:
            piece = self.match.piece_at(self.begin + sample.time)
            flips.append(piece.value + piece.slope * (self.begin - piece.start))
        low = flips[0] - float(self.rng.uniform(0, 1)) * self.frame
        if abs(flips[-1] - flips[0]) > self.frame:
            return Refined(low, low + self.frame, 1, 1)
        return Refined(low, low + self.frame, wanted, 0)

    def clock(self, vod_id: str) -> TimerTrack:
        clock = TimerTrack(vod_id, self.frame, self.samples, self.sample_gaps, self.refine)
        clock.fit()
        return clock


def matches(rng: np.random.Generator, length: float) -> tuple[Imagined, Imagined]:
    """Two matches of the same game, that is, under the same rules."""
    kind = rng.integers(5)
    if kind < 2:
        early, buy, whole = (float(rng.choice(c)) for c in ([0.3, 1.0], [15, 30], [60, 100, 115]))
        return rounds(rng, length, early, buy, whole), rounds(rng, length, early, buy, whole)
    if kind == 2:  # one long countdown
        first, second = (Piece(0.0, length + float(rng.uniform(10, 600)), -1) for _ in range(2))
        return Imagined((first,), length), Imagined((second,), length)
    pauses = rng.integers(0, 4, 2)
    return counting_up(rng, length, int(pauses[0])), counting_up(rng, length, int(pauses[1]))


def pair_of(rng: np.random.Generator, related: bool) -> tuple[Recording, Recording, float]:
    """Two recordings, and the offset of the second (meaningless when they are unrelated)."""
    length = float(rng.uniform(60, 900))
    match, other = matches(rng, length)
    if related:
        other = match
    noise = Noise(float(rng.uniform(0, 0.4)), float(rng.choice([0, 0.01, 0.05])), float(rng.choice([0.5, 1, 2, 4.17])))
    spans = []
    for _ in range(2):
        part = float(rng.uniform(0.3, 1.0)) * length
        begin = float(rng.uniform(0, length - part))
        spans.append((begin, begin + part))
    fps = rng.choice([30.0, 60.0, 29.97, 25.0], 2)
    a = Recording(match, *spans[0], rng, noise, fps[0])
    b = Recording(other, *spans[1], rng, noise, fps[1])
    return a, b, b.begin - a.begin

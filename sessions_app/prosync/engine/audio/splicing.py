"""Inaudible insertion of new packets into an AAC-LC track.

At a joint, new and original packets meet. Joints are tried from a segment's edge outwards. The first inaudible joint is
used, or else the joint with the smallest error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from media_app.av.audio_splice import BLOCK, Samples
from media_app.av.source import Progress
from sessions_app.prosync.engine.audio import aac
from sessions_app.prosync.engine.audio.mixing import Voice, mixed
from sessions_app.prosync.engine.audio.track import OwnSound

LEADS = 8  # maximum number of extra blocks encoded before and after a segment to find a joint
# minimum decrease of the error at the joint, in dB, for which one more block is encoded
DB_PER_EXTRA_BLOCK = 3.0
# A joint is acceptable if its error is below FAINT (dB relative to the block's level) or below INAUDIBLE (dBFS).
FAINT, INAUDIBLE = -35.0, -75.0
WARM_UP = 4  # number of extra blocks encoded before the first used packet
BEHIND = 3  # number of extra blocks encoded after the last used packet
NEAR = 4  # if fewer original blocks than this lie between two new sounds, these blocks are encoded, not copied


@dataclass(frozen=True, slots=True)
class _Joint:
    """A joint between a new and an original packet, which share the block of samples ``block``.

    changed: samples to encode instead of the block's own samples, or None. error: difference between the decoded and
    the wanted samples, in dBFS; None at the track's start or end.
    """

    block: int
    changed: Samples | None = None
    error: float | None = None

    def better(self, other: _Joint | None) -> _Joint:
        if other is None or self.error is None or other.error is None:
            return self
        return self if self.error + DB_PER_EXTRA_BLOCK * abs(self.block - other.block) < other.error else other


@dataclass(slots=True)
class Run:
    """A run of consecutive new packets.

    first: number of the first replaced packet. end: number of the next copied packet. before, behind: errors in dBFS at
    the run's two joints.
    """

    voices: list[int]
    first: int
    end: int
    before: float | None
    behind: float | None
    packets: list[bytes]


@dataclass(frozen=True, slots=True)
class Spliced:
    """A spliced sound track. first, end: range of packet numbers, which may exceed the original track's range."""

    own: OwnSound
    first: int
    end: int
    runs: Sequence[Run]

    def packets(self) -> Iterator[tuple[int, bytes, int]]:
        """Yield (position, packet, number of audible samples); the position is in samples after ``currentTime`` 0."""
        new = {run.first + at: packet for run in self.runs for at, packet in enumerate(run.packets)}
        theirs = self.own.packets()
        for number in range(self.first, self.end):
            there = next(theirs, None) if 0 <= number < self.own.count else None
            length = self.own.last if number == self.own.count - 1 and number == self.end - 1 else BLOCK
            yield self.own.head + number * BLOCK, new.get(number) or there or self.own.silent, length


def splice(own: OwnSound, voices: Sequence[Voice], tell: Progress) -> Spliced:
    return _Splicer(own, voices).make(tell)


class _Splicer:
    def __init__(self, own: OwnSound, voices: Sequence[Voice]) -> None:
        self.own = own
        self.voices = voices
        starts_late = own.block(voices[0].place.first) < 1
        self.low = min(0, own.block(0) - 1) if starts_late else 0
        self.near = self._near()

    def _near(self) -> list[tuple[int, Samples]]:
        margin = LEADS + WARM_UP + BEHIND
        blocks = sorted(
            {block + at for voice in self.voices for block in map(self.own.block, (voice.place.first, voice.place.end))
             for at in range(-margin, margin)}
        )  # fmt: skip
        breaks = [0, *(at for at in range(1, len(blocks)) if blocks[at] != blocks[at - 1] + 1), len(blocks)]
        return [
            (blocks[first], self.own.samples(blocks[first], blocks[end - 1] + 1)) for first, end in pairwise(breaks)
        ]

    def make(self, tell: Progress) -> Spliced:
        groups = self._groups()
        runs = []
        for number, group in enumerate(groups):
            before = groups[number - 1][-1] if number else None
            after = groups[number + 1][0] if number + 1 < len(groups) else None
            runs.append(self._run(group, before, after))
            tell((number + 1) / len(groups))
        end = max(self.own.count, runs[-1].end)
        first = self.low if runs[0].first < 1 else 0
        return Spliced(self.own, first, end, runs)

    def _groups(self) -> list[list[int]]:
        groups = [[0]]
        for number in range(1, len(self.voices)):
            room = self._last(number - 1), self._block(number)
            if room[1] - room[0] < NEAR:
                groups[-1].append(number)
            else:
                groups.append([number])
        return groups

    def _block(self, number: int) -> int:
        return self.own.block(self.voices[number].place.first)

    def _last(self, number: int) -> int:
        place = self.voices[number].place
        return self.own.block(place.end + place.tail - 1) + 1

    def _run(self, group: list[int], before: int | None, after: int | None) -> Run:
        begin, end = self._block(group[0]), self._last(group[-1])
        back = LEADS if before is None else min(LEADS, (begin - self._last(before)) // 2 - 1)
        ahead = LEADS if after is None else min(LEADS, (self._block(after) - end) // 2)
        head, tail = self._begin(begin, back), self._end(end, ahead)
        changes = {joint.block: joint.changed for joint in (head, tail) if joint.changed is not None}
        made = self._encoded(head.block, tail.block, changes)
        if tail.changed is not None:
            made[-1] = self._match_shape(made[-1], tail.block)
        error_before = None if head.error is None else self._error_before(head.block, made[:2])
        error_behind = None if tail.error is None else self._error_behind(tail.block, made[-3:])
        return Run(group, head.block, tail.block, error_before, error_behind, made)

    def _begin(self, begin: int, most: int) -> _Joint:
        found = None
        for first in range(begin - 1, max(self.low, begin - 1 - most), -1):
            made = self._encoded(first, first + 2, {}, early=1)
            changed, shapes = None, _shapes(self._packet(first - 1), made[0])
            if shapes and self._is_long(first - 1, aac.LONG_END):
                changed = aac.before_joint(self._samples(first), *shapes)
                made = self._encoded(first, first + 2, {first: changed}, early=1)
            joint = _Joint(first, changed, self._error_before(first, made[1:]))
            if self._is_good(joint):
                return joint
            found = joint.better(found)
        return found if found and self.low < begin - 1 - most else _Joint(self.low)

    def _end(self, end: int, most: int) -> _Joint:
        found = None
        for last in range(end, min(self.own.count, end + most)):
            made = self._encoded(last - 3, last, {})
            changed, shapes = None, _shapes(self._packet(last - 1), made[-1])
            if shapes and self._is_long(last, aac.LONG_BEGIN):
                changed = aac.behind_joint(self._samples(last), *shapes)
                made = self._encoded(last - 3, last, {last: changed})
                made[-1] = self._match_shape(made[-1], last)
            joint = _Joint(last, changed, self._error_behind(last, made))
            if self._is_good(joint):
                return joint
            found = joint.better(found)
        return found if found and end + most < self.own.count else _Joint(max(end, self.own.count))

    def _is_good(self, joint: _Joint) -> bool:
        level = _level(self._samples(joint.block))
        return joint.error is not None and joint.error < max(INAUDIBLE, level + FAINT)

    def _error_before(self, first: int, made: Sequence[bytes]) -> float:
        heard = aac.decoded([self._packet(first - 1), *made], self.own.config, self.own.channels)
        return _level(heard[:, BLOCK : 2 * BLOCK] - self._samples(first))

    def _error_behind(self, last: int, made: Sequence[bytes]) -> float:
        heard = aac.decoded([*made, self._packet(last)], self.own.config, self.own.channels)
        return _level(heard[:, len(made) * BLOCK :] - self._samples(last))

    def _packet(self, number: int) -> bytes:
        return self.own.packet(number) or b""

    def _is_long(self, number: int, sequences: Sequence[int]) -> bool:
        windows = aac.windows_of(self._packet(number))
        return windows is not None and windows.sequence in sequences

    def _match_shape(self, packet: bytes, end: int) -> bytes:
        shapes = _shapes(self._packet(end - 1), packet)
        return aac.with_shape(packet, shapes[0]) if shapes else packet

    def _encoded(self, first: int, end: int, changes: dict[int, Samples], early: int = 0) -> list[bytes]:
        begin = first - early - WARM_UP
        blocks = (
            changes[block] if block in changes else self._samples(block) for block in range(begin, end + BEHIND)
        )  # fmt: skip
        packets = list(aac.encoded(blocks, self.own.rate, self.own.channels))
        return packets[first - early - begin + 1 : end - begin + 1]

    def _samples(self, block: int) -> Samples:
        original = np.zeros((self.own.channels, BLOCK), np.float32)
        for first, samples in self.near:
            at = (block - first) * BLOCK
            if 0 <= at < samples.shape[1] and block >= self.low:
                original = samples[:, at : at + BLOCK]
        return mixed(self.voices, self.own.head + block * BLOCK, original)


def _shapes(theirs: bytes, ours: bytes) -> tuple[int, int] | None:
    there, here = aac.windows_of(theirs), aac.windows_of(ours)
    if there is None or here is None or there.shape == here.shape or here.sequence not in aac.LONG_END:
        return None
    return there.shape, here.shape


def _level(samples: Samples) -> float:
    return 10 * math.log10(float(np.square(samples, dtype=np.float64).mean()) + 1e-20)

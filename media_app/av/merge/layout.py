"""Where each clip begins in the whole, so that its pictures and its sound stay together; reads and writes nothing.

Where the sound is copied, its packets fall on the one grid of 1024 samples that an AAC track has. A clip then begins at
that moment of the grid which is nearest to where the pictures before it would end by themselves. The last of those is
shown some milliseconds longer or shorter, but keeps three quarters of its time; nothing adds up over many joints. AAC
needs the packet before the first one that is heard, so the one in whose place that stands is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from media_app.av.merge.survey import SoundSurvey, Survey

BLOCK = 1024  # samples of an AAC frame
MIN_TICKS = 90_000  # a second: then a joint is where it is to be within 6 µs


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands. base: seconds of a tick. starts: ticks at which each file begins, and the last ends.

    first_slot: sample of the whole at which the grid of sound begins. heads: for each file, the slot on the grid of the
    packet that is heard at its beginning, and the number of that packet in the file; none where no sound is copied.
    """

    base: Fraction
    starts: list[int]
    first_slot: int = 0
    heads: list[tuple[int, int]] = field(default_factory=list)

    def seconds(self, number: int) -> Fraction:
        """That file ``number`` is shown."""
        return (self.starts[number + 1] - self.starts[number]) * self.base

    @property
    def total(self) -> Fraction:
        """Seconds of all."""
        return self.starts[-1] * self.base


def lay_out(surveys: Sequence[Survey], sound_rate: int | None = None) -> Layout:
    """Where each file begins. sound_rate: samples a second, where the sound is copied."""
    one = surveys[0].base
    base = one / max(1, math.ceil(MIN_TICKS * one))
    starts, heads = [0], []
    first_slot, end = 0, Fraction(0)
    # Where a clip would begin with no sound, and the earliest that the last picture before it allows.
    wanted, least = Fraction(0), Fraction(0)
    for number, survey in enumerate(surveys):
        if sound_rate is not None:
            assert survey.sound is not None
            head, place = _head(survey, survey.sound, sound_rate)
            slot = 0
            if number:
                nearest, first = ((at * sound_rate + place - first_slot) / BLOCK for at in (wanted, least))
                slot = max(round(nearest), math.ceil(first))
                starts[number] = round((first_slot + slot * BLOCK - place) / sound_rate / base)
            else:
                first_slot = round(place)
            heads.append((slot, head))
        end = starts[number] * base + survey.seconds
        wanted, least = wanted + survey.seconds, end - survey.last_length * survey.base / 4
        starts.append(round(end / base))
    return Layout(base, starts, first_slot, heads)


def _head(survey: Survey, sound: SoundSurvey, rate: int) -> tuple[int, Fraction]:
    """The number of the packet that is heard when the first picture is shown, and where that packet begins, in
    samples behind that moment: none or less. Packets that are missing there have numbers below zero.
    """
    place = (sound.starts[0] * sound.base + sound.offset - survey.shown[0] * survey.base) * rate
    head = math.floor(-place / BLOCK)
    return head, place + head * BLOCK


def packets_of_sound(layout: Layout, rate: int) -> list[range]:
    """For each file the numbers of its packets that stand side by side from one slot before the first file's head on.

    Numbers beyond what a file has are silence.
    """
    # Of each file from the packet before its head on, up to the one in whose place that of the next file stands.
    limits = [slot - 1 for slot, _ in layout.heads[1:]]
    limits.append(math.ceil((layout.total * rate - layout.first_slot) / BLOCK))
    return [range(head - 1, head + limit - slot) for (slot, head), limit in zip(layout.heads, limits, strict=True)]

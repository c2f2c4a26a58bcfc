"""Positions of clips in a merged video, with picture and sound in sync.

Copied AAC packets lie on a grid of 1024 samples, so each clip begins at the nearest grid position. To decode a
clip's first audible AAC packet, a decoder needs the packet before it. This extra packet replaces the last packet of the
previous clip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from media_app.av.merge.survey import SoundSurvey, Survey

BLOCK = 1024  # number of samples in an AAC frame
MIN_TICKS = 90_000  # minimum ticks a second; clips then start at most 6 µs too early or late


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions of the clips in the merged file.

    - base: length of a tick in seconds.
    - starts: start of each clip, then the last clip's end, in ticks.
    - first_slot: sample at which slot 0 begins. Each packet of sound fills one slot.
    - heads: (slot, packet number) of each clip's first audible packet.
    """

    base: Fraction
    starts: list[int]
    first_slot: int = 0
    heads: list[tuple[int, int]] = field(default_factory=list)

    def seconds(self, number: int) -> Fraction:
        return (self.starts[number + 1] - self.starts[number]) * self.base

    @property
    def total(self) -> Fraction:
        return self.starts[-1] * self.base


def get_layout(surveys: Sequence[Survey], sound_rate: int | None = None) -> Layout:
    one = surveys[0].base
    base = one / max(1, math.ceil(MIN_TICKS * one))
    starts, heads = [0], []
    first_slot, end = 0, Fraction(0)
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
    """Return (number, start) of the sound packet that plays when the first picture is shown.

    number: index of the packet; negative if the sound starts after the picture. start: time from the picture's
    start to the packet's start, in samples; at most 0.
    """
    place = (sound.starts[0] * sound.base + sound.offset - survey.shown[0] * survey.base) * rate
    head = math.floor(-place / BLOCK)
    return head, place + head * BLOCK


def packets_of_sound(layout: Layout, rate: int) -> list[range]:
    """Return the numbers of the sound packets to copy from each file; numbers outside the file mean silence."""
    limits = [slot - 1 for slot, _ in layout.heads[1:]]
    limits.append(math.ceil((layout.total * rate - layout.first_slot) / BLOCK))
    return [range(head - 1, head + limit - slot) for (slot, head), limit in zip(layout.heads, limits, strict=True)]

"""Confidence of an alignment by timer, calibrated by simulation in the tests."""

from __future__ import annotations

from dataclasses import dataclass

HALF_AT = 3.0  # agreeing readings that halve the doubt
ONE_CLOCK_CAP = 0.85  # maximum confidence without a common reset or pause: any two clocks can be aligned
COARSE = 1.0  # seconds
IRREGULAR_SPREAD = 20.0  # seconds over which resets and pauses of unrelated matches scatter
REFUSE_BELOW = 0.5
RUNNER_UP_LIMIT = 0.5


@dataclass(frozen=True, slots=True)
class Support:
    """Evidence for an alignment.

    agreeing, contradicting: number of readings. runner_up: score of the second-best offset over the best, 0 to 1.
    jumps: common resets or pauses that game rules do not force, within ``tolerance`` seconds. pauses: agreements to a
    second in pauses' values or lengths. tried: number of offsets compared. flips_agree: whether two flips of each video
    agree.
    """

    agreeing: int
    contradicting: int
    runner_up: float
    jumps: int
    pauses: int
    tolerance: float
    tried: int
    flips_agree: bool


def confidence_of(support: Support) -> float:
    """Return the probability, 0 to 1, that the offset is right.

    The chance term is a number of false alarms (a contrario: Desolneux, Moisan, Morel): how many of ``tried`` offsets
    would match so many pauses or resets by accident.
    """
    enough: float = 1.0 - 0.5 ** (support.agreeing / HALF_AT)
    total = support.agreeing + support.contradicting
    purity = max(0.0, 1.0 - 3.0 * support.contradicting / total) if total else 0.0
    unique = 1.0 - max(0.0, support.runner_up - 0.25) / 0.75
    exact = 1.0 if support.flips_agree else 0.8
    confidence = enough * purity * unique * exact
    if support.jumps + support.pauses == 0:
        return min(confidence, 1.0) * ONE_CLOCK_CAP
    chance = min(1.0, 2 * support.tolerance / IRREGULAR_SPREAD) ** support.jumps
    false_alarms = max(1, support.tried) * chance * (2 * COARSE / IRREGULAR_SPREAD) ** support.pauses
    return min(0.999, confidence * max(ONE_CLOCK_CAP, 1.0 / (1.0 + false_alarms)))

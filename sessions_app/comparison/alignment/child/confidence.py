"""Confidence of an alignment by timer, calibrated by simulation in the tests."""

from __future__ import annotations

from dataclasses import dataclass

HALF_AT = 3.0  # number of additional agreeing readings that halves the doubt caused by few readings
# Maximum confidence if the videos share no jump or pause of the timer. Timers that only run agree at some
# offset even in different matches.
ONE_CLOCK_CAP = 0.85
# Maximum difference, in seconds, between the lengths of the same pause in two videos. If too few digit
# changes agree, the offset's error bound grows by this value.
COARSE = 1.0
# In different matches, the sizes of the timer's jumps and the lengths of its pauses are assumed to differ at random,
# evenly distributed over a range of this many seconds.
IRREGULAR_SPREAD = 20.0
REFUSE_BELOW = 0.5
RUNNER_UP_LIMIT = 0.5


@dataclass(frozen=True, slots=True)
class Support:
    """Evidence for an alignment by timer.

    - runner_up: second-best offset's score divided by the best score.
    - jumps, pauses: numbers of jumps and pauses that both timers share. Jumps agree to ``tolerance`` seconds, pauses to
      a second.
    - flips_agree: whether at least two digit changes of each video agree.
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

    The more wrong offsets are expected to match as many jumps and pauses by chance, the lower the probability.
    Method: a contrario detection (Desolneux, Moisan, Morel).
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

"""How far an alignment by sound can be trusted: a logistic curve, its numbers still set by hand, not fitted."""

from __future__ import annotations

import math

from sessions_app.comparison.alignment.sound.align import SoundMatch

# Of the share of windows that agree, of the logarithm of how many do, and of the logarithm of the place's ratio.
CONSTANT, SHARE, COUNT, RATIO = -9.0, 8.0, 2.5, 1.5
HIGHEST = 0.99
MOST_RATIO = 10.0


def confidence_of(match: SoundMatch) -> float:
    """Probability, 0 to 1, that the offset is right."""
    x = CONSTANT + sum(weight * value for weight, value in zip((SHARE, COUNT, RATIO), features(match), strict=True))
    return round(min(HIGHEST, 1 / (1 + math.exp(-x))), 4)


def features(match: SoundMatch) -> tuple[float, float, float]:
    """What the curve goes by."""
    share = match.agreeing / max(1, match.samples)
    return share, math.log(max(1, match.agreeing)), math.log(min(MOST_RATIO, max(1.0, match.ratio)))

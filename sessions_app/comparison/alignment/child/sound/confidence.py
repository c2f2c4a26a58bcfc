"""Confidence of an alignment by sound: a logistic curve fitted by ``python -m bench sound``.

It is fitted to half of the bench's generated pairs; bench/results.md has its accuracy on other pairs.
"""

from __future__ import annotations

import math

from sessions_app.comparison.alignment.child.sound.align import SoundMatch

# Coefficients: constant, share of agreeing windows, logarithm of the best lag's score over the second's.
CONSTANT, SHARE, RATIO = -2.70, 0.51, 6.94
HIGHEST = 0.99
MOST_RATIO = 10.0


def confidence_of(match: SoundMatch) -> float:
    """Return the probability, 0 to 1, that the offset is right."""
    x = CONSTANT + sum(weight * value for weight, value in zip((SHARE, RATIO), features(match), strict=True))
    return round(min(HIGHEST, 1 / (1 + math.exp(-x))), 4)


def features(match: SoundMatch) -> tuple[float, float]:
    share = match.agreeing / max(1, match.samples)
    return share, math.log(min(MOST_RATIO, max(1.0, match.ratio)))

"""Confidence of an alignment by sound: a logistic curve fitted by ``python -m bench sound``."""

from __future__ import annotations

import math

from sessions_app.comparison.alignment.child.sound.align import SoundMatch

# coefficients: constant, share of agreeing windows, log(best lag's score / second-best lag's score)
CONSTANT, SHARE, RATIO = -2.70, 0.51, 6.94
HIGHEST = 0.99
MOST_RATIO = 10.0


def confidence_of(match: SoundMatch) -> float:
    x = CONSTANT + sum(weight * value for weight, value in zip((SHARE, RATIO), features(match), strict=True))
    return round(min(HIGHEST, 1 / (1 + math.exp(-x))), 4)


def features(match: SoundMatch) -> tuple[float, float]:
    share = match.agreeing / max(1, match.samples)
    return share, math.log(min(MOST_RATIO, max(1.0, match.ratio)))

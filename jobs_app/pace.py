"""Estimates of a job's progress in time.

Handlers report progress in percent of the work, and users see it in percent of the time. The progress curves of recent
jobs of the same kind give the conversion.
"""

from __future__ import annotations

import statistics
import time
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

STEPS = 20  # steps into which a progress curve divides the work
CURVES_KEPT = 8  # recent progress curves kept for each kind of job
SHORTEST_SECONDS = 3.0  # progress curves of jobs that take fewer seconds are not kept
# An estimate of the remaining time needs at least LEAST_SECONDS elapsed seconds, and progress reports that span at
# least LEAST_SHARE of the job's time.
LEAST_SECONDS, LEAST_SHARE = 5.0, 0.05
LEAST_CURVES = 2
# No remaining time is shown if the estimates disagree, that is, if one of them differs from their median both by more
# than the factor AGREEMENT and by at least AGREEMENT_SECONDS.
AGREEMENT = 4 / 3
AGREEMENT_SECONDS = 1.0
RECENT = 1 / 3  # the present speed is measured over this last share of the elapsed time

Curve = Sequence[float]


def time_share(curve: Curve, percent: float) -> float:
    """Return the share of a job's time (0 to 1) that has passed at a percentage of its work."""
    place = min(max(percent / 100, 0.0), 1.0) * STEPS
    index = min(int(place), STEPS - 1)
    return curve[index] + (curve[index + 1] - curve[index]) * (place - index)


EVEN = [step / STEPS for step in range(STEPS + 1)]


class Pace:
    """The speed of one attempt at a job.

    curves: progress curves of recent jobs; each has ``STEPS`` + 1 numbers from 0 to 1.
    """

    def __init__(self, curves: Sequence[Curve], began: float | None = None) -> None:
        self.curves = [curve for curve in curves if len(curve) == STEPS + 1]
        self.began = time.monotonic() if began is None else began
        # progress reports: (seconds since the start, percentage of the work)
        self._samples: list[tuple[float, float]] = []

    def note(self, percent: float, now: float | None = None) -> None:
        seconds = (time.monotonic() if now is None else now) - self.began
        if not self._samples or percent > self._samples[-1][1]:
            self._samples.append((seconds, percent))

    def progress(self) -> float:
        return 100 * self._share(self._samples[-1][1]) if self._samples else 0.0

    def seconds_left(self, now: float | None = None) -> float | None:
        """Return the remaining seconds, or None if data are too few or the estimates differ (see ``AGREEMENT``)."""
        elapsed = (time.monotonic() if now is None else now) - self.began
        if len(self.curves) < LEAST_CURVES or elapsed < LEAST_SECONDS or not self._samples:
            return None
        first, last = self._samples[0][1], self._samples[-1][1]
        estimates = []
        for curve in self.curves:
            done = time_share(curve, last) - time_share(curve, first)
            if done < LEAST_SHARE:
                return None
            estimates.append(elapsed * (1 - time_share(curve, last)) / done)
        since = elapsed * (1 - RECENT)
        before = self._samples[max(0, bisect_right(self._samples, (since, 101.0)) - 1)][1]
        gained = self._share(last) - self._share(before)
        if gained <= 0:
            return None
        estimates.append((1 - self._share(last)) * elapsed * RECENT / gained)
        middle = statistics.median(estimates)
        agree = all(
            max(one, middle) <= AGREEMENT * min(one, middle) or abs(one - middle) < AGREEMENT_SECONDS
            for one in estimates
        )
        return middle if agree else None

    def curve(self, now: float | None = None) -> list[float] | None:
        total = (time.monotonic() if now is None else now) - self.began
        if total < SHORTEST_SECONDS or not self._samples or self._samples[0][1] > 100 / STEPS:
            return None
        points = [(0.0, 0.0), *((percent, seconds / total) for seconds, percent in self._samples), (100.0, 1.0)]
        found = []
        for step in range(STEPS + 1):
            percent = 100 * step / STEPS
            left, right = next(pair for pair in pairwise(points) if pair[1][0] >= percent)
            part = (percent - left[0]) / (right[0] - left[0]) if right[0] > left[0] else 1.0
            found.append(round(left[1] + (right[1] - left[1]) * part, 4))
        return [0.0, *found[1:-1], 1.0]

    def _share(self, percent: float) -> float:
        curves = self.curves or [EVEN]
        return sum(time_share(curve, percent) for curve in curves) / len(curves)

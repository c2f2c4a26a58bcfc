from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import pairwise

from sessions_app.comparison.alignment.child.confidence import (
    COARSE,
    REFUSE_BELOW,
    RUNNER_UP_LIMIT,
    Support,
    confidence_of,
)
from sessions_app.comparison.alignment.child.fit import MIN_AGREEING_FLIPS, Refined, Sample, Segment, fit_segments
from sessions_app.comparison.alignment.child.timer_text import format_timer
from sessions_app.comparison.alignment.child.vote import Hypothesis, count_support, find_offsets

# While no offset is clearly best, both timers are read at more positions, at most this many times.
MAX_RESAMPLINGS = 2
ENOUGH_SCORE = 18.0
CLEAR_RUNNER_UP = 0.3
MIN_AGREEING = 5
MIN_VALUES = 3
MAX_PAIRS = 4  # maximum number of pairs of timer runs (one run per video) from which an offset is refined
SURE = 0.95
# minimum mean confidence of the readings in a timer run; below it, digit changes may be located a frame late
WELL_READ = 0.8
RIVALS_EXAMINED = 3
# A pair of timer runs counts as this many contradicting readings if its refined offset differs from the other
# pairs' offsets.
REFINED_CLASH = 3
RULE_STEP = 5.0  # pauses set by game rules often last about a multiple of this many seconds


@dataclass(slots=True)
class TimerTrack:
    """The timer of one video.

    refine: function that returns a segment's clock constant (value − slope × time), exact to the frame, or
    None. Its parameters are the segment and the number of digit changes to find.
    """

    vod_id: str
    frame: float
    samples: Callable[[], list[Sample]]
    sample_gaps: Callable[[], object]
    refine: Callable[[Segment, int], Refined | None]
    slopes: Sequence[int] = (-1, 1)
    segments: list[Segment] = field(default_factory=list)
    refined: dict[int, Refined | None] = field(default_factory=dict)

    def fit(self) -> None:
        self.segments = fit_segments(self.samples(), self.slopes)
        self.refined.clear()

    @property
    def runs(self) -> bool:
        return any(s.runs for s in self.segments)

    @property
    def usable(self) -> list[Sample]:
        return [s for s in self.samples() if s.possible_readings]

    @property
    def explained_share(self) -> float:
        return sum(len(s.samples) for s in self.segments) / max(1, len(self.usable))

    def refine_segments(self, numbers: Sequence[int]) -> None:
        """Find the segments' clock constants (value − slope × time), exact to the frame.

        In the first segment, search until several digit changes agree; in the others, until one is found.
        """
        for number in dict.fromkeys(numbers):
            if number not in self.refined:
                self.refined[number] = self.refine(
                    self.segments[number], MIN_AGREEING_FLIPS if number == numbers[0] else 1
                )

    def refine_again(self, numbers: Sequence[int]) -> None:
        """Search again in segments with fewer than 2 agreeing digit changes. Keep results with 2 or more."""
        for number in numbers:
            known = self.refined.get(number)
            if known is not None and known.flips < 2:
                found = self.refine(self.segments[number], MIN_AGREEING_FLIPS)
                self.refined[number] = found if found is not None and found.flips >= 2 else None

    def flip_error(self, number: int) -> float:
        """Return the maximum error in seconds of a segment's digit changes, which may be located too late."""
        confidences = [sample.reading.confidence for sample in self.segments[number].samples]
        return 0.0 if sum(confidences) >= WELL_READ * len(confidences) else self.frame

    def constant(self, number: int) -> float:
        refined = self.refined.get(number)
        return self.segments[number].constant if refined is None or refined.is_split else refined.constant


@dataclass(frozen=True, slots=True)
class Verdict:
    """An accepted offset in seconds: a moment at time t in video A is at t − offset in video B."""

    offset: float
    confidence: float
    error_bound: float
    agreeing: int
    samples: int
    note: str


@dataclass(frozen=True, slots=True)
class Disagreement:
    reason: str
    message: str


def compare(a: TimerTrack, b: TimerTrack, pool: Executor) -> Verdict | Disagreement:
    hypotheses = find_offsets(a.segments, b.segments)
    for _ in range(MAX_RESAMPLINGS):
        if hypotheses and hypotheses[0].score >= ENOUGH_SCORE and _runner_up_ratio(hypotheses) < CLEAR_RUNNER_UP:
            break
        list(pool.map(_sample_more, (a, b)))
        hypotheses = find_offsets(a.segments, b.segments)
    if not hypotheses:
        return Disagreement(
            "no_common_clock", f"{_describe_runs(a, b)} The two timers do not run in the same direction."
        )
    best = hypotheses[0]
    if best.agreeing < MIN_AGREEING or best.values < MIN_VALUES:
        return Disagreement("no_overlap", f"{_describe_runs(a, b)} The recordings have no part of the match in common.")
    rivals = [best, *(h for h in hypotheses[1:] if h.score > RUNNER_UP_LIMIT * max(0.0, best.score))]
    if len(rivals) > 1:
        return _choose(a, b, rivals, hypotheses, pool)
    runner_up = max((h.score for h in hypotheses[1:]), default=0.0)
    # Stop once the offset is sure, because each further pair of timer runs needs a search in both videos.
    for count in range(2, MAX_PAIRS + 1):
        examined = _examine(a, b, best, count, pool)
        answer = _decide(a, b, examined, runner_up, len(hypotheses))
        sure = isinstance(answer, Verdict) and answer.confidence >= SURE
        if sure or examined.clashes or count >= len(best.running_pairs(a.segments)):
            break
    return answer


def _choose(
    a: TimerTrack, b: TimerTrack, rivals: Sequence[Hypothesis], hypotheses: Sequence[Hypothesis], pool: Executor
) -> Verdict | Disagreement:
    """Choose between offsets that fit about equally well, by refining each to the frame.

    A wrong offset aligns two different rounds. Rounds rarely last the same number of frames, so a pair of
    timer runs usually contradicts the wrong offset.
    """
    if len(rivals) <= RIVALS_EXAMINED:
        standing = [e for e in (_examine(a, b, h, MAX_PAIRS, pool) for h in rivals) if not e.clashes]
        if len(standing) == 1 and len(standing[0].agreed) > 1:
            runner_up = max((h.score for h in hypotheses if h not in rivals), default=0.0)
            return _decide(a, b, standing[0], runner_up, len(hypotheses))
    first, second = rivals[:2]
    return Disagreement(
        "ambiguous_rounds",
        f"{len(rivals)} offsets fit about equally well, because the timer repeats in each round. The best two are "
        f"{first.offset:.1f} s ({first.agreeing} readings) and {second.offset:.1f} s ({second.agreeing} readings).",
    )


def _sample_more(clock: TimerTrack) -> None:
    clock.sample_gaps()
    clock.fit()


@dataclass(frozen=True, slots=True)
class Examined:
    """An offset between two videos, bounded by the exact frames in which the timers' digits change.

    late: maximum delay, in seconds, with which the videos show a digit change, plus the error of locating it.
    """

    hypothesis: Hypothesis
    low: float
    high: float
    agreed: list[tuple[int, int]]
    clashes: int
    flips_agree: bool
    late: float


def _examine(a: TimerTrack, b: TimerTrack, hypothesis: Hypothesis, count: int, pool: Executor) -> Examined:
    """Refine an offset by the digit changes in ``count`` pairs of timer runs.

    Choose pairs with very different clock constants: pairs with similar ones often agree even on a wrong offset.
    """
    best, *rest = hypothesis.running_pairs(a.segments)
    chosen = [best]
    while rest and len(chosen) < count:
        far = max(rest, key=lambda p: min(abs(a.segments[p[0]].constant - a.segments[c[0]].constant) for c in chosen))
        chosen.append(far)
        rest.remove(far)
    list(pool.map(lambda side: (a, b)[side].refine_segments([pair[side] for pair in chosen]), (0, 1)))
    low, high, agreed, bounds = _refined_bounds(a, b, hypothesis, chosen)
    # A recording can show one change of the timer's digits late. Search for more changes before a pair of segments
    # counts as a contradiction.
    doubted = [pair for pair in bounds if pair not in agreed]
    if doubted:
        list(pool.map(lambda side: (a, b)[side].refine_again([pair[side] for pair in doubted]), (0, 1)))
        low, high, agreed, bounds = _refined_bounds(a, b, hypothesis, chosen)
    refined = [(a.refined[first], b.refined[second]) for first, second in agreed]
    sure = [(one, two) for one, two in refined if one and two and min(one.flips, two.flips) >= 2]
    # Two pairs of segments that share a segment depend on the same change of a digit, so count them as one pair.
    flips_agree = bool(sure) or len(_one_to_one(agreed)) > 1
    late = min([max(one.late, two.late) for one, two in sure], default=0.0)
    late += max([a.flip_error(first) + b.flip_error(second) for first, second in agreed], default=0.0)
    return Examined(hypothesis, low, high, agreed, len(bounds) - len(agreed), flips_agree, late)


def _refined_bounds(
    a: TimerTrack, b: TimerTrack, hypothesis: Hypothesis, pairs: Sequence[tuple[int, int]]
) -> tuple[float, float, list[tuple[int, int]], dict[tuple[int, int], tuple[float, float]]]:
    bounds: dict[tuple[int, int], tuple[float, float]] = {}
    for pair in pairs:
        first, second = a.refined.get(pair[0]), b.refined.get(pair[1])
        if first is None or second is None or first.is_split or second.is_split:
            continue
        slope = a.segments[pair[0]].slope
        ends = sorted((slope * (second.low - first.high), slope * (second.high - first.low)))
        bounds[pair] = ends[0], ends[1]
    return *_common(bounds, hypothesis, a.frame + b.frame), bounds


def _decide(a: TimerTrack, b: TimerTrack, examined: Examined, runner_up: float, tried: int) -> Verdict | Disagreement:
    low, high, agreed = examined.low, examined.high, examined.agreed
    final = count_support(low, high, a.segments, b.segments)
    jumps, pauses = _links(a, b, final.running_pairs(a.segments), agreed)
    support = Support(
        agreeing=final.agreeing,
        contradicting=final.contradicting + REFINED_CLASH * examined.clashes,
        runner_up=max(0.0, runner_up) / max(1.0, examined.hypothesis.score),
        jumps=jumps,
        pauses=pauses,
        tolerance=a.frame + b.frame,
        tried=tried,
        flips_agree=examined.flips_agree,
    )
    confidence = confidence_of(support)
    if confidence < REFUSE_BELOW:
        return Disagreement(
            "timers_disagree",
            f"An offset of {final.offset:.1f} s is supported by {final.agreeing} readings and contradicted by "
            f"{support.contradicting}. {_describe_runs(a, b)}",
        )
    note = ""
    if not jumps + pauses:
        what = "one uninterrupted run of the timer" if len(agreed) < 2 else "timer runs that every match has"
        note = (
            f"The timers agree only during {what}, so the videos may show different matches. Check that all videos "
            "show the same match."
        )
    elif not support.flips_agree:
        note = (
            "The offset may not be exact to the frame, because the frames in which the timer changes could not be "
            "matched between the two videos."
        )
    samples = len(a.usable) + len(b.usable)
    # If too few digit changes agree, all of them may be shown late, so widen the error bound.
    bound = (high - low) / 2 + examined.late
    if not support.flips_agree:
        bound += COARSE
    return Verdict(final.offset, round(confidence, 4), bound, final.agreeing, samples, note)


def _common(
    bounds: dict[tuple[int, int], tuple[float, float]], best: Hypothesis, frame: float
) -> tuple[float, float, list[tuple[int, int]]]:
    if not bounds:
        return best.low, best.high, []
    groups = [
        [pair for pair, other in bounds.items() if max(other[0], own[0]) - min(other[1], own[1]) <= 0.5 * frame]
        for own in bounds.values()
    ]
    group = max(groups, key=len)
    low, high = max(bounds[p][0] for p in group), min(bounds[p][1] for p in group)
    if high - low < frame:
        # Widen the bounds to ± half a frame of each video, because frame times are not more exact.
        low, high = (low + high - frame) / 2, (low + high + frame) / 2
    return low, high, group


def _links(
    a: TimerTrack, b: TimerTrack, pairs: Sequence[tuple[int, int]], refined: Sequence[tuple[int, int]]
) -> tuple[int, int]:
    """Return the numbers of timer jumps and timer pauses that both videos share. Unrelated matches rarely share them.

    - Jump: the clock constant changes between two runs. Changes by whole seconds do not count: game rules cause them.
    - Pause: the timer stands still between two runs. A pause counts twice if it lasts a whole number of seconds
      (± a frame) that is not about a multiple of ``RULE_STEP``.
    """
    finer, side = (a, 0) if a.frame <= b.frame else (b, 1)

    def jump(one: tuple[int, int], two: tuple[int, int]) -> float:
        return abs(finer.constant(two[side]) - finer.constant(one[side]))

    tolerance = finer.frame
    jumps = sum(not _near_multiple(jump(one, two), 1.0, tolerance) for one, two in pairwise(_one_to_one(refined)))
    pauses = 0
    for one, two in pairwise(_one_to_one(pairs)):
        if any(not between.runs for between in a.segments[one[0] : two[0]]):
            length = jump(one, two)
            exact = one in refined and two in refined
            ruled = _near_multiple(length, RULE_STEP, 0.5) or not _near_multiple(length, 1.0, tolerance)
            pauses += 1 + (exact and not ruled)
    return jumps, pauses


def _one_to_one(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for pair in pairs:
        if all(pair[0] != other[0] and pair[1] != other[1] for other in kept):
            kept.append(pair)
    return sorted(kept)


def _near_multiple(value: float, step: float, tolerance: float) -> bool:
    return abs(value - round(value / step) * step) <= tolerance


def _runner_up_ratio(hypotheses: Sequence[Hypothesis]) -> float:
    if len(hypotheses) < 2 or hypotheses[0].score <= 0:
        return 0.0
    return max(0.0, hypotheses[1].score / hypotheses[0].score)


def _describe_runs(a: TimerTrack, b: TimerTrack) -> str:
    parts = []
    for clock in (a, b):
        values = [s.value for segment in clock.segments if segment.runs for s in segment.samples]
        parts.append(
            f"from {format_timer(min(values))} to {format_timer(max(values))} in {clock.vod_id}"
            if values
            else f"nowhere in {clock.vod_id}"
        )
    return f"The timer runs {' and '.join(parts)}."

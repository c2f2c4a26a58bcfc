"""Sets of exercises in a sampled video, counted by joints or by changes of the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sessions_app.analysis.pipelines.pose_sampling import RATE, PoseTrack
from sessions_app.analysis.pipelines.poses import BODY_SIGNALS, body_length, joint_paths, signals
from sessions_app.analysis.pipelines.repetitions import Floats, picture_signals, smoothed
from sessions_app.analysis.pipelines.sets import Set, candidates, choose_sets, windows

MIN_SEEN = 0.6
MAX_TRAVEL = 0.5  # maximum shift of the hips in a repetition, in torso lengths, so that steps do not count
QUICK_TWO = 2.5  # minimum total seconds of a set of two repetitions, so that a waving hand does not count
WORTH_OF_TWO = 0.18
MIN_TRUST = 0.25
SAME_TIME = 0.7
WORTH_ASKING = 0.4
RIVAL = 0.8
MAX_CONFIDENCE, CONFIDENCE_CUT, CONFIDENCE_OF_PICTURE = 0.97, 0.85, 0.85
SEEN_SECONDS = 3.0
WELL_SEEN = 0.9  # minimum share of samples with a person; below it, repetitions are also counted by picture changes
PICTURE_WINDOWS = 128.0  # maximum seconds of a window searched for changes of the picture
PICTURE_WORTH = 0.85
PICTURE_LIKENESS = 0.8
# A set is counted by picture changes only if at least this share of its samples shows no person clearly. Other sets are
# counted only by poses.
MIN_UNSEEN = 0.3
MOVED = 12
MIN_AREA = 0.03  # minimum share of pixels that change during a set of an exercise; a running clock changes fewer
MIN_CHANGE = 2.0


@dataclass(frozen=True, slots=True)
class EvenSamples:
    times: Floats
    joints: NDArray[np.float64]
    pictures: NDArray[np.uint8]
    found: NDArray[np.bool_]
    step: float


@dataclass(frozen=True, slots=True)
class Counted:
    """A set of repetitions. agreement: weighted share of the movement signals that give the same count."""

    set: Set
    by_poses: bool
    agreement: float
    has_rival: bool = False

    @property
    def confidence(self) -> float:
        one = self.set
        alike = float(np.clip((one.likeness - 0.6) / 0.35, 0, 1))
        lengths = [rep.end - rep.start for rep in one.repetitions]
        steady = float(np.clip(1.2 - np.std(lengths) / np.mean(lengths), 0, 1))
        many = min(1.0, len(one.repetitions) / 4)
        moves = float(np.clip(one.worth / 0.35, 0, 1))
        sure = 0.35 * alike + 0.3 * self.agreement + 0.15 * steady + 0.1 * many + 0.1 * moves
        is_in_doubt = one.is_cut or one.skipped or self.has_rival
        most = CONFIDENCE_CUT if is_in_doubt else MAX_CONFIDENCE
        return round(min(most, sure) * (1.0 if self.by_poses else CONFIDENCE_OF_PICTURE), 2)


def resample_evenly(seen: PoseTrack) -> EvenSamples | None:
    if len(seen.times) < 8 or seen.times[-1] - seen.times[0] < 0.5:
        return None
    step = max(1 / RATE, float(np.median(np.diff(seen.times))))
    times = seen.times[0] + step * np.arange(int((seen.times[-1] - seen.times[0]) / step + 1e-6) + 1)
    shown = np.searchsorted(seen.times, times + step / 4, "right") - 1
    return EvenSamples(
        times, seen.joints[shown].astype(np.float64), seen.pictures[shown], seen.found[shown], step,
    )  # fmt: skip


def count(even: EvenSamples, least: int, allowed: frozenset[str] | None = None) -> list[Counted]:
    """Return non-overlapping sets in order of time. allowed: names of the movement signals to use."""
    found: list[Set] = []
    if even.found.any():
        usable = {
            name: one
            for name, one in signals(even.joints).items()
            if one.trust >= MIN_TRUST and (allowed is None or name in allowed)
        }
        by_poses = candidates(even.times, usable, joint_paths(even.joints), least)
        hips = even.joints[:, [23, 24], :2].mean(1) / body_length(even.joints)
        found += [one for one in by_poses if _is_exercise(even, hips, one)]
    size = max(1, round(SEEN_SECONDS / even.step)) | 1
    well_seen = smoothed(even.found.astype(np.float64), min(size, len(even.found))) >= WELL_SEEN
    by_picture = [] if allowed is not None and even.found.mean() > MIN_SEEN else _by_picture(even, ~well_seen, least)
    everything = found + by_picture
    return [
        Counted(one, one.signal in BODY_SIGNALS, _agreement(one, everything), has_rival(one, everything))
        for one in choose_sets(everything)
    ]


def has_rival(one: Set, everything: list[Set]) -> bool:
    """Return whether another set at about the same time has a different count but nearly as high a score."""
    return any(
        other.value >= RIVAL * one.value
        and len(other.repetitions) != len(one.repetitions)
        and min(one.end, other.end) - max(one.start, other.start) >= SAME_TIME * max(
            one.end - one.start, other.end - other.start
        )
        for other in everything
    )  # fmt: skip


def _agreement(one: Set, everything: list[Set]) -> float:
    best: dict[str, Set] = {}
    for other in everything:
        shared = min(one.end, other.end) - max(one.start, other.start)
        if other.signal == one.signal or shared < SAME_TIME * (one.end - one.start):
            continue
        if other.signal not in best or other.value > best[other.signal].value:
            best[other.signal] = other
    same, total = one.worth / 2, one.worth
    for other in best.values():
        if other.worth >= WORTH_ASKING * one.worth:
            total += other.worth
            same += other.worth * (len(other.repetitions) == len(one.repetitions))
    return same / total if len(best) == 0 else min(1.0, (same + one.worth / 2) / total)


def _is_exercise(even: EvenSamples, hips: Floats, one: Set) -> bool:
    if _is_chance(one):
        return False
    away = []
    for rep in one.repetitions:
        first, last = (int(place) for place in np.searchsorted(even.times, (rep.start, rep.end)))
        if even.found[first : last + 1].mean() < MIN_SEEN:
            return False
        there = hips[first : last + 1][even.found[first : last + 1]]
        away.append(float(np.hypot(*(there[-1] - there[0]))))
    return float(np.median(away)) <= MAX_TRAVEL


def _is_chance(one: Set) -> bool:
    took = sum(rep.end - rep.start for rep in one.repetitions)
    return len(one.repetitions) == 2 and (took < QUICK_TWO or one.worth < WORTH_OF_TWO)


def _by_picture(even: EvenSamples, where: NDArray[np.bool_], least: int) -> list[Set]:
    found: list[Set] = []
    for first, last in windows(even.times):
        span = slice(first, last)
        if not where[span].any() or even.times[last - 1] - even.times[first] > PICTURE_WINDOWS + 1:
            continue
        flat = even.pictures[span].reshape(last - first, -1).astype(np.float64)
        ranges = np.percentile(flat, 95, axis=0) - np.percentile(flat, 5, axis=0)
        if (ranges > MOVED).mean() < MIN_AREA:
            continue
        found += [
            replace(one, worth=one.worth * PICTURE_WORTH)
            for one in candidates(even.times[span], picture_signals(even.pictures[span]), flat, least, is_window=True)
            if one.likeness >= PICTURE_LIKENESS and not _is_chance(one) and _is_new(even, where, one)
        ]
    return found


def _is_new(even: EvenSamples, where: NDArray[np.bool_], one: Set) -> bool:
    first, last = np.searchsorted(even.times, (one.start, one.end))
    flat = even.pictures[first : last + 1].reshape(last + 1 - first, -1).astype(np.float64)
    ranges = np.percentile(flat, 95, axis=0) - np.percentile(flat, 5, axis=0)
    is_large = (ranges > MOVED).mean() >= MIN_AREA and np.sqrt(flat.var(0).mean()) >= MIN_CHANGE
    return bool(is_large and where[first : last + 1].mean() >= MIN_UNSEEN)

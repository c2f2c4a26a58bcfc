"""Rules that name an exercise from the body's movement.

Limits are wide, because angles are measured in the two-dimensional picture, not in space. A rule multiplies its
conditions (0 to 1), so one value of 0 excludes the name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sessions_app.analysis.pipelines.poses import ANGLES, SIDES, angle, body_length
from sessions_app.analysis.pipelines.sets import Set

UNNAMED = "movement"
MIN_NAME_CONFIDENCE = 0.5
MAX_NAME_CONFIDENCE = 0.85  # maximum confidence of a name; the rules were tested on few clips
MIN_VISIBLE = 0.5


@dataclass(frozen=True, slots=True)
class Facts:
    """Measurements of the body during a set of repetitions. Lengths are in torso lengths, angles in degrees.

    The active side is the side of the body on which a joint moves more.

    - bend, other: range of each joint's angle on the active and on the opposite side.
    - least, most: smallest and largest angle of each joint on the active side.
    - tilt: smallest and largest angle of the torso; 0 is upright, 180 upside down.
    - drop: range of the hips' height.
    - reach: lowest and highest position of the wrists, measured upwards from the shoulders.
    - spread, apart: range and maximum of the horizontal distance between the feet.
    - together: correlation of the knees' angles.
    """

    bend: dict[str, float]
    other: dict[str, float]
    least: dict[str, float]
    most: dict[str, float]
    tilt: tuple[float, float]
    drop: float
    reach: tuple[float, float]
    spread: float
    apart: float
    together: float
    legs_seen: bool


def facts_of(times: NDArray[np.float64], joints: NDArray[np.float64], one: Set) -> Facts | None:
    """Return the measurements of a set; None if the body is hardly visible."""
    first, last = (int(at) for at in np.searchsorted(times, (one.start, one.end)))
    part = joints[first : last + 1]
    part = part[~np.isnan(part[:, 11, 0])]
    if len(part) < 6:
        return None
    places, seen = part[:, :, :2], part[:, :, 3]
    if np.mean(seen[:, [11, 12, 23, 24]].max(1)) < MIN_VISIBLE:
        return None
    body = body_length(part)
    angles = {name: angle(places, *ANGLES[name]) for name in ANGLES}
    bend, other, least, most = {}, {}, {}, {}
    for side in SIDES:
        ranges = {}
        for name in (f"left {side}", f"right {side}"):
            trust = float(np.mean(seen[:, ANGLES[name]].min(1)))
            ranges[name] = _range(angles[name]) * (1.0 if trust >= MIN_VISIBLE else 0.7)
        larger, smaller = sorted(ranges, key=lambda name: -ranges[name])
        bend[side], other[side] = ranges[larger], ranges[smaller]
        least[side], most[side] = (float(np.percentile(angles[larger], share)) for share in (8, 92))
    shoulders, hips = places[:, [11, 12]].mean(1), places[:, [23, 24]].mean(1)
    trunk = shoulders - hips
    tilts = np.degrees(np.arctan2(np.abs(trunk[:, 0]), -trunk[:, 1]))
    reach = (shoulders[:, 1] - places[:, [15, 16], 1].mean(1)) / body
    apart = np.abs(places[:, 27, 0] - places[:, 28, 0]) / body
    knees = [angles["left knee"] - angles["left knee"].mean(), angles["right knee"] - angles["right knee"].mean()]
    strength = float(np.linalg.norm(knees[0]) * np.linalg.norm(knees[1]))
    return Facts(
        bend, other, least, most,
        tilt=(float(np.percentile(tilts, 8)), float(np.percentile(tilts, 92))),
        drop=_range(hips[:, 1]) / body,
        reach=(float(np.percentile(reach, 8)), float(np.percentile(reach, 92))),
        spread=_range(apart),
        apart=float(np.percentile(apart, 92)),
        together=float(knees[0] @ knees[1]) / strength if strength > 0 else 1.0,
        legs_seen=bool(np.mean(seen[:, [25, 26, 27, 28]].max(1)) >= MIN_VISIBLE),
    )  # fmt: skip


def _range(values: NDArray[np.float64]) -> float:
    return float(np.percentile(values, 92) - np.percentile(values, 8))


def rising_ramp(value: float, least: float, plenty: float) -> float:
    return float(np.clip((value - least) / (plenty - least), 0, 1))


def falling_ramp(value: float, plenty: float, most: float) -> float:
    return 1 - rising_ramp(value, plenty, most)


def _squat(f: Facts) -> float:
    stands = falling_ramp(f.tilt[0], 25, 45) * falling_ramp(f.tilt[1], 60, 80)
    moves = rising_ramp(f.bend["knee"], 30, 50) * rising_ramp(f.bend["hip"], 20, 40) * rising_ramp(f.drop, 0.2, 0.4)
    same = rising_ramp(f.together, 0.3, 0.7) * falling_ramp(f.spread, 0.35, 0.7) * falling_ramp(f.apart, 1.1, 1.5)
    return stands * moves * same * falling_ramp(f.reach[1] - f.reach[0], 1.2, 1.8) * float(f.legs_seen)


def _lunge(f: Facts) -> float:
    stands = falling_ramp(f.tilt[0], 20, 40) * falling_ramp(f.tilt[1], 45, 70)
    moves = rising_ramp(f.bend["knee"], 35, 55) * rising_ramp(f.drop, 0.12, 0.3)
    return (
        stands
        * moves
        * rising_ramp(f.apart, 0.9, 1.3)
        * falling_ramp(f.reach[1] - f.reach[0], 1.0, 1.6)
        * float(f.legs_seen)
    )


def _push_up(f: Facts) -> float:
    lies = rising_ramp(f.tilt[0], 40, 60)
    moves = rising_ramp(f.bend["elbow"], 30, 50) * falling_ramp(f.reach[1], -0.1, 0.3)
    return lies * moves * falling_ramp(f.bend["knee"], 35, 60) * falling_ramp(f.bend["hip"], 35, 60)


def _curl(f: Facts) -> float:
    stands = falling_ramp(f.tilt[1], 25, 45) * falling_ramp(f.bend["hip"], 25, 45) * falling_ramp(f.drop, 0.15, 0.35)
    moves = (
        rising_ramp(f.bend["elbow"], 45, 70)
        * falling_ramp(f.bend["shoulder"], 35, 60)
        * rising_ramp(f.most["elbow"], 120, 140)
    )
    return stands * moves * falling_ramp(f.reach[1], 0.15, 0.45) * falling_ramp(f.reach[0], -0.5, -0.3)


def _press(f: Facts) -> float:
    stands = falling_ramp(f.tilt[1], 25, 45) * falling_ramp(f.drop, 0.15, 0.35) * falling_ramp(f.spread, 0.25, 0.45)
    moves = (
        rising_ramp(f.bend["elbow"], 35, 55) * rising_ramp(f.reach[1], 0.5, 0.8) * rising_ramp(f.reach[0], -0.35, -0.1)
    )
    return stands * moves * falling_ramp(f.reach[0], 0.35, 0.6) * rising_ramp(f.other["elbow"], 20, 40)


def _lateral_raise(f: Facts) -> float:
    stands = falling_ramp(f.tilt[1], 20, 40) * falling_ramp(f.drop, 0.12, 0.3) * falling_ramp(f.spread, 0.2, 0.4)
    moves = rising_ramp(f.other["shoulder"], 35, 55) * falling_ramp(f.bend["elbow"], 40, 70)
    return stands * moves * falling_ramp(abs(f.reach[1]), 0.3, 0.6) * falling_ramp(f.reach[0], -0.5, -0.3)


def _jumping_jack(f: Facts) -> float:
    moves = (
        rising_ramp(f.other["shoulder"], 50, 80) * rising_ramp(f.spread, 0.3, 0.55) * rising_ramp(f.reach[1], 0.0, 0.3)
    )
    return falling_ramp(f.tilt[1], 20, 40) * moves * float(f.legs_seen)


def _burpee(f: Facts) -> float:
    moves = rising_ramp(f.drop, 0.6, 0.9) * rising_ramp(f.bend["hip"], 50, 80)
    return falling_ramp(f.tilt[0], 25, 45) * rising_ramp(f.tilt[1], 60, 80) * moves


def _sit_up(f: Facts) -> float:
    moves = rising_ramp(f.tilt[1] - f.tilt[0], 25, 45) * rising_ramp(f.bend["hip"], 30, 50)
    return (
        rising_ramp(f.tilt[1], 60, 75) * moves * falling_ramp(f.drop, 0.35, 0.6) * falling_ramp(f.bend["knee"], 40, 70)
    )


def _high_knees(f: Facts) -> float:
    moves = (
        rising_ramp(f.bend["knee"], 35, 60) * rising_ramp(f.bend["hip"], 25, 45) * falling_ramp(f.together, -0.2, 0.3)
    )
    return (
        falling_ramp(f.tilt[1], 20, 40) * moves * falling_ramp(f.drop, 0.3, 0.5) * rising_ramp(f.other["hip"], 15, 35)
    )


def _mountain_climber(f: Facts) -> float:
    moves = (
        rising_ramp(f.bend["knee"], 35, 60)
        * falling_ramp(f.together, -0.1, 0.4)
        * falling_ramp(f.bend["elbow"], 35, 60)
    )
    return rising_ramp(f.tilt[0], 45, 60) * moves * float(f.legs_seen)


def _pull_up(f: Facts) -> float:
    hangs = rising_ramp(f.reach[0], 0.0, 0.25) * falling_ramp(f.tilt[1], 30, 50)
    return (
        hangs
        * rising_ramp(f.bend["elbow"], 40, 65)
        * rising_ramp(f.drop, 0.25, 0.5)
        * rising_ramp(f.reach[1], 0.6, 0.9)
    )


def _pull_down(f: Facts) -> float:
    sits = falling_ramp(f.drop, 0.12, 0.25) * falling_ramp(f.tilt[1], 30, 50) * falling_ramp(f.bend["knee"], 25, 45)
    moves = rising_ramp(f.other["elbow"], 40, 65) * rising_ramp(f.reach[1], 0.6, 0.9)
    return sits * moves * falling_ramp(f.reach[0], 0.4, 0.6) * 0.6


RULES: dict[str, Callable[[Facts], float]] = {
    "squat": _squat, "lunge": _lunge, "push-up": _push_up, "biceps curl": _curl, "shoulder press": _press,
    "lateral raise": _lateral_raise, "jumping jack": _jumping_jack, "burpee": _burpee, "sit-up": _sit_up,
    "high knees": _high_knees, "mountain climber": _mountain_climber, "pull-up": _pull_up, "pull-down": _pull_down,
}  # fmt: skip
# movement signals by which repetitions of each selectable exercise are counted
_KNEES = ("left knee", "right knee", "both knees")
_HIPS = ("left hip", "right hip", "both hips")
_ELBOWS = ("left elbow", "right elbow", "both elbows")
_SHOULDERS = ("left shoulder", "right shoulder", "both shoulders", "wrists' height", "wrists apart")
_HEIGHTS = ("hips' height", "shoulders' height")
SIGNALS: dict[str, frozenset[str]] = {
    name: frozenset(signals)
    for name, signals in {
        "squat": (*_KNEES, *_HIPS, *_HEIGHTS), "lunge": (*_KNEES, *_HIPS, *_HEIGHTS, "feet apart"),
        "push-up": (*_ELBOWS, "shoulders' height"), "biceps curl": (*_ELBOWS, "wrists' height"),
        "shoulder press": (*_ELBOWS, *_SHOULDERS), "lateral raise": _SHOULDERS,
        "jumping jack": (*_SHOULDERS, "feet apart"), "burpee": (*_HIPS, *_HEIGHTS),
        "sit-up": (*_HIPS, "shoulders' height"), "high knees": (*_KNEES, *_HIPS),
        "mountain climber": (*_KNEES, *_HIPS), "pull-up": (*_ELBOWS, *_HEIGHTS), "pull-down": (*_ELBOWS, *_SHOULDERS),
    }.items()
}  # fmt: skip
PLURALS = {
    "high knees": "high knees", "lunge": "lunges", "biceps curl": "biceps curls", "shoulder press": "shoulder presses",
    UNNAMED: "movements",
}  # fmt: skip


def name_of(facts: Facts | None) -> tuple[str, float]:
    if facts is None:
        return UNNAMED, 0.0
    scores = sorted(((rule(facts), name) for name, rule in RULES.items()), reverse=True)
    (best, name), (second, _) = scores[0], scores[1]
    confidence = min(MAX_NAME_CONFIDENCE, best * (1 - second / 2))
    return (name, round(confidence, 2)) if confidence >= MIN_NAME_CONFIDENCE else (UNNAMED, 0.0)


def plural(name: str) -> str:
    return PLURALS.get(name, f"{name}s")

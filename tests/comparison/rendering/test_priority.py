"""Rendering leaves the process as it was: the AV1 encoder makes its caller a real-time thread when root runs it."""

import os
from pathlib import Path

from tests.support.clips import render_clip


def test_an_av1_clip_leaves_the_thread_s_scheduling_alone(tmp_path: Path) -> None:
    before = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    render_clip(tmp_path / "clip.mp4", codec="av1", seconds=0.5)
    assert (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority) == before

"""The rendered pair of recordings of 600 s for measurement P1, and the true boxes of their timers."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from bench.measure import cache
from sessions_app.comparison.samples.rendering.clips import Pair, bench_pair_specs, render_clips
from sessions_app.comparison.samples.rendering.encode import timer_for
from sessions_app.comparison.samples.rendering.specification import VERSION


def long_pair(seed: int) -> tuple[Pair, Path, Path]:
    """Render two recordings of one match for a seed: 600 s, 1080p60 and 720p30.

    A pair takes minutes to render and 700 MB, so only the last pair is kept. The preset `ultrafast` is not used: it
    omits CABAC, deblocking and B-frames, which favours programs that decode every frame.
    """
    quick = bench_pair_specs(seed)
    a, b = (replace(clip, spec=replace(clip.spec, preset="veryfast", bframes=2)) for clip in (quick.a, quick.b))
    pair = replace(quick, a=a, b=b)
    folder = cache(f"long-{seed}-{VERSION}-{a.spec.preset}")
    for other in folder.parent.glob("long-*"):
        if other != folder:
            shutil.rmtree(other)
    paths = {clip.spec.name: folder / f"{clip.spec.name}.mp4" for clip in (a, b)}
    missing = [clip for clip in (a, b) if not paths[clip.spec.name].exists()]
    if missing:
        render_clips(missing, folder)
        for left in folder.glob(".*.mp4"):
            left.unlink()
    return pair, paths[a.spec.name], paths[b.spec.name]


def kept_seed(seed: int | None) -> int:
    """Return ``seed``. If ``seed`` is None, return the seed of the pair on disk, or 1 if there is none."""
    kept = [folder.name.split("-")[1] for folder in cache("").glob("long-*")]
    return seed if seed is not None else int(kept[0]) if kept else 1


def timer_fractions(pair: Pair) -> dict[str, tuple[float, float, float, float]]:
    boxes = {}
    for clip in (pair.a, pair.b):
        timer = timer_for(clip.spec, clip.match)
        assert timer is not None
        x, y, width, height = timer.box
        boxes[clip.spec.name] = (
            x / clip.spec.width, y / clip.spec.height, width / clip.spec.width, height / clip.spec.height
        )  # fmt: skip
    return boxes

"""Render the long pair of P1 once, with a bar, and say what is true of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from bench.measure import cache
from vodplatform.demo.clips import Pair, bench_pair_specs, render_clips
from vodplatform.demo.encode import timer_for
from vodplatform.demo.recording import VERSION


def long_pair(seed: int) -> tuple[Pair, Path, Path]:
    """The 600 s pair of this seed, 1080p60 and 720p30. One pair is kept: rendering takes minutes, 700 MB.

    Encoded as recorders do, with CABAC, deblocking and B-frames: `ultrafast` has none of them and decodes several
    times as fast, which flatters whoever decodes every frame.
    """
    quick = bench_pair_specs(seed)
    a, b = (replace(clip, spec=replace(clip.spec, preset="veryfast", bframes=2)) for clip in (quick.a, quick.b))
    pair = replace(quick, a=a, b=b)
    folder = cache("long")
    paths = folder / "bench_a.mp4", folder / "bench_b.mp4"
    stamp = folder / "rendered.json"
    wanted = {"seed": seed, "version": VERSION, "preset": pair.a.spec.preset}
    if not stamp.exists() or json.loads(stamp.read_text()) != wanted:
        stamp.unlink(missing_ok=True)
        render_clips([pair.a, pair.b], folder)
        stamp.write_text(json.dumps(wanted))
    return pair, *paths


def kept_seed(seed: int | None) -> int:
    """The seed of the pair that is kept, when none was asked for."""
    stamp = cache("long") / "rendered.json"
    if seed is None and stamp.exists():
        return int(json.loads(stamp.read_text())["seed"])
    return 1 if seed is None else seed


def timer_fractions(pair: Pair) -> dict[str, tuple[float, float, float, float]]:
    """The timer's true box in each recording as x, y, width, height, fractions of the frame."""
    boxes = {}
    for clip in (pair.a, pair.b):
        timer = timer_for(clip.spec, clip.match)
        assert timer is not None
        x, y, width, height = timer.box
        boxes[clip.spec.name] = (
            x / clip.spec.width, y / clip.spec.height, width / clip.spec.width, height / clip.spec.height
        )  # fmt: skip
    return boxes

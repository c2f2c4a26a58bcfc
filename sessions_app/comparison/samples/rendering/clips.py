"""Synthetic recordings with known offsets, for the demo, tests and benchmarks."""

import json
import multiprocessing
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from sessions_app.comparison.samples.rendering.encode import render, timer_for
from sessions_app.comparison.samples.rendering.match import (
    Match,
    count_up_match,
    jumping_match,
    round_match,
    still_match,
)
from sessions_app.comparison.samples.rendering.specification import VERSION, RecordingSpec, offset

NTSC = Fraction(30_000, 1001)


@dataclass(frozen=True)
class Clip:
    spec: RecordingSpec
    match: Match


@dataclass(frozen=True)
class Pair:
    """A pair of recordings. offset: offset of b relative to a, seconds; None if an aligner must refuse the pair."""

    name: str
    a: Clip
    b: Clip
    offset: float | None


DEMO_DRIFT_PPM = 80.0


def demo_specs(seed: int) -> list[Clip]:
    """Return three recordings of one match for the demo. For every third seed, one offset is negative."""
    rng = np.random.default_rng([seed, 41])
    match = round_match(seed, 260.0)
    begin = 18 + rng.uniform(0, 12)
    starts = [float(begin), float(begin + rng.uniform(4, 14)), float(begin + rng.uniform(17, 28))]
    seeds = [int(s) for s in rng.integers(1, 1 << 30, 3)]
    palette = rng.permutation([False, True, False])
    first = RecordingSpec(
        "kestrel_pov", 1280, 720, Fraction(60), starts[0], float(77 + rng.uniform(0, 6)), "tactical", seeds[0],
        bright=bool(palette[0]), preset="superfast", gop=60, crf=26, audio_gain=0.8,
    )  # fmt: skip
    second = RecordingSpec(
        "juno_stream", 854, 480, Fraction(30), starts[1], float(88 + rng.uniform(0, 8)), "broadcast", seeds[1],
        bright=bool(palette[1]), gop=60, crf=23, audio_gain=1.3, audio_cutoff=4500,
    )  # fmt: skip
    third = RecordingSpec(
        "vanta_pov", 1280, 720, NTSC, starts[2], float(78 + rng.uniform(0, 8)), "arcade", seeds[2],
        bright=bool(palette[2]), preset="superfast", gop=45, crf=25, audio_gain=0.5, audio_cutoff=7000,
        drift_ppm=DEMO_DRIFT_PPM,
    )  # fmt: skip
    order = (second, first, third) if seed % 3 == 0 else (first, second, third)
    return [Clip(spec, match) for spec in order]


def sample_specs() -> list[Clip]:
    match = round_match(7, 90.0)
    plain: dict[str, Any] = {"preset": "superfast", "crf": 30, "gop": 30, "bframes": 0, "loop": 6.0}
    first = RecordingSpec("Kestrel's view", 854, 480, Fraction(60), 12.0, 50.0, "tactical", 71, **plain)
    second = RecordingSpec(
        "Juno's stream", 640, 360, Fraction(30), 15.4, 48.0, "broadcast", 72, bright=True, audio_gain=1.3, **plain
    )
    third = RecordingSpec("Vanta's view", 640, 360, NTSC, 18.9, 44.0, "arcade", 73, audio_gain=0.5, **plain)
    return [Clip(spec, match) for spec in (first, second, third)]


def bench_pair_specs(seed: int) -> Pair:
    rng = np.random.default_rng([seed, 42])
    match = round_match(seed, 700.0)
    fast: dict[str, Any] = {"preset": "ultrafast", "audio": False, "loop": 1.0, "bframes": 0}
    a = RecordingSpec(
        "bench_a", 1920, 1080, Fraction(60), float(rng.uniform(3, 20)), 600.0, "tactical", seed + 1,
        bitrate=6_000_000, gop=120, **fast,
    )  # fmt: skip
    b = RecordingSpec(
        "bench_b", 1280, 720, Fraction(30), float(rng.uniform(30, 60)), 600.0, "esports", seed + 2, bright=True,
        bitrate=3_000_000, gop=60, **fast,
    )  # fmt: skip
    return Pair("bench", Clip(a, match), Clip(b, match), offset(b, a))


def small_spec(name: str, start: float, seed: int = 0, **changes: Any) -> RecordingSpec:
    """Return a recording for tests that is cheap to render: 640x360, 30 fps, 50 s, no sound."""
    base = RecordingSpec(
        name, 640, 360, Fraction(30), start, 50.0, "tactical", seed, preset="ultrafast", crf=27, audio=False,
        bframes=0, threads=1,
    )  # fmt: skip
    return replace(base, **changes)


def _pair(name: str, match: Match, a: dict[str, Any], b: dict[str, Any], other: Match | None = None) -> Pair:
    rng = np.random.default_rng([match.seed, 43])
    starts = 10 + rng.uniform(0, 8), 10 + rng.uniform(8, 24)
    first = small_spec(f"{name}_a", **({"start": float(starts[0]), "seed": match.seed * 2 + 1} | a))
    second = small_spec(f"{name}_b", **({"start": float(starts[1]), "seed": match.seed * 2 + 2} | b))
    truth = offset(second, first) if other is None else None
    return Pair(name, Clip(first, match), Clip(second, other or match), truth)


def timer_pairs(seed: int) -> list[Pair]:
    """Return pairs of recordings that timer alignment must align."""
    fast, pal = Fraction(60), Fraction(25)
    small, large = {"width": 854, "height": 480}, {"width": 1280, "height": 720}
    plain, yellow, arcade, green, purple, glass, minimal, led = (
        {"style": name}
        for name in ("tactical", "broadcast", "arcade", "speedrun", "esports", "glass", "minimal", "led")
    )
    bright = {"bright": True}
    rounds = [round_match(seed + number, 120) for number in range(16)]
    hours = count_up_match(seed + 5, 120, "h:mm:ss", clock=4321.4)
    return [
        _pair("plain", rounds[0], plain, yellow),
        _pair("sixty_ntsc", rounds[1], {"fps": fast}, arcade | {"fps": NTSC}),
        _pair("pal_small", rounds[2], small | {"fps": pal}, green),
        _pair("pause", count_up_match(seed + 3, 120, pauses=1), green, purple | bright),
        _pair("two_pauses", round_match(seed + 4, 120, pauses=2), glass | bright, {"fps": fast}),
        _pair("hours", hours, green, minimal),
        _pair("tenths", count_up_match(seed + 6, 120, "m:ss.t"), plain, green | {"fps": fast}),
        _pair("hundredths", count_up_match(seed + 7, 120, "m:ss.cc"), green, purple),
        _pair("low_bitrate", rounds[8], {"bitrate": 350_000, "preset": "veryfast"}, yellow),
        _pair("long_gop", rounds[9], {"gop": 250}, purple | {"gop": 200, "fps": pal}),
        _pair("hevc_av1", rounds[10], {"codec": "hevc"}, yellow | {"codec": "av1"}),
        _pair("vfr", rounds[11], {"vfr": True, "fps": fast}, arcade | bright),
        _pair("rotated", rounds[12], {"rotate": 90}, purple | {"rotate": 180}),
        _pair("hd_late", rounds[13], large, glass | {"start": 39.9137}),
        _pair("two_digits", round_match(seed + 14, 120, "mm:ss"), minimal, led | bright),
        _pair("short_overlap", count_up_match(seed + 15, 120), {"fps": Fraction(50)}, yellow | {"start": 43.2113}),
    ]


def refusal_pairs(seed: int) -> list[Pair]:
    """Return pairs of recordings that timer alignment must refuse."""
    rounds = round_match(seed, 120)
    same = round_match(seed + 1, 120, buy=4.0, length=11.0, identical=True)
    pairs = [
        _pair("no_timer", rounds, {"style": None}, {"style": None}),
        _pair("one_without_timer", rounds, {}, {"style": None}),
        _pair("jumping", jumping_match(seed + 2, 120), {}, {"style": "broadcast"}, jumping_match(seed + 3, 120)),
        _pair("identical_rounds", same, {}, {"style": "arcade", "start": 33.7071}),
        _pair("standing_still", still_match(seed + 4, 120), {}, {"style": "esports"}),
        _pair("clock_against_jumps", rounds, {}, {"style": "glass"}, jumping_match(seed + 5, 120)),
        _pair("hours_apart", count_up_match(seed + 6, 120, "h:mm:ss", clock=700.0), {}, {"style": "speedrun"},
              count_up_match(seed + 7, 120, "h:mm:ss", clock=9000.0)),
    ]  # fmt: skip
    return [replace(pair, offset=None) for pair in pairs]


def unrelated_pair(seed: int) -> Pair:
    """Return recordings of two matches whose clocks look alike, so that only the sound can distinguish them."""
    a, b = {"audio": True}, {"audio": True, "style": "broadcast"}
    return _pair("unrelated", round_match(seed, 120), a, b, round_match(seed + 1, 120))


def render_pair(pair: Pair, folder: Path) -> tuple[Path, Path]:
    a, b = (folder / f"{clip.spec.name}.mp4" for clip in (pair.a, pair.b))
    render(pair.a.spec, pair.a.match, a)
    render(pair.b.spec, pair.b.match, b)
    return a, b


def render_clips(clips: Sequence[Clip], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{clip.spec.name}.mp4" for clip in clips]
    context = multiprocessing.get_context("spawn")
    done = [context.Value("i", 0) for _ in clips]
    workers = [
        context.Process(target=_render_counted, args=(clip.spec, clip.match, path, count), daemon=True)
        for clip, path, count in zip(clips, paths, done, strict=True)
    ]
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        bars = [progress.add_task(clip.spec.name, total=round(clip.spec.duration * clip.spec.fps)) for clip in clips]
        for worker in workers:
            worker.start()
        while any(worker.exitcode is None for worker in workers):
            for worker in workers:
                worker.join(timeout=0.1)
            for bar, count in zip(bars, done, strict=True):
                progress.update(bar, completed=count.value)
    failed = [clip.spec.name for clip, worker in zip(clips, workers, strict=True) if worker.exitcode]
    if failed:
        raise RuntimeError(f"rendering failed: {', '.join(failed)}")
    return paths


def _render_counted(spec: RecordingSpec, match: Match, path: Path, count: "Synchronized[int]") -> None:
    def on_progress(done: int, total: int) -> None:
        count.value = done

    render(spec, match, path, on_progress)


def truth(clips: Sequence[Clip], seed: int) -> dict[str, Any]:
    recordings = []
    for clip in clips:
        spec, timer = clip.spec, timer_for(clip.spec, clip.match)
        recordings.append(
            {
                "file": f"{spec.name}.mp4",
                "start": spec.start,
                "offset": offset(spec, clips[0].spec),
                "drift_ppm": spec.drift_ppm,
                "fps": f"{spec.fps.numerator}/{spec.fps.denominator}",
                "width": spec.width,
                "height": spec.height,
                "duration": spec.duration,
                "timer_box": dict(zip(("x", "y", "width", "height"), timer.box, strict=True)) if timer else None,
            }
        )
    return {"seed": seed, "version": VERSION, "recordings": recordings}


def render_demo(folder: Path, truth_file: Path, seed: int) -> list[Path]:
    """Render the demo's recordings into `folder`, unless they exist, and write their true offsets to `truth_file`.

    Raises ValueError if `truth_file` is inside `folder`.
    """
    if truth_file.resolve().is_relative_to(folder.resolve()):
        raise ValueError("the ground-truth file must be outside the recordings' folder")
    clips = demo_specs(seed)
    stamp = folder / ".rendered.json"
    wanted = {"seed": seed, "version": VERSION}
    paths = [folder / f"{clip.spec.name}.mp4" for clip in clips]
    try:
        ready = json.loads(stamp.read_text()) == wanted and all(path.is_file() for path in paths)
    except (OSError, ValueError):
        ready = False
    if not ready:
        stamp.unlink(missing_ok=True)
        fresh = folder / ".fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        for made, path in zip(render_clips(clips, fresh), paths, strict=True):
            made.replace(path)
        shutil.rmtree(fresh)
        stamp.write_text(json.dumps(wanted))
    truth_file.parent.mkdir(parents=True, exist_ok=True)
    partial = truth_file.with_name(f".{truth_file.name}.part")
    partial.write_text(json.dumps(truth(clips, seed), indent=2) + "\n")
    partial.replace(truth_file)
    return paths

"""Measurement A4: alignment by timer, by sound and by both.

Some pairs are cut from clips of real games (:data:`CLIPS`). The environment variable ``BENCH_CLIPS`` names the clips'
folder. Other pairs are generated, and encoded with low bitrates as in live streams. At low bitrates, a timer's old
digits stay visible for too long.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from rich.progress import Progress

from bench.p1_pairs import related_pair
from bench.report import Table
from media_app.av.container import open_media
from media_app.av.frames import Box, VideoFile
from sessions_app.comparison.alignment.child.answer import AlignmentResult
from sessions_app.comparison.alignment.child.by_both import align_by_both
from sessions_app.comparison.alignment.child.by_sound import align_by_sound
from sessions_app.comparison.alignment.child.by_timer import Roi, align_by_timer
from sessions_app.comparison.alignment.child.reader import RapidReader
from sessions_app.comparison.samples.rendering.clips import render_pair

# Timer's box in each clip. The clips are from the GitHub repository Rynzler-SR/VARSITY-CYBER-CAFE at commit 4ae33f6312,
# in 360p.
CLIPS = {
    "LeagueofLegends.mp4": Box(0.955, 0.0, 0.045, 0.026),
    "CounterStrike2.mp4": Box(0.48, 0.0, 0.04, 0.034),
    "ApexLegends.mp4": Box(0.065, 0.278, 0.062, 0.055),
    "Valorant.mp4": Box(0.477, 0.022, 0.046, 0.045),
}
MODES = {"timer": "by timer", "sound": "by sound", "both": "by timer and sound"}
X264 = "-c:v libx264 -preset veryfast"
HARDWARE = "-c:v libx264 -preset ultrafast -tune zerolatency -bf 0 -g 60 -b:v 1M -maxrate 1M -bufsize 1M"
# Ways to encode the second recording of each clip: (FFmpeg filters, encoder options).
WAYS = {
    "as it is": ("null", f"{X264} -crf 23"),
    "500 kb/s": ("null", f"{X264} -b:v 500k -maxrate 600k -bufsize 1200k"),
    "720p, 2 Mb/s": ("scale=1280:720", f"{X264} -b:v 2M -g 120"),
    "24 frames": ("fps=24", f"{X264} -crf 26"),
    "60 frames": ("fps=60", "-c:v libx264 -preset superfast -b:v 1500k -g 120"),
    "cropped": ("crop=iw*0.96:ih*0.98:iw*0.04:0,scale=640:-2", f"{X264} -crf 24"),
    "letterbox, one keyframe": (
        "pad=iw:ceil(ih*0.6)*2:0:(oh-ih)/2", f"{X264} -b:v 900k -g 9999 -keyint_min 9999 -sc_threshold 0"
    ),
    "webcam": ("drawbox=x=iw*0.02:y=ih*0.65:w=iw*0.2:h=ih*0.3:color=gray:t=fill", f"{X264} -b:v 700k"),
    "as hardware does": ("scale=854:480", HARDWARE),
    "VP9": ("null", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 500k -g 240"),
}  # fmt: skip
# Ways to encode both recordings of each generated pair. The sizes and bitrates are usual for live streams.
STALE = {
    f"{height}p at {shown}, {name}": (f"scale=-2:{height}", f"{encoder} -b:v {rate} -maxrate {rate} -bufsize {rate}")
    for height, rate, shown in ((360, "500k", "500 kbit/s"), (480, "1M", "1 Mbit/s"), (720, "2M", "2 Mbit/s"))
    for name, encoder in (
        ("encoded by x264 with a keyframe every 250 frames", X264),
        ("encoded with the settings of a hardware encoder", HARDWARE),
    )
}
STALE_PAIRS = 4  # number of generated pairs per way of encoding
STARTS = 2.0, 10.0  # earliest and latest second of the clip at which the second recording starts


@dataclass(frozen=True, slots=True)
class Task:
    """An alignment to run. offset: true offset, seconds. box: given box of the first timer, or None."""

    kind: str
    paths: tuple[Path, Path]
    offset: float
    mode: str
    box: Box | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """An alignment's result. error: found minus true offset, seconds. bound: stated maximum error, seconds."""

    task: Task
    error: float | None
    bound: float
    confidence: float
    frame: float

    @property
    def is_right(self) -> bool:
        return self.error is not None and abs(self.error) <= self.bound + self.frame


def align(task: Task) -> Outcome:
    videos = [("a", task.paths[0]), ("b", task.paths[1])]
    roi = None if task.box is None else Roi("a", 3.0, task.box)
    result: AlignmentResult
    if task.mode == "sound":
        result = align_by_sound(videos, threads=1)
    elif task.mode == "timer":
        result = align_by_timer(videos, roi, "auto", RapidReader(), threads=1)
    else:
        result = align_by_both(videos, roi, "auto", RapidReader(), threads=1)
    with VideoFile(task.paths[0]) as first, VideoFile(task.paths[1]) as second:
        frame = 1 / min(first.fps, second.fps)
    if not result.proposals:
        return Outcome(task, None, 0.0, 0.0, frame)
    (found,) = result.proposals
    return Outcome(task, found.offset - task.offset, found.error_bound, found.confidence, frame)


def real_tasks(folder: Path, clips: Path, seed: int) -> Iterator[Task]:
    chance = random.Random(seed)
    for name, box in CLIPS.items():
        for way, (filters, encoder) in WAYS.items():
            with VideoFile(clips / name) as clip:
                frames, length = round(clip.fps), clip.duration
            offset = chance.randrange(round(STARTS[0] * frames), round(STARTS[1] * frames)) / frames
            first, second = (folder / re.sub("[ /]", "_", f"{name}-{way}-{side}.mkv") for side in "ab")
            encode(clips / name, first, "null", f"{X264} -crf 22", 0.0, length - chance.uniform(0.5, 4))
            encode(clips / name, second, filters, encoder, offset)
            for mode, shown in (("timer", box), ("timer", None), ("sound", None), ("both", box), ("both", None)):
                yield Task(f"{name.removesuffix('.mp4')}", (first, second), offset, mode, shown)


def unrelated_tasks(real: Sequence[Task]) -> Iterator[Task]:
    heard = [task for task in real if task.mode == "sound"]
    for one, other in itertools.combinations({task.kind: task for task in heard}.values(), 2):
        for mode in ("timer", "sound", "both"):
            yield Task("unrelated", (one.paths[0], other.paths[1]), float("inf"), mode, None)


def stale_tasks(folder: Path, seed: int) -> Iterator[Task]:
    rng = np.random.default_rng([seed, 78])
    for way, (filters, encoder) in STALE.items():
        for number in range(STALE_PAIRS):
            pair = related_pair(rng, number)
            assert pair.offset is not None
            with tempfile.TemporaryDirectory() as made:
                paths = [folder / re.sub("[ /]", "_", f"{way}-{number}-{side}.mkv") for side in "ab"]
                for path, drawn in zip(paths, render_pair(pair, Path(made)), strict=True):
                    encode(drawn, path, filters, encoder)
            kind = f"rendered recordings whose timer shows a new digit too late, {way}"
            yield Task(kind, (paths[0], paths[1]), pair.offset, "timer", None)


def encode(
    source: Path, target: Path, filters: str, encoder: str, start: float = 0.0, end: float = 3600.0
) -> None:  # fmt: skip
    picture = f"[0:v]trim={start}:{end},setpts=PTS-STARTPTS,{filters}[v]"
    with open_media(source) as container:
        has_sound = bool(container.streams.audio)
    sound = f";[0:a]atrim={start}:{end},asetpts=PTS-STARTPTS[a]" if has_sound else ""
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(source), "-filter_complex", picture + sound,
            "-map", "[v]", *(["-map", "[a]", "-c:a", "aac"] if has_sound else []), *encoder.split(),
            "-pix_fmt", "yuv420p", str(target),
        ],
        check=True,
    )  # fmt: skip


def measure(seed: int) -> list[Table]:
    with tempfile.TemporaryDirectory(prefix="bench-real-") as name:
        folder = Path(name)
        clips = os.environ.get("BENCH_CLIPS")
        real = list(real_tasks(folder, Path(clips), seed)) if clips else []
        tasks = [*real, *unrelated_tasks(real), *stale_tasks(folder, seed)]
        outcomes: list[Outcome] = []
        with ProcessPoolExecutor(os.cpu_count()) as pool, Progress(transient=True) as progress:
            bar = progress.add_task("Pairs", total=len(tasks))
            for future in as_completed([pool.submit(align, task) for task in tasks]):
                outcomes.append(future.result())
                progress.advance(bar)
    return [_by_kind(outcomes), _worth(outcomes)]


def _by_kind(outcomes: Sequence[Outcome]) -> Table:
    columns = (
        "recordings", "by", "right", "error of at most 2 frames", "wrong with a confidence of at least 0.5", "refused",
        "largest error / bound",
    )  # fmt: skip
    table = Table("By kind", columns)

    def key(one: Outcome) -> tuple[str, str]:
        return one.task.kind, MODES[one.task.mode] + (", with a given box around the timer" if one.task.box else "")

    for (kind, mode), group in itertools.groupby(sorted(outcomes, key=key), key):
        mine = list(group)
        answered = [one for one in mine if one.error is not None]
        wrong = [one for one in answered if not one.is_right and one.confidence >= 0.5]
        close = sum(abs(one.error or 0.0) <= 2 * one.frame for one in answered)
        worst = max((abs(one.error or 0.0) / (one.bound + one.frame) for one in answered), default=0.0)
        refused = len(mine) - len(answered)
        right = sum(one.is_right for one in answered)
        table.add(kind, mode, f"{right} of {len(mine)}", close, len(wrong), refused, f"{worst:.2f}")
    table.note = (
        "The program states a bound of the error for each alignment. An offset is right if its error is at most this "
        "bound plus one frame. In each row of the table, the last column is the largest value of error / (bound + one "
        "frame) among the recordings of this row. If the program finds no moment at which the digits of both timers "
        "change together, it states a bound of one second or more. "
        '"Outdated digits" means that strong compression shows new digits of a timer late.'
    )
    return table


def _worth(outcomes: Sequence[Outcome]) -> Table:
    table = Table(
        "Right answers by confidence, and errors within the bound",
        ("by", "confidence", "answers", "right", "within the bound"),
    )
    for mode in ("timer", "sound", "both"):
        for low, high in ((0.5, 0.9), (0.9, 1.01)):
            inside = [one for one in outcomes if one.task.mode == mode and low <= one.confidence < high]
            held = sum(abs(one.error or 0.0) <= one.bound + 1e-3 for one in inside)
            table.add(MODES[mode], f"{low}–{min(1, high)}", len(inside), sum(one.is_right for one in inside), held)
    return table

"""Measurement A1: errors in finding the shot edges in videos that are cut together from real clips.

The errors are compared with those of PySceneDetect's ContentDetector.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from bench.planted import media
from bench.report import Table
from bench.scenedetect_peer import detect
from sessions_app.analysis.pipelines.shots import Edge, EdgeKind, find_edges

EDITS, SHOTS = 3, 36
SIZE = (384, 216)
RATE = 25
NEAR = 0.25  # a found edge is correct if it is at most this many seconds before or after the true edge
# Source clips: file name, and the spans (start and end in seconds) that contain no shot edge.
SCENES = (
    ("sc_intel_car-detection.mp4", ((0.0, 30.0),)),
    ("sc_intel_one-by-one-person-detection.mp4", ((0.0, 139.0),)),
    ("ex_rx_squat.mp4", ((0.5, 19.5),)),
    ("sp_zc_soccer.mp4", ((0.1, 3.9), (5.2, 9.5), (10.5, 15.0))),
    ("sc_skv_bikes.mp4", ((0.0, 1.15), (1.25, 2.98), (3.1, 5.42), (5.54, 7.42), (7.54, 9.62))),
)
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Truth:
    kind: EdgeKind
    start: float
    end: float


def edit(path: Path, seed: int) -> list[Truth]:
    random = np.random.default_rng([seed, 5])
    truths: list[Truth] = []
    count = 0
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "threads": "1"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.codec_context.gop_size = int(random.choice([50, 125, 250]))

        def write(pictures: Sequence[Picture]) -> None:
            nonlocal count
            for picture in pictures:
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
                frame.pts, frame.time_base = count, Fraction(1, RATE)
                container.mux(video.encode(frame))
                count += 1

        held: list[Picture] = []
        last = -1
        for number in range(SHOTS):
            clip = int(random.integers(len(SCENES) - 1))
            last = clip if clip != last else (clip + 1) % len(SCENES)
            shot = _disturbed(_shot(last, random), random)
            kind = str(random.choice(["cut", "cut", "cut", "dissolve", "fade"])) if number else "first"
            length = min(int(random.integers(8, 36)), len(held) // 3, len(shot) // 3)
            if kind == "dissolve" and length >= 8:
                write(held[:-length])
                truths.append(Truth(EdgeKind.DISSOLVE, count / RATE, (count + length) / RATE))
                write(
                    [
                        _mixed(a, b, (n + 1) / (length + 1))
                        for n, (a, b) in enumerate(zip(held[-length:], shot[:length], strict=True))
                    ]
                )
                held = shot[length:]
            elif kind == "fade" and length >= 8:
                level = np.full_like(shot[0], int(random.choice([0, 0, 255])))
                write(held[:-length])
                truths.append(Truth(EdgeKind.FADE, count / RATE, (count + 2 * length + 3) / RATE))
                write([_mixed(one, level, (n + 1) / length) for n, one in enumerate(held[-length:])])
                write([level] * 3)
                write([_mixed(level, one, (n + 1) / length) for n, one in enumerate(shot[:length])])
                held = shot[length:]
            else:
                write(held)
                if number:
                    truths.append(Truth(EdgeKind.CUT, count / RATE, count / RATE))
                held = shot
        write(held)
        container.mux(video.encode(None))
    return truths


def _mixed(one: Picture, other: Picture, share: float) -> Picture:
    return np.asarray(cv2.addWeighted(one, 1 - share, other, share, 0), np.uint8)


def _shot(clip: int, random: np.random.Generator) -> list[Picture]:
    name, stretches = SCENES[clip]
    first, last = stretches[int(random.integers(len(stretches)))]
    length = min(last - first, float(random.uniform(1.0, 9.0)))
    start = float(random.uniform(first, last - length))
    gain = random.uniform(0.8, 1.15)
    return [
        np.clip(picture * gain, 0, 255).astype(np.uint8) for picture in _frames(media() / name, start, start + length)
    ]


def _frames(path: Path, start: float, end: float) -> Iterator[Picture]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        container.seek(max(0, int((start - 0.5) / (stream.time_base or 1))), stream=stream)
        due = start
        for frame in container.decode(stream):
            time = float((frame.pts or 0) * (frame.time_base or 0))
            if time < start:
                continue
            picture = frame.reformat(width=SIZE[0], height=SIZE[1], format="bgr24", interpolation="AREA").to_ndarray()
            while due <= min(time, end):
                due += 1 / RATE
                yield np.asarray(picture, np.uint8)
            if time >= end:
                return


def _disturbed(shot: list[Picture], random: np.random.Generator) -> list[Picture]:
    what = str(random.choice(["nothing", "nothing", "flash", "crossing", "rocking"]))
    if len(shot) < 40 or what == "nothing":
        return shot
    at = int(random.integers(10, len(shot) - 25))
    if what == "flash":
        for number in range(at, at + int(random.integers(1, 4))):
            shot[number] = np.clip(shot[number] * 0.3 + 175, 0, 255).astype(np.uint8)
    elif what == "crossing":
        length, width = int(random.integers(6, 14)), int(SIZE[0] * random.uniform(0.3, 0.7))
        colour = random.integers(0, 255, 3).tolist()
        for number in range(length):
            right = int((SIZE[0] + width) * (number + 1) / length)
            cv2.rectangle(shot[at + number], (right - width, 0), (right, SIZE[1]), colour, -1)
    else:
        swing = random.uniform(10, 40)
        for number in range(at, len(shot)):
            shift = np.array([[1, 0, swing * np.sin((number - at) / 4)], [0, 1, 0]], np.float32)
            shot[number] = np.asarray(
                cv2.warpAffine(shot[number], shift, SIZE, borderMode=cv2.BORDER_REFLECT), np.uint8
            )
    return shot


def matched(truths: Sequence[Truth], found: Sequence[float]) -> int:
    left = sorted(found)
    count = 0
    for truth in truths:
        fitting = [moment for moment in left if truth.start - NEAR <= moment <= truth.end + NEAR]
        if fitting:
            left.remove(min(fitting, key=lambda moment: abs(moment - (truth.start + truth.end) / 2)))
            count += 1
    return count


def f1(right: int, made: int, found: int) -> float:
    return 2 * right / max(1, made + found)


def measure(seed: int) -> list[Table]:
    table = Table("", ("method", "F1", "found of made", "false", "goal"))
    ours: list[tuple[int, int, int]] = []
    theirs: list[tuple[int, int, int]] = []
    missed: list[str] = []
    false_dissolves, seconds = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(EDITS):
            path = Path(folder) / f"{number}.mp4"
            truths = edit(path, 100_000 + 100 * seed + number)
            edges = find_edges(path)
            ours.append((matched(truths, [one.middle for one in edges]), len(truths), len(edges)))
            cuts = detect(path)[0]
            theirs.append((matched(truths, cuts), len(truths), len(cuts)))
            missed += [one.kind for one in truths if not matched([one], [edge.middle for edge in edges])]
            false_dissolves += sum(one.kind == EdgeKind.DISSOLVE and not _is_made(one, truths) for one in edges)
            with av.open(str(path)) as container:
                seconds += (container.duration or 0) / 1e6
    for name, each in (("ours", ours), ("PySceneDetect ContentDetector", theirs)):
        right, made, found = (sum(one[place] for one in each) for place in range(3))
        goal = "≥ 0.97" if name == "ours" else ""
        table.add(name, f"{f1(right, made, found):.3f}", f"{right} of {made}", found - right, goal)
    per_ten = false_dissolves * 600 / max(1.0, seconds)
    table.add("… false dissolves in 10 min", f"{per_ten:.1f}", "", false_dissolves, "≤ 2")
    table.note = f"{seconds:.0f} s in {EDITS} edits. Missed by ours: {', '.join(sorted(missed)) or 'none'}."
    return [table]


def _is_made(edge: Edge, truths: Sequence[Truth]) -> bool:
    return any(truth.start - NEAR <= edge.middle <= truth.end + NEAR for truth in truths)

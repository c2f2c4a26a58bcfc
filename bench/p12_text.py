"""Measurement P12: removal of text drawn on real scenes, against detection on every frame with Telea inpainting.

Quality is the PSNR in the text's box, against the scene before text was drawn. Cost excludes encoding.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from bench.measure import cache
from bench.p6_ingest import yes
from bench.planted import media
from bench.report import Table
from media_app.av.frames import WHOLE, VideoFile
from media_app.av.source import Source
from sessions_app.prosync.engine.text_removal.detector import TextDetector
from sessions_app.prosync.engine.text_removal.finding import find_text
from sessions_app.prosync.engine.text_removal.painter import TextPainter

Picture = NDArray[np.uint8]
Draw = Callable[[Picture, int, int], Picture]
SECONDS = 4.0
RADIUS = 3  # radius of Telea's inpainting method, pixels
AROUND = 4  # margin of the removed area around the drawn text, pixels


@dataclass(frozen=True, slots=True)
class Scene:
    """A part of a clip, and the text to draw on it.

    start: second of the clip at which the part starts. draw: function that draws the text, called with (frame, frame
    number, number of frames).
    """

    name: str
    clip: str
    start: float
    draw: Draw


@dataclass(slots=True)
class Score:
    """Sums over frames.

    - error: squared error of the pixels in and around the text.
    - values: number of compared values, three (B, G, R) per pixel.
    - cpu: CPU seconds for all frames, including frames without text.
    """

    error: float = 0.0
    values: int = 0
    cpu: float = 0.0

    def add(self, picture: Picture, truth: Picture) -> None:
        self.error += float(np.square(picture.astype(np.float64) - truth).sum())
        self.values += truth.size

    @property
    def psnr(self) -> float:
        return float(10 * np.log10(255**2 * self.values / self.error))


def scenes(seed: int) -> list[Scene]:
    random = np.random.default_rng([seed, 12])
    shift = [int(value) for value in random.integers(-20, 20, 5)]
    word = str(random.choice(["fox", "owl", "cat", "elk"]))

    def caption(picture: Picture, number: int, count: int) -> Picture:
        if not 0.2 * count <= number < 0.8 * count:
            return picture
        first = written(picture, f"The quick brown {word}", 400 + shift[0], 400, 48)
        return written(first, "jumps over 13 lazy dogs", 370 + shift[0], 460, 48)

    def mark(picture: Picture, number: int, count: int) -> Picture:
        return written(picture, "example.org/live", 930 + shift[1], 60, 30, (200, 220, 240), outline=False)

    def at_rest(picture: Picture, number: int, count: int) -> Picture:
        shown = 0.25 * count <= number < 0.7 * count
        return written(picture, f"Here comes the {word}", 200 + shift[2], 380, 40) if shown else picture

    def running(picture: Picture, number: int, count: int) -> Picture:
        return written(picture, f"BREAKING NEWS: bicycles and a {word}", 600 + shift[3] - 6 * number, 250, 30,
                       (0, 240, 255))  # fmt: skip

    def fading(picture: Picture, number: int, count: int) -> Picture:
        share = float(np.clip(min(number - 0.2 * count, 0.8 * count - number) / 8, 0, 1))
        line = written(picture, f"A {word} in a pond", 150 + shift[4], 400, 60, outline=False)
        return np.asarray(cv2.addWeighted(line, share, picture, 1 - share, 0), np.uint8)

    return [
        Scene("caption over a pan", "sp_zc_soccer.mp4", 2.0, caption),
        Scene("small mark over a crowd", "sp_zc_soccer.mp4", 5.0, mark),
        Scene("caption, camera at rest", "sc_intel_one-by-one-person-detection.mp4", 8.0, at_rest),
        Scene("running line over a street", "sc_skv_bikes.mp4", 1.0, running),
        Scene("fading title, animation", "sc_mdn_frog.mp4", 1.0, fading),
    ]


def written(
    picture: Picture, line: str, x: int, y: int, size: int, colour: tuple[int, int, int] = (255, 255, 255),
    *, outline: bool = True,
) -> Picture:  # fmt: skip
    font = cv2.FontFace("sans")
    drawn = picture.copy()
    for dx, dy in ((dx, dy) for dx in (-2, 0, 2) for dy in (-2, 0, 2) if outline):
        cv2.putText(drawn, line, (x + dx, y + dy), (10, 10, 10), font, size, 600)
    cv2.putText(drawn, line, (x, y), colour, font, size, 600)
    return drawn


def pictures(path: Path, start: float = 0.0, end: float = np.inf) -> Iterator[tuple[float, Picture]]:
    with VideoFile(path) as video:
        for picture in video.iterate_frames(start):
            if picture.time >= end:
                return
            if picture.time >= start - 1e-6:
                yield picture.time, picture.crop(WHOLE)


def rendered(scene: Scene, path: Path) -> list[tuple[Picture, NDArray[np.bool_]]]:
    clip = media() / scene.clip
    with VideoFile(clip) as video:
        rate = Fraction(video.fps).limit_denominator(1001)
    truths = [
        np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])
        for _, picture in pictures(clip, scene.start, scene.start + SECONDS)
    ]
    height, width = truths[0].shape[:2]
    raw = path.with_suffix(".mkv")
    changed = []
    with av.open(str(raw), "w") as out:
        stream = out.add_stream("ffv1", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, truth in enumerate(truths):
            drawn = scene.draw(truth, number, len(truths))
            changed.append(np.any(drawn != truth, axis=2))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(drawn, format="bgr24")))
        out.mux(stream.encode(None))
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", "-i", str(raw), "-c:v", "libx264",
         "-preset", "veryfast", "-crf", "17", "-threads", "1", str(path)], check=True,
    )  # fmt: skip
    raw.unlink()
    return list(zip(truths, changed, strict=True))


def scored(
    path: Path, truths: Sequence[tuple[Picture, NDArray[np.bool_]]], paint: Callable[[Picture, float], Picture] | None
) -> Score:
    score = Score()
    started = time.process_time()
    for (seconds, picture), (truth, changed) in zip(pictures(path), truths, strict=True):
        made = picture if paint is None else paint(picture, seconds)
        if not changed.any():
            continue
        score.cpu += time.process_time() - started
        rows, columns = np.nonzero(changed)
        box = (
            slice(max(0, rows.min() - AROUND), rows.max() + AROUND + 1),
            slice(max(0, columns.min() - AROUND), columns.max() + AROUND + 1),
        )
        score.add(made[box], truth[box])
        started = time.process_time()
    score.cpu += time.process_time() - started
    return score


def removed(path: Path, truths: Sequence[tuple[Picture, NDArray[np.bool_]]], detector: TextDetector) -> Score:
    started = time.process_time()
    source = Source.open(path)
    found = find_text(source, detector=detector)
    finding = time.process_time() - started
    with TextPainter(source, found) as painter:

        def paint(picture: Picture, seconds: float) -> Picture:
            patches = painter.paint(picture, seconds)
            made = picture.copy() if patches else picture
            for patch in patches:
                height, width = patch.alpha.shape
                part = made[patch.y : patch.y + height, patch.x : patch.x + width]
                part += (
                    np.rint(patch.alpha[..., None] * (patch.image - part.astype(np.float32)))
                    .astype(np.int16)
                    .astype(np.uint8)
                )
            return made

        score = scored(path, truths, paint)
    score.cpu += finding
    return score


def measure(seed: int) -> list[Table]:
    cv2.setNumThreads(1)
    detector = TextDetector(1)

    def plain(picture: Picture, seconds: float) -> Picture:
        mask = np.zeros(picture.shape[:2], np.uint8)
        for region in detector.find(picture):
            mask[region.slices] = 255
        return np.asarray(cv2.inpaint(picture, mask, RADIUS, cv2.INPAINT_TELEA), np.uint8)

    table = Table(
        "", ("scene", "PSNR without removal",
             "PSNR of the simple method: text detection in every frame, and Telea inpainting", "PSNR of this program",
             "gain of this program", "CPU time of both")
    )  # fmt: skip
    gains, theirs, ours = [], 0.0, 0.0
    for number, scene in enumerate(scenes(seed)):
        path = cache("text") / f"{number}.mp4"
        truths = rendered(scene, path)
        left, peer, own = scored(path, truths, None), scored(path, truths, plain), removed(path, truths, detector)
        gains.append(own.psnr - peer.psnr)
        theirs, ours = theirs + peer.cpu, ours + own.cpu
        table.add(scene.name, f"{left.psnr:.1f} dB", f"{peer.psnr:.1f} dB", f"{own.psnr:.1f} dB", f"{gains[-1]:.1f} dB",
                  f"{peer.cpu:.1f} s / {own.cpu:.1f} s: {peer.cpu / own.cpu:.1f}×")  # fmt: skip
    goals = Table("", ("what", "measured", "goal", "met"))
    goals.add(
        "gain of this program in the box around the text, mean of all scenes (smallest gain)",
        f"{np.mean(gains):.1f} dB ({min(gains):.1f} dB)", "≥ 4 dB", yes(float(np.mean(gains)) >= 4),
    )  # fmt: skip
    goals.add(
        "CPU time of the simple method divided by that of this program, all scenes",
        f"{theirs / ours:.1f}×",
        "≥ 3×",
        yes(theirs / ours >= 3),
    )
    return [table, goals]

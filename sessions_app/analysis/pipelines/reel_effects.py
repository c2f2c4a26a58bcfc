"""Title cards and fades of a reel, added in one pass over a reel that :mod:`media_app.av.smart_cut` has written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import ffmpeg  # type: ignore[import-untyped]
import numpy as np

from media_app.av.ffmpeg import INPUT_OPTIONS, WITHOUT_TAGS, ConversionFailed, Ffmpeg, run
from media_app.av.ladder import SOUND_BITS, SOUND_RATE
from media_app.av.smart_cut import GOP_SECONDS, WHOLE, PlacedPart
from media_app.av.source import Progress, Source
from sessions_app.analysis.pipelines.reel_limits import FADE_SECONDS, TITLE_SECONDS

Node = Any
TEXT_HEIGHT = 1 / 12  # height of a title's letters, as a share of the picture's height
TEXT_WIDTH = 0.86  # maximum width of a line of a title, as a share of the picture's width
WEIGHT = 600  # weight of OpenCV's font
HALF_FADE = FADE_SECONDS / 2
NEAR = 5e-4  # seconds by which a moment is read early, because FFmpeg rounds times
MAX_DIFFERENCE_SECONDS = 0.2  # maximum difference between the wanted and the measured length of a reel


@dataclass(frozen=True, slots=True)
class Clip:
    """A moment or a title card of a reel.

    source_start: seconds in the plain reel; None for a title card. card: picture file of a title card.
    """

    seconds: float
    source_start: float | None = None
    card: Path | None = None
    fades_in: bool = False
    fades_out: bool = False


def add_effects(
    target: Path, plain: Path, placed: Sequence[PlacedPart], edits: Sequence[Mapping[str, Any]], program: Ffmpeg, *,
    on_progress: Progress,
) -> list[PlacedPart]:  # fmt: skip
    """Write ``target`` from the reel ``plain``, with title cards and fades. Return the new position of each moment.

    edits: ``title`` and ``transition`` of each moment, by part number. Raises :class:`ConversionFailed`, OSError.
    """
    source = Source.open(plain)
    clips, moved = _plan(source, placed, edits, target.parent)
    seconds = sum(clip.seconds for clip in clips)
    node = ffmpeg.output(*_joined(source, clips, program.threads), target.name, **_options(source, program))
    words: list[str] = ffmpeg.compile(node, cmd="ffmpeg", overwrite_output=True)
    quiet = ("-nostdin", "-hide_banner", "-loglevel", "error", "-nostats", "-progress", "pipe:1")
    run([program.path, *quiet, *words[1:]], folder=target.parent, seconds=seconds, on_progress=on_progress)
    made = Source.open(target).facts.duration
    if abs(made - seconds) > MAX_DIFFERENCE_SECONDS:
        raise ConversionFailed(f"The reel is {made:.2f} s long instead of {seconds:.2f} s.")
    return moved


def _plan(
    source: Source, placed: Sequence[PlacedPart], edits: Sequence[Mapping[str, Any]], folder: Path
) -> tuple[list[Clip], list[PlacedPart]]:
    facts, clips, moved, at = source.facts, list[Clip](), list[PlacedPart](), 0.0
    for one in placed:
        is_faded = edits[one.part].get("transition") == "fade"
        if clips and is_faded:
            clips[-1] = replace(clips[-1], fades_out=True)
        if title := edits[one.part].get("title"):
            card = folder / f"title-{one.part}.png"
            draw_title(card, title, facts.width, facts.height)
            frames = max(1, round(TITLE_SECONDS * facts.fps))
            clips.append(Clip(float(frames / facts.fps), card=card, fades_in=is_faded, fades_out=is_faded))
            at += clips[-1].seconds
        clips.append(Clip(one.end - one.start, one.start, fades_in=is_faded))
        moved.append(replace(one, start=at, end=at + one.end - one.start))
        at = moved[-1].end
    return clips, moved


def _joined(source: Source, clips: Sequence[Clip], threads: int) -> list[Node]:
    has_sound = source.sound is not None
    reel = ffmpeg.input(f"file:{source.path}", threads=threads, **INPUT_OPTIONS)
    count = sum(clip.card is None for clip in clips)
    pictures = reel.video.filter("fps", fps=str(source.facts.fps)).filter_multi_output("split", count)
    sounds = reel.audio.filter_multi_output("asplit", count) if has_sound else None
    nodes: list[Node] = []
    number = 0
    for clip in clips:
        if clip.card is not None:
            picture = _card(clip.card, source.facts.fps, clip.seconds)
            sound = ffmpeg.input(f"anullsrc=r={SOUND_RATE}:cl=stereo:d={clip.seconds:.6f}", f="lavfi").audio
        else:
            begin = clip.source_start or 0.0
            picture = pictures.stream(number).filter(
                "trim", start=f"{begin - NEAR:.6f}", end=f"{begin + clip.seconds - NEAR:.6f}"
            )
            picture = picture.filter("setpts", "PTS-STARTPTS")
            if sounds is not None:
                sound = _sound(sounds.stream(number), begin, clip)
            number += 1
        nodes.append(_faded(picture, "fade", clip).filter("format", "yuv420p").filter("setsar", 1))
        if has_sound:
            nodes.append(sound)
    joined = ffmpeg.concat(*nodes, v=1, a=int(has_sound)).node
    return [joined[0], joined[1]] if has_sound else [joined[0]]


def _card(card: Path, fps: Fraction, seconds: float) -> Node:
    return ffmpeg.input(str(card), f="image2", loop=1, framerate=str(fps), t=f"{seconds:.6f}").video


def _sound(node: Node, begin: float, clip: Clip) -> Node:
    node = node.filter("atrim", start=f"{begin:.6f}", end=f"{begin + clip.seconds:.6f}")
    node = node.filter("asetpts", "PTS-STARTPTS").filter("aresample", SOUND_RATE)
    node = node.filter("aformat", channel_layouts="stereo").filter("apad").filter("atrim", end=f"{clip.seconds:.6f}")
    return _faded(node, "afade", clip)


def _faded(node: Node, kind: str, clip: Clip) -> Node:
    if clip.fades_in:
        node = node.filter(kind, t="in", st=0, d=HALF_FADE)
    if clip.fades_out:
        node = node.filter(kind, t="out", st=f"{max(0.0, clip.seconds - HALF_FADE):.6f}", d=HALF_FADE)
    return node


def _options(source: Source, program: Ffmpeg) -> dict[str, Any]:
    sound = {"c:a": "aac", "b:a": SOUND_BITS, "ar": SOUND_RATE} if source.sound else {}
    return {
        "c:v": "libx264", **WHOLE, "profile:v": "high", "threads": program.threads, "r": str(source.facts.fps),
        "g": max(1, round(source.facts.fps * GOP_SECONDS)), "movflags": "+faststart", **WITHOUT_TAGS, **sound,
    }  # fmt: skip


def draw_title(path: Path, title: str, width: int, height: int) -> None:
    """Write a picture with a title in the middle, in as many lines as the title needs."""
    size = max(12, round(min(height, width) * TEXT_HEIGHT))
    lines = _lines(title, size, round(width * TEXT_WIDTH))
    picture = np.zeros((height, width, 3), np.uint8)
    step = round(size * 1.4)
    top = (height - step * len(lines)) // 2
    for number, line in enumerate(lines):
        at = ((width - _width(line, size)) // 2, top + number * step + size)
        cv2.putText(picture, line, at, (255, 255, 255), cv2.FontFace("sans"), size, WEIGHT)
    if not cv2.imwrite(str(path), picture):
        raise OSError(f"{path.name} cannot be written")


def _lines(title: str, size: int, width: int) -> list[str]:
    lines = [""]
    for word in title.split():
        longer = f"{lines[-1]} {word}".strip()
        if _width(longer, size) <= width:
            lines[-1] = longer
            continue
        lines += [""] if lines[-1] else []
        for letter in word:  # a word may be wider than the picture
            if lines[-1] and _width(lines[-1] + letter, size) > width:
                lines.append("")
            lines[-1] += letter
    return lines


def _width(text: str, size: int) -> int:
    return int(cv2.getTextSize((100_000, 10_000), text, (0, 0), cv2.FontFace("sans"), size, WEIGHT)[2])

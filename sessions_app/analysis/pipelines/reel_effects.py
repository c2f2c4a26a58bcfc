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
from sessions_app.analysis.pipelines.effect_lengths import FADE_SECONDS, TITLE_SECONDS

Node = Any
TEXT_HEIGHT = 1 / 12  # height of a title's letters, as a share of the picture's height
TEXT_WIDTH = 0.86  # maximum width of a line of a title, as a share of the picture's width
WEIGHT = 600  # weight of OpenCV's font
HALF_FADE = FADE_SECONDS / 2
NEAR = 5e-4  # seconds by which a moment is read early, because FFmpeg rounds times
CARDS = "title-%02d.png"
TERMS_AT_ONCE = 10
BLACK_DISTANCE = 112  # distance of black (16) from the middle (128), around which FFmpeg's filter eq changes contrast
MAX_DIFFERENCE_SECONDS = 0.2  # maximum difference between the wanted and the measured length of a reel


@dataclass(frozen=True, slots=True)
class Clip:
    """A moment or a title card of a reel.

    source_start: seconds in the plain reel, or in the video of the title cards. start: seconds in the new reel.
    """

    seconds: float
    source_start: float
    start: float
    is_card: bool = False
    fades_in: bool = False
    fades_out: bool = False

    @property
    def end(self) -> float:
        return self.start + self.seconds


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
    facts, clips, moved, at, cards = source.facts, list[Clip](), list[PlacedPart](), 0.0, 0
    seconds = float(_card_frames(facts.fps) / facts.fps)
    for one in placed:
        is_faded = edits[one.part].get("transition") == "fade"
        if clips and is_faded:
            clips[-1] = replace(clips[-1], fades_out=True)
        if title := edits[one.part].get("title"):
            draw_title(folder / (CARDS % cards), title, facts.width, facts.height)
            clips.append(Clip(seconds, cards * seconds, at, is_card=True, fades_in=is_faded, fades_out=is_faded))
            cards += 1
            at = clips[-1].end
        clips.append(Clip(one.end - one.start, one.start, at, fades_in=is_faded))
        moved.append(replace(one, start=at, end=clips[-1].end))
        at = clips[-1].end
    return clips, moved


def _card_frames(fps: Fraction) -> int:
    return max(1, round(TITLE_SECONDS * fps))


def _joined(source: Source, clips: Sequence[Clip], threads: int) -> list[Node]:
    """Return the new reel's streams.

    To save memory, all title cards are one input, and one filter fades all clips: FFmpeg buffers several frames for
    each input, and for each filter that changes frames.
    """
    has_sound, fps = source.sound is not None, source.facts.fps
    reel = ffmpeg.input(f"file:{source.path}", threads=threads, **INPUT_OPTIONS)
    count = sum(not clip.is_card for clip in clips)
    pictures = reel.video.filter("fps", fps=str(fps)).filter_multi_output("split", count)
    sounds = reel.audio.filter_multi_output("asplit", count) if has_sound else None
    cards = _cards(fps, len(clips) - count) if count < len(clips) else None
    nodes: list[Node] = []
    moments = titles = 0
    for clip in clips:
        if clip.is_card and cards is not None:
            picture = cards.stream(titles)
            sound = ffmpeg.input(f"anullsrc=r={SOUND_RATE}:cl=stereo:d={clip.seconds:.6f}", f="lavfi").audio
            titles += 1
        else:
            picture = pictures.stream(moments)
            if sounds is not None:
                sound = _with_fades(_sound(sounds.stream(moments), clip), clip)
            moments += 1
        begin = clip.source_start
        picture = picture.filter("trim", start=f"{begin - NEAR:.6f}", end=f"{begin + clip.seconds - NEAR:.6f}")
        nodes.append(picture.filter("setpts", "PTS-STARTPTS").filter("format", "yuv420p").filter("setsar", 1))
        if has_sound:
            nodes.append(sound)
    joined = ffmpeg.concat(*nodes, v=1, a=int(has_sound)).node
    video = _faded(joined[0], clips)
    return [video, joined[1]] if has_sound else [video]


def _cards(fps: Fraction, count: int) -> Node:
    """Return a node with one output per title card. Each output contains all cards in a row; the caller trims it."""
    cards = ffmpeg.input(CARDS, f="image2", framerate=str(fps / _card_frames(fps)), start_number=0).video
    # Convert each card before it is repeated.
    cards = cards.filter("format", "yuv420p").filter("fps", fps=str(fps))
    return cards.filter_multi_output("split", count)


def _sound(node: Node, clip: Clip) -> Node:
    node = node.filter("atrim", start=f"{clip.source_start:.6f}", end=f"{clip.source_start + clip.seconds:.6f}")
    node = node.filter("asetpts", "PTS-STARTPTS").filter("aresample", SOUND_RATE)
    return node.filter("aformat", channel_layouts="stereo").filter("apad").filter("atrim", end=f"{clip.seconds:.6f}")


def _with_fades(node: Node, clip: Clip) -> Node:
    if clip.fades_in:
        node = node.filter("afade", t="in", st=0, d=HALF_FADE)
    if clip.fades_out:
        node = node.filter("afade", t="out", st=f"{max(0.0, clip.seconds - HALF_FADE):.6f}", d=HALF_FADE)
    return node


def _faded(node: Node, clips: Sequence[Clip]) -> Node:
    """Return the picture with its fades.

    A frame's brightness and colour are multiplied by its share of the way from the black middle of the fade (0) to the
    fade's start or end (1).
    """
    fades = [clip.start for clip in clips if clip.fades_in]  # each clip that fades out is before a clip that fades in
    if not fades:
        return node
    terms = [f"between(t,{at - HALF_FADE:.6f},{at + HALF_FADE:.6f})*(1-abs(t-{at:.6f})/{HALF_FADE})" for at in fades]
    # In groups, because FFmpeg refuses expressions that are nested too deeply, and each `+` adds a level.
    groups = [f"({'+'.join(terms[n : n + TERMS_AT_ONCE])})" for n in range(0, len(terms), TERMS_AT_ONCE)]
    share = f"max(0,1-({'+'.join(groups)}))"
    return node.filter(
        "eq", contrast=share, saturation=share, brightness=f"({share}-1)*{BLACK_DISTANCE}/255", eval="frame"
    )


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
    picture = np.zeros((height, width), np.uint8)
    step = round(size * 1.4)
    top = (height - step * len(lines)) // 2
    for number, line in enumerate(lines):
        at = ((width - _width(line, size)) // 2, top + number * step + size)
        cv2.putText(picture, line, at, 255, cv2.FontFace("sans"), size, WEIGHT)
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
